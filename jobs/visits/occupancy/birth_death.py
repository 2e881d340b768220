"""Compiled queue model: a birth-death Markov chain of the number of ships at a place.

Ships come at a rate while there is room, and each leaves after an exponential stay of its own:
M/M/n/n, and M/M/infinity where nothing limits it. The state is the number of ships, 0..most; looks
detect each of them with the same probability, and report false alarms. The rate has levels that may
change at month borders (``rate_levels``).
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

NEGLIGIBLE = 1e-16
"""Mass of a number of ships that adds nothing, at the upper end of a distribution of sum 1."""


@njit(cache=True)
def jump_chances(most, rates, leave):
    """Jump probabilities of the uniformised Markov chain and the rate of its jumps.

    (3, ship + 2, level): to stay, to gain a ship, to lose one, by number of ships, padded with
    zeros.
    """
    fastest = rates.max() + most * leave
    chances = np.zeros((3, most + 3, len(rates)))
    for s in range(most + 1):
        for v in range(len(rates)):
            chances[1, s + 1, v] = rates[v] / fastest if s < most else 0.0
            chances[2, s + 1, v] = s * leave / fastest
            chances[0, s + 1, v] = 1.0 - chances[1, s + 1, v] - chances[2, s + 1, v]
    return chances, fastest


@njit(cache=True)
def jump(mass, chances, backwards, after):
    """One jump of distributions (ship + 2, level); backwards, of the probability to reach a target;
    fills ``after``.
    """
    idle, up, down = chances[0], chances[1], chances[2]
    for s in range(1, len(mass) - 1):
        for v in range(mass.shape[1]):
            if backwards:
                come, gone = mass[s + 1, v] * up[s, v], mass[s - 1, v] * down[s, v]
            else:
                come, gone = mass[s - 1, v] * up[s - 1, v], mass[s + 1, v] * down[s + 1, v]
            after[s, v] = mass[s, v] * idle[s, v] + come + gone


@njit(cache=True)
def advance_limited(mass, rates, leave, gap, backwards):
    """Distributions (ship, level) after a gap, in place, with a limit to the number: by
    uniformisation.

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
def advance_unlimited(mass, rates, leave, gap):
    """Distributions (ship, level) after a gap, in place, without a limit to the number.

    Ships present stay independently, and new ones that stay are Poisson (Eick, Massey and Whitt
    1993): a thinning and a convolution, for any gap. The last state holds the rest.
    """
    states, levels = mass.shape
    stays = math.exp(-leave * gap)
    highest = states - 1
    while highest > 0 and mass[highest].max() <= NEGLIGIBLE:
        highest -= 1
    left, thinner = np.zeros(states * levels), np.zeros(states * levels)
    for s in range(highest, -1, -1):  # Horner: thin what there is by one ship more
        for v in range(levels):
            thinner[v] = (1 - stays) * left[v] + mass[s, v]
        for x in range(levels, (highest - s + 1) * levels):
            thinner[x] = stays * left[x - levels] + (1 - stays) * left[x]
        left, thinner = thinner, left
    total = mass.sum(axis=0)
    mass[:] = 0.0
    flat = mass.reshape(states * levels)
    come = rates / leave * (1 - stays)
    each, present = np.empty(states * levels), (highest + 1) * levels
    for x in range(present):
        each[x] = come[x % levels]
        left[x] *= math.exp(-each[x])
    for n in range(int(min(states, most_jumps(come.max())))):
        for x in range(min(present, (states - n) * levels)):
            flat[n * levels + x] += left[x]
            left[x] *= each[x] / (n + 1)
    for v in range(levels):
        mass[-1, v] += max(0.0, total[v] - mass[:, v].sum())


@njit(cache=True)
def towards(target, most, limited, rate, leave, gap):
    """Probability of ``target`` ships after the gap from each number of ships, (most + 1,)."""
    chance = np.zeros(most + 1)
    if limited:
        chance[target] = 1.0
        advance_limited(chance.reshape(most + 1, 1), np.array([rate]), leave, gap, True)
    else:
        stays = math.exp(-leave * gap)
        # ships that stay plus new ones: the same sum as detected ships plus false alarms
        count_likelihood(target, stays, rate / leave * (1 - stays), chance)
    return chance


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
def count_likelihood(vessels, chance, false_alarms, emission):
    """Probability of the number of reported vessels by number of ships; fills emission (ship,)."""
    reported = np.empty(vessels + 1)
    reported[0] = math.exp(-false_alarms)
    for v in range(1, vessels + 1):
        reported[v] = reported[v - 1] * false_alarms / v
    emission[0] = reported[vessels]
    for s in range(1, len(emission)):
        for v in range(vessels, 0, -1):
            reported[v] = chance * reported[v - 1] + (1 - chance) * reported[v]
        reported[0] *= 1 - chance
        emission[s] = reported[vessels]


