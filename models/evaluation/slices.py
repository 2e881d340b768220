"""Recall and precision by class of length, distance to solid ground, neighbours and motion."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.dataset import Box
from models.evaluation.metrics import Comparison
from models.evaluation.rafts import Company, Hull, Rafts
from models.evaluation.shore import Shore, Zone

LENGTHS_M = (40.0, 60.0, 100.0, 150.0, 200.0, float("inf"))
"""Bounds of the classes; the lower one is included, the upper one is not."""


@dataclass(frozen=True)
class SliceCounts:
    """One class: ships belong to it by their labels, detections by their own measures."""

    name: str
    ships: int
    seen: int
    """Found ships among them, whatever length was detected."""
    reports: int
    """Detections: hits and false alarms."""
    right: int
    """Hits among them, whatever ship they match."""

    @property
    def recall(self) -> float:
        """Share of ships that were found; NaN without a ship."""
        return self.seen / self.ships if self.ships else float("nan")

    @property
    def precision(self) -> float:
        """Share of detections that are ships; NaN without a detection."""
        return self.right / self.reports if self.reports else float("nan")


def by_length(comparison: Comparison) -> tuple[SliceCounts, ...]:
    """Recall by true length, precision by detected length; lengths below 40 m are in no class."""
    return tuple(_length_class(comparison, low, high) for low, high in pairwise(LENGTHS_M))


def by_zone(cases: Iterable[tuple[Comparison, Shore]]) -> tuple[SliceCounts, ...]:
    """Recall and precision by the distance of the labelled, or the detected, hull to solid ground.

    Scenes with unknown ground are left out; empty where all are.
    """
    known = [(comparison, shore) for comparison, shore in cases if shore.is_known]
    return tuple(_zone_class(known, zone) for zone in Zone) if known else ()


def by_company(cases: Iterable[tuple[Comparison, Rafts]]) -> tuple[SliceCounts, ...]:
    """Recall and precision of hulls by themselves and of hulls beside another."""
    known = list(cases)
    return tuple(
        _sum(company.value, [_company_part(one, rafts, company) for one, rafts in known])
        for company in Company
    )


def by_motion(comparison: Comparison) -> tuple[SliceCounts, ...]:
    """Recall of ships under way and lying; no detection says which, so there is no precision.

    Empty where no label says it; ships whose label does not are in no class.
    """
    ships = [*(pair.truth for pair in comparison.pairs), *comparison.missed]
    if all(ship.moving is None for ship in ships):
        return ()
    seen = {id(pair.truth) for pair in comparison.pairs}
    classes = ((True, "under way"), (False, "lying"))
    return tuple(
        SliceCounts(
            name,
            ships=sum(ship.moving is moving for ship in ships),
            seen=sum(ship.moving is moving and id(ship) in seen for ship in ships),
            reports=0,
            right=0,
        )
        for moving, name in classes
    )


def _length_class(comparison: Comparison, low_m: float, high_m: float) -> SliceCounts:
    name = f"{low_m:.0f} m and more" if high_m == float("inf") else f"{low_m:.0f} to {high_m:.0f} m"
    return _part(name, comparison, lambda hull: low_m <= hull.length_m < high_m)


def _zone_class(cases: Sequence[tuple[Comparison, Shore]], zone: Zone) -> SliceCounts:
    return _sum(zone.value, [_zone_part(comparison, shore, zone) for comparison, shore in cases])


def _sum(name: str, parts: Sequence[SliceCounts]) -> SliceCounts:
    """The same class of several scenes as one."""
    return SliceCounts(
        name,
        ships=sum(part.ships for part in parts),
        seen=sum(part.seen for part in parts),
        reports=sum(part.reports for part in parts),
        right=sum(part.right for part in parts),
    )


def _zone_part(comparison: Comparison, shore: Shore, zone: Zone) -> SliceCounts:
    return _part(zone.value, comparison, lambda hull: shore.zones[hull] is zone)


def _company_part(comparison: Comparison, rafts: Rafts, company: Company) -> SliceCounts:
    return _part(company.value, comparison, lambda hull: rafts.company(hull) is company)


def _part(name: str, comparison: Comparison, belongs: Callable[[Hull], bool]) -> SliceCounts:
    seen: list[Box] = [pair.truth for pair in comparison.pairs if belongs(pair.truth)]
    missed = [box for box in comparison.missed if belongs(box)]
    right = [pair.found for pair in comparison.pairs if belongs(pair.found)]
    wrong = [vessel for vessel in comparison.false_alarms if belongs(vessel)]
    return SliceCounts(
        name, len(seen) + len(missed), len(seen), len(right) + len(wrong), len(right)
    )
