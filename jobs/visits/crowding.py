"""Berths at which more ships were seen at once than they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.domain import Port

LEAST_LOOKS = 2
LEAST_SHARE = 0.05
"""Looks with too many ships from which a berth's capacity is doubted: several, and more than false
alarms give (about one in a hundred looks), as a share of those with any ship."""


@dataclass(frozen=True)
class CrowdedBerth:
    """A berth with more ships than its capacity in several looks."""

    port: str
    berth: str
    capacity: int
    looks: int
    """With more ships than that."""
    with_ships: int
    """Looks with any ship."""
    most: int
    """Largest number of ships in one look."""

    def __str__(self) -> str:
        return (
            f"berth {self.berth!r} of {self.port} holds {self.capacity} by the port file, but "
            f"{self.looks} of the {self.with_ships} looks that found ships there found more "
            f"(up to {self.most}): estimates count no more than {self.capacity} at once; raise its "
            "capacity in the port file, or check its polygon, which may reach over other berths, "
            "and run with --replan"
        )


def crowded_berths(ports: Iterable[Port], looks: Any) -> Iterator[CrowdedBerth]:
    """The berths of a table of looks that were crowded, in the order of the ports.

    ``looks`` gives the columns port, berth and vessels by name: a table of pandas, or lists where
    the import of pandas would take too long.
    """
    of_port, of_berth, vessels = (np.asarray(looks[name]) for name in ("port", "berth", "vessels"))
    for port in ports:
        for berth in port.berths:
            if berth.capacity is None:
                continue
            ships = vessels[(of_port == port.id) & (of_berth == berth.id)]
            above, some = int((ships > berth.capacity).sum()), int((ships > 0).sum())
            if above >= LEAST_LOOKS and above > LEAST_SHARE * some:
                most = int(ships.max())
                yield CrowdedBerth(port.id, berth.id, berth.capacity, above, some, most)
