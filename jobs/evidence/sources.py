"""What a look was made of: its items and files as pinned, and what was read of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jobs.archive import Step, digest_of_read
from jobs.domain import SENSORS, Json, Overpass, Scene, Source
from jobs.evidence.text import moment


def source_json(
    overpass: Overpass | None, step: Step, read: Mapping[str, str], published: str | None
) -> dict[str, Json]:
    """The scenes of an overpass, the catalogs' words when it was tiled, and digests of what was
    read; ``published`` is the digest of all of these that the result's provenance states.

    ``scenes`` is None where the plan at hand lacks the overpass: an id covers the addresses and
    checksums of all files, so only the overpass of that very id will do.
    """
    return {
        "overpass": step.overpass_id,
        "sensor": step.sensor,
        "attribution": SENSORS[step.sensor].attribution,
        "scenes": None if overpass is None else [_scene(s) for s in overpass.scenes],
        "superseded": None
        if overpass is None
        else [{"item": s.item_id, "kept": s.kept, "reason": s.reason} for s in overpass.superseded],
        "said_when_tiled": _said(step),
        "read": {name: read[name] for name in sorted(read)},
        "read_agrees_with_result": None
        if published is None or not read
        else digest_of_read(read) == published,
    }


def _said(step: Step) -> Json:
    found: Any = json.loads(step.inputs) if step.inputs else None
    return found if found is None else dict(found)


def _scene(scene: Scene) -> dict[str, Json]:
    files = {**scene.bands, **({} if scene.mask is None else {"mask": scene.mask})}
    return {
        "item": scene.item_id,
        "collection": scene.collection,
        "catalog": scene.catalog,
        "acquired": moment(scene.acquired),
        "platform": scene.platform,
        "cloud_cover": scene.cloud_cover,
        "facts": {name: str(scene.facts[name]) for name in sorted(scene.facts)},
        "files": {name: _file(files[name]) for name in sorted(files)},
    }


def _file(source: Source) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "href": source.href,
        "band": source.index,
        "checksum": source.checksum,
        "etag": source.etag,
        "size_bytes": source.size_bytes,
        "scale": source.scale,
        "offset": source.offset,
        "nodata": source.nodata,
    }
    if source.on_points:
        facts |= {"calibration": source.calibration, "noise": source.noise}
    return facts
