"""The hierarchical fit at its limits and on simulated ports."""

import numpy as np
import pytest
from scipy.special import expit

from models.evaluation.hierarchical import Normal, Observations, bernoulli, new_port, poisson

LEVEL = Normal(0.0, 1.5)
SLOPE = Normal(1.0, 1.0)


def ships(
    random: np.random.Generator, levels: list[float], each: int, slope: float
) -> Observations:
    """Looks at ships of many lengths, each port with its own level."""
    level = np.repeat(levels, each)
    length = random.normal(0.4, 0.5, len(level))
    seen = random.random(len(level)) < expit(level + slope * length)
    ports = [f"port {k}" for k in range(len(levels)) for _ in range(each)]
    return Observations(ports, seen.astype(float), length, np.zeros(len(level)))


def counts(found: list[int], amount: list[float]) -> Observations:
    ports = [f"port {k}" for k in range(len(found))]
    return Observations(
        ports, np.array(found, dtype=float), np.zeros(len(found)), np.log(np.array(amount))
    )


def test_without_looks_the_priors_are_left() -> None:
    empty = Observations([], np.zeros(0), np.zeros(0), np.zeros(0))
    found = new_port(bernoulli, empty, LEVEL, SLOPE)
    assert found.level.mean == pytest.approx(0)
    assert found.slope == pytest.approx(1)
    # what ports differ by is added to what their mean may be
    assert 1.5 < found.level.sd < 2.2


def test_many_equal_ports_leave_little_uncertainty() -> None:
    random = np.random.default_rng(1)
    found = new_port(bernoulli, ships(random, [-0.8] * 12, 200, 1.4), LEVEL, SLOPE)
    assert found.level.mean == pytest.approx(-0.8, abs=0.15)
    assert found.slope == pytest.approx(1.4, abs=0.2)
    assert found.level.sd < 0.35


def test_variation_between_ports_is_separated_from_chance() -> None:
    random = np.random.default_rng(2)
    levels = list(random.normal(0, 1.5, 16))
    found = new_port(bernoulli, ships(random, levels, 100, 1.0), LEVEL, SLOPE)
    assert found.level.sd == pytest.approx(np.std(levels), abs=0.4)


def test_one_port_leaves_the_next_uncertain() -> None:
    random = np.random.default_rng(3)
    found = new_port(bernoulli, ships(random, [1.5], 500, 1.0), LEVEL, SLOPE)
    assert found.level.sd > 0.8


def test_the_interval_of_a_new_port_has_its_nominal_coverage() -> None:
    random, hits, runs = np.random.default_rng(4), 0, 80
    for _ in range(runs):
        middle, port_sd = random.normal(0, 1), abs(random.normal(0, 1))
        levels = random.normal(middle, port_sd, 10)
        found = new_port(bernoulli, ships(random, list(levels), 20, 1.2), LEVEL, SLOPE).level
        truth = random.normal(middle, port_sd)
        hits += abs(truth - found.mean) <= 1.28 * found.sd
    assert 0.72 <= hits / runs <= 0.92


def test_counts_give_rates_per_amount() -> None:
    found = new_port(poisson, counts([300] * 8, [10_000.0] * 8), Normal(np.log(0.02), 1.5))
    assert found.level.mean == pytest.approx(np.log(0.03), abs=0.1)
    assert found.slope == 0
    assert found.level.sd < 0.3


def test_no_false_alarm_is_no_proof_of_none() -> None:
    prior = Normal(np.log(0.02), 1.5)
    little, much = (
        new_port(poisson, counts([0, 0], [amount] * 2), prior).level for amount in (10.0, 1000.0)
    )
    assert much.mean < little.mean < prior.mean
    assert much.sd > 0.5


def test_the_fit_converges_on_large_counts() -> None:
    found = new_port(poisson, counts([5000, 1], [1.0, 1.0]), Normal(np.log(0.02), 1.5))
    assert np.isfinite([found.level.mean, found.level.sd]).all()


def test_the_order_of_ports_does_not_matter() -> None:
    random = np.random.default_rng(5)
    looks = ships(random, [0.0, 1.0, -1.0], 10, 1.0)
    order = random.permutation(30)
    mixed = Observations(
        [looks.port[k] for k in order],
        looks.outcome[order],
        looks.covariate[order],
        looks.offset[order],
    )
    one, other = (new_port(bernoulli, o, LEVEL, SLOPE) for o in (looks, mixed))
    assert one.level.mean == pytest.approx(other.level.mean)
    assert one.level.sd == pytest.approx(other.level.sd)
