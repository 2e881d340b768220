"""Bytes and seconds of the report of one port over ten years, and how it opens in a browser.

python -m tests.bench.bench_report [--years 10] [--draws 200] [--work DIR]

Tables are synthetic (`tests/support/factories.py`: every third day, two sensors, five places, one
of them a road), the pixels lie in a real archive of PICTURES looks of the size of Vostochny, which
stand in for all: each picture is read from it and rendered as any other. Estimates and tables are
made before and not timed. The page's bytes are of one run and the same in every other.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from shapely.geometry import box

from jobs.archive import PortArchive
from jobs.domain import (
    SENSORS,
    EstimateSettings,
    Grid,
    Period,
    Pixels,
    Port,
    StageName,
    UnitResult,
    UnitState,
)
from jobs.publish import report
from jobs.publish.imagery import ArchiveImagery
from jobs.publish.pictures import chips
from jobs.publish.port_map import embedded_map, whole_map
from jobs.publish.portable import one_page
from jobs.publish.publication import Publication
from jobs.publish.rendering import Rendering
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from jobs.visits.estimate import estimate_port, with_estimates
from jobs.visits.series import port_visits
from jobs.visits.tables import port_tables
from tests.support.browser import CHROMIUM, PHONE, browsing
from tests.support.factories import START, make_port, make_publication, make_records, to_wgs84
from tests.support.scenes import NOON, overpass, scene

PICTURES = 12
SENSOR = SENSORS["sentinel-2-l2a"]
HEIGHT, WIDTH = 800, 920


class StandIn:
    """Every overpass shows one of the archive's looks."""

    def __init__(self, archive: PortArchive) -> None:
        self.real = ArchiveImagery({archive.port.id: archive})
        self.names = sorted(archive.steps())

    def _name(self, overpass_id: str) -> str:
        return self.names[sum(overpass_id.encode()) % len(self.names)]

    def rgb(self, port_id: str, overpass_id: str) -> NDArray[np.uint8] | None:
        return self.real.rgb(port_id, self._name(overpass_id))

    def window(self, port_id: str, overpass_id: str, part: Grid) -> NDArray[np.uint8] | None:
        return self.real.window(port_id, self._name(overpass_id), part)

    def renderings(self, port_id: str) -> dict[str, Rendering]:
        return self.real.renderings(port_id)


def large_port() -> Port:
    port = make_port()
    grid = replace(port.grid, width=WIDTH, height=HEIGHT)
    return replace(port, grid=grid, area=to_wgs84(box(*grid.bounds)))


def an_archive(port: Port, root: Path) -> PortArchive:
    """Looks with the texture of land and water, a little different each."""
    archive = PortArchive.create_or_open(LocalFolder(root), port, np.zeros(port.grid.shape, bool))
    names = [f"look-{number:02d}" for number in range(PICTURES)]
    archive.ensure(
        [
            replace(overpass(scene({})), id=name, acquired=NOON + timedelta(days=day))
            for day, name in enumerate(names)
        ]
    )
    fork, steps = archive.fork(), archive.steps()
    for number, name in enumerate(names):
        fork.write_pixels(SENSOR.name, steps[name].index, a_look(number, port.grid))
    done = [(UnitResult(name, StageName.TILE, UnitState.DONE), "key") for name in names]
    archive.commit(done, [fork], "fill", {})
    return archive


def a_look(number: int, grid: Grid) -> Pixels:
    rng = np.random.default_rng(number)
    steady = np.random.default_rng(7).normal(size=grid.shape)
    land = gaussian_filter(steady, 40) > 0.001
    ground = 0.12 + gaussian_filter(steady, 1) * 0.12
    water = np.array([0.05, 0.04, 0.02, 0.01])[:, None, None]
    noise = rng.normal(0, 0.004, (4, *grid.shape))
    values = np.where(land, ground, water) * rng.uniform(0.8, 1.2) + noise
    quality = np.zeros(grid.shape, np.uint8)
    return Pixels(SENSOR.encoding.encode(values.astype(np.float32)), quality)


