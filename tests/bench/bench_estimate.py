"""How long estimates take: ten years of one port, and many ports as one Dask task each.

Run with ``pytest -m bench -s tests/bench/bench_estimate.py``; prints seconds, and asserts nothing
about them.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from scipy.optimize import nnls

from jobs.domain import EstimateSettings, Period, Port
from jobs.plan.rates import BERTH_CPU_S, LOOK_CPU_S
from jobs.visits.columns import table
from jobs.visits.estimate import estimate_port, with_estimates
from jobs.visits.schema import (
    LOOK_COLUMNS,
    REVIEW_COLUMNS,
    VESSEL_COLUMNS,
    VISIT_COLUMNS,
    PortTables,
)
from jobs.visits.series import port_series
from tests.bench.bench_costs import calibrating, scene_files
from tests.support.factories import make_port

pytestmark = pytest.mark.bench
YEARS, PORTS = 10, 12
LENGTHS_DAYS = (60, 180, 365, 3 * 365, YEARS * 365)
"""Periods whose costs tell what a berth and each look take."""
REVISIT_DAYS, USABLE = 2.5, 0.5


SENSORS = ("sentinel-2-l2a", "sentinel-1-rtc", "landsat-c2-l2")


def make_tables(
    port: Port, days: int, seed: int, sensors: tuple[str, ...] = SENSORS[:1]
) -> PortTables:
    """Looks of each sensor in turn every few days, half of them clouded, a ship a week at each
    berth; no visits table.
    """
    rng = np.random.default_rng(seed)
    start = datetime(2014, 1, 1, 2, 10, tzinfo=UTC)
    moments = [start + timedelta(days=float(d)) for d in np.arange(0.5, days, REVISIT_DAYS)]
    looks = []
    vessels = []
    for number, moment in enumerate(moments):
        sensor = sensors[number % len(sensors)]
        state = "clear" if rng.random() < USABLE else "clouded"
        for berth in port.berths:
            most = berth.capacity or 6
            seen = int(rng.binomial(most, 0.3)) if state == "clear" else 0
            point = berth.polygon.representative_point()
            looks.append(
                {
                    "port": port.id,
                    "berth": berth.id,
                    "overpass_id": f"o{number}",
                    "time": moment,
                    "sensor": sensor,
                    "platform": "sentinel-2a",
                    "clear_fraction": 1.0 if state == "clear" else 0.0,
                    "state": state,
                    "vessels": seen,
                    "imaged_fraction": 1.0,
                    "thin_cloud_fraction": 0.0,
                    "screened": True,
                    "reviewed": False,
                    "geometry": point,
                }
            )
            vessels += [
                {
                    "vessel_id": f"o{number}-{berth.id}-{n}",
                    "port": port.id,
                    "berth": berth.id,
                    "overpass_id": f"o{number}",
                    "time": moment,
                    "sensor": sensor,
                    "platform": "sentinel-2a",
                    "length_m": float(rng.normal(90, 18)),
                    "length_sd_m": 12.0,
                    "beam_m": 15.0,
                    "beam_sd_m": None,
                    "heading_deg": 0.0,
                    "score": 0.8,
                    "truncated": False,
                    "background": None,
                    "fixed": False,
                    "place_seen": None,
                    "place_looks": None,
                    "counted": True,
                    **REVIEW_COLUMNS,
                    "visit_id": "",
                    "geometry": point,
                    "footprint": berth.polygon,
                }
                for n in range(seen)
            ]
    return PortTables(
        port, table(VESSEL_COLUMNS, vessels), table(LOOK_COLUMNS, looks), table(VISIT_COLUMNS, [])
    )


def whole_port(tables: PortTables, period: Period) -> float:
    """Estimate and series of one port, as a worker makes them; its mean number of visits."""
    estimate = estimate_port(tables, period, EstimateSettings(), ())
    port_series(with_estimates(tables, estimate), estimate, period)
    return float(estimate.berths["visits"].sum())


def test_ten_years_of_one_port() -> None:
    port = make_port()
    days = 365 * YEARS
    period = Period(date(2014, 1, 1), date(2014, 1, 1) + timedelta(days=days - 1))
    short = make_tables(port, 60, 1)
    whole_port(short, Period(date(2014, 1, 1), date(2014, 3, 1)))  # compiles, where it must
    tables = make_tables(port, days, 2)
    began = time.perf_counter()
    estimate = estimate_port(tables, period, EstimateSettings(), ())
    fitted = time.perf_counter()
    port_series(with_estimates(tables, estimate), estimate, period)
    done = time.perf_counter()
    usable = int((tables.looks["state"] == "clear").sum()) // len(port.berths)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{YEARS} years of one port, {len(port.berths)} berths, {usable} usable looks each:")
    print(
        f"  estimates (1000 histories, sensitivity) {fitted - began:.1f} s, series of days, weeks"
    )
    print(f"  and months {done - fitted:.1f} s; peak memory of the process {peak_mb:.0f} MB")
    print(estimate.berths[["berth", "usable_looks", "visits", "effective_points"]].to_string())
    assert (estimate.berths["effective_points"] >= 300).all()


def test_what_a_berth_and_each_look_cost(tmp_path: Path) -> None:
    """The rates of ``jobs/plan/rates.py``, in seconds of the core that they are counted in."""
    port, first = make_port(), date(2014, 1, 1)
    whole_port(make_tables(port, 60, 1), Period(first, date(2014, 3, 1)))  # compiles, where it must
    spent: dict[tuple[int, int], float] = {}
    with calibrating(tmp_path, scene_files(tmp_path)) as measured:
        for days in LENGTHS_DAYS:
            tables = make_tables(port, days, 2)
            period = Period(first, first + timedelta(days=days - 1))
            began = time.process_time()
            whole_port(tables, period)
            spent[len(port.berths), len(tables.looks)] = time.process_time() - began
        factor = measured()
    found = berth_and_look({count: seconds / factor for count, seconds in spent.items()})
    print(f"\nthis machine takes {factor:.2f} times the rates' seconds; CPU seconds of")
    print("  a berth {:.3f}, each look at one {:.4f}".format(*found))
    for (berths, looks), seconds in spent.items():
        planned = berths * BERTH_CPU_S + looks * LOOK_CPU_S
        print(f"  {looks:6} looks: {seconds / factor:6.2f}, planned {planned:6.2f}")
    assert min(found) >= 0


def berth_and_look(spent: Mapping[tuple[int, int], float]) -> tuple[float, float]:
    """By least relative errors, from CPU seconds by the numbers of berths and of looks at them."""
    terms = np.array([np.array(count) / seconds for count, seconds in spent.items()])
    (berth, look), _ = nnls(terms, np.ones(len(terms)))
    return float(berth), float(look)


def test_what_it_costs_to_leave_out_each_sensor() -> None:
    """CPU seconds of a port-year, with the estimates without each sensor and without these."""
    port = make_port()
    period = Period(date(2014, 1, 1), date(2014, 12, 31))
    short = make_tables(port, 60, 1, SENSORS)
    whole_port(short, Period(date(2014, 1, 1), date(2014, 3, 1)))  # compiles, where it must
    print(f"\nA year of one port, {len(port.berths)} berths, CPU seconds:")
    for number in (1, 2, 3):
        tables = make_tables(port, 365, 2, SENSORS[:number])
        spent = []
        for settings in (EstimateSettings(), EstimateSettings(without_each_sensor=False)):
            began = time.process_time()
            found = estimate_port(tables, period, settings, ())
            spent.append(time.process_time() - began)
        print(f"  {number} sensors: {spent[0]:.1f}, without the comparison {spent[1]:.1f}")
        assert found.sensors["sensor"].nunique() == number


def test_many_ports_are_one_task_each() -> None:
    period = Period(date(2014, 1, 1), date(2014, 12, 31))
    ports = [make_port(id=f"PORT{n}") for n in range(PORTS)]
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        warm = make_tables(ports[0], 60, 0)
        first = Period(date(2014, 1, 1), date(2014, 3, 1))
        client.gather(
            [
                client.submit(whole_port, warm, first, pure=False, workers=[address])
                for address in client.scheduler_info()["workers"]
            ]
        )
        tables = [make_tables(port, 365, n) for n, port in enumerate(ports)]
        began = time.perf_counter()
        found = client.gather(client.map(whole_port, tables, period=period, pure=False))
        seconds = time.perf_counter() - began
    print(
        f"\n{PORTS} ports of 5 berths for a year on 2 workers: {seconds:.1f} s, "
        f"{2 * seconds / PORTS:.1f} worker-s a port; 3,669 ports would take "
        f"{3669 * 2 * seconds / PORTS / 3600:.1f} worker-hours (derived)"
    )
    assert len(found) == PORTS
    assert not pd.isna(found).any()
