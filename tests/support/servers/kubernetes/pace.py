"""How fast the cluster's clocks go: shorter than in earnest, so that tests end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds that a real cluster makes longer."""

    job_backoff_s: float = 1.0
    """Before a failed index is tried again; doubles each time (10 s in earnest)."""
    crash_backoff_s: float = 1.0
    """Before a crashed container starts again for the second time; doubles (10 s in earnest)."""
    grace_limit_s: float = 20.0
    """A pod is killed after so long, whatever its terminationGracePeriodSeconds."""
    probe_s: float = 0.25
    """Between two readiness probes."""
    retry_s: float = 1.0
    """Before what a quota or a missing Secret prevented is tried again."""
