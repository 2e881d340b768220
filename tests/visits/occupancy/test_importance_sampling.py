"""Importance sampling on posteriors in closed form, and partial pooling of berths."""

import numpy as np
import pytest
from scipy.stats import norm

from jobs.visits.occupancy.importance_sampling import sample_posterior
from jobs.visits.occupancy.normal_mixture import fitted_mixture
from jobs.visits.occupancy.partial_pooling import SHARED, Member, pooled
from jobs.visits.occupancy.proposal import Groups, Proposal


def gaussian(mean, sd):
    def log_likelihood(normal, choice):
        return -0.5 * (((normal - mean) / sd) ** 2).sum(axis=1)

    return log_likelihood


def test_a_normal_posterior_has_its_mean_sd_and_evidence():
    found = sample_posterior(gaussian(2.0, 0.5), 3, 1, seed=1, least_effective=1500)
    mean = found.weight @ found.normal
    sd = np.sqrt(found.weight @ (found.normal - mean) ** 2)
    assert mean == pytest.approx(np.full(3, 2 / 1.25), abs=0.04)
    assert sd == pytest.approx(np.full(3, np.sqrt(0.2)), rel=0.06)
    # a normal prior times exp(-(x - 2)^2 / (2 s^2)), integrated, in each dimension
    exact = 3 * (np.log(0.5 / np.sqrt(1.25)) - 0.5 * 4 / 1.25)
    assert found.log_evidence == pytest.approx(exact, abs=0.05)
    assert found.effective >= 1500


def test_a_choice_gets_the_weight_of_its_evidence():
    def log_likelihood(normal, choice):
        return np.log(np.array([1.0, 3.0]))[choice]

    found = sample_posterior(log_likelihood, 2, 2, seed=1, least_effective=390)
    assert np.bincount(found.choice, found.weight) == pytest.approx([0.25, 0.75], abs=0.05)


def test_far_posteriors_are_found_by_the_later_rounds():
    found = sample_posterior(gaussian(3.5, 0.1), 6, 1, seed=1)
    assert found.effective >= 300
    assert found.weight @ found.normal == pytest.approx(np.full(6, 3.5 / 1.01), abs=0.05)


def test_the_same_seed_gives_the_same_points():
    one, two = (sample_posterior(gaussian(1.0, 1.0), 2, 1, seed=7) for _ in range(2))
    assert np.array_equal(one.normal, two.normal)
    assert np.array_equal(one.weight, two.weight)


def test_resampling_keeps_the_shares():
    found = sample_posterior(gaussian(1.0, 0.7), 2, 1, seed=7)
    chosen = found.resample(2000, np.random.default_rng(1))
    assert found.normal[chosen].mean(axis=0) == pytest.approx(found.weight @ found.normal, abs=0.01)


def test_a_bent_posterior_is_found():
    # the first number is known to .02, given the second: a parabola, which no ellipse covers
    def log_likelihood(normal, choice):
        return -0.5 * ((normal[:, 0] - normal[:, 1] ** 2 + 1) / 0.02) ** 2

    found = sample_posterior(log_likelihood, 2, 1, seed=1)
    assert found.effective >= 300
    assert len(found.normal) <= 12_000
    bend = np.linspace(-4, 4, 4001)
    density = np.exp(-0.5 * (bend**2 + (bend**2 - 1) ** 2))
    exact = density @ bend**2 / density.sum()
    assert found.weight @ found.normal[:, 1] ** 2 == pytest.approx(exact, abs=0.1)
    assert found.weight @ found.normal[:, 1] == pytest.approx(0, abs=0.15)


def two_groups():
    """Two choices; the second tells of one number only, elsewhere, and is three times likelier."""
    used = np.array([[True, True], [True, False]])

    def log_likelihood(normal, choice):
        near = np.where(choice == 0, 1.5, -1.5)
        value = -0.5 * ((normal[:, 0] - near) / 0.1) ** 2 + np.log([1.0, 3.0])[choice]
        return value - np.where(choice == 0, 0.5 * (normal[:, 1] / 0.1) ** 2, np.log(10.05))

    return log_likelihood, Groups(np.arange(2), used, np.arange(1))


