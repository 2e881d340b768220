"""Compiled road model: the number of ships at a place whose limit is not known, if it has one.

A road has a number of places for a ship. Each is empty or taken, by itself: ships come to an empty
one at a rate, and stay an exponential time. Without end of places, each of them seldom taken, that
is M/M/infinity, and the number of ships is Poisson; with few places it varies less.

The number given all looks so far is kept exactly, however great. It is a number of *known* ships,
with a probability for each, and *others*, which are binomial over the places that are left (Poisson
where these have no end), as at first all are: a look reports some of them, which then are known,
and tells of the rest only that they were missed, each by itself (thinning). After a gap a known
ship has stayed, or its place is like any other. So there is no greatest number that a road could be
taken to hold always, and the work grows with what was seen, not with what may lie there.
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
from jobs.visits.occupancy.birth_death import renew_levels, reviewed_likelihood
from jobs.visits.occupancy.bridges import stays
from jobs.visits.occupancy.jumps import most_jumps
from jobs.visits.occupancy.reports import errors_at, of_reports, one_ship_more, with_false_alarms

NEGLIGIBLE = 1e-20
"""Share of the probability that adds nothing, at the upper end of a distribution."""
SMALLEST = 1e-250
"""Below it, products of probabilities may underflow."""
AFRESH = 8
"""A binomial distribution with one place fewer follows from the one before, so many times: the next
one would underflow where the first did.
"""


@njit(cache=True)
def fill_others(places, share, least, chances):
    """Fills the chances that 0, 1, ... of the places are taken; returns how many were filled.

    share: the chance that a place is taken; the mean number where places have no end. It ends at
    the upper tail below ``least``.
    """
    endless = math.isinf(places)
    mean = share if endless else places * share
    if mean <= 0.0:
        chances[:] = 0.0
        chances[0] = 1.0
        return 1
    odds = share if endless else share / (1.0 - share)
    log_chance = -share if endless else places * math.log1p(-share)
    chance = math.exp(log_chance)
    for n in range(len(chances)):
        chances[n] = chance
        if n >= places or (n > mean and chance < least):
            return n + 1
        ratio = (odds if endless else odds * (places - n)) / (n + 1)
        if chance > SMALLEST:
            chance *= ratio
            log_chance = math.log(chance) if chance < SMALLEST * 1e10 else 0.0
        else:
            log_chance += math.log(ratio)
            chance = math.exp(log_chance)
    return len(chances)


@njit(cache=True)
def longest(places, share):
    """Length of the array that ``fill_others`` needs."""
    mean = share if math.isinf(places) else places * share
    return int(min(most_jumps(mean), places)) + 1


@njit(cache=True)
def moved(share, rate, leave, places, gap):
    """The share of the others after a gap, and the chance that a known ship is known still.

    A place that was taken is taken with a greater chance than others: as a mixture of one that
    still is for sure, and of one like the others.
    """
    if math.isinf(places):
        stay = math.exp(-leave * gap)
        return share * stay + rate / leave * (1.0 - stay), stay
    come = rate / places
    stay = math.exp(-(come + leave) * gap)
    new = share * stay + come / (come + leave) * (1.0 - stay)
    return new, (1.0 - share) * stay / (1.0 - new)


@njit(cache=True)
def long_run(rate, leave, places):
    """The share of the others where nothing was seen."""
    return rate / leave if math.isinf(places) else rate / (rate + leave * places)


@njit(cache=True)
def thin(known, stay):
    """Each known ship stays known with a chance; known (ship,), in place."""
    size = len(known)
    left, after = np.zeros(size), np.zeros(size)
    for s in range(size - 1, -1, -1):  # Horner: thin what there is by one ship more
        after[0] = (1.0 - stay) * left[0] + known[s]
        for x in range(1, size - s):
            after[x] = stay * left[x - 1] + (1.0 - stay) * left[x]
        left, after = after, left
    known[:] = left


@njit(cache=True)
def beside_known(known, places, share):
    """The distribution of known ships (ship,) and of others at the places beside them, of as many
    places in all as there may be known ships.
    """
    size = len(known)
    found = np.zeros(size)
    found[0] = known[0]
    for j in range(1, size):
        if j <= places:  # Horner: one place more for every fewer known ship
            for n in range(j, 0, -1):
                found[n] = found[n] * (1.0 - share) + found[n - 1] * share
            found[0] *= 1.0 - share
        found[j] += known[j]
    return found


@njit(cache=True)
def as_known(known, shares, base, places):
    """The same distributions (level, ship) with ``base`` for the share of the others, which is less
    than theirs; a level whose share is less is left out.
    """
    levels, size = known.shape
    more, room = np.empty(levels), 1
    for v in range(levels):
        more[v] = shares[v] - base if math.isinf(places) else (shares[v] - base) / (1.0 - base)
        if more[v] >= 0.0:
            room = max(room, longest(places, more[v]))
    found, chances = np.zeros((levels, size + room)), np.empty(room)
    for v in range(levels):
        if more[v] < 0.0:
            continue
        if math.isinf(places):
            spread, left = known[v], places
        else:
            # all but the known ships' places and those of as many as may be known at most
            spread, left = beside_known(known[v], places, more[v]), max(places - size + 1.0, 0.0)
        filled = fill_others(left, more[v], NEGLIGIBLE, chances)
        for j in range(size):
            for n in range(filled):
                found[v, j + n] += spread[j] * chances[n]
    shares[:] = base
    return found


@njit(cache=True)
def across_border(known, shares, share, change, places):
    """The distributions after a month's border: with chance ``change`` the level is drawn anew."""
    total = known.sum()
    base = np.inf
    for v in range(len(shares)):
        if known[v].sum() > NEGLIGIBLE * total:
            base = min(base, shares[v])
    known = as_known(known, shares, base, places)
    renew_levels(known, share, change)
    return known


