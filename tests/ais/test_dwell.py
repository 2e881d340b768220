"""The mean stay of ships with AIS, and what a job file may say of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from jobs.ais import AisVisits, dwell_lines
from jobs.ais.dwell import dwell_table
from jobs.ais.schema import AIS_STAY_COLUMNS, AIS_VISIT_COLUMNS
from jobs.domain import estimate_settings
from jobs.visits import frame, typed
from tests.support.factories import make_port

PORT = make_port()
BERTH = PORT.berths[0].id
START = pd.Timestamp("2024-01-01T00:00Z")


def heard(
    days: np.ndarray,
    *,
    ships: int = 6,
    length_m: float = 90.0,
    record: float = 400.0,
    seed: int = 0,
) -> AisVisits:
    """Stays of ships in turn that begin anywhere in a record of so many days, which cuts them."""
    rng = np.random.default_rng(seed)
    began = rng.uniform(0, record, len(days))
    left = began + days
    ids = [f"v{n}" for n in range(len(days))]
    mmsi = 512_000_000 + np.arange(len(days)) % ships
    stays = pd.DataFrame(
        {
            "ais_visit_id": ids,
            "port": PORT.id,
            "berth": BERTH,
            "mmsi": mmsi,
            "hull": 1,
            "begin": START + pd.to_timedelta(began, "D"),
            "end": START + pd.to_timedelta(np.minimum(left, record), "D"),
            "hours": 24 * (np.minimum(left, record) - began),
            "begin_seen": True,
            "end_seen": left < record,
            "confidence": 4,
        }
    )
    blank = frame(AIS_VISIT_COLUMNS).reindex(range(len(days)))
    visits = blank.assign(ais_visit_id=ids, length_m=length_m)
    return AisVisits(visits=visits, stays=typed(stays, AIS_STAY_COLUMNS))


def row(visits: AisVisits) -> dict[str, float]:
    table = dwell_table(visits, PORT)
    assert table["berth"].to_list() == [berth.id for berth in PORT.berths]
    return dict(table.iloc[0])


def lognormal(number: int, seed: int = 1, sd: float = 0.6) -> np.ndarray:
    """Stays with a mean of 1.7 days."""
    rng = np.random.default_rng(seed)
    return 1.7 * np.exp(sd * rng.standard_normal(number) - sd**2 / 2)


def test_the_interval_of_the_mean_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        found = row(heard(lognormal(40, seed), ships=20, seed=seed))
        held += found["low_days"] <= 1.7 <= found["high_days"]
    assert 50 <= held < 60  # 57 of 60 are 95 %


def test_unfinished_stays_are_in_the_mean() -> None:
    """Left out, the mean of a record ten stays long would be too short."""
    means = [row(heard(lognormal(200, seed), record=17.0, seed=seed)) for seed in range(20)]
    assert np.mean([found["mean_days"] for found in means]) == pytest.approx(1.7, rel=0.06)
    assert all(found["stays_cut"] > 0 for found in means)
    whole = [heard(lognormal(200, seed), record=17.0, seed=seed).stays for seed in range(20)]
    naive = np.mean([one.loc[one["end_seen"], "hours"].mean() / 24 for one in whole])
    assert naive < 1.62


def test_stays_of_few_ships_tell_less() -> None:
    """Each ship stays as long as it always does: forty stays of five ships are five facts."""
    ship = np.random.default_rng(3).permutation(40) % 5
    days = np.array([0.6, 1.0, 1.5, 2.4, 3.0])[ship]
    alike, apart = heard(days, ships=5), heard(days, ships=40)
    alike.stays["mmsi"] = 512_000_000 + ship
    width = [found["high_days"] - found["low_days"] for found in (row(alike), row(apart))]
    assert width[0] > 1.5 * width[1]


@pytest.mark.parametrize(
    ("visits", "counted"),
    [
        (heard(lognormal(7)), {"stays_whole": 7}),
        (heard(lognormal(30), ships=3), {"ships": 3}),
        (heard(lognormal(40), record=2.0), {}),
        (heard(lognormal(30), length_m=25.0), {"small_or_unknown": 30, "stays_whole": 0}),
        (heard(lognormal(30), length_m=np.nan), {"small_or_unknown": 30, "stays_whole": 0}),
    ],
    ids=["few stays", "few ships", "cut", "boats", "lengths unknown"],
)
def test_what_does_not_show_a_mean_is_counted_and_tells_none(
    visits: AisVisits, counted: dict[str, int]
) -> None:
    found = row(visits)
    assert np.isnan(found["mean_days"])
    assert {name: found[name] for name in counted} == counted
    assert list(dwell_lines(dwell_table(visits, PORT))) == []


def test_a_stay_whose_begin_was_not_heard_is_left_out_and_counted() -> None:
    visits = heard(lognormal(40), ships=20)
    visits.stays.loc[:9, "begin_seen"] = False
    found = row(visits)
    assert found["begin_unheard"] == 10
    assert found["stays_whole"] + found["stays_cut"] == 30


def test_the_lines_are_what_a_job_file_reads() -> None:
    table = dwell_table(heard(lognormal(40), ships=20), PORT)
    lines = list(dwell_lines(table))
    said = yaml.safe_load("\n".join(lines))["estimates"]
    (name, dwell), *rest = estimate_settings(said).dwell_at.items()
    assert not rest
    assert name == f"{PORT.id}/{BERTH}"
    assert dwell.source == f"AIS: {table['stays_whole'][0]} whole stays of 20 ships"
    assert dwell.median_days == pytest.approx(table["mean_days"][0], abs=0.01)


@pytest.mark.parametrize(
    "told",
    [(10.04, 10.01, 10.3), (10.04, 9.3, 10.04001), (1500.0, 1000.0, 2000.0), (0.0123, 0.01, 0.02)],
    ids=["a low bound nearby", "a high bound nearby", "years", "minutes"],
)
def test_a_job_file_reads_the_lines_however_near_bounds_lie(told: tuple[float, ...]) -> None:
    table = dwell_table(heard(lognormal(40), ships=20), PORT).head(1)
    table[["mean_days", "low_days", "high_days"]] = told
    said = yaml.safe_load("\n".join(dwell_lines(table)))["estimates"]
    (dwell,) = estimate_settings(said).dwell_at.values()
    read = dwell.median_days, dwell.low_days, dwell.high_days
    assert read == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize(
    "told",
    [(1.0, 1.0, 1.3), (1.0, 0.0, 1.3), (1.0, 1.0, 1.0), (4e-5, 3e-5, 9e-5), (900.0, 400.0, 4000.0)],
)
def test_bounds_that_no_job_file_takes_are_no_lines(told: tuple[float, ...]) -> None:
    table = dwell_table(heard(lognormal(40), ships=20), PORT).head(1)
    table[["mean_days", "low_days", "high_days"]] = told
    assert list(dwell_lines(table)) == []
