"""Opening a result: its tables, its series, counts of one's own, pictures and its citation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from berthwatch.anew import estimated_anew, told
from berthwatch.answers import Answer, answer_of
from berthwatch.archives import Archive, storage_of
from berthwatch.berths import berth_table, full_name, one_berth, stays_of
from berthwatch.cards import card, lines
from berthwatch.citing import citation
from berthwatch.days import Day, day_numbers, window_in
from berthwatch.pictures import Picture, looks_picture, panels_of, series_picture, time_picture
from jobs.archive import PortArchive
from jobs.domain import Period, Port, did_you_mean, read_job
from jobs.errors import ArchiveError, InputError
from jobs.plan import is_job, read_plan
from jobs.publish import (
    PublishedResult,
    fleet_from_lengths,
    newest_folder,
    port_flows,
    read_published,
    read_results,
)
from jobs.review import use_lines
from jobs.storage import Storage, storage_at
from jobs.visits import DAY_S, Flows, ShipDraws, StayDraws, credible, doubted_estimates

EVERY = ("day", "week", "month")
SERIES = "port_visits.zarr"
USABLE = ("clear", "partly")
MOST_PICTURES = 15
MOMENTS = 400
"""Most points of the curve of ships at a berth."""


@dataclass(frozen=True)
class Home:
    """The archive of a result, and the series where it was estimated anew."""

    storage: Storage | None
    """None for a folder of results that lies in no archive."""
    series: dict[str, xr.Dataset] | None = None
    """Of a result that was estimated anew; None where it lies in the published folder."""
    anew: str | None = None
    """What was estimated otherwise, as a sentence; None in a published result."""


class Result:
    """A published result: what was seen at each berth, and how many ships that makes.

    >>> result = bw.open_result("demo/job.yaml")
    >>> result.job, result.period.start.isoformat()
    ('demo', '2024-03-01')
    >>> result.visits[["port", "berth", "arrival_before", "departure_after"]].shape[1]
    4
    """

    def __init__(self, published: PublishedResult, home: Home) -> None:
        self.published = published
        """The same as the functions of ``jobs`` take it."""
        self._home = home

    # --- what it is

    @property
    def job(self) -> str:
        """Name of the job."""
        return self.published.job

    @property
    def tag(self) -> str:
        """The result's tag, made from its content; ``+anew`` behind it where it was estimated anew.

        >>> len(bw.open_result("demo/job.yaml").tag)
        12
        """
        return self.published.tag

    @property
    def period(self) -> Period:
        """Days from ``start`` to ``end``, both included, UTC."""
        return self.published.period

    @property
    def ports(self) -> tuple[str, ...]:
        """Ids of the ports.

        >>> bw.open_result("demo/job.yaml").ports
        ('KPCHO', 'RUVYP')
        """
        return tuple(port.id for port in self.published.ports)

    @property
    def provenance(self) -> dict[str, Any]:
        """Plan, code, network, settings, items and what was read, as ``provenance.json`` has them.

        >>> bw.open_result("demo/job.yaml").provenance["units"]["failed"]
        0
        """
        return dict(self.published.provenance)

    @property
    def doubts(self) -> list[str]:
        """Why numbers of this result are no finding, or cover less than the job; empty is good.

        >>> bw.open_result("demo/job.yaml").doubts
        []
        """
        units = self.published.provenance.get("units", {})
        left = [f"{units[state]} {state}" for state in ("failed", "pending") if units.get(state)]
        missing = [f"of the plan's overpasses {' and '.join(left)} are not in it"] if left else []
        return [*missing, *doubted_estimates(self.published.estimates.to_dict("records"))]

    # --- tables

    @property
    def berths(self) -> gpd.GeoDataFrame:
        """A row a berth: name, kind, capacity (empty at an anchorage) and outline.

        >>> bw.open_result("demo/job.yaml").berths.kind.nunique() > 1
        True
        """
        return berth_table(self.published.ports)

    @property
    def vessels(self) -> gpd.GeoDataFrame:
        """A row a vessel in an overpass: position, length_m with its sd, beam, heading, score.

        Those that are ``fixed`` are taken for a part of the port and counted nowhere.

        >>> vessels = bw.open_result("demo/job.yaml").vessels
        >>> ships = vessels[vessels.counted]
        """
        return self.published.vessels.copy()

    @property
    def looks(self) -> gpd.GeoDataFrame:
        """A row an overpass over a berth: clear, partly, clouded or outside, and vessels there.

        >>> looks = bw.open_result("demo/job.yaml").looks
        >>> set(looks.state) <= {"clear", "partly", "clouded", "outside"}
        True
        """
        return self.published.looks.copy()

    @property
    def visits(self) -> gpd.GeoDataFrame:
        """A row a seen visit: bounds for arrival and departure, its probability, 90 % of its times.

        >>> "probability" in bw.open_result("demo/job.yaml").visits
        True
        """
        return self.published.visits.copy()

    @property
    def estimates(self) -> gpd.GeoDataFrame:
        """A row a berth over the whole period: visits seen or not, with intervals.

        >>> estimates = bw.open_result("demo/job.yaml").estimates
        >>> bool((estimates.visits_low <= estimates.visits_high).all())
        True
        """
        return self.published.estimates.copy()

    @property
    def traffic(self) -> gpd.GeoDataFrame:
        """The rate of the traffic in every calendar month of every berth, and whether it changed.

        ``changed``, ``began`` and ``ended`` are probabilities that it did with the month; read
        them beside ``changed_prior`` and ``began_prior``, those of before any look. Empty in
        results of versions whose rates did not change.

        >>> bool(bw.open_result("demo/job.yaml").traffic.calls_per_30_days.ge(0).all())
        True
        """
        return self.published.traffic.copy()

    @property
    def sensors(self) -> gpd.GeoDataFrame:
        """A row a sensor and berth: its recall, and the estimates with and without its looks.

        ``visits_without`` is missing where no other sensor looked at the port; an empty berth
        stands for all berths but anchorages together. Empty in results of earlier versions.

        >>> bool(bw.open_result("demo/job.yaml").sensors.recall.dropna().between(0, 1).all())
        True
        """
        return self.published.sensors.copy()

    @property
    def pairs(self) -> gpd.GeoDataFrame:
        """A row a ship in two looks of different sensors minutes apart: seen in both, or in one.

        Empty where no two sensors looked within half an hour, and in results of earlier versions.

        >>> set(bw.open_result("demo/job.yaml").pairs.seen) <= {"both", "first", "second"}
        True
        """
        return self.published.pairs.copy()

    @property
    def voyages(self) -> gpd.GeoDataFrame:
        """A row a pair of visits at two ports that may be one ship's, with its probability.

        >>> bw.open_result("demo/job.yaml").voyages.probability.le(1).all()
        np.True_
        """
        return self.published.voyages.copy()

    def series(self, every: str = "month") -> xr.Dataset:
        """Looks, visits seen, visits estimated with bounds, occupancy: by berth and period.

        ``every`` is day, week (from Monday) or month. ``looks`` is how often anything was seen: a
        zero of ``visits_seen`` means something only beside it.

        >>> month = bw.open_result("demo/job.yaml").series("month")
        >>> month.visits.dims
        ('port_berth', 'period')
        >>> kozmino = month.sel(port_berth="RUVYP/kozmino")
        >>> bool((kozmino.visits_low <= kozmino.visits_high).all())
        True
        """
        if every not in EVERY:
            raise InputError(
                f"no series by {every!r}; {did_you_mean(every, EVERY)} there are {', '.join(EVERY)}"
            )
        if self._home.series is not None:
            return self._home.series[every].copy()
        place = self.published.folder / SERIES
        return xr.open_dataset(place, group=every, engine="zarr", consolidated=False).load()

    # --- questions

    def histories(self, berths: str | Sequence[str]) -> pd.DataFrame:
        """Every stay in every history of a berth, a port or several berths; a row a stay.

        Columns: history, port, berth, arrival and departure (UTC; before the period for a ship that
        was there at its start), length_m, visit_id (empty for a stay that was not seen). A history
        without any stay has no row: count with ``ask``, which does not forget it.

        >>> stays = bw.open_result("demo/job.yaml").histories("RUVYP/kozmino")
        >>> list(stays)
        ['history', 'port', 'berth', 'arrival', 'departure', 'length_m', 'visit_id']
        """
        parts = [_rows(stays) for stays in stays_of(self.published, berths)]
        return pd.concat(parts, ignore_index=True)

    def count(
        self,
        berths: str | Sequence[str],
        start: Day | None = None,
        end: Day | None = None,
        mass: float = 0.9,
    ) -> Answer:
        """How many ships came to a berth, a port or several berths in these days, seen or not.

        ``start`` and ``end`` are days in UTC, both included; left out, the result's own. A ship
        that lay there already on the first day did not come. A port is its berths without its
        anchorages, where the same ship waits before it berths. ``mass`` is what the interval holds.

        >>> result = bw.open_result("demo/job.yaml")
        >>> answer = result.count("RUVYP/kozmino", "2024-03-01", "2024-03-03")
        >>> answer.low <= answer.mean <= answer.high
        True
        >>> answer.question
        'visits at RUVYP/kozmino, 2024-03-01 to 2024-03-03'
        >>> result.count("RUVYP/kozmino", "2023-01-01", "2023-02-01")
        Traceback (most recent call last):
        ...
        jobs.errors.InputError: 2023-01-01 to 2023-02-01 reaches beyond the result, ...

        A berth whose model does not explain its looks gives a warning, and the answer says so too.
        """
        window = window_in(self.period, start, end)
        found = stays_of(self.published, berths)
        edges = day_numbers(self.period, window)
        counted = sum((s.arrivals(edges)[:, 0] for s in found), np.zeros(found[0].draws))
        question = f"visits at {self._named(berths)}, {window.start} to {window.end}"
        seen, looks = self._seen(found, window)
        return answer_of(question, counted, mass, seen, looks, self._doubted(found))

    def ask(
        self,
        berths: str | Sequence[str],
        question: Callable[[pd.DataFrame], float],
        mass: float = 0.9,
        name: str = "",
    ) -> Answer:
        """Any number that can be counted in the stays of one history, counted in all of them.

        ``question`` gets the rows of ``histories`` of one history, perhaps none, and returns a
        number. ``name`` says in words what it counts.

        >>> result = bw.open_result("demo/job.yaml")
        >>> big = result.ask("RUVYP", lambda stays: (stays.length_m > 180).sum(), name="over 180 m")
        >>> big.question, len(big.values)
        ('over 180 m at RUVYP', 200)
        """
        found = stays_of(self.published, berths)
        rows = pd.concat([_rows(stays) for stays in found], ignore_index=True)
        by_history = {number: part for number, part in rows.groupby("history")}
        none = rows.iloc[:0]
        counted = [question(by_history.get(number, none)) for number in range(found[0].draws)]
        said = name or getattr(question, "__name__", "your question").replace("<lambda>", "answer")
        return answer_of(
            f"{said} at {self._named(berths)}", counted, mass, doubts=self._doubted(found)
        )

    def flows(self) -> Flows:
        """How many ships go from port to port next, from the histories alone.

        InputError for a result of one port.

        >>> low, high = bw.open_result("demo/job.yaml").flows().interval("KPCHO", "RUVYP", 0.9)
        >>> 0 <= low <= high <= 1
        True
        """
        return port_flows(self.published)

    def fleet(self) -> ShipDraws:
        """How many different ships made the seen visits, from their lengths.

        InputError where no visit was seen.
        """
        return fleet_from_lengths(self.published)

    # --- another prior

    def estimate_again(self, model: str | None = None, **settings: Any) -> Result:
        """The same looks, counted with other beliefs; archive and published files stay as they are.

        Settings are those under ``estimates:`` in a job file (``dwell``, ``waiting``, ``dwell_at``,
        ``draws``, ``seed``, ``cap_barrels``, ``cargo``); one that is left out stays as it was, None
        is the built-in one. ``model`` is the weights file where the job did not use the packaged
        one. The result is a whole one, with tables, series and histories. With nothing changed the
        estimates are the published ones, to the last digit; voyages are drawn by lot anew.

        >>> result = bw.open_result("demo/job.yaml")
        >>> slow = result.estimate_again(
        ...     dwell={"median_days": 4, "low_days": 2, "high_days": 8, "source": "port agent"}
        ... )
        >>> slow.tag == result.tag + "+anew"
        True
        >>> slow.count("kozmino").mean < result.count("kozmino").mean
        True

        InputError for settings that a job file would be refused for.
        """
        published, series = estimated_anew(self.published, settings, model)
        sentence = told(self.published, published)
        return Result(published, Home(self._home.storage, series, sentence))

    # --- pictures

    def draw_looks(
        self,
        berth: str,
        start: Day | None = None,
        end: Day | None = None,
        clouded: bool = False,
        most: int = MOST_PICTURES,
    ) -> Picture:
        """The berth through time: one picture a look, same place, same colours.

        White is the berth, orange what the network found, dashed what is taken for a part of the
        port. Looks in cloud are left out unless ``clouded``; at most ``most`` pictures are drawn,
        the first in the window, and the title counts what is not. Needs the archive, and shows the
        pixels of the result's own tag.

        >>> result = bw.open_result("demo/job.yaml")
        >>> result.draw_looks("RUVYP/kozmino", most=2).text
        'RUVYP/kozmino, 2024-03-01 to 2024-03-...: ...'
        """
        if most < 1:
            raise InputError(f"most is {most}; expected one picture at least")
        port, place = one_berth(self.published, berth)
        window = window_in(self.period, start, end)
        looks = self._looks_at([(port.id, place.id)], window)
        wanted = looks if clouded else looks[looks["state"].isin(USABLE)]
        wanted = wanted.sort_values("time")
        vessels = self.published.vessels
        panels = list(panels_of(wanted.iloc[:most], vessels[vessels["port"] == port.id]))
        text = (
            f"{port.id}/{place.id}, {window.start} to {window.end}: {len(panels)} of {len(looks)} "
            f"looks{_left_out(looks, wanted, len(panels))}"
        )
        return looks_picture(port, place, panels, self._pixels_of(port), text)

    def draw_time(self, berth: str, start: Day | None = None, end: Day | None = None) -> Picture:
        """Looks, seen visits, and how many ships lay at the berth by the histories.

        >>> bw.open_result("demo/job.yaml").draw_time("RUVYP/kozmino", end="2024-03-04").text
        'RUVYP/kozmino, 2024-03-01 to 2024-03-04: looks, seen visits, ships by 200 histories'
        """
        port, place = one_berth(self.published, berth)
        window = window_in(self.period, start, end)
        (stays,) = stays_of(self.published, f"{port.id}/{place.id}")
        looks = self._looks_at([(port.id, place.id)], window)
        visits = self.published.visits
        here = visits[(visits["port"] == port.id) & (visits["berth"] == place.id)]
        text = (
            f"{full_name(stays)}, {window.start} to {window.end}: looks, seen visits, ships by "
            f"{stays.draws} histories"
        )
        ships = _ships_at(stays, *day_numbers(self.period, window))
        first, last = ships["time"].iloc[[0, -1]]
        inside = (here["departure_after"] >= first) & (here["arrival_before"] <= last)
        return time_picture(full_name(stays), looks, here[inside], ships, text)

    def draw_series(self, berth: str, every: str = "month") -> Picture:
        """Estimated visits with their bounds, and the seen ones, by day, week or month.

        >>> bw.open_result("demo/job.yaml").draw_series("RUVYP/kozmino", "week").text
        'RUVYP/kozmino: visits per week with their 90 % interval, and those seen'
        """
        port, place = one_berth(self.published, berth)
        name = f"{port.id}/{place.id}"
        found = self.series(every).sel(port_berth=name)
        rows = pd.DataFrame(
            {
                "start": pd.to_datetime(found["period"].values),
                "visits": found["visits"].values,
                "low": found["visits_low"].values,
                "high": found["visits_high"].values,
                "seen": found["visits_seen"].values,
                "looks": found["looks"].values,
            }
        )
        text = f"{name}: visits per {every} with their 90 % interval, and those seen"
        return series_picture(name, every, rows, text)

    # --- where it comes from

    @property
    def archive(self) -> Archive:
        """The archive that the result lies in; InputError where it lies in none.

        >>> list(bw.open_result("demo/job.yaml").archive)
        ['KPCHO', 'RUVYP']
        """
        if self._home.storage is None:
            raise InputError(
                f"{self.published.folder} lies in no archive, so that its pixels are not at hand; "
                "expected <archive>/published/<job>/<tag>: open the result from its archive"
            )
        return Archive(self._home.storage)

    @cached_property
    def snapshots(self) -> dict[str, str]:
        """The snapshot of each port that the result's tag names; empty for a partial result.

        >>> sorted(bw.open_result("demo/job.yaml").snapshots)
        ['KPCHO', 'RUVYP']
        """
        if self._home.storage is None:
            return {}
        archive = self.archive
        tagged = {id: archive[id].tags.get(self._archive_tag) for id in self.ports if id in archive}
        return {id: snapshot for id, snapshot in tagged.items() if snapshot is not None}

    def cite(self) -> str:
        """What a reader needs to find the result again, and the licence lines of the imagery.

        >>> print(bw.open_result("demo/job.yaml").cite())
        Berthwatch ...: Port visits seen from space, job demo, ...
        ...
        Pixels: ...demo/archive, tag demo-...: KPCHO snapshot ..., RUVYP snapshot ...
        """
        place = "" if self._home.storage is None else self._home.storage.url
        return citation(self.published, place, self.snapshots, self._home.anew)

    # --- inside

    @property
    def _archive_tag(self) -> str:
        """Tag in the port archives; of a result estimated anew, that of the result behind it."""
        return f"{self.job}-{self.tag.partition('+')[0]}"

    def _named(self, berths: str | Sequence[str]) -> str:
        names = [berths] if isinstance(berths, str) else list(berths)
        known = {s.berth: full_name(s) for s in self.published.stays}
        return ", ".join(name if name in self.ports else known.get(name, name) for name in names)

    def _doubted(self, found: Sequence[StayDraws]) -> tuple[str, ...]:
        """What speaks against these berths' estimates; warned of, that no script misses it."""
        table = self.published.estimates
        names = {full_name(stays) for stays in found}
        here = table[
            [f"{p}/{b}" in names for p, b in zip(table["port"], table["berth"], strict=True)]
        ]
        doubts = tuple(doubted_estimates(here.to_dict("records")))
        for line in doubts:
            warnings.warn(line, stacklevel=4)
        return doubts

    def _looks_at(self, berths: Sequence[tuple[str, str]], window: Period) -> pd.DataFrame:
        looks = pd.DataFrame(self.published.looks)
        names = pd.MultiIndex.from_frame(looks[["port", "berth"]])
        days = looks["time"].dt.date
        inside = (days >= window.start) & (days <= window.end)
        return looks[names.isin(berths) & inside].reset_index(drop=True)

    def _seen(self, found: Sequence[StayDraws], window: Period) -> tuple[int, int]:
        """Visits first seen in the window, and looks that saw at least a part, at these berths."""
        berths = [(stays.port, stays.berth) for stays in found]
        looks = self._looks_at(berths, window)
        visits = self.published.visits
        here = pd.MultiIndex.from_frame(visits[["port", "berth"]]).isin(berths)
        days = visits["arrival_before"].dt.date
        inside = (days >= window.start) & (days <= window.end)
        return int((here & inside).sum()), int(looks["state"].isin(USABLE).sum())

    def _pixels_of(self, port: Port) -> PortArchive:
        """The port's archive at the result's tag; as it is now where the result is partial."""
        storage = self.archive._storage
        found = PortArchive.existing(storage, port)
        if found is None:
            raise ArchiveError(f"no archive of {port.id} in {storage.url}: its pixels are gone")
        if self.tag.startswith("partial-"):
            return found
        return found.pinned(self._archive_tag)

    def _reviews(self) -> Sequence[str]:
        """What reviewers' decisions did to the numbers; nothing where there were none."""
        return use_lines(self.published.provenance.get("reviews"))

    def _facts(self) -> dict[str, object]:
        units = self.published.provenance["units"]
        table = self.published.estimates
        return {
            "tag": self.tag,
            "period": f"{self.period.start} to {self.period.end}",
            "ports": ", ".join(self.ports),
            "overpasses": f"{units['done']} of {sum(units.values())} done",
            "visits seen": int(table["visits_seen"].sum()),
            "berths": ", ".join(
                f"{p}/{b}" for p, b in zip(table["port"], table["berth"], strict=True)
            ),
            **({} if self._home.anew is None else {"anew": self._home.anew}),
            **({"reviewed": "; ".join(said)} if (said := self._reviews()) else {}),
        }

    def __repr__(self) -> str:
        return lines(f"Result of job {self.job!r}", self._facts(), self.doubts)

    def _repr_html_(self) -> str:
        hint = '.visits, .count("PORT/berth"), .draw_looks("PORT/berth"), .cite()'
        return card(f"Result of job {self.job!r}", self._facts(), self.doubts, hint)


