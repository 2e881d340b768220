"""Compiled queue model: a birth-death Markov chain of the number of ships at a place.

Ships come at a rate while there is room, and each leaves after an exponential stay of its own:
M/M/n/n, and M/M/infinity where nothing limits it. The state is the number of ships, 0..most; looks
detect each of them with the same probability, and report false alarms.
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
    with_room,
)


@njit(cache=True)
def jump_chances(most, rate, leave):
    """Jump probabilities of the uniformised Markov chain and the rate of its jumps.

    (3, ship + 2): to stay, to gain a ship, to lose one, by number of ships, padded with zeros.
    """
    fastest = rate + most * leave
    chances = np.zeros((3, most + 3))
    for s in range(most + 1):
        chances[1, s + 1] = rate / fastest if s < most else 0.0
        chances[2, s + 1] = s * leave / fastest
        chances[0, s + 1] = 1.0 - chances[1, s + 1] - chances[2, s + 1]
    return chances, fastest


@njit(cache=True)
def jump(mass, chances, backwards, work):
    """One jump of a distribution; backwards, of the probability to reach a target; in place."""
    idle, up, down = chances[0], chances[1], chances[2]
    if backwards:
        for s in range(1, len(mass) - 1):
            work[s] = mass[s] * idle[s] + mass[s + 1] * up[s] + mass[s - 1] * down[s]
    else:
        for s in range(1, len(mass) - 1):
            work[s] = mass[s] * idle[s] + mass[s - 1] * up[s - 1] + mass[s + 1] * down[s + 1]
    mass[1:-1] = work[1:-1]


@njit(cache=True)
def advance_limited(mass, rate, leave, gap, backwards):
    """Distribution after a gap, in place, with a limit to the number: by uniformisation.

    Backwards: the probability to reach a target.
    """
    most = len(mass) - 1
    chances, fastest = jump_chances(most, rate, leave)
    pieces = in_pieces(fastest * gap)
    mean = fastest * gap / pieces
    now, work = np.zeros(most + 3), np.zeros(most + 3)
    now[1:-1] = mass
    for _ in range(pieces):
        mass[:] = 0.0
        weight = math.exp(-mean)
        covered = 0.0
        n = 0
        while covered < 1.0 - TAIL and n < most_jumps(mean):
            covered += weight
            for s in range(most + 1):
                mass[s] += weight * now[s + 1]
            jump(now, chances, backwards, work)
            n += 1
            weight *= mean / n
        mass /= covered
        now[1:-1] = mass


@njit(cache=True)
def advance_unlimited(mass, rate, leave, gap):
    """Distribution after a gap, in place, without a limit to the number.

    Ships present stay independently, and new ones that stay are Poisson (Eick, Massey and Whitt
    1993): a thinning and a convolution, for any gap. The last state holds the rest.
    """
    most = len(mass) - 1
    stays = math.exp(-leave * gap)
    left = np.zeros(most + 1)
    for s in range(most, -1, -1):  # Horner: thin what there is by one ship more
        for v in range(most - s, 0, -1):
            left[v] = stays * left[v - 1] + (1 - stays) * left[v]
        left[0] = (1 - stays) * left[0] + mass[s]
    come = rate / leave * (1 - stays)
    mass[:] = 0.0
    new = math.exp(-come)
    for n in range(most + 1):
        for s in range(n, most + 1):
            mass[s] += new * left[s - n]
        new *= come / (n + 1)
    mass[most] += max(0.0, 1.0 - mass.sum())


@njit(cache=True)
def towards(target, most, limited, rate, leave, gap):
    """Probability of ``target`` ships after the gap from each number of ships, (most + 1,)."""
    chance = np.zeros(most + 1)
    if limited:
        chance[target] = 1.0
        advance_limited(chance, rate, leave, gap, True)
    else:
        stays = math.exp(-leave * gap)
        # ships that stay plus new ones: the same sum as detected ships plus false alarms
        count_likelihood(target, stays, rate / leave * (1 - stays), chance)
    return chance


@njit(cache=True)
def stationary(mass, rate, leave):
    """Stationary distribution of the number of ships: Poisson, truncated at the limit."""
    mass[0] = 1.0
    for s in range(1, len(mass)):
        mass[s] = mass[s - 1] * rate / (s * leave)
    mass /= mass.sum()


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
def forward_filter(looks, limited, rate, leave, recall, false_alarm, masses):
    """Forward filter: fills masses (look, ship); returns the log likelihood of all looks."""
    time, detector, kind, clear, vessels, reviewed, of_reports, of_missed = looks
    states = masses.shape[1]
    mass, emission = np.empty(states), np.empty(states)
    stationary(mass, rate, leave)
    total = 0.0
    for i in range(len(time)):
        if i > 0 and time[i] > time[i - 1]:
            gap = time[i] - time[i - 1]
            if limited:
                advance_limited(mass, rate, leave, gap, False)
            else:
                advance_unlimited(mass, rate, leave, gap)
        if kind[i] != NO_LOOK:
            d = detector[i]
            chance, false = recall[d] * clear[i], false_alarm[d] * clear[i]
            if reviewed[i]:
                reviewed_likelihood(
                    vessels[i], chance, false, of_reports[i], of_missed[i], emission
                )
            else:
                count_likelihood(vessels[i], chance, false, emission)
            mass *= emission
            likelihood = mass.sum()
            if not likelihood > 0.0:
                return -math.inf
            total += math.log(likelihood)
            mass /= likelihood
        masses[i] = mass
    return total


@njit(cache=True, nogil=True)
def log_likelihoods(looks, most, limited, rate, dwell, recall, false_alarm):
    """Log likelihood of all looks for each parameter point; (point,).

    looks: time, detector, kind, clear, vessels, reviewed (look,), and what reviewers said, as
    ``reviews_of`` gives it. Points: rate and dwell (point,), recall and false_alarm (point,
    detector).
    """
    found = np.empty(len(rate))
    masses = np.empty((len(looks[0]), most + 1))
    for p in range(len(rate)):
        found[p] = forward_filter(
            looks, limited, rate[p], 1 / dwell[p], recall[p], false_alarm[p], masses
        )
    return found


@njit(cache=True)
def bridge_limited(origin, target, most, rate, leave, gap, rng):
    """As ``bridge``, with a limit to the number."""
    chances, fastest = jump_chances(most, rate, leave)
    mean = fastest * gap
    limit = int(most_jumps(mean))
    # reach[n, 1 + s]: probability to reach the target from s ships by n jumps
    reach = np.zeros((limit + 1, most + 3))
    reach[0, 1 + target] = 1.0
    work = np.zeros(most + 3)
    weights = np.empty(limit + 1)
    log_weight = -mean
    for n in range(limit + 1):
        if n > 0:
            log_weight += math.log(mean / n)
            reach[n] = reach[n - 1]
            jump(reach[n], chances, True, work)
        weights[n] = math.exp(log_weight) * reach[n, 1 + origin]
    jumps = sample_index(weights, rng.random())
    clock = np.sort(rng.random(jumps)) * gap
    moments, changes = np.empty(jumps), np.empty(jumps, np.int8)
    found = 0
    s = 1 + origin
    for n in range(jumps):
        left = reach[jumps - n - 1]
        up, down = chances[1, s] * left[s + 1], chances[2, s] * left[s - 1]
        at = rng.random() * (up + down + chances[0, s] * left[s])
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
def sample_numbers(time, limited, masses, rate, leave, rng):
    """Backward sampling: one draw of the number of ships at the looks given all; (look,)."""
    looks, states = masses.shape
    ships = np.empty(looks, np.int64)
    ships[-1] = sample_index(masses[-1], rng.random())
    for i in range(looks - 2, -1, -1):
        gap = time[i + 1] - time[i]
        if gap <= 0.0:
            ships[i] = ships[i + 1]
            continue
        chance = towards(ships[i + 1], states - 1, limited, rate, leave, gap)
        ships[i] = sample_index(masses[i] * chance, rng.random())
    return ships


@njit(cache=True)
def stays(time, limited, masses, rate, dwell, rng):
    """The stays of one history: (stay, 2) arrival, departure, by arrival."""
    leave = 1 / dwell
    most = masses.shape[1] - 1
    ships = sample_numbers(time, limited, masses, rate, leave, rng)
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
    return rows[np.argsort(rows[:n, 0])]


@njit(cache=True, nogil=True)
def histories(looks, most, limited, rate, dwell, recall, false_alarm, times, rng):
    """Histories of each parameter point: (stay, 3) history, arrival, departure.

    ``times`` (point,) is the number of histories of each point.
    """
    time = looks[0]
    masses = np.empty((len(time), most + 1))
    rows = np.empty((1024, 3))
    n = 0
    history = 0
    for p in range(len(rate)):
        forward_filter(looks, limited, rate[p], 1 / dwell[p], recall[p], false_alarm[p], masses)
        for _ in range(times[p]):
            for stay in stays(time, limited, masses, rate[p], dwell[p], rng):
                rows = with_room(rows, n)
                rows[n, 0], rows[n, 1], rows[n, 2] = history, stay[0], stay[1]
                n += 1
            history += 1
    return rows[:n]
