"""Reads a published result: its tables, ports and histories.

Needs only the folder that a run published, no archive and no imagery. In a notebook::

    from jobs import port_flows, read_published

    result = read_published(Path("archive/published/my-port-2024/3f2a9c1d77d2"))
    result.visits                                 # a GeoDataFrame, as are the other tables
    result.stays[0].arrivals([0, 31, 59])         # visits in each history and window
    port_flows(result).interval("KPWON", "RUVYP", 0.9)  # share of the ships that go there next
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from jobs.domain import Berth, BerthKind, Period, Port, json_value
from jobs.errors import InputError
from jobs.publish.citation import citation_text
from jobs.publish.newest_tag import LATEST, tag_of
from jobs.publish.provenance import PROVENANCE, period_from, port_from
from jobs.publish.table_files import HISTORIES, HISTORIES_KEPT, PLACES
from jobs.visits import DAY_S, PUBLISHED, REVIEW_COLUMNS, PortTables, StayDraws, table

TABLES = tuple(name for name in PUBLISHED if name not in PLACES)
"""The tables that are read; those of places follow from the ports, also in results of early
versions, which have no file of them."""
LATER = ("traffic", "sensors", "pairs")
"""Tables that results of earlier versions lack; they are read as empty."""


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
    traffic: gpd.GeoDataFrame
    """TRAFFIC_COLUMNS; empty in results of versions whose rates did not change."""
    sensors: gpd.GeoDataFrame
    """SENSOR_COLUMNS; empty in results of versions that did not compare sensors."""
    pairs: gpd.GeoDataFrame
    """PAIR_COLUMNS; empty in results of versions that did not compare sensors."""
    voyages: gpd.GeoDataFrame
    stays: tuple[StayDraws, ...]
    """The histories of every berth, by port and in the port's order; draw i of all is one."""
    provenance: Mapping[str, Any]
    """``provenance.json`` as it stands."""

    @property
    def berths(self) -> gpd.GeoDataFrame:
        """BERTH_COLUMNS: the berths as polygons."""
        return PLACES["berths"](self.ports)

    @property
    def areas(self) -> gpd.GeoDataFrame:
        """PORT_COLUMNS: the ports with their areas of interest as polygons."""
        return PLACES["ports"](self.ports)

    @property
    def citation(self) -> str:
        """How to cite this result."""
        return citation_text(self.provenance)

    @property
    def seed(self) -> int:
        """The seed of the run's estimates, which makes later queries reproducible."""
        return int(self.provenance["estimates"]["seed"])

    @property
    def origin(self) -> datetime:
        """Day 0 of the histories, UTC."""
        return datetime.combine(self.period.start, time.min, UTC)

    def of_port(self, port_id: str) -> PortTables:
        """The tables of one port; InputError for a port that is not in the result."""
        ports = {port.id: port for port in self.ports}
        if port_id not in ports:
            raise InputError(f"no port {port_id!r} in {self.folder}; it has {', '.join(ports)}")
        names = ("vessels", "looks", "visits", "pairs")
        tables = {name: _of(getattr(self, name), port_id) for name in names}
        return PortTables(port=ports[port_id], **tables)

    def calls(self, port_id: str | None = None) -> tuple[StayDraws, ...]:
        """Histories of the berths of a port, or of all; anchorages only where there is no berth.

        A ship waits at anchor before it berths: to count both would count it twice.
        """
        wanted = [port for port in self.ports if port_id in (None, port.id)]
        names = {(port.id, berth.id) for port in wanted for berth in _quays(port)}
        return tuple(stays for stays in self.stays if (stays.port, stays.berth) in names)


def _of(rows: gpd.GeoDataFrame, port_id: str) -> gpd.GeoDataFrame:
    return rows[rows["port"] == port_id].reset_index(drop=True)


def _quays(port: Port) -> tuple[Berth, ...]:
    quays = tuple(berth for berth in port.berths if berth.kind is not BerthKind.ANCHORAGE)
    return quays or port.berths


