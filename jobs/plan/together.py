"""How many ports' overpasses of a plan come from the same scenes, and so end at the same time."""

from __future__ import annotations

from collections import Counter

from jobs.plan.plan import Plan

LOOKED_AT = 16
"""Ports that are looked at: those of a run's first window, for units are batched within one."""


def ports_together(plan: Plan) -> float:
    """Mean number of overpasses that share a scene, in the plan's first ports; 1 where none do."""
    scenes = Counter(
        (each.scenes[0].catalog, each.scenes[0].collection, each.scenes[0].item_id)
        for port in plan.ports[:LOOKED_AT]
        for each in plan.of(port.id)
    )
    return scenes.total() / len(scenes) if scenes else 1.0
