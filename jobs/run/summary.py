"""The summary of a run: what it did, and how the overpasses of its plan are afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Summary:
    """What a run did and what is left, made once at its end."""

    done: int = 0
    """Overpasses of the plan, or of the part that was run, that are done in all stages."""
    failed: int = 0
    """Overpasses that failed in a stage, in this run or an earlier one."""
    pending: int = 0
    """All other overpasses, stale ones included."""
    worked: int = 0
    """Units that ended in this run, done or failed."""
    retried: int = 0
    """Attempts that were given up and repeated."""
    copied_files: int = 0
    """Files that were copied as a whole, because their server sends no parts."""
    vessels: int = 0
    """Vessels found in this run."""
    ghosts: int = 0
    """Radar detections of this run that were left out as azimuth ambiguities."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why units failed in this run: number of units by reason."""
    quarantined: tuple[str, ...] = ()
    """Ids of the overpasses that killed every worker that ran them."""
    unmerged: int = 0
    """Units of this run that another writer's commits kept out of the archive."""
    cpu_factor: float | None = None
    """CPU time of an overpass beside that of the plan's rates, the median of those that were
    measured; None where none was."""
    cpu_measured: int = 0
    """Overpasses that it was measured in."""
    interrupted: bool = False
    """Whether Ctrl-C ended the run early."""
    lost: str = ""
    """Why the cluster counts as lost; empty where it was there to the end."""
