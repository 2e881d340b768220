"""A published result read back: its tables, its ports, its histories, and what they can be asked.

Needs only the folder that a run published, no archive and no imagery, so that a notebook elsewhere
can ask what the run did not. In a notebook::

    result = read_published(Path("archive/published/my-port-2024/3f2a9c1d77d2"))
    result.visits                                 # a GeoDataFrame, as are the other tables
    result.stays[0].arrivals([0, 31, 59])         # visits in each history and window
    flows(result).interval("KPWON", "RUVYP", 0.9)  # share of ships that go there next
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jobs.domain import Berth, BerthKind, Grid, Period, Port
from jobs.errors import InputError
from jobs.publish.publication import PortTables
from jobs.publish.write import HISTORIES, HISTORIES_KEPT, TABLES
from jobs.visits.occupancy.draws import DAY_S, StayDraws, credible
from jobs.visits.voyages.fleet import (
    SHIPS_PER_VISIT,
    CaptureRecapture,
    ShipDraws,
    ships_from_lengths,
    ships_from_names,
)
from jobs.visits.voyages.flows import Flows, flow_matrix
from jobs.visits.voyages.sea_routes import SeaRoute, sea_routes

PROVENANCE = "provenance.json"
FASTEST_KN = 16.0
"""No ship of this trade makes more from port to port; product tankers make 10 to 14."""
KNOT_KMH = 1.852
LIKELY = 0.5
"""A seen visit counts as a ship's from here on; less likely ones are rather false alarms."""
NAME_COLUMNS = ("visit_id", "name", "source")


@dataclass(frozen=True)
class PublishedResult:
    """One published state of a job, as ``publish`` wrote it."""

    folder: Path
    job: str
    tag: str
    period: Period
    ports: tuple[Port, ...]
    """By id; outlines as published, to about a centimetre."""
    vessels: gpd.GeoDataFrame
    """VESSEL_COLUMNS; this and the other tables hold all ports."""
    looks: gpd.GeoDataFrame
    visits: gpd.GeoDataFrame
    """FULL_VISIT_COLUMNS."""
    estimates: gpd.GeoDataFrame
    voyages: gpd.GeoDataFrame
    stays: tuple[StayDraws, ...]
    """The histories of every berth, by port and in the port's order; draw i of all is one."""
    provenance: Mapping[str, Any]
    """``provenance.json`` as it stands."""

    @property
    def seed(self) -> int:
        """The seed of the run's estimates, so that what is asked later can be asked again."""
        return int(self.provenance["estimates"]["seed"])

    @property
    def origin(self) -> datetime:
        """Day 0 of the histories, UTC."""
        return datetime.combine(self.period.start, time.min, UTC)

    def of_port(self, port_id: str) -> PortTables:
        """What was seen at one port; InputError for a port that the result does not have."""
        ports = {port.id: port for port in self.ports}
        if port_id not in ports:
            raise InputError(f"no port {port_id!r} in {self.folder}; it has {', '.join(ports)}")
        names = ("vessels", "looks", "visits")
        tables = {name: _of(getattr(self, name), port_id) for name in names}
        return PortTables(port=ports[port_id], **tables)

    def calls(self, port_id: str | None = None) -> tuple[StayDraws, ...]:
        """Histories of the berths of a port, or of all; anchorages only where there is no berth.

        A ship waits in the roads before it berths: to count both would count it twice.
        """
        wanted = [port for port in self.ports if port_id in (None, port.id)]
        names = {(port.id, berth.id) for port in wanted for berth in _quays(port)}
        return tuple(stays for stays in self.stays if (stays.port, stays.berth) in names)


def _of(rows: gpd.GeoDataFrame, port_id: str) -> gpd.GeoDataFrame:
    return rows[rows["port"] == port_id].reset_index(drop=True)


def _quays(port: Port) -> tuple[Berth, ...]:
    quays = tuple(berth for berth in port.berths if berth.kind is not BerthKind.ANCHORAGE)
    return quays or port.berths


# --- reading ------------------------------------------------------------------------------------


