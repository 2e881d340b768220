"""Grouping of scenes into overpasses, without duplicates and in the order of the mosaic."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit, urlunsplit

import shapely

from jobs.catalog import baseline_key, overlap
from jobs.domain import SENSORS, Json, Overpass, Port, Scene, Source, Superseded, content_id
from jobs.plan.overlap import lon_lat_bounds, window
from jobs.plan.serialise import fields_of, source_to_json

_PLAIN = re.compile(r"[a-z][a-z0-9]*://[a-z0-9.-]+/[A-Za-z0-9./_+-]*")
"""Addresses that ``urlsplit`` and ``urlunsplit`` leave as they are, so that both are skipped."""

SAME_PASS = timedelta(minutes=30)
"""A satellite sees a port once in an orbit of about 100 minutes; its scenes lie seconds apart."""


SAME_FOOTPRINT = 0.9
"""Least share of two footprints in common by which they are one; processors trim edges anew."""


def group_overpasses(port: Port, scenes: Sequence[Scene]) -> tuple[Overpass, ...]:
    """Scenes of one port, in order of the job's sources, as overpasses in order of time.

    One overpass is one sensor on one platform, consecutive scenes no more than 30 minutes apart;
    scenes whose raster does not overlap the port's grid are dropped.

    Two scenes of an overpass are the same acquisition when platform, pixel grid (epsg, transform
    and shape of the first band; of files on ground control points there is none) and start of the
    data strip (to the second) are equal. Where one of them names no data strip, an equal footprint
    takes its place. Of these one is kept: the one with
    the highest processing baseline, then of the earlier source in the job, then generated last,
    then with the greatest id. Tiles that share a grid code and a time stay, having other pixel
    grids; so do the parts of a tile that was cut into two data strips.

    The mosaic's order is: scenes in the port's own UTM zone first, then those that cover more of
    the port's area (to a thousandth), then by id.
    """
    rank = _source_ranks(scenes)
    near = [scene for scene in scenes if on_grid(port, scene)]
    overpasses = (_overpass(port, group, rank) for group in _passes(near))
    return tuple(sorted(overpasses, key=lambda overpass: (overpass.acquired, overpass.id)))


def on_grid(port: Port, scene: Scene) -> bool:
    """Whether a scene's raster overlaps the port's grid."""
    return window(port.grid, _first_band(scene)) is not None


def _source_ranks(scenes: Iterable[Scene]) -> dict[tuple[str, str], int]:
    names = dict.fromkeys((scene.catalog, scene.collection) for scene in scenes)
    return {name: rank for rank, name in enumerate(names)}


def _passes(scenes: Iterable[Scene]) -> Iterator[list[Scene]]:
    """Scenes of one sensor and platform, cut where more than 30 minutes lie between two."""
    series: dict[tuple[str, str], list[Scene]] = defaultdict(list)
    for scene in scenes:
        series[scene.sensor, scene.platform].append(scene)
    for members in series.values():
        members.sort(key=lambda scene: scene.acquired)
        group = members[:1]
        for before, scene in pairwise(members):
            if scene.acquired - before.acquired > SAME_PASS:
                yield group
                group = []
            group.append(scene)
        yield group


def _overpass(port: Port, scenes: list[Scene], rank: Mapping[tuple[str, str], int]) -> Overpass:
    kept, superseded = _without_duplicates(scenes, rank)
    ordered = tuple(sorted(kept, key=lambda scene: _mosaic_key(port, scene)))
    first = min(ordered, key=lambda scene: scene.acquired)
    return Overpass(
        id=_overpass_id(port, ordered, first.acquired),
        port=port.id,
        sensor=first.sensor,
        platform=first.platform,
        acquired=first.acquired,
        scenes=ordered,
        superseded=tuple(superseded),
    )


def _without_duplicates(
    scenes: list[Scene], rank: Mapping[tuple[str, str], int]
) -> tuple[list[Scene], list[Superseded]]:
    same: dict[object, list[Scene]] = defaultdict(list)
    for scene in scenes:
        same[scene.platform, _pixel_grid(scene)].append(scene)
    kept, superseded = [], []
    for group in (part for members in same.values() for part in _acquisitions(members)):
        *worse, best = sorted(group, key=lambda scene: _worth(scene, rank))
        kept.append(best)
        superseded += [_superseded(best, scene, rank) for scene in worse]
    return kept, sorted(superseded, key=lambda left_out: (left_out.item_id, left_out.reason))


def _pixel_grid(scene: Scene) -> object:
    """To the millimetre, as a grid computed from its corners differs in the last digits."""
    band = _first_band(scene)
    if band.on_points:
        return "on ground control points"
    return (band.epsg, tuple(round(value, 3) for value in band.transform), band.shape)


def _acquisitions(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Scenes of one pass, platform and pixel grid, divided into acquisitions.

    Named data strips tell them apart. A scene that names none belongs to the first acquisition with
    a scene of its own footprint: the two halves of a tile that was cut into two strips differ in
    that, though both may bear one time, and the times of one scene differ between catalogs (that of
    the tile, of the strip, of the whole datatake). Without a footprint nothing tells, so it stays.
    """
    named: dict[str, list[Scene]] = defaultdict(list)
    for scene in scenes:
        named[scene.facts.get("sensing_start", "")].append(scene)
    unnamed = named.pop("", [])
    groups = [named[start] for start in sorted(named)]
    for scene in sorted(unnamed, key=lambda s: (s.acquired, s.item_id, s.catalog, s.collection)):
        of_its_own = (g for g in groups if any(_same_footprint(scene, other) for other in g))
        group = next(of_its_own, None)
        if group is None:
            groups.append([scene])
        else:
            group.append(scene)
    return groups


