"""Time and accuracy of the AIS functions: reading, visits and matching, and hidden messages.

Prints rows per second of reading (a real hour, and made-up rows in the Danish layout), the visits
of the Galveston hour, how far hidden messages of its ships lie from where they are put, what
becomes of vessels whose ship falls silent, and the time of visits, gaps, matches on 5 million rows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from shapely.geometry import Point, box

from jobs.ais import Window, ais_gaps, ais_visits, match_ais, read_ais
from jobs.ais.geodesy import DEGREE_M, offsets_m
from jobs.ais.hulls import with_hulls
from jobs.ais.schema import AIS_COLUMNS
from jobs.ais.tracks import DriftSettings, Fixes, fixes_at, tracks_of
from jobs.domain import Berth, BerthKind, Port
from jobs.domain.geometry import local_grid
from jobs.visits.columns import table
from jobs.visits.schema import REVIEW_COLUMNS, VESSEL_COLUMNS

pytestmark = pytest.mark.bench

HOUR_FILE = "marinecadastre_galveston_20220103.csv.gz"
GALVESTON = (-94.795, 29.31)
SHIPS, MESSAGES = 500, 10_000
OVERPASSES, VESSELS = 200, 20
DANISH_ROWS = 1_000_000


@pytest.fixture
def hour(shared: Path) -> pd.DataFrame:
    return read_ais([shared / "ais" / HOUR_FILE])[0]


def harbour(lon: float, lat: float) -> Port:
    """Four berths and an anchorage around a place."""
    kinds = [BerthKind.OIL_TERMINAL] * 4 + [BerthKind.ANCHORAGE]
    berths = tuple(
        Berth(f"b{i}", f"B{i}", kind, None, box(lon + 0.01 * i, lat, lon + 0.01 * i + s, lat + s))
        for i, (kind, s) in enumerate(zip(kinds, (0.003,) * 4 + (0.02,), strict=True))
    )
    area = box(lon - 0.05, lat - 0.05, lon + 0.1, lat + 0.07)
    return Port("XXGAL", "Harbour", "XX", area, berths, local_grid(area))


# --- reading ------------------------------------------------------------------------------------


def test_reading(shared: Path) -> None:
    start = perf_counter()
    _, summary = read_ais([shared / "ais" / HOUR_FILE])
    seconds = perf_counter() - start
    print(f"\nGalveston: {summary.rows} rows in {seconds:.2f} s; {summary}")
    with tempfile.TemporaryDirectory() as folder:
        path = danish_day(Path(folder))
        for name, window in (("all", None), ("a port of it", Window(12.5, 55.6, 12.8, 55.8))):
            start = perf_counter()
            frame, summary = read_ais([path], window)
            rate = summary.rows / (perf_counter() - start)
            megabytes = frame.memory_usage(deep=True).sum() / 1e6
            print(f"Danish, {name}: {rate:,.0f} rows/s, {summary.kept} kept, {megabytes:.0f} MB")


def danish_day(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    number = rng.integers(0, 3000, DANISH_ROWS)
    second = np.sort(rng.integers(0, 86_400, DANISH_ROWS))
    frame = pd.DataFrame(
        {
            "# Timestamp": (pd.Timestamp("2024-03-04") + pd.to_timedelta(second, "s")).strftime(
                "%d/%m/%Y %H:%M:%S"
            ),
            "Type of mobile": "Class A",
            "MMSI": 219_000_000 + number,
            "Latitude": np.round(54 + rng.random(DANISH_ROWS) * 4, 6),
            "Longitude": np.round(8 + rng.random(DANISH_ROWS) * 7, 6),
            "Navigational status": "Under way using engine",
            "SOG": 9.5,
            "COG": 120.1,
            "Heading": 121,
            "IMO": "9792395",
            "Callsign": "OXAB",
            "Name": pd.Series(number).map("SHIP {}".format),
            "Ship type": "Tanker",
            "Width": 20,
            "Length": 120,
            "Draught": 7.1,
            "Destination": "KOEGE",
            "Data source type": "AIS",
            "A": 100,
            "B": 20,
        }
    )
    path = folder / "aisdk.csv"
    frame.to_csv(path, index=False)
    return path


# --- what the hour holds ------------------------------------------------------------------------


def test_the_galveston_hour(hour: pd.DataFrame) -> None:
    span = f"{hour['time'].min():%H:%M:%S} to {hour['time'].max():%H:%M:%S}"
    print(f"\n{len(hour)} messages of {hour['mmsi'].nunique()} ships, {span}")
    print(hour.drop_duplicates("mmsi")["ship_type"].value_counts().head(6).to_string())
    found = ais_visits(hour, harbour(*GALVESTON))
    confidence = found.visits["confidence"].value_counts().sort_index().to_dict()
    print(f"Galveston harbour: {len(found.visits)} visits, by confidence {confidence}; ")
    print(f"{len(found.stays)} stays; {len(ais_gaps(hour, 0.1))} silences of 6 minutes and more")


def test_hidden_messages(hour: pd.DataFrame) -> None:
    """Share of true places within the model's radius of 50 and 95 %, after hiding messages."""
    print("\nhidden min  ships      n  median m   95 % m  in 50 %  in 95 %")
    for hidden_min in (1, 3, 6, 10):
        error_m, sd_m, speed_ms = hidden_errors(hour, hidden_min)
        for name, chosen in (("still", speed_ms < 0.15), ("moving", speed_ms >= 0.15)):
            z2 = (error_m[chosen] / np.hypot(sd_m[chosen], 10.0)) ** 2
            inside = 1 - (1 + z2 / 2) ** -1  # distribution of a bivariate t with two degrees
            median_m, high_m = np.percentile(error_m[chosen], [50, 95])
            print(
                f"{hidden_min:10d}  {name:6s} {chosen.sum():5d} {median_m:9.0f} {high_m:8.0f} "
                f"{(inside < 0.5).mean():8.2f} {(inside < 0.95).mean():8.2f}"
            )