def read_published(folder: Path) -> PublishedResult:
    """The result that a run published into a folder, ``<archive>/published/<job>/<tag>``.

    InputError where the folder is none, lacks a file, or holds one that cannot be read.
    """
    _check_folder(folder)
    provenance = _provenance(folder / PROVENANCE)
    tables = {name: _table(folder / f"{name}.parquet") for name in TABLES}
    tables["vessels"] = _judged(tables["vessels"])
    period = _period(provenance["period"])
    ports = tuple(_port(facts) for facts in provenance["ports"])
    histories = _plain_table(folder / HISTORIES)
    draws = min(int(provenance["estimates"]["draws"]), HISTORIES_KEPT)
    return PublishedResult(
        folder=folder,
        job=provenance["job"],
        tag=provenance["tag"],
        period=period,
        ports=ports,
        stays=tuple(_stays(histories, tables["visits"], ports, period, draws)),
        provenance=provenance,
        **tables,
    )


def _check_folder(folder: Path) -> None:
    if (folder / "latest.json").exists():
        tag = json.loads((folder / "latest.json").read_text())["tag"]
        raise InputError(f"{folder} holds the results of a job; expected one of them: {tag}")
    expected = [PROVENANCE, HISTORIES, *(f"{name}.parquet" for name in TABLES)]
    missing = [name for name in expected if not (folder / name).is_file()]
    if len(missing) == len(expected):
        raise InputError(
            f"{folder}: no published result; expected a folder <archive>/published/<job>/<tag>: "
            "berthwatch report JOB names the newest"
        )
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}; expected all files of a published result: an "
            "older version wrote it, or files were removed; remove the folder and run the job again"
        )