def test_groups_have_proposals_of_their_own():
    log_likelihood, groups = two_groups()
    found = sample_posterior(log_likelihood, 2, 2, seed=2, groups=groups, least_effective=1000)
    assert np.bincount(found.choice, found.weight) == pytest.approx([0.25, 0.75], abs=0.04)
    for choice, middle, sd in ((0, 1.5 / 1.01, 0.0995), (1, -1.5 / 1.01, 1.0)):
        mine = found.choice == choice
        weight = found.weight[mine] / found.weight[mine].sum()
        assert weight @ found.normal[mine, 0] == pytest.approx(middle, abs=0.02)
        # a number that tells nothing keeps the prior
        assert weight @ found.normal[mine, 1] ** 2 == pytest.approx(sd**2, rel=0.25)


def test_a_proposal_has_the_density_it_draws_from():
    groups = two_groups()[1]
    parts = [
        [(0.4, np.array([1.0, 0.5]), np.diag([0.2, 0.3])), (0.6, np.zeros(2), np.eye(2))],
        [(1.0, np.array([-1.0]), np.array([[0.5]]))],
    ]
    proposal = Proposal.fitted(groups, np.array([0.3, 0.7]), parts, 0.2)
    normal, choice = proposal.draw(40_000, np.random.default_rng(3))
    assert np.mean(choice == 0) == pytest.approx(0.3, abs=1e-3)
    # the prior's mass in a box, once as it is and once from the drawn points
    inside = (np.abs(normal) < 1.5).all(axis=1)
    weight = np.exp(-proposal.log_density(normal, choice))
    share = (norm.cdf(1.5) - norm.cdf(-1.5)) ** 2
    for one in (0, 1):
        assert np.mean(weight * (choice == one) * inside) == pytest.approx(share / 2, rel=0.03)


def test_a_mixture_finds_its_parts():
    rng = np.random.default_rng(4)
    at = np.concatenate([rng.normal(-2, 0.3, (300, 2)), rng.normal([2, 0], [0.3, 1], (600, 2))])
    weight = np.concatenate([np.full(300, 2.0), np.ones(600)])
    parts = sorted(fitted_mixture(at, weight / weight.sum(), 2), key=lambda part: part[1][0])
    assert [share for share, *_ in parts] == pytest.approx([0.5, 0.5], abs=0.02)
    assert parts[0][1] == pytest.approx([-2, -2], abs=0.06)
    assert np.sqrt(np.diag(parts[1][2])) == pytest.approx([0.3, 1.0], rel=0.1)
    few = fitted_mixture(at[:20], np.full(20, 0.05), 4)
    assert len(few) == 2  # not more than the points allow


# --- pooling ------------------------------------------------------------------------------------


def known(value, sd=0.05):
    return Member(
        sample_posterior(gaussian(value, sd), 1, 1, seed=3, least_effective=600), ("recall s2",)
    )


def unknown():
    flat = sample_posterior(gaussian(0.0, 1e6), 1, 1, seed=4, least_effective=390)
    return Member(flat, ("recall s2",))


def test_a_berth_without_looks_borrows_what_its_neighbours_know():
    members = [known(1.5), known(1.5), known(1.5), unknown()]
    chosen = pooled(members, 1500, seed=1)
    borrowed = members[3].sampled.normal[chosen[3], 0]
    shared = SHARED["recall"]
    # the mean of three known numbers says this much about what is common to all
    weight = shared / (shared + (1 - shared) / 3)
    assert borrowed.mean() == pytest.approx(1.5 * weight, abs=0.08)
    assert borrowed.std() < 0.7


def test_a_berth_alone_keeps_what_it_knows():
    (chosen,) = pooled([known(1.5)], 1000, seed=1)
    assert len(chosen) == 1000


def test_pooling_leaves_the_belief_before_any_look_as_it_was():
    members = [unknown(), unknown()]
    chosen = pooled(members, 4000, seed=1)
    drawn = [m.sampled.normal[c, 0] for m, c in zip(members, chosen, strict=True)]
    assert [values.mean() for values in drawn] == pytest.approx([0, 0], abs=0.15)
    assert [values.std() for values in drawn] == pytest.approx([1, 1], abs=0.12)
    assert np.corrcoef(drawn)[0, 1] == pytest.approx(SHARED["recall"], abs=0.1)


def test_parameters_of_different_names_lend_each_other_nothing():
    other = Member(unknown().sampled, ("rate",))
    chosen = pooled([known(2.0), known(2.0), other], 1500, seed=1)
    assert other.sampled.normal[chosen[2], 0].mean() == pytest.approx(0, abs=0.2)
