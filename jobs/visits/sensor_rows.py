"""Rows of the table of sensors: what each saw at each berth, its recall, and its contribution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from jobs.domain import BerthKind, EstimateSettings
from jobs.visits.berth_models import PlacePosterior
from jobs.visits.cargo import StayVolumes, barrels_in
from jobs.visits.estimate_rows import Row, mean_and_interval, period_edges
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.pairs import BOTH, FIRST, SECOND
from jobs.visits.schema import PortTables
from jobs.visits.sensor_recall import prior_recall
from jobs.visits.without_sensor import WithoutSensor, sensors_at


def sensor_rows(
    tables: PortTables,
    found: Sequence[PlacePosterior],
    volumes: Sequence[StayVolumes],
    without: Sequence[WithoutSensor],
    settings: EstimateSettings,
) -> Iterator[Row]:
    """Rows of SENSOR_COLUMNS: every sensor with usable looks at a berth, by berth in the port's
    order, then those of all berths but anchorages together, where several sensors looked.

    found: of the berths in the port's order, by all sensors; volumes of these.
    """
    others = {each.sensor: each for each in without}
    for number, (berth, one) in enumerate(zip(tables.port.berths, found, strict=True)):
        together = _numbers("", [one.draws], volumes)
        for index, sensor in enumerate(sensors_at(one.fit)):
            apart = others.get(sensor)
            yield {
                "port": tables.port.id,
                "berth": berth.id,
                "sensor": sensor,
                "usable_looks": _looks_of(one, sensor),
                **_visits_seen(tables, [berth.id], sensor),
                **_beside_others(tables.pairs, [berth.id], sensor),
                **mean_and_interval("recall", one.recall[:, index]),
                **mean_and_interval("recall_prior", prior_recall(one.fit, settings.seed)[:, index]),
                **together,
                **_without(apart, [number]),
                "geometry": berth.polygon.representative_point(),
            }
    quays = [
        number
        for number, berth in enumerate(tables.port.berths)
        if berth.kind is not BerthKind.ANCHORAGE
    ]
    if not quays:
        return
    names = [tables.port.berths[number].id for number in quays]
    together = _numbers("", [found[number].draws for number in quays], volumes)
    for apart in without:
        yield {
            "port": tables.port.id,
            "berth": "",
            "sensor": apart.sensor,
            "usable_looks": sum(_looks_of(found[number], apart.sensor) for number in quays),
            **_visits_seen(tables, names, apart.sensor),
            **_beside_others(tables.pairs, names, apart.sensor),
            **_unknown("recall"),
            **_unknown("recall_prior"),
            **together,
            **_without(apart, quays),
            "geometry": tables.port.area.representative_point(),
        }


def _without(apart: WithoutSensor | None, numbers: Sequence[int]) -> Row:
    """The numbers of some berths as they are without the sensor."""
    if apart is None:
        names = ("visits_without", "occupancy_without", "barrels_without")
        unknown = {key: value for name in names for key, value in _unknown(name).items()}
        return unknown | {"effective_points_without": np.nan}
    berths = [apart.berths[number] for number in numbers]
    least = min(one.fit.sampled.effective for one in berths)
    return {
        **_numbers("_without", [one.draws for one in berths], apart.volumes),
        "effective_points_without": least,
    }


def _numbers(suffix: str, stays: Sequence[StayDraws], volumes: Iterable[StayVolumes]) -> Row:
    """Visits, ships there and barrels of the whole period, of some berths together."""
    whole = [0.0, stays[0].end]
    visits = np.sum([one.arrivals(whole)[:, 0] for one in stays], axis=0)
    ships = np.sum([one.occupied_days(whole)[:, 0] for one in stays], axis=0) / stays[0].end
    here = {one.berth for one in stays}
    carried = [each for each in volumes if each.stays.berth in here]
    barrels = _unknown(f"barrels{suffix}")
    if carried:
        total = barrels_in(carried, period_edges(stays[0]))[:, 0]
        barrels = mean_and_interval(f"barrels{suffix}", total)
    return {
        **mean_and_interval(f"visits{suffix}", visits),
        **mean_and_interval(f"occupancy{suffix}", ships),
        **barrels,
    }


def _unknown(name: str) -> Row:
    return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)


def _looks_of(found: PlacePosterior, sensor: str) -> int:
    sensors = sensors_at(found.fit)
    if sensor not in sensors:
        return 0
    return int((found.fit.panel.detector == sensors.index(sensor)).sum())


def _visits_seen(tables: PortTables, berths: Sequence[str], sensor: str) -> Row:
    """Seen visits of which the sensor had a sighting, and those that no other sensor saw."""
    looks = tables.looks
    sensor_of = dict(zip(looks["overpass_id"], looks["sensor"], strict=True))
    here = tables.visits.loc[tables.visits["berth"].isin(berths), "overpass_ids"]
    seen_by = [{sensor_of[name] for name in names.split(" ")} for names in here]
    return {
        "visits_seen": sum(sensor in seen for seen in seen_by),
        "visits_seen_alone": sum(seen == {sensor} for seen in seen_by),
    }


def _beside_others(pairs: pd.DataFrame, berths: Sequence[str], sensor: str) -> Row:
    """Reports of other sensors minutes from clear looks of this one, and how many it made too."""
    here = pairs[pairs["berth"].isin(berths) & pairs["both_clear"]]
    both = here["seen"] == BOTH
    reported = np.zeros(len(here), bool)
    for own, other in ((FIRST, SECOND), (SECOND, FIRST)):
        mine = here[f"{own}_sensor"] == sensor
        reported |= (mine & (both | (here["seen"] == other))).to_numpy(bool)
    return {
        "others_reports": int(reported.sum()),
        "found_of_these": int((reported & both.to_numpy(bool)).sum()),
    }
