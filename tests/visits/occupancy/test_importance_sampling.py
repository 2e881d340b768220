"""Importance sampling on posteriors in closed form, and partial pooling of berths."""

import numpy as np
import pytest

from jobs.visits.occupancy.importance_sampling import sample_posterior
from jobs.visits.occupancy.partial_pooling import SHARED, Member, pooled


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