@njit(cache=True)
def reviewed_likelihood(vessels, chance, false_alarms, of_reports, of_missed, emission):
    """As ``count_likelihood``, times the probability of what reviewers said of the reports.

    of_reports: by number of reports that are ships; of_missed: by number of ships not reported.
    """
    for s in range(len(emission)):
        total = 0.0
        found = (1 - chance) ** s  # that none of s ships is reported
        for t in range(min(s, vessels) + 1):
            if t > 0:
                if chance >= 1.0:
                    found = 1.0 if t == s else 0.0
                else:
                    found *= chance / (1 - chance) * (s - t + 1) / t
            false = math.exp(-false_alarms)
            for v in range(1, vessels - t + 1):
                false *= false_alarms / v
            total += found * false * of_reports[t] * of_missed[s - t]
        emission[s] = total


@njit(cache=True)
def forward_filter(looks, month, limited, traffic, leave, recall, false_alarm, masses):
    """Forward filter: fills masses (look, ship, level), or keeps the last look's only, where it has
    one row; returns the log likelihood of all looks.

    month and traffic as for the forward filter of ``berth_hmm``.
    """
    time, detector, kind, clear, vessels, reviewed, of_reports, of_missed = looks
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
            if limited:
                advance_limited(mass, rates, leave, gap, False)
            else:
                advance_unlimited(mass, rates, leave, gap)
        if kind[i] != NO_LOOK:
            d = detector[i]
            chance, false = recall[d] * clear[i], false_alarm[d] * clear[i]
            if reviewed[i]:
                reviewed_likelihood(
                    vessels[i], chance, false, of_reports[i], of_missed[i], emission
                )
            else:
                count_likelihood(vessels[i], chance, false, emission)
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
def log_likelihoods(looks, month, most, limited, levels, rate, dwell, recall, false_alarm):
    """Log likelihood of all looks for each parameter point; (point,).

    looks: time, detector, kind, clear, vessels, reviewed (look,), and what reviewers said, as
    ``reviews_of`` gives it. Points: levels as in ``rate_levels``; rate and dwell
    (point,), recall and false_alarm (point, detector).
    """
    found = np.empty(len(rate))
    for p in range(len(rate)):
        traffic = traffic_of(p, rate, levels)
        masses = np.empty((1, most + 1, len(traffic[0])))
        found[p] = forward_filter(
            looks, month, limited, traffic, 1 / dwell[p], recall[p], false_alarm[p], masses
        )
    return found


@njit(cache=True)
def bridge_limited(origin, target, most, rate, leave, gap, rng):
    """As ``bridge``, with a limit to the number."""
    chances, fastest = jump_chances(most, np.array([rate]), leave)
    mean = fastest * gap
    limit = int(most_jumps(mean))
    # reach[n, 1 + s]: probability to reach the target from s ships by n jumps
    reach = np.zeros((limit + 1, most + 3, 1))
    reach[0, 1 + target] = 1.0
    weights = np.empty(limit + 1)
    log_weight = -mean
    for n in range(limit + 1):
        if n > 0:
            log_weight += math.log(mean / n)
            jump(reach[n - 1], chances, True, reach[n])
        weights[n] = math.exp(log_weight) * reach[n, 1 + origin, 0]
    jumps = sample_index(weights, rng.random())
    clock = np.sort(rng.random(jumps)) * gap
    moments, changes = np.empty(jumps), np.empty(jumps, np.int8)
    found = 0
    s = 1 + origin
    for n in range(jumps):
        left = reach[jumps - n - 1, :, 0]
        up, down = chances[1, s, 0] * left[s + 1], chances[2, s, 0] * left[s - 1]
        at = rng.random() * (up + down + chances[0, s, 0] * left[s])
        if at < up + down:
            moments[found], changes[found] = clock[n], 1 if at < up else -1
            s += changes[found]
            found += 1
    return moments[:found], changes[:found]


