"""The house's rules about who may import whom, read from the imports themselves."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = {"search", "tile", "segment", "visits", "estimate", "series", "publish"}
OWNERS = {
    "pystac_client": {"jobs.catalog.search"},
    "stackstac": {"jobs.tile"},
    "rioxarray": {"jobs.tile"},
    "icechunk": {"jobs.archive"},
    "torch": {"models"},
    "roaring_landmask": {"jobs.domain.ports"},
    "typer": {"jobs.cli"},
    "boto3": {"jobs.storage", "jobs.catalog.search"},
    "botocore": {"jobs.storage", "jobs.catalog.search"},
    "prometheus_client": {"jobs.run.prometheus"},
    "kubernetes": {"jobs.kubernetes"},
    "cryptography": {"jobs.kubernetes"},
    "numba": {"jobs.visits.compiled"},
}
MODEL_USERS = {"jobs.segment", "jobs.simulate", "jobs.cli", "jobs.run.execute"}


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("jobs", "models"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


ALL = {name: imports(path) for name, path in modules()}


def within(name: str, places: set[str]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


@pytest.mark.parametrize("name", sorted(ALL))
def test_imports_keep_to_the_house(name: str) -> None:
    found = ALL[name]
    ours = {i for i in found if i.split(".")[0] in ("jobs", "models")}
    if name == "jobs.domain.types":
        assert not ours
    if name.startswith("models"):
        assert not {i for i in ours if i.startswith("jobs")}
    if not name.startswith("models") and not within(name, MODEL_USERS):
        assert not {i for i in ours if i.startswith("models")}
    room = ".".join(name.split(".")[:2])  # a stage may be a folder
    if room.removeprefix("jobs.") in STAGES:
        stages = {f"jobs.{stage}" for stage in STAGES} - {room}
        assert not ours & stages
    for dependency, owners in OWNERS.items():
        if any(i == dependency or i.startswith(dependency + ".") for i in found):
            assert within(name, owners), f"{name} imports {dependency}; its owner is {owners}"


def test_the_wheel_holds_the_two_packages_and_nothing_else(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(path).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"jobs", "models"}
    for needed in ("jobs/py.typed", "models/py.typed", "models/data/default.safetensors"):
        assert needed in names
    assert any(name.startswith("jobs/domain/bundled_ports/") for name in names)