def ten_years(port: Port, imagery: StandIn, years: float, draws: int) -> Publication:
    days = round(365.25 * years)
    seen = port_tables(port, make_records(port=port, days=days, seed=1))
    period = Period(START.date(), START.date() + timedelta(days=days - 1))
    settings = EstimateSettings(draws=draws, seed=1)
    estimate = estimate_port(seen, period, settings, ())
    tables = {port.id: with_estimates(seen, estimate)}
    items = dict.fromkeys(tables[port.id].looks["overpass_id"].unique(), ("item",))
    small = make_publication(ports=[port], days=10, empty=True)
    return dataclasses.replace(
        small,
        period=period,
        tables=tables,
        estimates={port.id: estimate},
        settings=settings,
        series=port_visits(tables, {port.id: estimate}, period),
        provenance=replace(small.provenance, items=items),
        imagery=imagery,
    )


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what:58} {time.perf_counter() - start:8.2f} s", flush=True)


def measure(work: Path, years: float, draws: int) -> None:
    port = large_port()
    archive = an_archive(port, work)
    imagery = StandIn(archive)
    with timed(f"(tables and estimates of {years:g} years, not the report's)"):
        publication = ten_years(port, imagery, years, draws)
    tables = publication.tables[port.id]
    passes, visits = tables.looks["overpass_id"].nunique(), len(tables.visits)
    print(f"{passes:,} looks, {len(tables.ships):,} ships, {visits:,} visits")
    with timed("rendering of the port fixed by its looks"):
        imagery.renderings(port.id)
    with timed("map"):
        found = embedded_map(tables, imagery, report.MAP_BYTES)
    assert found is not None
    size = sum(len(layer.href) for shown in found.looks for layer in shown.layers)
    print(f"  {len(found.looks)} of {found.clear_looks} clear looks, {size / 1e6:.2f} MB")
    with timed("chips"):
        chips(tables, imagery, report.MAX_CHIPS)
    with timed("the whole page"):
        page = report.render(publication)
    print(f"  {len(page.encode()) / 1e6:.2f} MB")
    storage = LocalFolder(work / "results")
    with timed("publishing: page, tables, series"):
        folder = publish(publication, storage)
    with timed("report -o FILE"):
        alone = one_page(storage, folder)
    print(f"  {len(alone) / 1e6:.2f} MB")
    files: list[int] = []

    def place(overpass_id: str, layer: str, file: bytes) -> str:
        files.append(len(file))
        return f"pictures/{overpass_id}.jpg"

    with timed("pictures of every clear look, as for report -o FOLDER/"):
        whole = whole_map(tables, imagery, place, found.shown.look.overpass_id)
    assert whole is not None
    print(f"  {len(files)} pictures, {sum(files) / 1e6:.0f} MB")
    if CHROMIUM:
        (work / "page.html").write_bytes(alone)
        browse(work / "page.html")


def browse(page: Path) -> None:
    for name, screen in (("desktop", (1280, 900)), ("phone", PHONE)):
        start = time.perf_counter()
        with browsing(page.as_uri(), screen) as browsed:
            browsed.page.wait_for_selector("figure.map.live")
            opened = time.perf_counter() - start
            timing = browsed.page.evaluate(
                "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
            )
            change = browsed.page.evaluate(
                """async () => {
                    const choice = document.querySelector(".map-choice");
                    const start = performance.now();
                    choice.value = "0";
                    choice.dispatchEvent(new Event("change"));
                    await document.querySelector(".map-layers image").decode?.();
                    await new Promise(requestAnimationFrame);
                    await new Promise(requestAnimationFrame);
                    return performance.now() - start;
                }"""
            )
            elements = browsed.page.evaluate("document.querySelectorAll('*').length")
            browsed.check()
        print(
            f"{name}: ready after {timing:.0f} ms ({opened:.1f} s with the browser's start), "
            f"another look after {change:.0f} ms, {elements:,} elements, no error"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--years", type=float, default=10)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    work = (asked.work or Path(tempfile.mkdtemp(prefix="berthwatch-report-"))).absolute()
    try:
        measure(work, asked.years, asked.draws)
    finally:
        if asked.work is None:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
