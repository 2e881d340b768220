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
    TAIL,
    in_pieces,
    most_jumps,
    sample_index,
    sample_level,
    traffic_of,
    with_room,
)
from jobs.visits.occupancy.bridges import stays
from jobs.visits.occupancy.jumps import jump, jump_chances
from jobs.visits.occupancy.reports import errors_at, of_reports, one_ship_more, with_false_alarms


@njit(cache=True)
def advance(mass, rates, leave, gap, backwards):
    """Distributions (ship, level) after a gap, in place, by uniformisation.

    Backwards: the probability to reach a target.
    """
    most, levels = len(mass) - 1, len(rates)
    chances, fastest = jump_chances(most, rates, leave)
    pieces = in_pieces(fastest * gap)
    mean = fastest * gap / pieces
    now, after = np.zeros((most + 3, levels)), np.zeros((most + 3, levels))
    now[1:-1] = mass
    for _ in range(pieces):
        mass[:] = 0.0
        weight = math.exp(-mean)
        covered = 0.0
        n = 0
        while covered < 1.0 - TAIL and n < most_jumps(mean):
            covered += weight
            for s in range(most + 1):
                for v in range(levels):
                    mass[s, v] += weight * now[s + 1, v]
            jump(now, chances, backwards, after)
            now, after = after, now
            n += 1
            weight *= mean / n
        mass /= covered
        now[1:-1] = mass


@njit(cache=True)
def stationary(mass, rates, start, leave):
    """Stationary distribution of the number of ships at each level, of levels as likely as
    ``start`` says: Poisson, truncated at the limit; fills mass (ship, level).
    """
    for v in range(len(rates)):
        # by logarithms: a busy level's first term would underflow
        load = math.log(rates[v] / leave)
        logs = np.zeros(len(mass))
        for s in range(1, len(mass)):
            logs[s] = logs[s - 1] + load - math.log(s)
        found = np.exp(logs - logs.max())
        mass[:, v] = start[v] * found / found.sum()


@njit(cache=True)
def renew_levels(mass, share, change):
    """A month's border: with chance ``change`` the level is drawn anew; mass (ship, level)."""
    for s in range(len(mass)):
        total = mass[s].sum()
        for v in range(len(share)):
            mass[s, v] = (1.0 - change) * mass[s, v] + change * share[v] * total


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
def forward_filter(looks, month, traffic, leave, errors, masses):
    """Forward filter: fills masses (look, ship, level), or keeps the last look's only, where it has
    one row; returns the log likelihood of all looks.

    month and traffic as for the forward filter of ``berth_hmm``; errors those of a point.
    """
    time, detector, kind, clear, vessels, reviewed, marks, of_missed = looks
    recall, false_alarm, ships_least, false_least = errors
    rates, start, share, change = traffic
    rows, states, levels = masses.shape
    mass, emission = np.empty((states, levels)), np.empty(states)
    stationary(mass, rates, start, leave)
    total = 0.0
    for i in range(len(time)):
        if i > 0 and month[i] != month[i - 1]:
            renew_levels(mass, share, change)
        elif i > 0 and time[i] > time[i - 1]:
            gap = time[i] - time[i - 1]
            advance(mass, rates, leave, gap, False)
        if kind[i] != NO_LOOK:
            d = detector[i]
            chance, false = recall[d] * clear[i], false_alarm[d] * clear[i]
            of_true = of_reports(marks[i], vessels[i], ships_least[d], false_least[d])
            if reviewed[i]:
                reviewed_likelihood(chance, false, of_true, of_missed[i], emission)
            else:
                count_likelihood(chance, false, of_true, emission)
            likelihood = 0.0
            for s in range(states):
                for v in range(levels):
                    mass[s, v] *= emission[s]
                    likelihood += mass[s, v]
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
        traffic = traffic_of(p, rate, levels)
        masses = np.empty((1, most + 1, len(traffic[0])))
        found[p] = forward_filter(looks, month, traffic, 1 / dwell[p], errors_at(errors, p), masses)
    return found


@njit(cache=True)
def sample_numbers(time, month, masses, traffic, leave, rng):
    """Backward sampling: one draw of the number of ships and of the level at the looks given all;
    two of (look,).
    """
    rates, _, share, change = traffic
    looks, states, levels = masses.shape
    ships, level = np.empty(looks, np.int64), np.empty(looks, np.int64)
    last = sample_index(masses[-1].copy().reshape(states * levels), rng.random())
    ships[-1], level[-1] = divmod(last, levels)
    for i in range(looks - 2, -1, -1):
        ships[i], level[i] = ships[i + 1], level[i + 1]
        if month[i + 1] != month[i]:
            level[i] = sample_level(masses[i, ships[i]], level[i + 1], share, change, rng)
            continue
        gap = time[i + 1] - time[i]
        if gap > 0.0:
            chance = np.zeros((states, 1))
            chance[ships[i + 1]] = 1.0
            advance(chance, rates[level[i] : level[i] + 1], leave, gap, True)
            ships[i] = sample_index(masses[i, :, level[i]] * chance[:, 0], rng.random())
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
        traffic = traffic_of(p, rate, levels)
        masses = np.empty((len(time), most + 1, len(traffic[0])))
        forward_filter(looks, month, traffic, 1 / dwell[p], errors_at(errors, p), masses)
        for _ in range(times[p]):
            ships, level = sample_numbers(time, month, masses, traffic, 1 / dwell[p], rng)
            for stay in stays(time, ships, traffic[0][level], most, True, dwell[p], rng):
                rows = with_room(rows, n)
                rows[n, 0], rows[n, 1], rows[n, 2] = history, stay[0], stay[1]
                n += 1
            for i in range(len(time)):
                factors[history, month[i]] = levels[1][p, level[i]]
            history += 1
    return rows[:n], factors
