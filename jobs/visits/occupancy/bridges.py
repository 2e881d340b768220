"""Compiled histories of a place for several ships between two looks, given the number at both; and
the stays that follow.
"""

from __future__ import annotations

import math

import numpy as np

from jobs.visits.compiled import njit
from jobs.visits.occupancy.berth_hmm import sample_index, with_room
from jobs.visits.occupancy.jumps import jump, limited_jumps, most_jumps


@njit(cache=True)
def bridge_limited(origin, target, most, rate, leave, gap, rng):
    """As ``bridge``, with a limit to the number, and no fewer ships that come below it."""
    fastest = rate + most * leave
    every = limited_jumps(most, rate, leave, fastest)[None]
    chances = every[0]
    mean = fastest * gap
    limit = int(most_jumps(mean))
    # reach[n, 1 + s]: probability to reach the target from s ships by n jumps
    reach = np.zeros((limit + 1, most + 3))
    reach[0, 1 + target] = 1.0
    weights = np.empty(limit + 1)
    log_weight = -mean
    for n in range(limit + 1):
        if n > 0:
            log_weight += math.log(mean / n)
            jump(reach, n - 1, n, every, 0, True)
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
    """As ``bridge``, without end of places."""
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
def path_from(taken, come, leave, gap, rng):
    """Moments of one place that is taken or not at first, and changes at least once in the gap."""
    moments = np.empty(4)
    n = 0
    rate = leave if taken else come
    now = -math.log1p(rng.random() * math.expm1(-rate * gap)) / rate
    while now < gap:
        if n == len(moments):
            moments = np.append(moments, np.empty(n))
        moments[n] = now
        n += 1
        taken = not taken
        now += rng.standard_exponential() / (leave if taken else come)
    return moments[:n]


@njit(cache=True)
def add_paths(number, origin, target, come, leave, gap, moments, changes, n, rng):
    """Adds the changes of some places that each change in the gap and end at the target; returns
    the lists, as long as they need to be, and their number.

    Drawn until they end there. A way up is a way down, read backwards: that one is drawn, as it
    ends empty more often than the other ends taken.
    """
    back = target > origin
    for _ in range(number):
        path = path_from(origin or back, come, leave, gap, rng)
        while (len(path) % 2 == 1) != (origin != target):
            path = path_from(origin or back, come, leave, gap, rng)
        while n + len(path) > len(moments):
            moments = np.append(moments, np.empty(len(moments)))
            changes = np.append(changes, np.empty(len(changes), np.int8))
        sign = -1 if origin else 1
        for e in range(len(path)):
            moments[n] = gap - path[len(path) - 1 - e] if back else path[e]
            changes[n] = sign
            sign = -sign
            n += 1
    return moments, changes, n


@njit(cache=True)
def bridge_places(origin, target, places, come, leave, gap, rng):
    """As ``bridge``, of places that each are empty or taken by themselves; come: to each empty."""
    taken = come / (come + leave)
    left = math.exp(-(come + leave) * gap)
    stay, new = taken + (1.0 - taken) * left, taken * (1.0 - left)
    # by places taken at both ends
    weights = np.zeros(origin + 1)
    for b in range(max(0, target - (places - origin)), min(origin, target) + 1):
        empty = places - origin - target + b
        weights[b] = (
            b * math.log(stay)
            + (origin - b) * math.log1p(-stay)
            + (target - b) * math.log(new)
            + empty * math.log1p(-new)
            - math.lgamma(b + 1.0)
            - math.lgamma(origin - b + 1.0)
            - math.lgamma(target - b + 1.0)
            - math.lgamma(empty + 1.0)
        )
    first = max(0, target - (places - origin))
    greatest = weights[first : min(origin, target) + 1].max()
    for b in range(origin + 1):
        possible = first <= b <= target
        weights[b] = math.exp(weights[b] - greatest) if possible else 0.0
    both = sample_index(weights, rng.random())
    moments, changes = np.empty(16), np.empty(16, np.int8)
    changed = rng.binomial(both, 1.0 - math.exp(-leave * gap) / stay)
    moments, changes, n = add_paths(changed, True, True, come, leave, gap, moments, changes, 0, rng)
    moments, changes, n = add_paths(
        origin - both, True, False, come, leave, gap, moments, changes, n, rng
    )
    moments, changes, n = add_paths(
        target - both, False, True, come, leave, gap, moments, changes, n, rng
    )
    neither = places - origin - target + both
    changed = rng.binomial(neither, max(0.0, 1.0 - math.exp(-come * gap) / (1.0 - new)))
    moments, changes, n = add_paths(
        changed, False, False, come, leave, gap, moments, changes, n, rng
    )
    order = np.argsort(moments[:n])
    return moments[order], changes[order]


@njit(cache=True)
def bridge(origin, target, places, limited, rate, leave, gap, rng):
    """Moments since the gap's start at which a ship came (+1) or left (-1); one draw."""
    if limited:
        return bridge_limited(origin, target, int(places), rate, leave, gap, rng)
    if math.isinf(places):
        return bridge_unlimited(origin, target, rate, leave, gap, rng)
    return bridge_places(origin, target, int(places), rate / places, leave, gap, rng)


@njit(cache=True)
def stays(time, ships, rates, places, limited, dwell, rng):
    """The stays of one history: (stay, 2) arrival, departure, by arrival.

    ships: (look,), the number at each look; rates: (look,), before it.
    """
    leave = 1 / dwell
    rows = np.empty((64, 2))
    n = 0
    present = np.empty(ships[0] + 1)
    # exponential stays have no memory: those there at first came an exponential time before
    for s in range(ships[0]):
        present[s] = time[0] - rng.standard_exponential() * dwell
    there = ships[0]
    for i in range(1, len(time)):
        gap = time[i] - time[i - 1]
        if gap <= 0.0:
            continue
        moments, changes = bridge(
            ships[i - 1], ships[i], places, limited, rates[i], leave, gap, rng
        )
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
