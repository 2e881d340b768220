"""Panels of usable looks, made of a port's tables and the measured errors of the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.polygon import orient

from jobs.domain import Berth, BerthKind, LookState, Period, geod
from jobs.visits.found_again import Sighted, seen_again
from jobs.visits.occupancy.detector import Detector, MeasuredError, detectors_for, place_of
from jobs.visits.occupancy.draws import days_since
from jobs.visits.occupancy.panel import (
    ACCEPTED,
    REJECTED,
    UNSAID,
    Panel,
    PanelReview,
    Reports,
)
from jobs.visits.occupancy.scores import sure_from
from jobs.visits.occupancy.seen_again import SeenAgain
from jobs.visits.reviewed import HULL_SD_M, Verdict
from jobs.visits.schema import PortTables

USABLE = (LookState.CLEAR.value, LookState.PARTLY.value)
LEAST_CLEAR = 0.3
"""Least clear share of a look with a vessel: seen through a hole in the cloud, it was clear there.
"""


def panel_of(
    tables: PortTables, berth: Berth, period: Period, errors: Sequence[MeasuredError]
) -> Panel:
    """The usable looks at one berth; the length is that of the vessel with the highest score,
    those that a reviewer takes for ships before all others.
    """
    origin = datetime.combine(period.start, time.min, UTC)
    days = float((period.end - period.start).days + 1)
    looks = tables.looks[(tables.looks["berth"] == berth.id) & tables.looks["state"].isin(USABLE)]
    looks = looks.sort_values(["time", "overpass_id"], kind="stable")
    at = np.array([days_since(origin, moment) for moment in looks["time"]], np.float64)
    looks, at = looks[(at >= 0) & (at <= days)], at[(at >= 0) & (at <= days)]
    sensors = sorted(set(looks["sensor"]))
    best = _likeliest(tables, berth.id).reindex(looks["overpass_id"])
    visit_ids = tuple(tables.visits.loc[tables.visits["berth"] == berth.id, "visit_id"])
    vessels = looks["vessels"].to_numpy(np.int32)
    whole = best["truncated"].eq(False).to_numpy(bool)
    panel = Panel(
        port=tables.port.id,
        berth=berth.id,
        origin=origin,
        days=days,
        time=at,
        detector=looks["sensor"].map(sensors.index).to_numpy(np.int32),
        clear=clear_share(looks).to_numpy(np.float64),
        vessels=vessels,
        length_m=np.where(whole, best["length_m"].to_numpy(np.float64), np.nan),
        length_sd_m=np.where(whole, best["length_sd_m"].to_numpy(np.float64), np.nan),
        visit=best["visit_id"]
        .map(dict(zip(visit_ids, range(len(visit_ids)), strict=True)))
        .fillna(-1)
        .to_numpy(np.int32),
        detectors=tuple(detector_at(berth, sensor, errors) for sensor in sensors),
        visit_ids=visit_ids,
        review=_review(tables, berth.id, looks),
        reports=_reports(tables, berth.id, looks),
    )
    if berth.kind is BerthKind.ANCHORAGE and berth.capacity is None:
        return replace(panel, again=_again(tables, berth, looks, panel))
    return panel


def clear_share(looks: pd.DataFrame) -> pd.Series:
    """The clear share of the berth in each look, 0..1, as the models take it."""
    clear = looks["clear_fraction"]
    return clear.where(looks["vessels"] == 0, clear.clip(lower=LEAST_CLEAR))


def _likeliest(tables: PortTables, berth_id: str) -> pd.DataFrame:
    """The vessel with the highest score of each overpass at the berth, by overpass id."""
    here = pd.DataFrame(tables.ships.loc[tables.ships["berth"] == berth_id])
    here["sure"] = here["review"] != ""
    here = here.sort_values(["sure", "score", "vessel_id"], kind="stable")
    best = here.drop_duplicates("overpass_id", keep="last").set_index("overpass_id")
    return _with_hulls(best)


def _with_hulls(best: pd.DataFrame) -> pd.DataFrame:
    """The rows with the lengths of the hulls that reviewers drew, in full and their own error."""
    corrected = best["review_length_m"].notna()
    if not corrected.any():
        return best
    return best.assign(
        length_m=best["review_length_m"].where(corrected, best["length_m"]),
        length_sd_m=best["length_sd_m"].where(~corrected, HULL_SD_M),
        truncated=best["truncated"] & ~corrected,
    )


def _network_reports(tables: PortTables, berth_id: str) -> pd.DataFrame:
    """The vessels at a berth that the network reported, those rejected by reviewers too."""
    here = pd.DataFrame(tables.vessels[tables.vessels["berth"] == berth_id])
    # what the network reports as fixed is no report of a ship: its errors were measured without
    here = here[here["counted"] | ~here["fixed"]]
    return here[here["review"] != str(Verdict.DRAWN)]


def _reports(tables: PortTables, berth_id: str, looks: pd.DataFrame) -> Reports:
    """The reports of these looks, the surest first."""
    here = _network_reports(tables, berth_id)
    here = _with_rows(here, looks)
    here = here.sort_values(["row", "score", "vessel_id"], ascending=[True, False, True])
    rows, number = here["row"].to_numpy(np.intp), here.groupby("row").cumcount().to_numpy(np.intp)
    shape = len(looks), int(number.max(initial=-1)) + 1
    verdict = np.full(shape, UNSAID, np.int8)
    review = here["review"].to_numpy(str)
    verdict[rows[review == str(Verdict.SHIP)], number[review == str(Verdict.SHIP)]] = ACCEPTED
    rejects = np.isin(review, [str(each) for each in Verdict if each.rejects])
    verdict[rows[rejects], number[rejects]] = REJECTED
    score = np.full(shape, np.nan)
    score[rows, number] = here["score"].to_numpy(np.float64)
    return Reports(score, verdict)


def _again(tables: PortTables, berth: Berth, looks: pd.DataFrame, panel: Panel) -> SeenAgain:
    """What was seen again in these looks, of the reports that count as ships."""
    here = tables.ships[tables.ships["berth"] == berth.id]
    here = here[here["review"] != str(Verdict.DRAWN)]
    here = _with_hulls(here).to_crs(tables.port.grid.epsg)
    here = _with_rows(here, looks).sort_values(["row", "vessel_id"], kind="stable")
    row = here["row"].to_numpy(np.intp)
    from_score = np.array([sure_from(each) for each in panel.detectors])
    sighted = Sighted(
        look=row,
        x=here.geometry.x.to_numpy(np.float64),
        y=here.geometry.y.to_numpy(np.float64),
        length_m=here["length_m"].to_numpy(np.float64),
        length_sd_m=here["length_sd_m"].to_numpy(np.float64),
        truncated=here["truncated"].to_numpy(bool),
        sure=here["score"].to_numpy(np.float64) >= from_score[panel.detector[row]],
    )
    return seen_again(sighted, panel, area_km2(berth))


def _with_rows(here: pd.DataFrame, looks: pd.DataFrame) -> pd.DataFrame:
    """The vessels of these looks, with the number of their look as ``row``."""
    row = here["overpass_id"].map(dict(zip(looks["overpass_id"], range(len(looks)), strict=True)))
    return here.assign(row=row)[row.notna()]


def _review(tables: PortTables, berth_id: str, looks: pd.DataFrame) -> PanelReview | None:
    """What reviewers said of these looks; None where that is nothing."""
    here = tables.vessels[(tables.vessels["berth"] == berth_id) & (tables.vessels["review"] != "")]
    whole = looks["reviewed"].to_numpy(bool)
    # what the network reports as fixed is no report of a ship: its errors were measured without
    said = pd.DataFrame(here[here["counted"] | ~here["fixed"]])
    said = said[said["overpass_id"].isin(looks["overpass_id"])]
    if not len(said) and not whole.any():
        return None

    def number(verdicts: Iterable[Verdict]) -> NDArray[np.int32]:
        chosen = said.loc[said["review"].isin([str(each) for each in verdicts]), "overpass_id"]
        counts = chosen.value_counts().reindex(looks["overpass_id"]).fillna(0)
        return np.asarray(counts, np.int32)

    return PanelReview(
        accepted=number([Verdict.SHIP]),
        rejected=number(verdict for verdict in Verdict if verdict.rejects),
        drawn=number([Verdict.DRAWN]),
        whole=whole,
        missed=tables.missed,
        invented=tables.invented,
    )


def detector_at(berth: Berth, sensor: str, errors: Sequence[MeasuredError]) -> Detector:
    """The errors of a sensor's detector at a berth; false alarms are those of the whole place."""
    found = detectors_for(errors, sensor, place_of(berth.kind))
    size = area_km2(berth) if berth.kind is BerthKind.ANCHORAGE else float(berth.capacity or 1)
    return replace(found, false_alarms=found.false_alarms * size)


def area_km2(berth: Berth) -> float:
    """Ground area of the berth's polygon, square kilometres."""
    # a hole that runs as its outline does would add; without one the last digits stay as they were
    outline = orient(berth.polygon) if berth.polygon.interiors else berth.polygon
    area_m2, _ = geod().geometry_area_perimeter(outline)
    return abs(float(area_m2)) / 1e6