def _rows(stays: StayDraws) -> pd.DataFrame:
    """The stays of one berth, a row each."""
    origin = pd.Timestamp(stays.origin)
    ids = np.array([*stays.visit_ids, ""], dtype=object)
    return pd.DataFrame(
        {
            "history": stays.draw,
            "port": stays.port,
            "berth": stays.berth,
            "arrival": _moments(origin, stays.arrival),
            "departure": _moments(origin, stays.departure),
            "length_m": stays.length_m,
            "visit_id": ids[stays.visit],
        }
    )


def _moments(origin: pd.Timestamp, days: NDArray[np.float64]) -> pd.DatetimeIndex:
    """Times to the second, as they are published."""
    return origin + pd.to_timedelta(np.rint(days * DAY_S), unit="s")


def _ships_at(stays: StayDraws, first: float, last: float) -> pd.DataFrame:
    """Ships at a berth over time: mean and 90 % of the histories."""
    moments: NDArray[np.float64] = np.linspace(first, last, MOMENTS)
    present = stays.present(moments)
    bounds = np.array([credible(column, 0.9) for column in present.T])
    return pd.DataFrame(
        {
            "time": pd.Timestamp(stays.origin) + pd.to_timedelta(moments, unit="D"),
            "mean": present.mean(axis=0),
            "low": bounds[:, 0],
            "high": bounds[:, 1],
        }
    )