def _provenance(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(
            f"{path}: not JSON ({error}); expected what a run wrote: run again"
        ) from error
    missing = {"job", "tag", "period", "ports", "estimates"} - set(found)
    if missing:
        raise InputError(
            f"{path} does not say {', '.join(sorted(missing))}; expected what this version writes: "
            "remove the folder and run the job again"
        )
    return found


def _table(path: Path) -> gpd.GeoDataFrame:
    with _explained(path):
        return gpd.read_parquet(path)


def _judged(vessels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The vessels; of results from before fixed structure was told apart, all are ships."""
    return vessels if "fixed" in vessels else vessels.assign(background=np.nan, fixed=False)


def _plain_table(path: Path) -> pd.DataFrame:
    with _explained(path):
        return pd.read_parquet(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:  # pyarrow's errors are one or the other
        raise InputError(
            f"{path}: cannot be read ({error}); expected a table that a run wrote: remove the "
            "folder and run the job again"
        ) from error


def _period(facts: Mapping[str, str]) -> Period:
    return Period(date.fromisoformat(facts["start"]), date.fromisoformat(facts["end"]))


def _port(facts: Mapping[str, Any]) -> Port:
    left, bottom, right, top = facts["grid"]["bounds"]
    grid = Grid(facts["grid"]["epsg"], left, top, 0, 0)
    size = grid.resolution_m
    return Port(
        id=facts["id"],
        name=facts["name"],
        country=facts["country"],
        area=shapely.from_wkt(facts["area"]),
        berths=tuple(_berth(berth) for berth in facts["berths"]),
        grid=Grid(grid.epsg, left, top, round((right - left) / size), round((top - bottom) / size)),
        locode=facts["locode"],
        approximate=facts["approximate"],
    )


def _berth(facts: Mapping[str, Any]) -> Berth:
    return Berth(
        id=facts["id"],
        name=facts["name"],
        kind=BerthKind(facts["kind"]),
        capacity=facts["capacity"],
        polygon=shapely.from_wkt(facts["polygon"]),
    )


# --- histories ----------------------------------------------------------------------------------


def _stays(
    histories: pd.DataFrame,
    visits: gpd.GeoDataFrame,
    ports: Sequence[Port],
    period: Period,
    draws: int,
) -> Iterator[StayDraws]:
    """One for every berth, whether or not any history has a ship there."""
    rows = {key: part for key, part in histories.groupby(["port", "berth"], sort=False)}
    # only berths whose ships are told apart have visits in their histories
    told = visits[visits["probability"].notna()]
    ids = {key: tuple(part["visit_id"]) for key, part in told.groupby(["port", "berth"])}
    for port in ports:
        for berth in port.berths:
            key = (port.id, berth.id)
            found = rows.get(key, histories.iloc[:0])
            yield _berth_stays(found, key, period, draws, ids.get(key, ()))


def _berth_stays(
    rows: pd.DataFrame,
    key: tuple[str, str],
    period: Period,
    draws: int,
    visit_ids: tuple[str, ...],
) -> StayDraws:
    origin = datetime.combine(period.start, time.min, UTC)
    number = {visit_id: index for index, visit_id in enumerate(visit_ids)}
    return StayDraws(
        port=key[0],
        berth=key[1],
        origin=origin,
        end=float((period.end - period.start).days + 1),
        draws=draws,
        draw=rows["history"].to_numpy(np.int32),
        arrival=_days(rows["arrival"], origin),
        departure=_days(rows["departure"], origin),
        length_m=rows["length_m"].to_numpy(np.float64),
        visit=rows["visit_id"].map(number).fillna(-1).to_numpy(np.int32),
        visit_ids=visit_ids,
    )


def _days(times: pd.Series, origin: datetime) -> NDArray[np.float64]:
    seconds = (times - pd.Timestamp(origin)).dt.total_seconds()
    days: NDArray[np.float64] = seconds.to_numpy(np.float64) / DAY_S
    return days


# --- between the ports --------------------------------------------------------------------------


def links(result: PublishedResult, at_least: float = 0.2) -> gpd.GeoDataFrame:
    """The published voyages of at least that probability, likeliest first."""
    likely = result.voyages[result.voyages["probability"] >= at_least]
    order = ["probability", "from_visit", "to_visit"]
    return likely.sort_values(order, ascending=[False, True, True], ignore_index=True)


def routes_between(result: PublishedResult) -> dict[tuple[str, str], SeaRoute]:
    """The way by sea for every ordered pair of the ports."""
    return sea_routes({port.id: port.area.centroid.coords[0] for port in result.ports})


def flows(result: PublishedResult) -> Flows:
    """How many ships go from port to port, from the histories alone; the same every time.

    InputError where the result has fewer than two ports.
    """
    return flow_matrix(result.calls(), routes_between(result), seed=result.seed)


def ships_measured(result: PublishedResult) -> ShipDraws:
    """How many ships made the seen visits at berths, from their lengths; the same every time.

    InputError where no visit was seen.
    """
    visits = called(result)
    whole = ~visits["truncated"].to_numpy(bool)  # of a cut ship only a part was measured
    length_m = np.where(whole, visits["length_m"].to_numpy(np.float64), np.nan)
    sd_m = visits["length_sd_m"].to_numpy(np.float64)
    return ships_from_lengths(length_m, sd_m, seed=result.seed, apart=not_one_ship(result, visits))


def ships_named(result: PublishedResult, names: Mapping[str, str]) -> CaptureRecapture:
    """How many ships there are, from the names of some visits by visit id; others have none."""
    return ships_from_names([names.get(visit_id) for visit_id in result.visits["visit_id"]])


def called(result: PublishedResult) -> gpd.GeoDataFrame:
    """The seen visits at berths that were rather a ship's than a false alarm."""
    berths = pd.MultiIndex.from_tuples(
        [(stays.port, stays.berth) for stays in result.calls()], names=["port", "berth"]
    )
    visits = result.visits
    here = pd.MultiIndex.from_frame(visits[["port", "berth"]]).isin(berths)
    likely = visits["probability"].fillna(1.0) >= LIKELY  # empty where ships are not told apart
    return visits[here & likely].reset_index(drop=True)


def not_one_ship(result: PublishedResult, visits: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """(visit, visit): True where two visits overlap, or are too close in time for the way."""
    came = visits["arrival_before"].astype("int64").to_numpy() / 1e6 / 3600
    left = visits["departure_after"].astype("int64").to_numpy() / 1e6 / 3600
    between_h = np.maximum(came[None, :] - left[:, None], came[:, None] - left[None, :])
    apart: NDArray[np.bool_] = between_h <= _least_hours(result, list(visits["port"]))
    np.fill_diagonal(apart, False)
    return apart


def _least_hours(result: PublishedResult, ports: Sequence[str]) -> NDArray[np.float64]:
    """(visit, visit): hours of the fastest ship from the one's port to the other's."""
    names = sorted(set(ports))
    hours = np.zeros((len(names), len(names)))
    if len(names) > 1:
        for (origin, target), route in routes_between(result).items():
            if origin in names and target in names:
                way_h = route.distance_km / (FASTEST_KN * KNOT_KMH)
                hours[names.index(origin), names.index(target)] = way_h
    at = np.array([names.index(port) for port in ports], np.intp)
    return hours[np.ix_(at, at)]


# --- for people ---------------------------------------------------------------------------------


def flow_rows(found: Flows, mass: float = 0.9) -> list[dict[str, Any]]:
    """Every ordered pair of ports: share of the ships, trips, and whether the looks tell."""
    return [
        {
            "from_port": origin,
            "to_port": target,
            **_spread("share", found.share[:, a, b], found.interval(origin, target, mass)),
            **_spread("trips", found.trips[:, a, b], credible(found.trips[:, a, b], mass)),
            "told": float(found.told[a, b]),
            "looks_tell": bool(found.tells[a, b]),
        }
        for a, origin in enumerate(found.ports)
        for b, target in enumerate(found.ports)
        if a != b
    ]


def measured_row(found: ShipDraws, visits: int, mass: float = 0.9) -> dict[str, Any]:
    """The fleet as lengths tell it; ``told`` is how far they narrowed what was believed before."""
    return {
        "source": "lengths",
        "visits": visits,
        "ships_at_least": found.least,
        **_spread("ships", found.ships, credible(found.ships, mass)),
        **_spread("fleet", found.fleet, credible(found.fleet, mass)),
        "told": found.told,
    }


def named_row(found: CaptureRecapture) -> dict[str, Any]:
    """The fleet as names tell it; ``coverage`` is the share of visits by ships already named."""
    chao = found.chao
    return {
        "source": "names",
        "visits": found.visits,
        "ships_at_least": found.ships,
        **{f"ships{end}": found.ships for end in ("", "_low", "_high")},
        "fleet": chao.value,
        "fleet_low": chao.low,
        "fleet_high": chao.high,
        "coverage": found.coverage,
    }


def _spread(
    name: str, values: NDArray[np.number], interval: tuple[float, float]
) -> dict[str, float]:
    low, high = interval
    return {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}


LINKS_NOTE = (
    "A probability is the chance that the second visit is the first ship's next seen stop. Time "
    "and length tell pairs apart, they name no ship; where most stays are unseen, likely links are "
    "too sure."
)


def flows_note(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the flows are worth, in a sentence."""
    tell = sum(row["looks_tell"] for row in rows)
    if not tell:
        return (
            "The looks tell none of these flows: the numbers are what was assumed before (any "
            "share as likely as any other), and no trade between the ports follows from them."
        )
    return (
        f"The looks tell {tell} of {len(rows)} flows: they took that share of the interval that "
        "was assumed before. Stays that nobody saw draw shares towards too low; read the interval."
    )


def measured_note(found: ShipDraws) -> str:
    """What the number of ships from lengths is worth, in a sentence."""
    return (
        f"By length alone the ships are at least {found.least}; lengths and times took "
        f"{found.told:.0%} of what was open before. Sister ships cannot be told apart, and that "
        f"the fleet has at most {SHIPS_PER_VISIT} ships a visit is an assumption."
    )


def named_note(found: CaptureRecapture) -> str:
    """What the number of ships from names is worth, in a sentence."""
    return (
        f"An estimated {found.coverage:.0%} of visits are by ships already named; the fleet (Chao) "
        "is a lower bound, and too low where some ships are never named."
    )


# --- names --------------------------------------------------------------------------------------


def read_names(path: Path, result: PublishedResult) -> dict[str, str]:
    """Ships' names by visit id, of a CSV with visit_id, name and source.

    The name may be an IMO number or anything else that means one ship. InputError with file and
    line for a missing value, a visit that was not seen, and one that is named twice.
    """
    names: dict[str, str] = {}
    known = set(result.visits["visit_id"])
    for number, row in _name_rows(path):
        where = f"{path}, line {number}"
        empty = [name for name in NAME_COLUMNS if not row[name]]
        if empty:
            raise InputError(f"{where}: {empty[0]} is empty; expected a text: fill it in")
        if row["visit_id"] not in known:
            raise InputError(f"{where}: {_unknown(row['visit_id'], known)}")
        if row["visit_id"] in names:
            raise InputError(
                f"{where}: visit {row['visit_id']!r} was named before; expected one name for each: "
                "remove a line"
            )
        names[row["visit_id"]] = row["name"].casefold()
    return names


def _name_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a CSV in UTF-8") from error
    reader = csv.DictReader(text.splitlines())
    found = reader.fieldnames or ()
    if not set(found) >= set(NAME_COLUMNS):
        raise InputError(
            f"{path}: columns {', '.join(found) or 'none'}; expected {', '.join(NAME_COLUMNS)}: "
            "correct the first line"
        )
    for row in reader:
        yield reader.line_num, {name: (row[name] or "").strip() for name in NAME_COLUMNS}


def _unknown(visit_id: str, known: set[str]) -> str:
    near = get_close_matches(visit_id, sorted(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "take the id from visits.csv"
    return f"no visit {visit_id!r}; expected the visit_id of a seen visit: {hint}"
