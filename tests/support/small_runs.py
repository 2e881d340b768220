"""Runs over a handful of tiny overpasses, and digests of what they leave in the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import zarr
from distributed import Client

from jobs.archive.pool import Archives
from jobs.domain import Overpass, Period
from jobs.plan import Plan
from jobs.run.backlog import RunOptions
from jobs.run.events import Event
from jobs.run.execute import run_units
from jobs.run.settings import settings_for
from jobs.run.summary import Summary
from jobs.storage import Storage, storage_at
from tests.support.scenes import NOON, noise, overpass, scene, small_port, write_band

BANDS = ("blue", "green", "red", "nir")


def one_pass(folder: Path, day: int, port: str = "TESTP", file: str | None = None) -> Overpass:
    """One overpass of one scene, its file written where it is missing."""
    name = file or f"{day}"
    source = write_band(folder / f"{name}.tif", noise(seed=day) // 20 + 1200)
    found = overpass(scene(dict.fromkeys(BANDS, source), id=f"item-{name}"))
    acquired = NOON + timedelta(days=day)
    return replace(found, id=f"{port}-{day:03d}", port=port, acquired=acquired)


def a_plan(folder: Path, *days: int, ports: tuple[str, ...] = ("TESTP",)) -> Plan:
    """A plan with an overpass of every port on every day; ports share the day's scene."""
    return Plan(
        name="test",
        period=Period(date(2024, 5, 1), date(2024, 5, 31)),
        archive=str(folder / "archive"),
        model=None,
        sources=(),
        ports=tuple(small_port(id=port) for port in ports),
        overpasses=tuple(one_pass(folder, day, port) for port in ports for day in days),
    )


def elsewhere(plan: Plan, name: str) -> Plan:
    """The same plan with another archive beside."""
    return replace(plan, archive=str(Path(plan.archive).with_name(name)))


def root_of(plan: Plan) -> Storage:
    return storage_at(plan.archive)


def go(
    plan: Plan,
    client: Client,
    options: RunOptions = RunOptions(),  # noqa: B008 - a frozen value
    observe: Callable[[Event], None] = lambda event: None,
) -> tuple[Summary, list[Event], Archives]:
    """One run of the plan with whoever is at the client's other end."""
    opened = Archives(plan.ports, root_of(plan))
    events: list[Event] = []

    def both(event: Event) -> None:
        events.append(event)
        observe(event)

    settings = settings_for(plan)
    return run_units(plan, opened, settings, options, client, both), events, opened


def content(plan: Plan, tag: str | None = None) -> dict[str, str]:
    """Digest of every array in the plan's archives, by port and path: equal for equal content."""
    found = {}
    for port_id, archive in Archives(plan.ports, root_of(plan)).items():
        root = zarr.open_group(archive.store(tag), mode="r")
        for path, each in root.members(max_depth=None):
            if isinstance(each, zarr.Array):
                values = np.asarray(each[...])
                text = values.dtype.kind in "OT"
                data = repr(values.tolist()).encode() if text else values.tobytes()
                found[f"{port_id}/{path}"] = hashlib.sha256(data).hexdigest()
    return found