def _left_out(looks: pd.DataFrame, wanted: pd.DataFrame, drawn: int) -> str:
    """What a strip of pictures does not show, in words."""
    hidden = looks["state"].value_counts() - wanted["state"].value_counts().reindex(
        looks["state"].unique(), fill_value=0
    )
    parts = [f"{number} {state}" for state, number in hidden.items() if number > 0]
    if len(wanted) > drawn:
        parts.append(f"{len(wanted) - drawn} later")
    return f" ({', '.join(parts)} not shown)" if parts else ""


# --- opening ------------------------------------------------------------------------------------


def open_result(source: str | PathLike[str], tag: str | None = None) -> Result:
    """A published result: the newest of a job, or the one at a tag, which never changes.

    ``source`` is a job or plan file, the folder of one result
    (``<archive>/published/<job>/<tag>``), or the folder of a job's results.

    >>> newest = bw.open_result("demo/job.yaml")
    >>> same = bw.open_result("demo/job.yaml", tag=newest.tag)
    >>> same.visits.equals(newest.visits)
    True
    >>> bw.open_result("demo/job.yaml", tag="0123")
    Traceback (most recent call last):
    ...
    jobs.errors.InputError: job 'demo' has no result '0123' in ...demo/archive; there are: ...

    InputError where nothing is published, or a file of it is missing or damaged.
    """
    place = fspath(source)
    path = Path(place)
    if "://" in place:
        return _in_bucket(place, tag)
    if path.is_dir():
        return _in_folder(path, tag)
    described = read_job(path) if is_job(path) else read_plan(path)
    return result_in(storage_at(described.archive), described.name, tag, source=place)


