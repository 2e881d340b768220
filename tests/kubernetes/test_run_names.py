"""Names of a run: every partition's cluster has one that the operator accepts."""

from __future__ import annotations

import pytest

from jobs.kubernetes.names import CLUSTER_NAME_LENGTH, run_id


@pytest.mark.parametrize("partitions", [1, 10, 11, 100, 1000])
def test_the_longest_job_leaves_room_for_the_last_partitions_index(partitions: int) -> None:
    name = run_id("j" * 63, "0123456789abcdef", partitions)
    last = f"{name}-{partitions - 1}"
    assert len(last) == CLUSTER_NAME_LENGTH
    assert name.startswith("bw-jjj")
    assert name.endswith("-01234567")


def test_a_short_job_keeps_its_whole_name() -> None:
    assert run_id("nampo-2024", "0123456789abcdef", 40) == "bw-nampo-2024-01234567"
