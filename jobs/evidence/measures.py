"""What was measured of the ship, look by look, and what is known of the errors."""

from __future__ import annotations

from math import cos, radians, sin

import pandas as pd

from jobs.domain import WGS84, Json, geod, project, transformer
from jobs.evidence.cases import Case, CaseLook

STEP_M = 1000.0
ERRORS = (
    "The error of a length is one standard deviation, computed for each ship, as is that of a beam "
    "measured at the file's own pixels of 5 m or less (beam_sd_m). Errors of other beams and of "
    "heading are not computed for each ship: on ports that it had not seen, the packaged network "
    "erred by 4.2 m in beam (mean), and 98 % of its headings were within 10 degrees (median error "
    "2). Bow and stern are not distinguished. Places are as true as the image's own "
    "georeferencing; the time is that of the earliest scene, and a pixel may be some seconds "
    "later. Score is the network's probability that this is a "
    "ship; it is calibrated on ten ports and may be off at others. Of radar (backscatter) no beam "
    "is measured; errors of lengths, headings and scores are those of simulated harbours, and a "
    "ship under way is shown beside its place, some 70 m for each metre a second towards the radar."
)


def measures_json(case: Case) -> list[dict[str, Json]]:
    """The ship as found in each look, in time order."""
    pairs = zip(case.sightings, case.ships, strict=True)
    return [_of(case, look, ship) for look, ship in pairs]


def _of(case: Case, look: CaseLook, ship: pd.Series) -> dict[str, Json]:
    return {
        "look": look.number,
        "vessel_id": str(ship["vessel_id"]),
        "lon": round(float(ship["geometry"].x), 7),
        "lat": round(float(ship["geometry"].y), 7),
        "length_m": round(float(ship["length_m"]), 1),
        "length_sd_m": round(float(ship["length_sd_m"]), 1),
        "length_is_lower_bound": bool(ship["truncated"]),
        "beam_m": _corrected(ship, "beam_m"),
        "beam_sd_m": _corrected(ship, "beam_sd_m"),
        "heading_deg_grid": round(float(ship["heading_deg"]), 1),
        "heading_deg_true": round(true_heading(case.port.grid.epsg, ship), 1) % 180,
        "score": round(float(ship["score"]), 4),
        "share_in_berth": round(berth_share(case, ship), 4),
        "taken_for_fixed_structure": bool(ship["fixed"]),
        "same_seen_in_looks": _count(ship["place_seen"]),
        "same_seen_of_looks": _count(ship["place_looks"]),
        "review": str(ship["review"]),
        "review_length_m": _corrected(ship, "review_length_m"),
        "review_beam_m": _corrected(ship, "review_beam_m"),
        "review_heading_deg_grid": _corrected(ship, "review_heading_deg"),
        "background": None if pd.isna(ship["background"]) else round(float(ship["background"]), 4),
    }


def _count(value: float) -> int | None:
    return None if pd.isna(value) else int(value)


def _corrected(ship: pd.Series, name: str) -> float | None:
    """A measure of the hull that a reviewer corrected; None where nobody did."""
    return None if pd.isna(ship[name]) else round(float(ship[name]), 1)


def true_heading(epsg: int, ship: pd.Series) -> float:
    """Degrees clockwise from true north, modulo 180, of a heading from grid north."""
    lon, lat = ship["geometry"].x, ship["geometry"].y
    x, y = transformer(WGS84, epsg).transform(lon, lat)
    turned = radians(ship["heading_deg"])
    ahead = transformer(epsg, WGS84).transform(x + STEP_M * sin(turned), y + STEP_M * cos(turned))
    azimuth: float = geod().inv(lon, lat, *ahead)[0]
    return azimuth % 180


def berth_share(case: Case, ship: pd.Series) -> float:
    """The share of the ship's outline that lies in the berth, 0 to 1."""
    epsg = case.port.grid.epsg
    hull = project(ship["footprint"], epsg, densify=False)
    berth = project(case.berth.polygon, epsg, densify=False)
    return float(hull.intersection(berth).area / hull.area) if hull.area else 0.0