def result_in(storage: Storage, job: str, tag: str | None, source: str = "JOB") -> Result:
    """The newest result of a job in its archive, or the one at a tag."""
    known = storage.folders(f"published/{job}")
    if tag is None:
        folder = newest_folder(storage, job)
        if folder is None:
            raise InputError(
                f"job {job!r} has no results yet in {storage.url}: berthwatch run {source}"
            )
    elif tag not in known:
        raise InputError(
            f"job {job!r} has no result {tag!r} in {storage.url}; there are: "
            f"{', '.join(known) or 'none'}"
        )
    else:
        folder = f"published/{job}/{tag}"
    return Result(read_results(storage, folder), Home(storage))


def _in_bucket(address: str, tag: str | None) -> Result:
    root, found, rest = address.rstrip("/").partition("/published/")
    if not found:
        raise InputError(
            f"{address}: expected <archive>/published/<job> or <archive>/published/<job>/<tag>; of "
            "an archive, bw.open_archive(...).results lists them"
        )
    job, _, named = rest.partition("/")
    return result_in(storage_of(root), job, _one_tag(named, tag))


def _one_tag(named: str, tag: str | None) -> str | None:
    """The tag of an address, or the one asked for; InputError where they differ."""
    if named and tag is not None and tag != named:
        raise InputError(f"the address ends in the tag {named!r}, and tag is {tag!r}; give one")
    return named or tag


def _in_folder(folder: Path, tag: str | None) -> Result:
    """The result in a folder of one, or of a job's; with its archive where it lies in one."""
    here = folder.resolve()
    if (here / "latest.json").is_file() and here.parent.name == "published":
        return result_in(storage_of(str(here.parents[1])), here.name, tag)
    _one_tag(here.name if tag else "", tag)
    in_archive = here.parents[1].name == "published" and (here.parents[2] / "ports").is_dir()
    storage = storage_of(str(here.parents[2])) if in_archive else None
    return Result(read_published(here), Home(storage))