def hidden_errors(
    hour: pd.DataFrame, hidden_min: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    parts = []
    for second in range(600, 900, 60):
        moment = hour["time"].min() + pd.Timedelta(second, "s")
        away = (hour["time"] - moment).abs() > pd.Timedelta(hidden_min, "min")
        kept = hour[away].reset_index(drop=True)
        truth = placed(hour, fixes_at(tracks_of(hour), moment, DriftSettings()))
        guess = placed(kept, fixes_at(tracks_of(kept), moment, DriftSettings()))
        parts.append(guess.merge(truth[truth["nearest_s"] < 15], on="mmsi", suffixes=("", "_true")))
    both = pd.concat(parts)
    east_m, north_m = offsets_m(both["lon"], both["lat"], both["lon_true"], both["lat_true"])
    return np.hypot(east_m, north_m), both["sd_m"].to_numpy(), both["speed_ms"].to_numpy()


def placed(positions: pd.DataFrame, fixes: Fixes) -> pd.DataFrame:
    positions = with_hulls(positions)
    names = ("lon", "lat", "sd_m", "speed_ms", "nearest_s")
    columns = {name: getattr(fixes, name) for name in names}
    return pd.DataFrame({"mmsi": positions["mmsi"].to_numpy()[fixes.row], **columns})


def test_ships_that_fall_silent(hour: pd.DataFrame) -> None:
    """Tiers of vessels drawn from real ships, with their own AIS and without it."""
    moment = hour["time"].min() + pd.Timedelta(10, "min")
    there = hour[(hour["time"] - moment).abs() < pd.Timedelta(30, "s")]
    there = there.dropna(subset=["length_m", "heading_deg"]).drop_duplicates("mmsi")
    there = there[there["length_m"] >= 60]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1.5e-4, (2, len(there)))
    vessels = vessel_table(
        there["lon"].to_numpy() + noise[0],
        there["lat"].to_numpy() + noise[1],
        [moment] * len(there),
        there["length_m"].to_numpy() + rng.normal(0, 12, len(there)),
        (there["heading_deg"].to_numpy() + rng.normal(0, 8, len(there))) % 180,
    )
    silent = hour[~hour["mmsi"].isin(there["mmsi"])].reset_index(drop=True)
    for name, received in (("own ship received", hour), ("own ship silent", silent)):
        tiers = match_ais(vessels, received)["tier"].value_counts().to_dict()
        print(f"\n{len(there)} ships of 60 m and more, {name}: {tiers}", end="")
    print()


