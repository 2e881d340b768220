"""How many ships: estimators against published and simulated numbers, and honesty about lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jobs.errors import InputError
from jobs.visits.voyages.capture_recapture import ships_from_names
from jobs.visits.voyages.fleet import (
    FleetSettings,
    sd_of_true_values,
    ships_from_lengths,
)

QUICK = FleetSettings(sweeps=1_500, burn_in=300)


def named(once: int, twice: int, thrice: int = 0) -> list[str | None]:
    ones = [f"a{k}" for k in range(once)]
    twos = [f"b{k}" for k in range(twice)] * 2
    return [*ones, *twos, *[f"c{k}" for k in range(thrice)] * 3, None, ""]


# --- names --------------------------------------------------------------------------------------


def test_chao_and_coverage_by_hand() -> None:
    found = ships_from_names(named(10, 5, 2), mass=0.95)
    assert (found.visits, found.ships) == (26, 17)
    assert found.coverage == pytest.approx(1 - 10 / 26)
    assert found.chao.value == pytest.approx(17 + 10 * 9 / (2 * 6))
    assert 17 < found.chao.low < found.chao.value < found.chao.high
    # variance 7.5 + 25.069 + 7.8125 = 40.38; factor exp(1.96 sqrt(ln(1 + 40.38 / 56.25)))
    assert found.chao.high == pytest.approx(17 + 7.5 * 4.2317, rel=2e-3)


def test_a_fleet_of_which_every_ship_came_twice_is_complete() -> None:
    found = ships_from_names(named(0, 6))
    assert found.coverage == 1
    assert (found.chao.low, found.chao.value, found.chao.high) == (6, 6, 6)


@given(st.integers(0, 30), st.integers(0, 15), st.integers(0, 5))
def test_an_estimate_is_never_below_what_was_seen(once: int, twice: int, thrice: int) -> None:
    if not once + twice + thrice:
        return
    found = ships_from_names(named(once, twice, thrice))
    assert found.ships <= found.chao.low <= found.chao.value <= found.chao.high
    assert np.isfinite(found.chao.high)


def test_the_intervals_of_names_hold_the_true_fleet() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        names = [f"s{ship}" for ship in rng.integers(0, 15, 30)]
        chao = ships_from_names(names, 0.9).chao
        held += chao.low - 0.5 <= 15 <= chao.high + 0.5
    assert held > 0.84 * 200


# --- lengths ------------------------------------------------------------------------------------


def fleet_lengths(
    ships: int, visits: int, sd_m: float, seed: int
) -> tuple[int, NDArray[np.float64]]:
    """(different ships that came, measured lengths) of a fleet used evenly."""
    rng = np.random.default_rng(seed)
    true = rng.normal(85, 14, ships)
    ship = rng.integers(0, ships, visits)
    return len(set(ship.tolist())), true[ship] + sd_m * rng.standard_normal(visits)


def test_exact_lengths_tell_the_ships_apart() -> None:
    lengths = np.array([70.0, 85, 100, 115] * 5) + np.linspace(-0.1, 0.1, 20)
    found = ships_from_lengths(lengths, np.full(20, 0.2), QUICK, seed=1)
    assert found.least == 4
    assert np.median(found.ships) == 4
    assert found.interval_reduction > 0.9


def test_poor_lengths_say_that_they_tell_nothing() -> None:
    _, lengths = fleet_lengths(15, 43, 15.0, 1)
    poor = ships_from_lengths(lengths, np.full(43, 15.0), QUICK, seed=1)
    assert poor.interval_reduction < 0.5
    assert poor.least <= 2
    low, high = np.quantile(poor.ships, [0.05, 0.95])
    assert high - low > 8


def test_the_interval_holds_the_number_of_ships_that_came() -> None:
    held, runs = 0, 24
    for seed in range(runs):
        came, lengths = fleet_lengths(8 + seed % 8, 40, 3.0, seed)
        settings = FleetSettings(length_sd_m=14, sweeps=1_200, burn_in=300)
        found = ships_from_lengths(lengths, np.full(40, 3.0), settings, seed=seed)
        low, high = np.quantile(found.ships, [0.05, 0.95])
        held += low <= came <= high
        assert found.least <= came
    assert held >= 0.75 * runs


def test_without_lengths_the_posterior_is_the_prior() -> None:
    nothing = np.full(12, np.nan)
    settings = FleetSettings(sweeps=12_000, burn_in=500)
    found = ships_from_lengths(nothing, nothing, settings, seed=2)
    for share in (0.1, 0.5, 0.9):
        prior, posterior = (np.quantile(n, share) for n in (found.prior_ships, found.ships))
        assert posterior == pytest.approx(prior, abs=1)
    assert found.ships.mean() == pytest.approx(found.prior_ships.mean(), abs=0.35)


def test_visits_at_once_are_different_ships() -> None:
    lengths, apart = np.full(4, 85.0), ~np.eye(4, dtype=bool)
    found = ships_from_lengths(lengths, np.full(4, 5.0), QUICK, seed=1, apart=apart)
    assert set(found.ships.tolist()) == {4}
    assert found.fleet.min() >= 4


def test_the_seed_decides() -> None:
    _, lengths = fleet_lengths(6, 20, 5.0, 3)
    sd = np.full(20, 5.0)
    first, again = (ships_from_lengths(lengths, sd, QUICK, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.ships, again.ships)
    np.testing.assert_array_equal(first.fleet, again.fleet)


def test_sd_of_true_values_takes_the_error_out() -> None:
    rng = np.random.default_rng(1)
    measured = rng.normal(85, np.hypot(12, 9), 20_000)
    assert sd_of_true_values(measured, np.full(20_000, 9.0)) == pytest.approx(12, rel=0.05)
    assert sd_of_true_values(np.array([80.0, 80.0]), np.array([8.0, 8.0])) == pytest.approx(2)


def test_refusals() -> None:
    one = np.array([80.0])
    with pytest.raises(InputError, match="none of 2 visits"):
        ships_from_names([None, ""])
    with pytest.raises(InputError, match="mass"):
        ships_from_names(["a"], mass=90)
    with pytest.raises(InputError, match="no visits"):
        ships_from_lengths(one[:0], one[:0], seed=1)
    with pytest.raises(InputError, match="expected one of each"):
        ships_from_lengths(one, np.array([1.0, 2.0]), seed=1)
    with pytest.raises(InputError, match="0 m or less"):
        ships_from_lengths(one, np.array([0.0]), seed=1)
    with pytest.raises(InputError, match="evenness"):
        FleetSettings(evenness=0)
    with pytest.raises(InputError, match="length_sd_m"):
        FleetSettings(length_sd_m=0)
    with pytest.raises(InputError, match="burn_in"):
        FleetSettings(sweeps=5)
