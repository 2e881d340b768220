"""Overpasses of a plan file, read from it port by port."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NoReturn, overload

from jobs.domain import Json, Overpass
from jobs.plan.lines import Digest
from jobs.plan.sections import Section, SectionFile
from jobs.plan.serialise import overpass_from_json


class OverpassesInFile(Sequence[Overpass]):
    """All overpasses of a plan file, in its order; one port's are in memory at a time.

    Reading raises PlanError where a port's lines have been changed since they were written.
    """

    def __init__(self, file: SectionFile, ports: Sequence[Section]) -> None:
        self._file = file
        self._ports = ports
        self._place = {section.name: place for place, section in enumerate(ports)}
        self._starts = list(accumulate((s.digest.lines for s in ports), initial=0))
        self._last: tuple[int, Sequence[Overpass]] = (-1, ())

    def of(self, port_id: str) -> Sequence[Overpass]:
        """One port's overpasses, by time; none for a port that is not here."""
        place = self._place.get(port_id)
        return () if place is None else self._section(place)

    def digest(self, port_id: str) -> Digest:
        """Of one port's lines, from the index."""
        place = self._place.get(port_id)
        return Digest() if place is None else self._ports[place].digest

    def note(self, port_id: str) -> Mapping[str, Json]:
        """The port's note in the index; empty for a port that is not here."""
        place = self._place.get(port_id)
        return {} if place is None else self._ports[place].note

    def _section(self, place: int) -> Sequence[Overpass]:
        last, held = self._last
        if last != place:
            self._last = (-1, ())  # freed before the next is read: two ports are never in memory
            first = 2 + self._starts[place]  # the header is line 1
            held = self._file.read(self._ports[place], first, overpass_from_json)
            self._last = (place, held)
        return held

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Overpass]:
        for place in range(len(self._ports)):
            yield from self._section(place)

    @overload
    def __getitem__(self, index: int) -> Overpass: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Overpass, ...]: ...

    def __getitem__(self, index: int | slice) -> Overpass | tuple[Overpass, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        i = range(len(self))[index]
        place = bisect_right(self._starts, i) - 1
        return self._section(place)[i - self._starts[place]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # scenes hold mappings and have no hash

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a plan that was read from a file stays in it and cannot be pickled; give a worker "
            "its units, or the file's path"
        )
