"""Delays of the cluster, shorter than real ones, so that tests end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Delays in seconds."""

    job_backoff_s: float = 1.0
    """Before a failed index is tried again; doubles each time (really 10 s)."""
    crash_backoff_s: float = 1.0
    """Before a crashed container starts again for the second time; doubles (really 10 s)."""
    grace_limit_s: float = 20.0
    """Limit of a pod's terminationGracePeriodSeconds."""
    probe_s: float = 0.25
    """Between two readiness probes."""
    not_ready_s: float = 1.0
    """Until a node that no longer answers is marked not ready (really 40 to 50 s)."""
    toleration_scale: float = 0.05
    """Of a pod's seconds of tolerating a node that does not answer."""
    retry_s: float = 1.0
    """Before a container is tried again whose Secret or image was missing."""
