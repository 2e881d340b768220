"""Whether a partition that is tried again has to wait until others are done."""

from __future__ import annotations

from jobs.kubernetes.records import partition_records
from jobs.kubernetes.spec import Run
from jobs.run import FINAL
from jobs.storage import Storage


def others_wait(storage: Storage, run: Run, index: int) -> bool:
    """Whether other partitions wait for the place that this one's runner leaves.

    A Job gives it to the next of them while this one's back-off lasts, and holds this one back
    until a place is free again: after the whole of another partition.
    """
    ended = {i for i, one in partition_records(storage, run).items() if one.exit in FINAL}
    others = set(range(len(run.partitions))) - ended - {index}
    return len(others) >= run.parallel