@njit(cache=True)
def bridge_unlimited(origin, target, rate, leave, gap, rng):
    """As ``bridge``, without a limit to the number."""
    stays = math.exp(-leave * gap)
    come = rate / leave * (1 - stays)
    most = min(origin, target)
    weights = np.zeros(most + 1)
    for b in range(most + 1):
        weights[b] = math.exp(
            math.lgamma(origin + 1.0)
            - math.lgamma(b + 1.0)
            - math.lgamma(origin - b + 1.0)
            + b * math.log(stays)
            + (origin - b) * math.log1p(-stays)
            + (target - b) * math.log(come)
            - math.lgamma(target - b + 1.0)
        )
    stayed = sample_index(weights, rng.random())
    passing = rng.poisson(rate * gap)
    moments = np.empty(origin + target + 2 * passing)
    changes = np.empty(len(moments), np.int8)
    n = 0
    for _ in range(origin - stayed):
        moments[n], changes[n] = -math.log1p(-rng.random() * (1 - stays)) / leave, -1
        n += 1
    for _ in range(target - stayed):
        moments[n], changes[n] = gap + math.log1p(-rng.random() * (1 - stays)) / leave, 1
        n += 1
    for _ in range(passing):  # came and went: those of all arrivals whose stay fits in
        came = rng.random() * gap
        gone = came + rng.standard_exponential() / leave
        if gone < gap:
            moments[n], changes[n], moments[n + 1], changes[n + 1] = came, 1, gone, -1
            n += 2
    order = np.argsort(moments[:n])
    return moments[order], changes[order]


@njit(cache=True)
def bridge(origin, target, most, limited, rate, leave, gap, rng):
    """Moments since the gap's start at which a ship came (+1) or left (-1); one draw."""
    if limited:
        return bridge_limited(origin, target, most, rate, leave, gap, rng)
    return bridge_unlimited(origin, target, rate, leave, gap, rng)


@njit(cache=True)
def sample_numbers(time, month, limited, masses, traffic, leave, rng):
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
            rate = rates[level[i]]
            chance = towards(ships[i + 1], states - 1, limited, rate, leave, gap)
            ships[i] = sample_index(masses[i, :, level[i]] * chance, rng.random())
    return ships, level


@njit(cache=True)
def stays(time, month, limited, masses, traffic, dwell, rng):
    """The stays of one history: (stay, 2) arrival, departure, by arrival; and the level at every
    look.
    """
    leave = 1 / dwell
    most = masses.shape[1] - 1
    ships, level = sample_numbers(time, month, limited, masses, traffic, leave, rng)
    rows = np.empty((64, 2))
    n = 0
    present = np.empty(most + 1)
    # exponential stays have no memory: those there at first came an exponential time before
    for s in range(ships[0]):
        present[s] = time[0] - rng.standard_exponential() * dwell
    there = ships[0]
    for i in range(1, len(time)):
        gap = time[i] - time[i - 1]
        if gap <= 0.0:
            continue
        rate = traffic[0][level[i]]
        moments, changes = bridge(ships[i - 1], ships[i], most, limited, rate, leave, gap, rng)
        for e in range(len(moments)):
            if changes[e] > 0:
                if there == len(present):
                    present = np.append(present, np.empty(len(present)))
                present[there] = time[i - 1] + moments[e]
                there += 1
                continue
            # any of those present is equally likely to be the one that leaves
            gone = min(int(rng.random() * there), there - 1)
            rows = with_room(rows, n)
            rows[n, 0], rows[n, 1] = present[gone], time[i - 1] + moments[e]
            n += 1
            there -= 1
            present[gone] = present[there]
    for s in range(there):
        rows = with_room(rows, n)
        rows[n, 0] = present[s]
        rows[n, 1] = time[-1] + rng.standard_exponential() * dwell
        n += 1
    return rows[np.argsort(rows[:n, 0])], level


@njit(cache=True, nogil=True)
def histories(looks, month, most, limited, levels, rate, dwell, recall, false_alarm, times, rng):
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
        forward_filter(
            looks, month, limited, traffic, 1 / dwell[p], recall[p], false_alarm[p], masses
        )
        for _ in range(times[p]):
            found, level = stays(time, month, limited, masses, traffic, dwell[p], rng)
            for stay in found:
                rows = with_room(rows, n)
                rows[n, 0], rows[n, 1], rows[n, 2] = history, stay[0], stay[1]
                n += 1
            for i in range(len(time)):
                factors[history, month[i]] = levels[1][p, level[i]]
            history += 1
    return rows[:n], factors
