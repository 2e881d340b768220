"""Steps on the time axis: their status and their vessels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from typing import Any

import numpy as np
import zarr

from jobs.archive.schema import LATER, STATES, STEP_TEXTS, VESSEL_FIELDS, Arrays, array
from jobs.domain import (
    SENSORS,
    Overpass,
    OverpassRecord,
    Pixels,
    StageName,
    UnitResult,
    UnitState,
    Vessel,
    content_id,
)


@dataclass(frozen=True)
class Step:
    """One overpass in the archive: its index on the time axis and its status."""

    overpass_id: str
    sensor: str
    index: int
    state: Mapping[StageName, UnitState]
    key: Mapping[StageName, str]
    """Digest of everything the stage's output depends on; empty until it ran."""
    reason: str
    """Why the stage failed that failed last; empty where none did."""
    inputs: str = ""
    """What the catalogs said of the items when it was tiled, as JSON; empty until it was, and
    where an early version tiled it."""


def pending_step(overpass: Overpass) -> Step:
    """The step of an overpass that is not in the archive yet; its index is -1."""
    return Step(
        overpass_id=overpass.id,
        sensor=overpass.sensor,
        index=-1,
        state=dict.fromkeys(StageName, UnitState.PENDING),
        key=dict.fromkeys(StageName, ""),
        reason="",
    )


def read_steps(group: zarr.Group) -> Iterator[Step]:
    """Every step of a sensor family, in the order of its time axis."""
    columns = {
        name: np.asarray(array(group, name)[:]).tolist()
        for name in (*STEP_TEXTS, *(f"{stage}_status" for stage in StageName))
    }
    inputs = read_texts(group, "inputs")
    for index, overpass_id in enumerate(columns["overpass_id"]):
        yield Step(
            overpass_id=overpass_id,
            sensor=columns["sensor"][index],
            index=index,
            state={stage: STATES[columns[f"{stage}_status"][index]] for stage in StageName},
            key={stage: columns[f"{stage}_key"][index] for stage in StageName},
            reason=columns["reason"][index],
            inputs=inputs[index],
        )


def read_texts(group: zarr.Group, name: str) -> list[str]:
    """A later text variable, one text per step; empty ones where the archive lacks it."""
    if name not in group:
        return [""] * int(array(group, "overpass_id").shape[0])
    texts: list[str] = np.asarray(array(group, name)[:]).tolist()
    return texts


def read_digests(group: zarr.Group, index: int) -> dict[str, str]:
    """As ``UnitResult.read``, of one step; empty where it was not kept."""
    text = str(np.asarray(array(group, "read")[index]).item()) if "read" in group else ""
    found: dict[str, str] = json.loads(text) if text else {}
    return found


def digests_of_read(group: zarr.Group) -> Iterator[tuple[str, str]]:
    """Overpass id and one sha256 of all that was read, of steps of which it was kept."""
    ids = np.asarray(array(group, "overpass_id")[:]).tolist()
    for id, text in zip(ids, read_texts(group, "read"), strict=True):
        if text:
            yield id, digest_of_read(json.loads(text))


def digest_of_read(read: Mapping[str, str]) -> str:
    """The sha256 that stands for all that was read of an overpass's files."""
    return content_id(dict(read), 64)


def write_status(group: zarr.Group, results: Sequence[tuple[UnitResult, str]]) -> None:
    """Write the status of the results that belong to this group."""
    ids = np.asarray(array(group, "overpass_id")[:]).tolist()
    index = {overpass_id: i for i, overpass_id in enumerate(ids)}
    mine = [(index[r.overpass_id], r, key) for r, key in results if r.overpass_id in index]
    if not mine:
        return
    columns: dict[str, dict[int, object]] = defaultdict(dict)
    for i, result, key in mine:
        columns[f"{result.stage}_status"][i] = STATES.index(result.state)
        columns[f"{result.stage}_key"][i] = key
        columns["reason"][i] = result.reason
        if _is_tiled(result):
            columns["inputs"][i] = result.inputs
            columns["read"][i] = _read_json(result)
    for name, values in columns.items():
        _write_steps(group, name, values)


def write_inputs(group: zarr.Group, inputs: Mapping[str, str]) -> None:
    """Write ``Step.inputs`` of those of the overpasses, by id, that belong to this group."""
    ids = np.asarray(array(group, "overpass_id")[:]).tolist()
    _write_steps(group, "inputs", {i: inputs[id] for i, id in enumerate(ids) if id in inputs})


def _is_tiled(result: UnitResult) -> bool:
    return result.stage is StageName.TILE and result.state is not UnitState.PENDING


def _read_json(result: UnitResult) -> str:
    if not result.read:
        return ""
    return json.dumps(dict(result.read), separators=(",", ":"), sort_keys=True)


def _write_steps(group: zarr.Group, name: str, values: Mapping[int, object]) -> None:
    """Write a variable of some steps, by index; only their chunks are read and written."""
    found = array(group, name)
    (length,) = found.chunks
    for start in sorted({index - index % length for index in values}):
        part = slice(start, min(start + length, found.shape[0]))
        content = np.asarray(found[part])
        for index in range(part.start, part.stop):
            if index in values:
                content[index - start] = values[index]
        found[part] = content


def read_pixels(
    group: Arrays,
    sensor: str,
    index: int,
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> Pixels:
    """The image and quality of one step; numbers are uint16, also where 8 bits are kept."""
    image = np.asarray(array(group, SENSORS[sensor].encoding.variable)[index, :, rows, columns])
    quality = np.asarray(array(group, "quality")[index, rows, columns])
    return Pixels(image.astype(np.uint16), quality)


def read_record(group: zarr.Group, step: Step) -> OverpassRecord:
    """The record of one step that is done."""

    def scalar(name: str) -> Any:
        return np.asarray(array(group, name)[step.index]).item()

    moment = datetime.fromtimestamp(scalar("time") / 1000, UTC)
    return OverpassRecord(
        overpass_id=step.overpass_id,
        sensor=step.sensor,
        platform=scalar("platform"),
        acquired=moment,
        item_ids=tuple(json.loads(scalar("item_ids"))),
        vessels=read_vessels(group, step.index),
        quality=np.asarray(array(group, "quality")[step.index]),
        orbit=scalar("orbit") if "orbit" in group else "",
    )


def read_vessels(group: Arrays, index: int) -> tuple[Vessel, ...]:
    """The vessels of one step; in the padded arrays x is NaN beyond the last."""
    rows = {
        name: np.asarray(array(group, f"vessel_{name}")[index])
        for name in VESSEL_FIELDS
        if f"vessel_{name}" not in LATER or f"vessel_{name}" in group
    }
    corners = np.asarray(array(group, "vessel_corners")[index])
    count = int(np.count_nonzero(~np.isnan(rows["x"])))
    return tuple(
        Vessel(
            x=float(rows["x"][i]),
            y=float(rows["y"][i]),
            length_m=float(rows["length_m"][i]),
            length_sd_m=float(rows["length_sd_m"][i]),
            beam_m=float(rows["beam_m"][i]),
            heading_deg=float(rows["heading_deg"][i]),
            score=float(rows["score"][i]),
            truncated=bool(rows["truncated"][i]),
            corners=tuple((float(x), float(y)) for x, y in corners[i]),
            beam_sd_m=_known(rows["beam_sd_m"][i]) if "beam_sd_m" in rows else None,
        )
        for i in range(count)
    )


def _known(value: float) -> float | None:
    """A number of a vessel; None for NaN."""
    return None if isnan(value) else float(value)
