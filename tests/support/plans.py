"""Valid scenes of a synthetic port, and plans of them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from jobs.catalog.query import Rejected
from jobs.domain import (
    Access,
    Berth,
    BerthKind,
    Dwell,
    EstimateSettings,
    Overpass,
    Period,
    Port,
    Scene,
    Source,
    Superseded,
)
from jobs.domain.geometry import local_grid
from jobs.domain.job import SourceSpec
from jobs.plan import Plan
from jobs.plan.grouping import group_overpasses

TIME = datetime(2024, 3, 7, 2, 10, 5, tzinfo=UTC)
AREA = box(132.95, 42.70, 133.10, 42.80)
BERTH = Berth("oil", "Oil berth", BerthKind.OIL_TERMINAL, 1, box(133.0, 42.74, 133.01, 42.75))
PORT = Port("RUVYP", "Vostochny", "RU", AREA, (BERTH,), local_grid(AREA), locode="RUVYP")
ZONE = PORT.grid.epsg
TILE = (10.0, 0.0, 300000.0, 0.0, -10.0, 4800000.0)
"""A tile of Sentinel-2's size that holds the port."""
NEIGHBOUR = (10.0, 0.0, 800000.0, 0.0, -10.0, 4800000.0)
"""The same in the zone to the west, 32652."""


def source(href: str = "/d/b.tif", **change: Any) -> Source:
    made = Source(href, 1, ZONE, TILE, (10980, 10980), 1e-4, -0.1, 0.0)
    return dataclasses.replace(made, **change)


def scene(item_id: str = "a", seconds: float = 0.0, **change: Any) -> Scene:
    """A valid scene of the port; ``grid`` changes every band, the rest changes the scene."""
    grid: dict[str, Any] = change.pop("grid", {})
    bands = ("blue", "green", "red", "nir")
    acquired = TIME + timedelta(seconds=seconds)
    made = Scene(
        item_id=item_id,
        collection="sentinel-2-c1-l2a",
        catalog="https://earth.example/v1",
        sensor="sentinel-2-l2a",
        platform="sentinel-2a",
        acquired=acquired,
        bands={band: source(f"/d/{item_id}/{band}.tif", **grid) for band in bands},
        facts={
            "processing_baseline": "05.10",
            "generated": "2024-03-07T05:00:00+00:00",
            "sensing_start": acquired.isoformat(timespec="seconds"),
            **change.pop("facts", {}),
        },
    )
    return dataclasses.replace(made, **change)


def make(*scenes: Scene, **change: Any) -> Plan:
    made = Plan(
        name="job",
        period=Period(date(2024, 3, 1), date(2024, 11, 30)),
        archive="/out",
        model=None,
        sources=(SourceSpec("https://earth.example/v1", "sentinel-2-c1-l2a", None, 80.0),),
        ports=(PORT,),
        overpasses=group_overpasses(PORT, scenes),
    )
    return dataclasses.replace(made, **change)


def full_plan() -> Plan:
    anchorage = Berth(
        "roads", "Roads", BerthKind.ANCHORAGE, None, box(132.96, 42.71, 132.98, 42.73)
    )
    port = dataclasses.replace(PORT, berths=(BERTH, anchorage), approximate=True)
    bare = dataclasses.replace(PORT, id="KPCHO", berths=(), locode=None)
    rejected = Rejected("broken", "https://earth.example/v1", "sentinel-2-c1-l2a", "no red band")
    scenes = [
        scene("a", geometry=AREA, mask=source("/d/scl.tif")),
        scene("b", 86400.25),
        scene("a2"),
    ]
    return make(*scenes, ports=(port, bare), rejected=(rejected,), model="/w.safetensors")


ESTIMATES = EstimateSettings(dwell=Dwell(1.7, 1.0, 3.0, "AIS"), draws=300, cargo="/entries.csv")


finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=12)
moments = st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
sources = st.builds(
    Source,
    href=words,
    index=st.integers(1, 9),
    epsg=st.sampled_from([ZONE, 3857]),
    transform=st.tuples(*[finite] * 6),
    shape=st.tuples(st.integers(1, 20000), st.integers(1, 20000)),
    scale=finite,
    offset=finite,
    nodata=st.none() | finite,
    checksum=st.none() | words,
    size_bytes=st.none() | st.integers(0, 2**60),
)
ring = [(0.1, 0.2), (1 / 3, 0.2), (1 / 3, 7.7), (0.1, 0.2)]
hole = [(0.2, 0.3), (0.21, 0.3), (0.21, 0.4), (0.2, 0.3)]
scenes = st.builds(
    Scene,
    item_id=words,
    collection=words,
    catalog=words,
    sensor=st.sampled_from(["sentinel-2-l2a", "sentinel-2-visual"]),
    platform=words,
    acquired=moments,
    bands=st.dictionaries(words, sources, max_size=3),
    mask=st.none() | sources,
    cloud_cover=st.none() | finite,
    geometry=st.sampled_from([None, Polygon(ring), Polygon(ring, [hole])]),
    facts=st.dictionaries(words, words, max_size=3),
    access=st.none() | st.sampled_from(Access),
)
overpasses = st.builds(
    Overpass,
    id=words,
    port=words,
    sensor=st.sampled_from(["sentinel-2-l2a", "sentinel-2-visual"]),
    platform=words,
    acquired=moments,
    scenes=st.lists(scenes, max_size=3).map(tuple),
    superseded=st.lists(st.builds(Superseded, words, words, words), max_size=2).map(tuple),
)


def of_two_sensors() -> Plan:
    """Two overpasses of Sentinel-2 and one of a radar."""
    plan = make(*(scene(str(day), day * 86400.0) for day in range(3)))
    *optical, last = plan.overpasses
    (one,) = last.scenes
    bands = dict(zip(("vv", "vh"), one.bands.values(), strict=False))
    radar = dataclasses.replace(one, sensor="sentinel-1-rtc", bands=bands, mask=None)
    passes = (*optical, dataclasses.replace(last, sensor="sentinel-1-rtc", scenes=(radar,)))
    return dataclasses.replace(plan, overpasses=passes)
