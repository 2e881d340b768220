"""One line per fault of the suite: how often it was brought about, and what it cost."""

from __future__ import annotations

from jobs.plan import Plan
from jobs.run.summary import Summary
from tests.support.small_runs import content


def came_through(fault: str, times: int, calm: Plan, stormy: Plan, summary: Summary) -> None:
    """Print the fault's line and assert that nothing was lost and all bytes are equal."""
    lost = summary.failed + summary.pending
    equal = content(stormy) == content(calm)
    line(fault, times, lost, equal)
    assert times > 0
    assert lost == 0
    assert equal


def line(fault: str, times: int, lost: int, equal: bool) -> None:
    """``fault | times injected | units lost | bytes equal``."""
    print(f"\n{fault} | {times} | {lost} | {'yes' if equal else 'NO'}")
