"""Workers that are too small for a plan are told of before they are ended one by one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from distributed import Client

from jobs.run.memory import memory_doubt
from tests.support.cluster_here import cluster_here
from tests.support.small_runs import a_plan


@pytest.mark.parametrize(
    ("threads", "limit", "said"),
    [
        (4, "600MB", "1 workers may run out of memory: 4 overpasses at once .*0.6 GB.* or fewer"),
        (1, "600MB", "1 workers may run out of memory: an overpass of .* give workers more memory"),
        (4, "4GB", None),
        (4, 0, None),
    ],
)
def test_the_smallest_worker_is_judged_by_its_threads(
    tmp_path: Path, threads: int, limit: str | int, said: str | None
) -> None:
    plan = a_plan(tmp_path, 1)
    with (
        cluster_here(threads_per_worker=threads, memory_limit=limit) as made,
        Client(made) as client,
    ):
        doubt = memory_doubt(plan, client)
    if said is None:
        assert doubt is None
    else:
        assert re.search(said, str(doubt))
