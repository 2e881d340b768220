"""Compiled queue model: a birth-death Markov chain of the number of ships at a place.

For places whose limit is known, such as a quay for three; of others see ``open_road``. Ships come
at a rate while there is room, and each leaves after an exponential stay of its own (M/M/n/n). The
state is the number of ships, 0..most; looks detect each of them with the same probability, and
report false alarms. The rate has levels that may change at month borders (``rate_levels``).
"""

from __future__ import annotations

import math

import numpy as np

from jobs.visits.compiled import njit
from jobs.visits.occupancy.berth_hmm import (
    NO_LOOK,
    sample_index,
    sample_level,
    traffic_of,
    with_room,
)
from jobs.visits.occupancy.bridges import stays
from jobs.visits.occupancy.jumps import (
    advance,
    at_level,
    chain_of,
    gaps_between,
    limited_jumps,
)
from jobs.visits.occupancy.reports import errors_at, of_reports, one_ship_more, with_false_alarms


@njit(cache=True)
def chain_at(most, rates, leave, time):
    """The Markov chain of the number of ships at each level, for the gaps between looks."""
    fastest = rates.max() + most * leave
    chances = np.empty((len(rates), 3, most + 3))
    for v in range(len(rates)):
        chances[v] = limited_jumps(most, rates[v], leave, fastest)
    number, longest = gaps_between(time)
    return chain_of(chances, fastest, number, longest)


@njit(cache=True)
def stationary(mass, rates, start, leave):
    """Stationary distribution of the number of ships at each level, of levels as likely as
    ``start`` says: Poisson, truncated at the limit; fills mass (level, ship).
    """
    for v in range(len(rates)):
        # by logarithms: a busy level's first term would underflow
        load = math.log(rates[v] / leave)
        logs = np.zeros(mass.shape[1])
        for s in range(1, len(logs)):
            logs[s] = logs[s - 1] + load - math.log(s)
        found = np.exp(logs - logs.max())
        mass[v] = start[v] * found / found.sum()


@njit(cache=True)
def renew_levels(mass, share, change):
    """A month's border: with chance ``change`` the level is drawn anew; mass (level, ship)."""
    for s in range(mass.shape[1]):
        total = mass[:, s].sum()
        for v in range(len(share)):
            mass[v, s] = (1.0 - change) * mass[v, s] + change * share[v] * total


@njit(cache=True)
def count_likelihood(chance, false_alarms, of_true, emission):
    """Probability of the reports of a look by number of ships; fills emission (ship,).

    of_true: (report + 1,), of their marks by how many of them are ships, as of ``of_reports``.
    """
    reported = of_true.copy()
    with_false_alarms(reported, false_alarms)
    emission[0] = reported[0]
    for s in range(1, len(emission)):
        one_ship_more(reported, chance)
        emission[s] = reported[0]


@njit(cache=True)
def reviewed_likelihood(chance, false_alarms, of_true, of_missed, emission):
    """As ``count_likelihood``, times the probability of what reviewers said of the ships missed.

    of_missed: by number of ships not reported, whose last entry is that of all greater numbers.
    """
    reported = of_true.copy()
    with_false_alarms(reported, false_alarms)
    vessels = len(of_true) - 1
    for s in range(len(emission)):
        total = 0.0
        found = (1 - chance) ** s  # that none of s ships is reported
        for t in range(min(s, vessels) + 1):
            if t > 0:
                if chance >= 1.0:
                    found = 1.0 if t == s else 0.0
                else:
                    found *= chance / (1 - chance) * (s - t + 1) / t
            missed = of_missed[min(s - t, len(of_missed) - 1)]
            total += found * reported[t] * missed
        emission[s] = total