@njit(cache=True)
def report_chances(size, chance, false_alarms, of_true):
    """Probability of the reports of a look, by how many are of ships not known yet, and by number
    of known ships: (report + 1, ship).
    """
    found = np.empty((len(of_true), size))
    reported = of_true.copy()
    with_false_alarms(reported, false_alarms)
    found[:, 0] = reported
    for s in range(1, size):
        one_ship_more(reported, chance)
        found[:, s] = reported
    return found


@njit(cache=True)
def after_look(known, shares, places, chance, false_alarms, of_true):
    """The distributions after a look, times the probability of its reports.

    of_true: (report + 1,), of their marks by how many of them are ships, as of ``of_reports``.
    """
    levels, size = known.shape
    vessels = len(of_true) - 1
    found, others = np.zeros((levels, size + vessels)), np.empty(vessels + 1)
    reports = report_chances(size, chance, false_alarms, of_true)
    for v in range(levels):
        seen = shares[v] * chance
        filled = fill_others(places, seen, 0.0, others)
        if math.isinf(places):
            for n in range(filled):
                for j in range(size):
                    found[v, j + n] += known[v, j] * reports[n, j] * others[n]
            shares[v] *= 1.0 - chance
            continue
        for j in range(size):
            if j % AFRESH == 0:
                others[:] = 0.0
                fill_others(places - j, seen, 0.0, others)
            for n in range(vessels + 1):
                found[v, j + n] += known[v, j] * reports[n, j] * others[n]
                # one place fewer
                others[n] *= max(places - j - n, 0.0) / (max(places - j, 1.0) * (1.0 - seen))
        shares[v] *= (1.0 - chance) / (1.0 - seen)
    return found


@njit(cache=True)
def after_review(known, shares, places, chance, false_alarms, of_true, of_missed):
    """As ``after_look``, times the probability of what reviewers said of the ships missed.

    That depends on the number of all: all become known.
    """
    known = as_known(known, shares, 0.0, places)
    emission = np.empty(known.shape[1])
    reviewed_likelihood(chance, false_alarms, of_true, of_missed, emission)
    return known * emission


@njit(cache=True)
def at_look(looks, i, known, shares, places, errors):
    """The distributions after a look, times the probability of what it reported and was said."""
    _, detector, _, clear, vessels, reviewed, marks, of_missed = looks
    recall, false_alarm, ships_least, false_least = errors
    d = detector[i]
    chance, false = recall[d] * clear[i], false_alarm[d] * clear[i]
    of_true = of_reports(marks[i], vessels[i], ships_least[d], false_least[d])
    if reviewed[i]:
        return after_review(known, shares, places, chance, false, of_true, of_missed[i])
    return after_look(known, shares, places, chance, false, of_true)


@njit(cache=True)
def with_values(kept, end, values):
    """The array with values written from ``end`` on, in twice the room where there was none."""
    while end + len(values) > len(kept):
        kept = np.append(kept, np.empty(len(kept)))
    kept[end : end + len(values)] = values
    return kept


@njit(cache=True)
def without_tail(known):
    """Distributions (level, ship) that sum to 1, without the negligible end of them."""
    total = known.sum()
    size = known.shape[1]
    while size > 1 and known[:, size - 1].max() <= NEGLIGIBLE * total:
        size -= 1
    return known[:, :size] / total


@njit(cache=True)
def forward_filter(looks, month, traffic, places, leave, errors, keep):
    """Forward filter: the log likelihood of all looks; and of each look, if they are to be kept,
    where its distributions (level, ship) end among all, these, and the shares (look, level).

    month and traffic as for the forward filter of ``berth_hmm``; errors those of a point.
    """
    time, kind = looks[0], looks[2]
    rates, start, share, change = traffic
    levels = len(rates)
    known, shares = start.copy().reshape(levels, 1), np.empty(levels)
    for v in range(levels):
        shares[v] = long_run(rates[v], leave, places)
    ends = np.zeros(len(time) + 1, np.int64)
    kept, kept_shares = np.empty(1024), np.empty((len(time), levels))
    total = 0.0
    for i in range(len(time)):
        if i > 0 and month[i] != month[i - 1]:
            if change > 0.0:
                known = without_tail(across_border(known, shares, share, change, places))
        elif i > 0 and time[i] > time[i - 1]:
            for v in range(levels):
                shares[v], stay = moved(shares[v], rates[v], leave, places, time[i] - time[i - 1])
                thin(known[v], stay)
            known = without_tail(known)
        if kind[i] != NO_LOOK:
            known = at_look(looks, i, known, shares, places, errors)
            likelihood = known.sum()
            if not likelihood > 0.0:
                return -math.inf, ends, kept, kept_shares
            total += math.log(likelihood)
            known = without_tail(known)
        if keep:
            ends[i + 1] = ends[i] + known.size
            kept = with_values(kept, ends[i], known.copy().reshape(known.size))
            kept_shares[i] = shares
    return total, ends, kept, kept_shares


