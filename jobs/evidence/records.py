"""The record of one visit as JSON: everything the page shows, for programs and for checking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import mapping

from jobs.archive import PortArchive, Step
from jobs.domain import SENSORS, Json, LookState, Overpass, StageName, UnitState
from jobs.errors import InputError
from jobs.evidence.bounds import arrival_json, departure_json
from jobs.evidence.candidates import AisWitness, NamesWitness, ais_json, name_json
from jobs.evidence.cases import Case, CaseLook, Part
from jobs.evidence.measures import measures_json
from jobs.evidence.objections import against_visit, fits
from jobs.evidence.pixels import StoredLook, highest_in, picture, pixels_json
from jobs.evidence.reviewers import found_words
from jobs.evidence.sources import source_json
from jobs.evidence.text import counted, moment, percent
from jobs.evidence.window import Window

MOST_BETWEEN = 6
"""Looks without a word on the ship that get a picture, on either side: those nearest to it."""


NEARLY = 0.3
"""Ship probability of a pixel from which a look without a ship is worth a word."""


@dataclass(frozen=True)
class Witnesses:
    """What others say of the visits."""

    ais: AisWitness | None = None
    names: NamesWitness | None = None


def pictured(case: Case) -> frozenset[str]:
    """The overpasses of which a visit's evidence has a picture."""
    looks = [
        *case.of_part(Part.BEFORE, Part.DURING, Part.AFTER),
        *_seen(case.of_part(Part.SINCE))[-MOST_BETWEEN:],
        *_seen(case.of_part(Part.UNTIL))[:MOST_BETWEEN],
    ]
    return frozenset(look.overpass_id for look in looks)


def _seen(looks: Sequence[CaseLook]) -> list[CaseLook]:
    return [look for look in looks if look.state is not LookState.OUTSIDE]


def look_json(
    look: CaseLook,
    window: Window,
    archive: PortArchive,
    stored: StoredLook | None,
    names: tuple[str | None, str | None],
    case: Case,
) -> dict[str, Json]:
    """One look: what it could see and found, and its pixels."""
    row = look.row
    return {
        "number": look.number,
        "part": look.part.value,
        "overpass": look.overpass_id,
        "time": moment(look.time),
        "sensor": str(row["sensor"]),
        "platform": str(row["platform"]),
        "state": look.state.value,
        "clear_fraction": round(float(row["clear_fraction"]), 4),
        "imaged_fraction": round(float(row["imaged_fraction"]), 4),
        "thin_cloud_fraction": round(float(row["thin_cloud_fraction"]), 4),
        "has_cloud_mask": bool(row["screened"]),
        "ship_found": look.found is not None,
        "other_ships_at_berth": [
            {
                "vessel_id": str(ship["vessel_id"]),
                "visit": str(ship["visit_id"]),
                "length_m": round(float(ship["length_m"]), 1),
                "length_sd_m": round(float(ship["length_sd_m"]), 1),
                "score": round(float(ship["score"]), 4),
                **fits(case, look, ship),
            }
            for _, ship in look.here.iterrows()
        ],
        "highest_ship_probability_at_berth": highest_at_berth(case, stored, window),
        "in_words": in_words(look),
        "attribution": SENSORS[str(row["sensor"])].attribution,
        "source": f"overpasses/{look.overpass_id}.json",
        "picture": names[0],
        "numbers": names[1],
        "pixels": None if stored is None else pixels_json(archive, stored, window),
    }


def highest_at_berth(case: Case, stored: StoredLook | None, window: Window) -> float | None:
    """What the network came to nearest at a berth; None at anchorages, where other ships lie, and
    where the look is not shown.
    """
    if stored is None or case.berth.capacity is None:
        return None
    return highest_in(stored, window, case.berth.polygon)