@njit(cache=True)
def forward_filter(looks, month, traffic, chain, leave, errors, masses):
    """Forward filter: fills masses (look, level, ship), or keeps the last look's only, where it has
    one row; returns the log likelihood of all looks.

    month and traffic as for the forward filter of ``berth_hmm``; errors those of a point.
    """
    time, detector, kind, clear, vessels, reviewed, marks, of_missed = looks
    recall, false_alarm, ships_least, false_least = errors
    rates, start, share, change = traffic
    rows, levels, states = masses.shape
    mass, emission, work = np.empty((levels, states)), np.empty(states), np.empty((2, states + 2))
    stationary(mass, rates, start, leave)
    total = 0.0
    for i in range(len(time)):
        if i > 0 and month[i] != month[i - 1]:
            renew_levels(mass, share, change)
        elif i > 0 and time[i] > time[i - 1]:
            advance(mass, chain, time[i] - time[i - 1], False, work)
        if kind[i] != NO_LOOK:
            d = detector[i]
            chance, false = recall[d] * clear[i], false_alarm[d] * clear[i]
            of_true = of_reports(marks[i], vessels[i], ships_least[d], false_least[d])
            if reviewed[i]:
                reviewed_likelihood(chance, false, of_true, of_missed[i], emission)
            else:
                count_likelihood(chance, false, of_true, emission)
            likelihood = 0.0
            for v in range(levels):
                for s in range(states):
                    mass[v, s] *= emission[s]
                    likelihood += mass[v, s]
            if not likelihood > 0.0:
                return -math.inf
            total += math.log(likelihood)
            mass /= likelihood
        masses[i % rows] = mass
    return total


@njit(cache=True, nogil=True)
def log_likelihoods(looks, month, most, levels, rate, dwell, errors):
    """Log likelihood of all looks for each parameter point; (point,).

    looks: time, detector, kind, clear, vessels, reviewed (look,), the marks of the reports (look,
    report, 3) as of ``reports``, and what reviewers said of missed ships, as ``missed_of`` gives
    it. Points: levels as in ``rate_levels``; rate and dwell (point,). errors: recall and false
    alarms (point, detector), and the least shares of both (point, detector, class + 1).
    """
    found = np.empty(len(rate))
    for p in range(len(rate)):
        traffic, leave = traffic_of(p, rate, levels), 1 / dwell[p]
        chain = chain_at(most, traffic[0], leave, looks[0])
        masses = np.empty((1, len(traffic[0]), most + 1))
        found[p] = forward_filter(looks, month, traffic, chain, leave, errors_at(errors, p), masses)
    return found


@njit(cache=True)
def sample_numbers(time, month, masses, traffic, chain, rng):
    """Backward sampling: one draw of the number of ships and of the level at the looks given all;
    two of (look,).
    """
    _, _, share, change = traffic
    looks, levels, states = masses.shape
    ships, level = np.empty(looks, np.int64), np.empty(looks, np.int64)
    chance, work = np.empty((1, states)), np.empty((2, states + 2))
    last = sample_index(masses[-1].copy().reshape(levels * states), rng.random())
    level[-1], ships[-1] = divmod(last, states)
    for i in range(looks - 2, -1, -1):
        ships[i], level[i] = ships[i + 1], level[i + 1]
        if month[i + 1] != month[i]:
            level[i] = sample_level(masses[i, :, ships[i]], level[i + 1], share, change, rng)
            continue
        gap = time[i + 1] - time[i]
        if gap > 0.0:
            chance[:] = 0.0
            chance[0, ships[i + 1]] = 1.0
            advance(chance, at_level(chain, level[i]), gap, True, work)
            ships[i] = sample_index(masses[i, level[i]] * chance[0], rng.random())
    return ships, level


@njit(cache=True, nogil=True)
def histories(looks, month, most, levels, rate, dwell, errors, times, rng):
    """Histories of each parameter point: (stay, 3) history, arrival, departure; and (history,
    month), the factor of the rate.

    ``times`` (point,) is the number of histories of each point.
    """
    time = looks[0]
    rows = np.empty((1024, 3))
    factors = np.empty((times.sum(), month[-1] + 1))
    n = 0
    history = 0
    for p in range(len(rate)):
        traffic, leave = traffic_of(p, rate, levels), 1 / dwell[p]
        chain = chain_at(most, traffic[0], leave, time)
        masses = np.empty((len(time), len(traffic[0]), most + 1))
        forward_filter(looks, month, traffic, chain, leave, errors_at(errors, p), masses)
        for _ in range(times[p]):
            ships, level = sample_numbers(time, month, masses, traffic, chain, rng)
            for stay in stays(time, ships, traffic[0][level], most, True, dwell[p], rng):
                rows = with_room(rows, n)
                rows[n, 0], rows[n, 1], rows[n, 2] = history, stay[0], stay[1]
                n += 1
            for i in range(len(time)):
                factors[history, month[i]] = levels[1][p, level[i]]
            history += 1
    return rows[:n], factors