@njit(cache=True, nogil=True)
def log_likelihoods(looks, month, places, levels, rate, dwell, errors):
    """Log likelihood of all looks for each parameter point; (point,).

    looks, levels and errors as of ``birth_death.log_likelihoods``. Points: places (infinite:
    without end), rate and dwell (point,).
    """
    found = np.empty(len(rate))
    for p in range(len(rate)):
        traffic = traffic_of(p, rate, levels)
        found[p] = forward_filter(
            looks, month, traffic, places[p], 1 / dwell[p], errors_at(errors, p), False
        )[0]
    return found


@njit(cache=True)
def others_chance(places, share, number):
    """Probability that so many of the places are taken, as ``fill_others``."""
    if number < 0 or number > places:
        return 0.0
    if share <= 0.0:
        return 1.0 if number == 0 else 0.0
    found = number * math.log(share) - math.lgamma(number + 1.0)
    if math.isinf(places):
        return math.exp(found - share)
    found += math.lgamma(places + 1.0) - math.lgamma(places - number + 1.0)
    return math.exp(found + (places - number) * math.log1p(-share))


@njit(cache=True)
def towards(target, size, places, rate, leave, gap):
    """Probability of ``target`` ships after the gap from each number of ships, (size,)."""
    new, _ = moved(0.0, rate, leave, places, gap)  # of a place that was empty
    if math.isinf(places):
        stay = math.exp(-leave * gap)
    else:
        stay = new + math.exp(-(rate / places + leave) * gap)
    chance, staying, coming = np.zeros(size), np.empty(size), np.zeros(target + 1)
    fill_others(places, new, 0.0, coming)
    for s in range(int(min(size - 1, places)) + 1):
        if not math.isinf(places):
            coming[:] = 0.0
            fill_others(places - s, new, 0.0, coming)
        fill_others(float(s), stay, 0.0, staying)
        for n in range(min(s, target) + 1):
            chance[s] += staying[n] * coming[target - n]
    return chance


@njit(cache=True)
def sample_numbers(time, month, ends, kept, kept_shares, traffic, places, leave, rng):
    """Backward sampling: one draw of the number of ships and of the level at the looks given all;
    two of (look,).
    """
    rates, _, share, change = traffic
    looks, levels = len(time), len(rates)
    ships, level = np.empty(looks, np.int64), np.empty(looks, np.int64)
    for i in range(looks - 1, -1, -1):
        known = kept[ends[i] : ends[i + 1]].reshape(levels, -1)
        shares = kept_shares[i]
        if i == looks - 1:
            masses = known.sum(axis=1)
            level[i] = sample_index(masses, rng.random())
            v = level[i]
            all_ships = as_known(known[v : v + 1], shares[v : v + 1].copy(), 0.0, places)
            ships[i] = sample_index(all_ships[0], rng.random())
            continue
        ships[i], level[i] = ships[i + 1], level[i + 1]
        if month[i + 1] != month[i]:
            masses = np.zeros(levels)
            for v in range(levels):
                for j in range(known.shape[1]):
                    chance = others_chance(places - j, shares[v], ships[i] - j)
                    masses[v] += known[v, j] * chance
            level[i] = sample_level(masses, level[i + 1], share, change, rng)
        elif time[i + 1] > time[i]:
            v, gap = level[i], time[i + 1] - time[i]
            all_ships = as_known(known[v : v + 1], shares[v : v + 1].copy(), 0.0, places)[0]
            chance_to = towards(ships[i + 1], len(all_ships), places, rates[v], leave, gap)
            ships[i] = sample_index(all_ships * chance_to, rng.random())
    return ships, level


@njit(cache=True, nogil=True)
def histories(looks, month, places, levels, rate, dwell, errors, times, rng):
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
        leave = 1 / dwell[p]
        _, ends, kept, shares = forward_filter(
            looks, month, traffic, places[p], leave, errors_at(errors, p), True
        )
        for _ in range(times[p]):
            ships, level = sample_numbers(
                time, month, ends, kept, shares, traffic, places[p], leave, rng
            )
            for stay in stays(time, ships, traffic[0][level], places[p], False, dwell[p], rng):
                rows = with_room(rows, n)
                rows[n, 0], rows[n, 1], rows[n, 2] = history, stay[0], stay[1]
                n += 1
            for i in range(len(time)):
                factors[history, month[i]] = levels[1][p, level[i]]
            history += 1
    return rows[:n], factors