def _same_footprint(one: Scene, other: Scene) -> bool:
    if one.geometry is None or other.geometry is None:
        return False
    shared = overlap(one.geometry, other.geometry)
    either = float(one.geometry.area + other.geometry.area) - shared
    return shared >= SAME_FOOTPRINT * either


def _first_band(scene: Scene) -> Source:
    return scene.bands[SENSORS[scene.sensor].bands[0]]


def _worth(
    scene: Scene, rank: Mapping[tuple[str, str], int]
) -> tuple[tuple[int, int], int, str, str]:
    """Sort key of scenes of the same acquisition; the greatest is kept."""
    return (
        _baseline(scene),
        -rank[scene.catalog, scene.collection],
        scene.facts.get("generated", ""),
        scene.item_id,
    )


def _baseline(scene: Scene) -> tuple[int, int]:
    text = scene.facts.get("processing_baseline")
    return (0, 0) if text is None else baseline_key(text)


def _superseded(best: Scene, scene: Scene, rank: Mapping[tuple[str, str], int]) -> Superseded:
    why = (
        f"processing baseline {best.facts.get('processing_baseline', 'unknown')}, "
        f"this one's is {scene.facts.get('processing_baseline', 'unknown')}",
        "it comes from an earlier source of the job",
        "it was generated later",
        "its id is greater",
    )
    pairs = zip(_worth(best, rank), _worth(scene, rank), why, strict=True)
    decisive = next((reason for a, b, reason in pairs if a != b), "both are the same item")
    if scene.item_id == best.item_id:
        decisive += f"; that is the one of {best.collection} in {best.catalog}"
    return Superseded(scene.item_id, best.item_id, f"same acquisition as the one kept: {decisive}")


def _mosaic_key(port: Port, scene: Scene) -> tuple[bool, float, str, str, str]:
    foreign = _first_band(scene).epsg != port.grid.epsg
    return (foreign, -_coverage(port, scene), scene.item_id, scene.catalog, scene.collection)


def _coverage(port: Port, scene: Scene) -> float:
    """Share of the port's area under the scene's footprint, or its raster where it has none."""
    footprint = scene.geometry
    if footprint is None:
        footprint = shapely.box(*lon_lat_bounds(_first_band(scene)))
    return round(overlap(footprint, port.area) / float(port.area.area), 3)


def _overpass_id(port: Port, scenes: Sequence[Scene], acquired: datetime) -> str:
    family = SENSORS[scenes[0].sensor].family
    pinned: Json = [fields_of(port.grid), [_pinned(scene) for scene in scenes]]
    return f"{port.id}-{family}-{acquired:%Y%m%dT%H%M%S}-{content_id(pinned, 8)}"


def _pinned(scene: Scene) -> Json:
    """Facts of a scene that decide its pixels; an href's query, which may hold a token, is none."""
    sources = {**scene.bands, "mask": scene.mask}
    return {name: None if s is None else _pinned_source(s) for name, s in sources.items()}


def _pinned_source(source: Source) -> Json:
    settled = replace(
        source,
        href=without_query(source.href),
        size_bytes=None,
        nodata_assumed=False,
        etag=None,
        calibration=without_query(source.calibration),
        noise=without_query(source.noise),
    )
    return source_to_json(settled)


def without_query(href: str) -> str:
    """An address without its query and fragment, which may hold a token."""
    if "://" not in href or _PLAIN.fullmatch(href):
        return href
    return urlunsplit(urlsplit(href)._replace(query="", fragment=""))
