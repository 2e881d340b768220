"""The rules of the house about who may import whom, read from the imports themselves."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.support.imports import SourceTree, circles
from tests.support.places import ROOT

FLOORS = (
    ("jobs.errors", "models.config", "models.geometry"),
    ("jobs.domain", "jobs.storage", "models.network"),
    (
        "jobs.catalog",
        "jobs.archive",
        "jobs.tile",
        "jobs.visits",
        "jobs.simulate",
        "models.weights",
        "models.dataset",
    ),
    ("jobs.plan", "models.inference"),
    ("jobs.segment", "jobs.publish", "models.evaluation"),
    ("jobs.run", "jobs.ais", "models.training"),
    ("jobs.kubernetes",),
    ("jobs.cli",),
)
"""The rooms from the ground up. A room imports rooms of lower floors only."""

FACES = {"jobs", "models"}
"""The packages themselves: they name what users import, and nothing of ours imports them."""

STAGES = ("jobs.tile", "jobs.segment", "jobs.visits")
"""They get what they need from the task: no scheduler, no cluster, no machine."""
OF_MACHINES = ("dask", "distributed", "kubernetes", "psutil", "socket", "multiprocessing")

OWNERS = {
    "pystac_client": {"jobs.catalog"},
    "stac_geoparquet": {"jobs.catalog"},
    "stackstac": {"jobs.tile"},
    "rioxarray": {"jobs.tile"},
    "icechunk": {"jobs.archive"},
    "zarr": {"jobs.archive"},
    "torch": {"models"},
    "safetensors": {"models.weights"},
    "roaring_landmask": {"jobs.domain"},
    "typer": {"jobs.cli"},
    "boto3": {"jobs.storage", "jobs.catalog"},
    "botocore": {"jobs.storage", "jobs.catalog"},
    "dask": {"jobs.run"},
    "distributed": {"jobs.run", "jobs.kubernetes"},
    "prometheus_client": {"jobs.run"},
    "kubernetes": {"jobs.kubernetes"},
    "cryptography": {"jobs.kubernetes"},
    "jinja2": {"jobs.publish"},
    "numba": {"jobs.visits.compiled"},
}
"""One owner per dependency: where another library takes its place, one room is rewritten."""

MODEL_USERS = {"jobs.segment", "jobs.simulate", "jobs.run", "jobs.cli"}


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def floor(module: str) -> int:
    return next(n for n, rooms in enumerate(FLOORS) if room(module) in rooms)


TREE = SourceTree(ROOT)
HOUSE = sorted(TREE.modules.keys() - FACES)


@pytest.mark.parametrize("module", HOUSE)
def test_imports_go_down(module: str) -> None:
    others = {other for other in TREE.own_imports[module] if room(other) != room(module)}
    assert not others & FACES, "the public faces are for users; import from where it is defined"
    up = {other for other in others if floor(other) >= floor(module)}
    assert not up, f"{module} is on floor {floor(module)}"


def test_every_room_is_on_a_floor_and_every_floor_has_its_rooms() -> None:
    rooms = [name for names in FLOORS for name in names]
    assert sorted(rooms) == sorted({room(module) for module in HOUSE})


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circles({module: TREE.own_imports[module] for module in HOUSE}) == []


@pytest.mark.parametrize("module", [m for m in HOUSE if room(m) in STAGES])
def test_a_stage_knows_neither_scheduler_nor_machine(module: str) -> None:
    assert not {name.split(".")[0] for name in TREE.imports[module]} & set(OF_MACHINES)


@pytest.mark.parametrize("module", HOUSE)
def test_a_dependency_has_one_owner(module: str) -> None:
    for dependency in {name.split(".")[0] for name in TREE.imports[module]} & OWNERS.keys():
        owners = OWNERS[dependency]
        is_owner = any(f"{module}.".startswith(f"{owner}.") for owner in owners)
        assert is_owner, f"{module} imports {dependency}, which belongs to {owners}"


@pytest.mark.parametrize("module", HOUSE)
def test_models_stand_alone_and_few_rooms_use_them(module: str) -> None:
    tops = {name.split(".")[0] for name in TREE.own_imports[module]}
    if module.startswith("models."):
        assert "jobs" not in tops
    elif room(module) not in MODEL_USERS:
        assert "models" not in tops


def test_the_wheel_holds_the_two_packages_and_nothing_else(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(path).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"jobs", "models"}
    for needed in (
        "jobs/py.typed",
        "models/py.typed",
        "models/data/default.safetensors",
        "jobs/publish/templates/report.html.j2",
        "jobs/cli/evaluation.html.j2",
    ):
        assert needed in names
    assert any(name.startswith("jobs/domain/bundled_ports/") for name in names)
