"""One small world for the tests of maps; they only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.maps import MapSource, map_source
from tests.support.map_world import write_world


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def source(job: Path) -> MapSource:
    return map_source(job)
