"""Exit codes of a run: of ``berthwatch run``, of other commands that do work, of a runner's pod."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help needs the codes, not what a run needs
    from jobs.run.summary import Summary


class ExitCode(IntEnum):
    """How a run ended, in one number for shells, schedulers and Kubernetes."""

    DONE = 0
    """Nothing failed; overpasses may still be pending."""
    FAILED = 1
    """Some overpasses failed, could not be merged, or differ from what the archive holds."""
    REFUSED = 2
    """An input, the archive or the cluster does not allow the run."""
    LOST = 3
    """The cluster was lost, or, to a runner, the archive's bucket; the same command may go on."""
    INTERNAL_ERROR = 70
    """An exception that is not one of ``jobs.errors``."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C (128 + SIGINT)."""
    TERMINATED = 143
    """Stopped by SIGTERM (128 + SIGTERM), as Kubernetes ends a pod."""


FINAL = (ExitCode.DONE, ExitCode.FAILED, ExitCode.REFUSED)
"""Codes after which another attempt would end the same way."""


def exit_code(summary: Summary) -> ExitCode:
    """The exit code of a run with this summary."""
    if summary.interrupted:
        return ExitCode.INTERRUPTED
    if summary.lost:
        return ExitCode.LOST
    return ExitCode.FAILED if summary.failed or summary.unmerged else ExitCode.DONE