# --- five million rows --------------------------------------------------------------------------


def test_five_million_rows() -> None:
    messages = traffic()
    print(f"\n{len(messages):,} messages of {messages['mmsi'].nunique()} ships")
    port = harbour(12.0, 55.0)
    start = perf_counter()
    found = ais_visits(messages, port)
    print(
        f"visits: {perf_counter() - start:.1f} s, {len(found.visits)} and {len(found.stays)} stays"
    )
    start = perf_counter()
    gaps = ais_gaps(messages)
    print(f"gaps: {perf_counter() - start:.1f} s, {len(gaps)}")
    rng = np.random.default_rng(1)
    count = OVERPASSES * VESSELS
    days = np.repeat(np.sort(rng.uniform(1, 340, OVERPASSES)), VESSELS)
    vessels = vessel_table(
        rng.uniform(12.0, 12.06, count),
        rng.uniform(55.0, 55.02, count),
        list(messages["time"].min() + pd.to_timedelta(np.round(days * 86_400), "s")),
        rng.uniform(40, 200, count),
        rng.uniform(0, 180, count),
    )
    start = perf_counter()
    tiers = match_ais(vessels, messages)["tier"].value_counts().to_dict()
    print(f"match: {perf_counter() - start:.1f} s, {OVERPASSES} overpasses, {tiers}")


def traffic() -> pd.DataFrame:
    """Ships that come, lie and leave all year, with a message every fifty minutes."""
    rng = np.random.default_rng(0)
    phase = np.arange(MESSAGES) / MESSAGES * 80 * np.pi + rng.uniform(0, 6, (SHIPS, 1))
    away = np.maximum(np.sin(phase), 0)  # half of the time at a berth
    berth = rng.uniform(0, 0.05, (SHIPS, 1))
    minutes = np.arange(MESSAGES) * 50 + rng.uniform(0, 20, (SHIPS, MESSAGES))
    start = pd.Timestamp("2024-01-01", tz="UTC")
    columns = {
        "mmsi": np.repeat(219_000_000 + np.arange(SHIPS), MESSAGES),
        "mmsi_valid": True,
        "time": start + pd.to_timedelta(np.round(minutes.ravel() * 60), "s"),
        "lon": (12.0 + berth + away * 0.3).ravel(),
        "lat": np.broadcast_to(55.001, away.shape).ravel(),
        "sog_kn": (away > 0).ravel() * 2.0,
        "length_m": np.repeat(rng.uniform(60, 200, SHIPS), MESSAGES),
    }
    frame = pd.DataFrame(columns).reindex(columns=list(AIS_COLUMNS)).astype(AIS_COLUMNS)
    return frame.sort_values(["mmsi", "time"], ignore_index=True)


def vessel_table(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    times: list[pd.Timestamp],
    length_m: NDArray[np.float64],
    heading_deg: NDArray[np.float64],
) -> gpd.GeoDataFrame:
    step = 10 / DEGREE_M
    return table(
        VESSEL_COLUMNS,
        [
            {
                "vessel_id": f"v{i}",
                "port": "XXGAL",
                "berth": "",
                "overpass_id": f"o{time}",
                "time": time,
                "sensor": "sentinel-2-l2a",
                "platform": "sentinel-2a",
                "length_m": length_m[i],
                "length_sd_m": 12.0,
                "beam_m": 20.0,
                "beam_sd_m": None,
                "heading_deg": heading_deg[i],
                "score": 0.9,
                "truncated": False,
                "background": None,
                "fixed": False,
                "place_seen": None,
                "place_looks": None,
                "counted": True,
                **REVIEW_COLUMNS,
                "visit_id": "",
                "geometry": Point(lon[i], lat[i]),
                "footprint": box(lon[i] - step, lat[i] - step, lon[i] + step, lat[i] + step),
            }
            for i, time in enumerate(times)
        ],
    )
