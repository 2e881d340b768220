"""A valid STAC archive of synthetic port scenes, with the truth it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.domain import bundled_ports, load_port, port_geojson
from jobs.errors import InputError
from jobs.simulate.catalog import write_catalog
from jobs.simulate.layouts import lay_out
from jobs.simulate.moorings import Harbour, harbour
from jobs.simulate.passes import Pass, passes
from jobs.simulate.products import PRODUCTS, RADAR_TITLES, Product
from jobs.simulate.radar.port_images import image_by_radar
from jobs.simulate.scenery import Scenery, draw_scenery
from jobs.simulate.settings import SimulationConfig, rng_for
from jobs.simulate.shot import Shot
from jobs.simulate.traffic import Stay, poses, schedule, under_way
from jobs.simulate.truth import (
    LabelRow,
    VesselRow,
    label_rows,
    vessel_rows,
    visit_rows,
    write_labels,
    write_truth,
)
from jobs.simulate.weather import classify, draw_weather, view


@dataclass(frozen=True)
class SimulationSummary:
    """Paths and counts of a simulation that was written."""

    catalog: Path
    job: Path
    """A job file for the catalog."""
    ports: int
    overpasses: int
    items: int
    visits: int
    vessels: int
    """Ships summed over all passes, visible or not."""
    size_bytes: int
    """Of the image files."""


@dataclass(frozen=True)
class _PassOutput:
    """Items written for one pass, and their rows of truth and labels."""

    items: tuple[dict[str, Any], ...]
    vessels: tuple[VesselRow, ...]
    labels: tuple[LabelRow, ...]


def simulate_archive(
    config: SimulationConfig, out: Path, progress: Callable[[str], None]
) -> SimulationSummary:
    """Write catalog, images, truth, labels and job file to a folder.

    Equal configs give equal bytes. ``progress`` is called with a line of text per pass. Raises
    InputError when the folder already has a catalog or a port is unknown.
    """
    if (out / "catalog.json").exists():
        raise InputError(f"{out} already holds a catalog.json; give a new folder or remove it")
    harbours, stays = _populate(config)
    outputs: list[_PassOutput] = []
    for index, each in enumerate(harbours):
        progress(f"{each.port.id}: drawing the port")
        scenery = draw_scenery(each, config.seed)
        if config.optical is not None:
            product = PRODUCTS[config.optical]
            found = _image_port(config, product, index, each, scenery, stays, out, progress)
            write_labels(out, each.port.id, [row for part in found for row in part.labels])
            outputs.extend(found)
        if config.radar:
            looks = image_by_radar(config, each, scenery, stays, out, progress)
            outputs.extend(_PassOutput((item,), tuple(rows), ()) for item, rows in looks)
    return _finish(config, harbours, stays, outputs, out)


def _populate(config: SimulationConfig) -> tuple[list[Harbour], tuple[Stay, ...]]:
    """The harbours to image and all stays in them."""
    if config.harbours:
        drawn = [lay_out(config, number) for number in range(config.harbours)]
        return [each for each, _ in drawn], tuple(stay for _, stays in drawn for stay in stays)
    ports = [load_port(reference) for reference in config.ports]
    for place, each in enumerate(ports):
        if each.id in {other.id for other in ports[:place]}:
            raise InputError(f"port {each.id} is given twice; expected each port once")
    harbours = [harbour(each, config.margin_m) for each in ports]
    return harbours, schedule(config, harbours)


def _image_port(
    config: SimulationConfig,
    product: Product,
    index: int,
    where: Harbour,
    scenery: Scenery,
    stays: tuple[Stay, ...],
    out: Path,
    progress: Callable[[str], None],
) -> list[_PassOutput]:
    (out / product.collection).mkdir(parents=True, exist_ok=True)
    outputs = []
    for each in passes(config, where):
        outputs.append(_image_pass(config, product, index, where, scenery, stays, each, out))
        cover = outputs[-1].items[0]["properties"]["eo:cloud_cover"]
        progress(f"{where.port.id}: {each.moment:%Y-%m-%d %H:%M} UTC, {cover:.0f} % cloud")
    return outputs


def _image_pass(
    config: SimulationConfig,
    product: Product,
    index: int,
    where: Harbour,
    scenery: Scenery,
    stays: tuple[Stay, ...],
    each: Pass,
    out: Path,
) -> _PassOutput:
    """Draw ships and weather of one pass, render them, and write the image as tiles."""
    port, grid = where.port.id, where.window
    rng = rng_for(config.seed, "pass", port, each.number)
    weather = draw_weather(rng, config.cloud_share, float(rng.uniform(0, 360)))
    ships = poses(stays, port, each.moment, weather.wind_deg)
    ships += under_way(f"passing-{port}-{each.number}", where, scenery.coast_m, ships, rng)
    seen = view(scenery, grid, weather, ships, each.moment, rng)
    scl = classify(seen, scenery)
    # the first port's pass comes as two tiles; a random harbour's as one
    tiles = product.tiles(config, index + bool(config.harbours), where, each)
    folder = out / product.collection
    shot = Shot(config.seed, where, weather, tuple(ships), each.moment, seen, scl)
    items = tuple(product.write_item(folder, port, tile, shot) for tile in tiles)
    current = tiles[:2]  # a superseded product shows the same as its successor
    labels = (row for tile in current for row in label_rows(port, grid, tile, ships, seen))
    return _PassOutput(
        items,
        tuple(
            vessel_rows(port, each, product.platform(each.satellite), grid, current, ships, seen)
        ),
        tuple(labels),
    )


def _finish(
    config: SimulationConfig,
    harbours: list[Harbour],
    stays: tuple[Stay, ...],
    outputs: list[_PassOutput],
    out: Path,
) -> SimulationSummary:
    items = [item for part in outputs for item in part.items]
    vessels = [row for part in outputs for row in part.vessels]
    write_truth(out, visit_rows(stays), vessels)
    titles = _titles(config)
    job = _write_job(config, harbours, list(titles), out)
    return SimulationSummary(
        catalog=write_catalog(out, titles, items, config.seed),  # last: it says that all is there
        job=job,
        ports=len(harbours),
        overpasses=len(outputs),
        items=len(items),
        visits=len(stays),
        vessels=len(vessels),
        size_bytes=sum(a["file:size"] for item in items for a in item["assets"].values()),
    )


def _titles(config: SimulationConfig) -> dict[str, str]:
    """Titles of the collections, by id."""
    product = None if config.optical is None else PRODUCTS[config.optical]
    found: dict[str, str] = {} if product is None else {product.collection: product.title}
    if config.radar:
        found = {**found, config.radar_product: RADAR_TITLES[config.radar_product]}
    return found


def _write_job(
    config: SimulationConfig, harbours: list[Harbour], collections: list[str], out: Path
) -> Path:
    """A job file beside the catalog; ports that are not bundled are copied next to it."""
    ports = ", ".join(_job_port(each, out) for each in harbours)
    path = out / "job.yaml"
    path.write_text(
        "name: demo\n"
        f"ports: [{ports}]\n"
        f"period: {{start: {config.period.start}, end: {config.period.end}}}\n"
        "sources:\n"
        + "".join(f"  - {{catalog: catalog.json, collection: {name}}}\n" for name in collections)
        + "archive: archive\n",
        encoding="utf-8",
    )
    return path


def _job_port(each: Harbour, out: Path) -> str:
    if each.port.id in bundled_ports():
        return each.port.id
    file = f"{each.port.id}.geojson"
    (out / file).write_text(json.dumps(port_geojson(each.port)) + "\n", encoding="utf-8")
    return f"{{id: {each.port.id}, file: {file}}}"
