"""Collects the records of visits from the archives, overpass by overpass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from jobs.archive import Archives, PortArchive
from jobs.domain import Json, Overpass
from jobs.errors import InputError
from jobs.evidence.cases import Case, CaseLook
from jobs.evidence.page import VisitView
from jobs.evidence.pixels import StoredLook, geotiff, stored_look
from jobs.evidence.records import (
    DrawnLook,
    PortSource,
    Witnesses,
    cut_picture,
    drawn_look,
    look_json,
    pictured,
    visit_json,
)
from jobs.evidence.window import Window, window_of
from jobs.plan import Plan
from jobs.publish import ArchiveImagery, PublishedResult, renderings_from
from jobs.storage import Storage

Progress = Callable[[str], object]

LookOf: TypeAlias = tuple[Case, CaseLook]
"""A visit, and one of its looks."""


@dataclass
class Collector:
    """Makes the records of visits, overpass by overpass: each is read once for all its visits."""

    result: PublishedResult
    storage: Storage
    plan: Plan | None
    witnesses: Witnesses
    progress: Progress
    snapshots: dict[str, Json] = field(default_factory=dict)
    """By port: the snapshot that is read, its tag, and the version of the archive's address."""
    doubts: list[str] = field(default_factory=list)
    views: list[VisitView] = field(default_factory=list)
    sources: dict[str, dict[str, Json]] = field(default_factory=dict)
    """``overpasses/ID.json`` by id, in order of port and time."""

    def add(self, cases: Sequence[Case]) -> None:
        """Make the views of all cases, in their order."""
        archives = Archives(self.result.ports, self.storage)
        for port in self.result.ports:
            mine = [case for case in cases if case.port.id == port.id]
            if mine:
                archive = self._pinned(archives, port.id)
                self.views += self._views(archive, mine)
        order = {case.visit_id: number for number, case in enumerate(cases)}
        self.views.sort(key=lambda view: order[view.case.visit_id])

    def _pinned(self, archives: Archives, port_id: str) -> PortArchive:
        """The port's archive as the results were made from it."""
        found = archives.existing(port_id)
        if found is None:
            raise InputError(
                f"the archive of {port_id} is not in {self.storage.url}, where its results are; "
                "put it back, or run the job again"
            )
        tag = f"{self.result.job}-{self.result.tag}"
        is_tagged = tag in found.tags()
        if not is_tagged:
            self.doubts.append(
                f"The archive of {port_id} has no tag {tag} (the result is partial, or the tag was "
                "deleted): pixels are those of the newest commit, and may not be those that the "
                "result was made from. The digests of what was read tell."
            )
        archive = found.pinned(tag if is_tagged else None)
        self.snapshots[port_id] = {
            "snapshot": archive.snapshot,
            "tag": tag if is_tagged else None,
            "archive": self.storage.url,
            "grid": {
                "epsg": archive.port.grid.epsg,
                "left": archive.port.grid.left,
                "top": archive.port.grid.top,
                "metres_per_pixel": archive.port.grid.resolution_m,
            },
        }
        return archive

    def _views(self, archive: PortArchive, cases: Sequence[Case]) -> list[VisitView]:
        """The views of one port's visits."""
        windows = {case.visit_id: window_of(case) for case in cases}
        drawn: dict[str, list[DrawnLook]] = defaultdict(list)
        source = PortSource(
            archive=archive,
            steps=archive.steps(),
            overpasses=self._overpasses(archive.port.id),
            read=self.result.provenance.get("read", {}),
        )
        renderings = renderings_from(self.result.provenance)
        imagery = ArchiveImagery({archive.port.id: archive}, renderings)
        wanted = _by_overpass(cases)
        for number, (overpass_id, pairs) in enumerate(wanted.items(), start=1):
            self.progress(f"{archive.port.id}: overpass {number} of {len(wanted)}")
            self._draw(source, imagery, overpass_id, pairs, windows, drawn)
        return [self._view(case, windows[case.visit_id], drawn[case.visit_id]) for case in cases]

    def _overpasses(self, port_id: str) -> dict[str, Overpass]:
        plan = self.plan
        return {} if plan is None else {each.id: each for each in plan.of(port_id)}

    def _draw(
        self,
        source: PortSource,
        imagery: ArchiveImagery,
        overpass_id: str,
        pairs: Sequence[LookOf],
        windows: Mapping[str, Window],
        drawn: dict[str, list[DrawnLook]],
    ) -> None:
        """Draw one overpass for every visit that it is a look of."""
        shown = [case.visit_id for case, _ in pairs if overpass_id in pictured(case)]
        port_id = source.archive.port.id
        stored = stored_look(source.archive, source.steps.get(overpass_id)) if shown else None
        rgb = imagery.rgb(port_id, overpass_id) if shown else None
        self.sources[overpass_id] = source.of_overpass(overpass_id, stored)
        self._doubt(overpass_id, stored)
        for case, look in pairs:
            window = windows[case.visit_id]
            pixels = stored if case.visit_id in shown else None
            png = None if pixels is None else cut_picture(rgb, window)
            tif = None if pixels is None else geotiff(pixels, window)
            names = (
                None if png is None else file_name(case, look.number, "png"),
                None if tif is None else file_name(case, look.number, "tif"),
            )
            record = look_json(look, window, source.archive, pixels, names, case)
            drawn[case.visit_id].append(drawn_look(case, look, window, record, (png, tif)))

    def _doubt(self, overpass_id: str, stored: StoredLook | None) -> None:
        """Say it where the archive no longer holds what was read, or what the result is made of."""
        if stored is not None and stored.holds_what_was_read is False:
            self.doubts.append(
                f"The pixels of {overpass_id} in the archive are NOT those that were read of its "
                "files: their digests differ."
            )
        if self.sources[overpass_id]["read_agrees_with_result"] is False:
            self.doubts.append(
                f"What the archive says was read of the files of {overpass_id} is NOT what the "
                "result was made from: their digests differ. It was read anew since."
            )

    def _view(self, case: Case, window: Window, looks: list[DrawnLook]) -> VisitView:
        looks.sort(key=lambda each: int(str(each.record["number"])))
        record = visit_json(case, window, [look.record for look in looks], self.witnesses)
        return VisitView(case, window, record, tuple(looks))


def file_name(case: Case, number: int, kind: str) -> str:
    """Name of a file of a look in the ZIP."""
    return f"visits/{case.visit_id}/look-{number:03d}.{kind}"


def _by_overpass(cases: Sequence[Case]) -> dict[str, list[LookOf]]:
    """The visits and looks of every overpass, in order of time."""
    found: dict[str, list[LookOf]] = defaultdict(list)
    for case in cases:
        for look in case.listed:
            found[look.overpass_id].append((case, look))
    return dict(sorted(found.items(), key=lambda item: (item[1][0][1].time, item[0])))