def in_words(look: CaseLook) -> str:
    """What a look says of the ship, as one sentence."""
    if look.found is not None:
        return found_words(look.found)
    clear = percent(look.row["clear_fraction"])
    if look.state is LookState.CLEAR:
        others = counted(len(look.here), "other ship")
        seen = "seen clearly" if look.row["screened"] else "in the image, cloud unknown"
        return f"{clear} of the berth {seen}: this ship not found, {others}."
    why = {
        LookState.PARTLY: f"Only {clear} of the berth was clear",
        LookState.CLOUDED: f"Clouded, {clear} of the berth was clear",
        LookState.OUTSIDE: "The image does not reach the berth, or not most of it",
    }[look.state]
    return f"{why}: that the ship was not found says nothing."


def visit_json(
    case: Case,
    window: Window,
    looks: Sequence[dict[str, Json]],
    witnesses: Witnesses,
) -> dict[str, Json]:
    """The record of one visit."""
    visit = case.visit
    left, bottom, right, top = window.bounds
    return {
        "visit": case.visit_id,
        "port": {"id": case.port.id, "name": case.port.name, "country": case.port.country},
        "berth": {
            "id": case.berth.id,
            "name": case.berth.name,
            "kind": case.berth.kind.value,
            "capacity": case.berth.capacity,
            "approximate": case.port.approximate,
        },
        "length_m": round(float(visit["length_m"]), 1),
        "length_sd_m": round(float(visit["length_sd_m"]), 1),
        "length_is_lower_bound": bool(visit["truncated"]),
        "confidence": round(float(visit["confidence"]), 4),
        "probability": None if pd.isna(visit["probability"]) else round(visit["probability"], 4),
        "usable_looks": int(visit["looks"]),
        "found_in_looks": int(visit["vessels"]),
        "against": [*against_visit(case), *nearly_found(looks)],
        "arrival": arrival_json(case),
        "departure": departure_json(case),
        "measured": list(measures_json(case)),
        "ais": ais_json(witnesses.ais, case),
        "named": name_json(witnesses.names, case),
        "window": {
            "epsg": case.port.grid.epsg,
            "left": left,
            "bottom": bottom,
            "right": right,
            "top": top,
            "metres_per_pixel": case.port.grid.resolution_m,
        },
        "looks": list(looks),
        "looks_not_listed": len(case.looks) - len(looks),
    }


def nearly_found(looks: Sequence[dict[str, Json]]) -> Iterator[str]:
    """That the network was near to finding a ship in a look that bounds the visit."""
    for look in looks:
        highest = look["highest_ship_probability_at_berth"]
        if look["part"] not in (Part.BEFORE, Part.AFTER) or look["other_ships_at_berth"]:
            continue
        if isinstance(highest, float) and highest >= NEARLY:
            yield (
                f"In look {look['number']}, which bounds the visit and found no ship, the network "
                f"gave a pixel at the berth a ship probability of {highest:.2f}. Judge by the "
                "picture."
            )


def hull_features(case: Case) -> list[dict[str, Json]]:
    """The outlines of the berth and of every vessel in the visit's looks, as GeoJSON features."""
    berth: dict[str, Json] = {
        "role": "berth",
        "visit": case.visit_id,
        "port": case.port.id,
        "berth": case.berth.id,
        "name": case.berth.name,
    }
    found = [_feature(berth, case.berth.polygon)]
    for look in case.listed:
        for _, ship in look.vessels.iterrows():
            if ship["visit_id"] == case.visit_id or ship["berth"] == case.berth.id:
                found.append(_feature(_hull(case, look, ship), ship["footprint"]))
    return found


def hull_role(case: Case, ship: pd.Series) -> str:
    """What a vessel is to a visit: its ship, another ship, fixed structure, or what reviewers
    rejected.
    """
    if ship["visit_id"] == case.visit_id:
        return "ship"
    if ship["counted"]:
        return "other"
    return "rejected" if ship["review"] else "fixed"


