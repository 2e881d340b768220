"""The rules of the house about who may import whom, read from the imports themselves."""

from __future__ import annotations

import ast
import importlib
import zipfile
from pathlib import Path

import pytest

from tests.support.imports import DOOR, SourceTree, circles
from tests.support.places import ROOT

FLOORS = (
    ("jobs.errors", "models.config", "models.geometry"),
    ("jobs.domain", "jobs.storage", "jobs.serve", "models.network"),
    ("jobs.login",),
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
    ("jobs.review",),
    ("jobs.run", "jobs.ais", "jobs.maps", "models.training"),
    ("jobs.kubernetes", "jobs.evidence"),
    ("jobs.cli", "jobs.door"),
)
"""The rooms from the ground up. A room imports rooms of lower floors only, through their faces: the
names in ``__init__.pyi``, which are imported on first use. A room of one file is its own face."""

FACES = {"jobs", "models", "jobs.door.berthwatch"}
"""The packages themselves: they name what users import, and nothing of ours imports them."""

STAGES = ("jobs.tile", "jobs.segment", "jobs.visits")
"""They get what they need from the task: no scheduler, no cluster, no machine."""
OF_MACHINES = ("dask", "distributed", "kubernetes", "psutil", "socket", "multiprocessing")

OWNERS = {
    "pystac_client": {"jobs.catalog"},
    "stac_geoparquet": {"jobs.catalog"},
    "stackstac": {"jobs.tile"},
    "rioxarray": {"jobs.tile"},
    "isal": {"jobs.tile"},
    "backports": {"jobs.tile"},
    "icechunk": {"jobs.archive"},
    "numcodecs": {"jobs.archive"},
    "zarr": {"jobs.archive", "jobs.tile"},  # tile reads imagery that is kept as Zarr
    "torch": {"models"},
    "openvino": {"models.inference"},
    "safetensors": {"models.weights"},
    "roaring_landmask": {"jobs.domain"},
    "typer": {"jobs.cli"},
    "boto3": {"jobs.storage", "jobs.catalog"},
    "botocore": {"jobs.storage", "jobs.catalog"},
    "dask": {"jobs.run", "jobs.door"},
    "distributed": {"jobs.run", "jobs.kubernetes", "jobs.door"},
    "prometheus_client": {"jobs.run"},
    "kubernetes": {"jobs.kubernetes"},
    "cryptography": {"jobs.kubernetes", "jobs.evidence"},
    "jinja2": {"jobs.publish"},
    "matplotlib": {"jobs.door"},
    "pyogrio": {"jobs.publish"},
    "starlette": {"jobs.serve", "jobs.review", "jobs.maps"},
    "numba": {"jobs.visits.compiled"},
    "uvicorn": {"jobs.serve"},
    "titiler": {"jobs.maps.tiles"},
    "rio_tiler": {"jobs.maps.tiles"},
    "morecantile": {"jobs.maps.tiles"},
    "fastapi": {"jobs.maps.tiles"},
}
"""One owner per dependency: where another library takes its place, one room is rewritten."""

MODEL_USERS = {"jobs.segment", "jobs.simulate", "jobs.run", "jobs.cli"}


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def floor(module: str) -> int:
    return next(n for n, rooms in enumerate(FLOORS) if room(module) in rooms)


TREE = SourceTree(ROOT)
TESTS = SourceTree(ROOT, ("tests",))
HOUSE = sorted(TREE.modules.keys() - FACES)


@pytest.mark.parametrize("module", HOUSE)
def test_imports_go_down(module: str) -> None:
    others = {other for other in TREE.own_imports[module] if room(other) != room(module)}
    assert not others & FACES, "the public faces are for users; import from where it is defined"
    up = {other for other in others if floor(other) >= floor(module)}
    assert not up, f"{module} is on floor {floor(module)}"


def face(package: str) -> set[str]:
    """The names that a package offers; of a package without a stub, none."""
    stub = TREE.modules[package].with_suffix(".pyi")
    if not stub.exists():
        return set()
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    found = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return {alias.name for node in found for alias in node.names}


def is_package(module: str) -> bool:
    return TREE.modules[module].name == "__init__.py"


PACKAGES = [module for module in sorted(TREE.modules) if is_package(module) and face(module)]


@pytest.mark.parametrize("module", HOUSE)
def test_other_rooms_are_imported_through_their_faces(module: str) -> None:
    for node in ast.walk(TREE.parsed[module]):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        home = room(node.module)
        if home not in TREE.modules or home == room(module) or not is_package(home):
            continue
        if home in FACES:  # `from jobs import tile`, whose names are used as tile.run
            assert all(f"{home}.{alias.name}" in TREE.modules for alias in node.names)
            continue
        names = {alias.name for alias in node.names}
        assert node.module == home, f"{module} reaches into {node.module}"
        assert names <= face(home)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_of_a_face_can_be_imported(package: str) -> None:
    module = importlib.import_module(package.removeprefix(DOOR))
    assert set(module.__all__) == face(package)
    split = (name.rpartition(".") for name in TREE.modules)
    submodules = {last for parent, _, last in split if parent == package}
    assert not face(package) & submodules, "an import of the module would hide the name"
    for name in face(package):
        assert getattr(module, name) is not None


def names_taken(module: ast.Module, package: str) -> set[str]:
    """What a module takes from a package: by ``from``, or as an attribute of the package."""
    taken = {
        alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == package
        for alias in node.names
    }
    handle = package.rpartition(".")[2]
    return taken | {
        node.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == handle
    }


@pytest.mark.parametrize("package", [package for package in PACKAGES if package not in FACES])
def test_a_face_offers_no_more_than_others_take(package: str) -> None:
    outside = [TREE.parsed[module] for module in TREE.modules if room(module) != package]
    taken = {name for module in outside for name in names_taken(module, package)}
    taken |= {name for module in TESTS.parsed.values() for name in names_taken(module, package)}
    assert face(package) <= taken | face("jobs") | face("models")


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


def test_the_wheel_holds_our_packages_and_nothing_else(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(path).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "jobs",
        "models",
        "berthwatch",
    }
    assert not any(name.startswith("jobs/door") for name in names), "installed as berthwatch"
    for needed in (
        "jobs/py.typed",
        "models/py.typed",
        "models/data/default.safetensors",
        "jobs/__init__.pyi",
        "jobs/visits/__init__.pyi",
        "models/__init__.pyi",
        "jobs/publish/templates/report.html.j2",
        "jobs/evidence/templates/evidence.html.j2",
        "jobs/evidence/verify.py",
        "jobs/cli/evaluation.html.j2",
        "berthwatch/__init__.py",
        "berthwatch/__init__.pyi",
        "berthwatch/py.typed",
        "berthwatch/results.py",
        "jobs/review/page/review.js",
        "jobs/maps/templates/map.html.j2",
        "jobs/maps/templates/leaflet/LICENSE",
    ):
        assert needed in names
    assert any(name.startswith("jobs/domain/port_files/") for name in names)