def read_published(folder: Path) -> PublishedResult:
    """The result that a run published into a folder, ``<archive>/published/<job>/<tag>``.

    InputError for a folder that does not exist, lacks a file, or has one that cannot be read.
    """
    _check_folder(folder)
    provenance = _provenance(folder / PROVENANCE)
    tables = {name: _named_table(folder, name) for name in TABLES}
    tables["vessels"] = _with_fixed(tables["vessels"])
    tables["visits"] = _with_beams(tables["visits"])
    with _explained(folder / PROVENANCE):
        period = period_from(provenance["period"])
        ports = tuple(port_from(facts) for facts in provenance["ports"])
        draws = min(int(provenance["estimates"]["draws"]), HISTORIES_KEPT)
    histories = _plain_table(folder / HISTORIES)
    with _explained(folder / HISTORIES):
        stays = tuple(_stays(histories, tables["visits"], ports, period, draws))
    return PublishedResult(
        folder=folder,
        job=provenance["job"],
        tag=provenance["tag"],
        period=period,
        ports=ports,
        stays=stays,
        provenance=provenance,
        **tables,
    )


def _check_folder(folder: Path) -> None:
    if (folder / LATEST).exists():
        tag = tag_of((folder / LATEST).read_bytes(), str(folder / LATEST))
        raise InputError(f"{folder} holds the results of a job; expected one of them: {tag}")
    always = [name for name in TABLES if name not in LATER]
    expected = [PROVENANCE, HISTORIES, *(f"{name}.parquet" for name in always)]
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
    expected = "what a run wrote: remove the folder and run the job again"
    found = json_value(path.read_bytes(), str(path), expected)
    if not isinstance(found, dict):
        raise InputError(f"{path}: a {type(found).__name__}, not an object; expected {expected}")
    missing = {"job", "tag", "period", "ports", "estimates"} - set(found)
    if missing:
        raise InputError(
            f"{path} does not say {', '.join(sorted(missing))}; expected what this version writes: "
            "remove the folder and run the job again"
        )
    return found


_UNREADABLE = (
    ValueError,  # pyarrow's errors are this or OSError
    OSError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    ShapelyError,
)
"""What reading raises where a file is not what a run wrote."""


def _named_table(folder: Path, name: str) -> gpd.GeoDataFrame:
    path = folder / f"{name}.parquet"
    if name in LATER and not path.is_file():
        return table(PUBLISHED[name].columns, [])
    return _table(path)


def _table(path: Path) -> gpd.GeoDataFrame:
    with _explained(path):
        return gpd.read_parquet(path)


def _with_fixed(vessels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The vessels; without a ``fixed`` column, as older versions wrote them, all are ships, and
    without a ``review`` column nothing was reviewed; looks at a place were not counted before, nor
    beams measured.
    """
    if "fixed" not in vessels:
        vessels = vessels.assign(background=np.nan, fixed=False)
    if "place_seen" not in vessels:
        vessels = vessels.assign(place_seen=np.nan, place_looks=np.nan)
    if "beam_sd_m" not in vessels:
        vessels = vessels.assign(beam_sd_m=np.nan)
    if "review" not in vessels:
        vessels = vessels.assign(counted=~vessels["fixed"], **REVIEW_COLUMNS)
    return vessels


def _with_beams(visits: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The visits; without measured beams, as older versions wrote them, deadweight was drawn from
    lengths alone.
    """
    if "deadweight_from" in visits:
        return visits
    return visits.assign(beam_m=np.nan, beam_sd_m=np.nan, deadweight_from="length")


def _plain_table(path: Path) -> pd.DataFrame:
    with _explained(path):
        return pd.read_parquet(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise InputError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); expected what a run wrote: "
            "remove the folder and run the job again"
        ) from error


def _stays(
    histories: pd.DataFrame,
    visits: gpd.GeoDataFrame,
    ports: Sequence[Port],
    period: Period,
    draws: int,
) -> Iterator[StayDraws]:
    """One for every berth, also without a ship in any history."""
    rows = {key: part for key, part in histories.groupby(["port", "berth"], sort=False)}
    # only berths for one ship have visits in their histories
    identified = visits[visits["probability"].notna()]
    ids = {key: tuple(part["visit_id"]) for key, part in identified.groupby(["port", "berth"])}
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