def _hull(case: Case, look: CaseLook, ship: pd.Series) -> dict[str, Json]:
    return {
        "role": hull_role(case, ship),
        "visit": case.visit_id,
        "look": look.number,
        "vessel_id": str(ship["vessel_id"]),
        "overpass": look.overpass_id,
        "time": moment(look.time),
        "length_m": round(float(ship["length_m"]), 1),
        "length_sd_m": round(float(ship["length_sd_m"]), 1),
        "beam_m": None if pd.isna(ship["beam_m"]) else round(float(ship["beam_m"]), 1),
        "heading_deg_grid": round(float(ship["heading_deg"]), 1),
        "score": round(float(ship["score"]), 4),
        "review": str(ship["review"]),
        "truncated": bool(ship["truncated"]),
    }


def _feature(properties: dict[str, Json], shape: object) -> dict[str, Json]:
    geometry = mapping(shape)
    plain: Json = {
        "type": geometry["type"],
        "coordinates": [[list(point) for point in ring] for ring in geometry["coordinates"]],
    }
    return {"type": "Feature", "properties": properties, "geometry": plain}


@dataclass(frozen=True)
class DrawnLook:
    """A look of a visit, drawn: its record, and outlines over its picture."""

    record: dict[str, Json]
    png: bytes | None
    tif: bytes | None
    """The numbers behind the picture, as GeoTIFF."""
    ships: tuple[str, ...]
    others: tuple[str, ...]
    uncounted: tuple[str, ...]
    """Outlines as points of SVG; the last of what counts nowhere."""


def drawn_look(
    case: Case,
    look: CaseLook,
    window: Window,
    record: dict[str, Json],
    files: tuple[bytes | None, bytes | None],
) -> DrawnLook:
    """The look with its picture and numbers, and the outlines of what was found in the window."""
    roles: dict[str, list[str]] = {"ship": [], "other": [], "fixed": [], "rejected": []}
    for _, ship in look.vessels.iterrows():
        points = window.points(ship["footprint"])
        if _is_inside(points, window):
            roles[hull_role(case, ship)].append(points)
    return DrawnLook(
        record=record,
        png=files[0],
        tif=files[1],
        ships=tuple(roles["ship"]),
        others=tuple(roles["other"]),
        uncounted=tuple(roles["fixed"] + roles["rejected"]),
    )


def _is_inside(points: str, window: Window) -> bool:
    pairs = [tuple(map(float, pair.split(","))) for pair in points.split()]
    return any(0 <= x <= window.width and 0 <= y <= window.height for x, y in pairs)


def cut_picture(rgb: NDArray[np.uint8] | None, window: Window) -> bytes | None:
    """The picture of a window; None where the overpass has none, or nothing lies in the window."""
    if rgb is None:
        return None
    part = rgb[window.rows, window.columns]
    return picture(part) if part.any() else None


@dataclass(frozen=True)
class PortSource:
    """What the records of one port are made from."""

    archive: PortArchive
    """At the snapshot of the evidence."""
    steps: Mapping[str, Step]
    overpasses: Mapping[str, Overpass]
    """Of the plan at hand, by id."""
    read: Mapping[str, str]
    """Of the result's provenance: a digest of all that was read, by overpass."""

    def of_overpass(self, overpass_id: str, stored: StoredLook | None) -> dict[str, Json]:
        """As ``source_json``, of one overpass; InputError where the archive does not have it."""
        step = self.steps.get(overpass_id)
        if step is None:
            raise InputError(
                f"the archive of {self.archive.port.id} has no overpass {overpass_id}, which the "
                "results have; was it made anew since? run the job again"
            )
        is_tiled = step.state[StageName.TILE] is UnitState.DONE
        read = self.archive.what_was_read(step.sensor, step.index) if is_tiled else {}
        pinned, published = self.overpasses.get(overpass_id), self.read.get(overpass_id)
        found = source_json(pinned, step, read, published)
        holds = None if stored is None else stored.holds_what_was_read
        return {**found, "archive_holds_what_was_read": holds}
