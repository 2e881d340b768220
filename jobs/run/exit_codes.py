"""Exit codes: how a run ended, in one number for shells and schedulers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help needs the codes, not what a run needs
    from jobs.run.committer import Summary

FAILED, REFUSED, LOST, STOPPED = 1, 2, 3, 130


def exit_code(summary: Summary) -> int:
    """0 nothing failed, 1 something failed, 3 cluster lost, 130 stopped by Ctrl-C."""
    if summary.interrupted:
        return STOPPED
    if summary.lost:
        return LOST
    return FAILED if summary.failed else 0
