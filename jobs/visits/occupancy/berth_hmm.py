"""Compiled berth model: one berth as a hidden Markov chain in continuous time.

A berth is empty, or holds one ship. Ships come at a rate ``rate`` (per day of empty berth) and stay
for an Erlang time: ``stages`` stages that each end at rate ``stages / dwell``. A ship has one of a
few length classes, drawn from ``mix`` when it comes and kept while it stays: that is how two
sightings of different length can be two ships. A look has an emission probability per class.

The states are *empty* and (stage, class). Only emissions depend on the class, so the distribution
moves by the Markov chain without classes ("lumped": empty, stage 1..k), and the part of ships that
were there before keeps its classes.

Over a gap the lumped Markov chain moves by uniformisation (Jensen 1953), and histories between
looks are drawn by the same series, conditional on both ends (Hobolth and Stone 2009).
"""

from __future__ import annotations

import math

import numpy as np

from jobs.visits.compiled import njit

NOTHING, VESSEL, NO_LOOK, REJECTED, DRAWN, REPLACED = 0, 1, 2, 3, 4, 5
"""Kind of a look. NO_LOOK marks the two ends of the period. The last three are made by reviewers:
the network's report was rejected; it reported nothing, and a ship was drawn by hand; both."""
REAL, OTHER, EMPTY = 0, 1, 2
"""Columns of ``said``: the probability of what reviewers said of a look, given that the report is
the ship at the berth; that a ship is there, but not reported; that the berth is empty."""
TAIL = 1e-13
"""Truncated mass of the uniformisation series."""


@njit(cache=True)
def lumped_after(start, rate, move, gap, result, work):
    """Distribution over (empty, stage 1..k) after a gap; start, result and work are (k + 1,)."""
    k = len(start) - 1
    fastest = max(rate, move)
    come, go = rate / fastest, move / fastest
    pieces = in_pieces(fastest * gap)
    mean = fastest * gap / pieces
    work[:] = start
    for _ in range(pieces):
        result[:] = 0.0
        weight = math.exp(-mean)
        covered = 0.0
        n = 0
        while covered < 1.0 - TAIL and n < most_jumps(mean):
            covered += weight
            for s in range(k + 1):
                result[s] += weight * work[s]
            came, left = work[0] * come, work[k] * go
            for s in range(k, 1, -1):
                work[s] += (work[s - 1] - work[s]) * go
            work[1] += came - work[1] * go
            work[0] += left - came
            n += 1
            weight *= mean / n
        for s in range(k + 1):
            result[s] /= covered
            work[s] = result[s]


@njit(cache=True)
def in_pieces(mean):
    """Number of pieces of a gap with that mean number of jumps, so that e^-mean is above 0."""
    return int(mean / 500.0) + 1


@njit(cache=True)
def most_jumps(mean):
    """More jumps than this are less likely than TAIL."""
    return mean + 12.0 * math.sqrt(mean) + 30.0


@njit(cache=True)
def same_ship(move, gap, k, chance):
    """Fills chance (k,): probability that n stages end in the gap and the same ship stays."""
    chance[0] = math.exp(-move * gap)
    for n in range(1, k):
        chance[n] = chance[n - 1] * move * gap / n


@njit(cache=True)
def step(empty, ships, rate, move, gap, mix, scratch):
    """Distribution after a gap: returns that of empty; ``ships`` (stage, class) in place."""
    k, classes = ships.shape
    lumped, after, work, chance, stayed = (
        scratch[0, : k + 1],
        scratch[1, : k + 1],
        scratch[2, : k + 1],
        scratch[3, :k],
        scratch[4, :k],
    )
    lumped[0] = empty
    for j in range(k):
        total = 0.0
        for c in range(classes):
            total += ships[j, c]
        lumped[j + 1] = total
    lumped_after(lumped, rate, move, gap, after, work)
    same_ship(move, gap, k, chance)
    for j in range(k - 1, -1, -1):  # downwards, so that ships[i < j] are still those before the gap
        total = 0.0
        for i in range(j + 1):
            total += lumped[i + 1] * chance[j - i]
        stayed[j] = total
        new = max(after[j + 1] - stayed[j], 0.0)
        for c in range(classes):
            mass = 0.0
            for i in range(j + 1):
                mass += ships[i, c] * chance[j - i]
            ships[j, c] = mass + mix[c] * new
    return after[0]


@njit(cache=True)
def stationary(ships, rate, dwell, mix):
    """Stationary distribution: returns that of empty; fills ``ships`` (stage, class)."""
    k, classes = ships.shape
    occupied = rate * dwell / (1.0 + rate * dwell)
    for j in range(k):
        for c in range(classes):
            ships[j, c] = occupied / k * mix[c]
    return 1.0 - occupied


@njit(cache=True)
def look_likelihood(look, kind, clear, fits, false_fit, said, recall, false_alarm, emission):
    """Emission probability of a look at an empty berth; fills ``emission`` (class,) for ships.

    It is the probability of the network's report, times that of what reviewers said of it.
    """
    if kind[look] == NO_LOOK:
        emission[:] = 1.0
        return 1.0
    none = math.exp(-false_alarm * clear[look])
    drawn = kind[look] in (DRAWN, REPLACED)
    if kind[look] in (NOTHING, DRAWN):
        for c in range(len(emission)):
            emission[c] = (1.0 - recall[c] * clear[look]) * none * said[look, OTHER]
            if drawn:
                emission[c] *= fits[look, c]
        return none * said[look, EMPTY] * false_fit[look]
    at_empty = (1.0 - none) * false_fit[look]
    for c in range(len(emission)):
        found = recall[c] * clear[look]
        missed = (1.0 - none) * fits[look, c] if drawn else at_empty
        emission[c] = (
            found * fits[look, c] * said[look, REAL] + (1.0 - found) * missed * said[look, OTHER]
        )
    return at_empty * said[look, EMPTY]


@njit(cache=True)
def update(empty, ships, at_empty, emission):
    """Bayes update with the emissions, normalised; returns (empty, probability of the look)."""
    total = empty * at_empty
    k, classes = ships.shape
    for j in range(k):
        for c in range(classes):
            ships[j, c] *= emission[c]
            total += ships[j, c]
    if total <= 0.0:
        return empty, 0.0
    ships /= total
    return empty * at_empty / total, total


@njit(cache=True)
def forward_filter(looks, errors, rate, dwell, mix, empties, ships):
    """Forward filter: fills empties (look,) and ships (look, stage, class); returns the log
    likelihood of all looks.
    """
    time, detector, kind, clear, fits, false_fit, said = looks
    recall, false_alarm = errors
    k, classes = ships.shape[1:]
    move = k / dwell
    emission = np.empty(classes)
    scratch = np.empty((5, k + 1))
    current = np.empty((k, classes))
    empty = stationary(current, rate, dwell, mix)
    total = 0.0
    for i in range(len(time)):
        if i > 0 and time[i] > time[i - 1]:
            empty = step(empty, current, rate, move, time[i] - time[i - 1], mix, scratch)
        d = detector[i]
        at_empty = look_likelihood(
            i, kind, clear, fits, false_fit, said, recall[d], false_alarm[d], emission
        )
        empty, chance = update(empty, current, at_empty, emission)
        total += math.log(chance) if chance > 0.0 else -math.inf
        empties[i] = empty
        ships[i] = current
    return total


@njit(cache=True, nogil=True)
def log_likelihoods(looks, rate, dwell, stages, mix, recall, false_alarm):
    """Log likelihood of all looks for each parameter point; (point,).

    looks: the arrays time, detector, kind, clear (look,), fits (look, class) and false_fit (look,):
    density of the measured length for a ship of the class, and for a false alarm; and ``said``
    (look, 3), 1 where no reviewer spoke. Points: rate, dwell, stages (point,), mix (point, class),
    recall (point, detector, class), false_alarm (point, detector).
    """
    points, classes = mix.shape
    number = len(looks[0])
    found = np.empty(points)
    for p in range(points):
        empties = np.empty(number)
        ships = np.empty((number, stages[p], classes))
        errors = (recall[p], false_alarm[p])
        found[p] = forward_filter(looks, errors, rate[p], dwell[p], mix[p], empties, ships)
    return found


# --- histories ----------------------------------------------------------------------------------


@njit(cache=True)
def sample_index(weights, uniform):
    """Index drawn with probability proportional to its weight, from one uniform number."""
    left = uniform * weights.sum()
    last = 0
    for i in range(len(weights)):
        if weights[i] > 0.0:
            last = i
            left -= weights[i]
            if left <= 0.0:
                return i
    return last


@njit(cache=True)
def lumped_towards(target, k, rate, move, gap):
    """Probability of the target state (0 empty, 1..k) after the gap, by state before; (k + 1,)."""
    fastest = max(rate, move)
    come, go = rate / fastest, move / fastest
    pieces = in_pieces(fastest * gap)
    mean = fastest * gap / pieces
    work = np.zeros(k + 1)
    work[target] = 1.0
    result = np.zeros(k + 1)
    for _ in range(pieces):
        result[:] = 0.0
        weight = math.exp(-mean)
        covered = 0.0
        n = 0
        while covered < 1.0 - TAIL and n < most_jumps(mean):
            covered += weight
            result += weight * work
            first = work[0]
            work[0] += (work[1] - work[0]) * come
            for s in range(1, k):
                work[s] += (work[s + 1] - work[s]) * go
            work[k] += (first - work[k]) * go
            n += 1
            weight *= mean / n
        result /= covered
        work[:] = result
    return result


@njit(cache=True)
def previous_state_weights(empty, ships, stage, class_, rate, move, gap, mix):
    """Weights of the states at a look, given the state at the next one; (2 k + 1,).

    ``stage`` is -1 for empty. [0] the berth was empty; [1..k] a ship was in that stage and left;
    [k + 1..2 k] the ship that is there next was in that stage.
    """
    k = ships.shape[0]
    weights = np.zeros(2 * k + 1)
    chance = np.empty(k)
    same_ship(move, gap, k, chance)
    towards = lumped_towards(stage + 1, k, rate, move, gap)
    share = mix[class_] if stage >= 0 else 1.0
    weights[0] = empty * towards[0] * share
    for j in range(k):
        stayed = chance[stage - j] if j <= stage else 0.0
        weights[1 + j] = ships[j].sum() * max(towards[1 + j] - stayed, 0.0) * share
        if stage >= 0:
            weights[1 + k + j] = ships[j, class_] * stayed
    return weights


@njit(cache=True)
def sample_states(time, empties, ships, rate, move, mix, rng):
    """Backward sampling: one draw of the states at the looks given all of them.

    Returns (look,): stage (-1 for empty), class, and whether the berth was empty at some moment
    since the look before.
    """
    looks, k, classes = ships.shape
    stage = np.full(looks, -1, np.int32)
    class_ = np.zeros(looks, np.int32)
    emptied = np.zeros(looks, np.bool_)
    last = np.empty(1 + k * classes)
    last[0] = empties[-1]
    last[1:] = ships[-1].copy().reshape(k * classes)
    chosen = sample_index(last, rng.random())
    if chosen > 0:
        stage[-1], class_[-1] = (chosen - 1) // classes, (chosen - 1) % classes
    for i in range(looks - 2, -1, -1):
        gap = time[i + 1] - time[i]
        if gap <= 0.0:
            stage[i], class_[i] = stage[i + 1], class_[i + 1]
            continue
        weights = previous_state_weights(
            empties[i], ships[i], stage[i + 1], class_[i + 1], rate, move, gap, mix
        )
        chosen = sample_index(weights, rng.random())
        emptied[i + 1] = chosen <= k
        if chosen > k:
            stage[i], class_[i] = chosen - k - 1, class_[i + 1]
        elif chosen > 0:
            stage[i], class_[i] = chosen - 1, sample_index(ships[i, chosen - 1], rng.random())
    return stage, class_, emptied


@njit(cache=True)
def bridge(origin, target, k, rate, move, gap, rng):
    """The moments, since the gap's start, at which a ship left or came, in turn; one draw.

    States: 0..k-1 the stages of the ship that was there, k empty, k+1..2k the stages of later
    ships. A ship that was there leaves first; after an empty start one comes first.
    """
    fastest = max(rate, move)
    mean = fastest * gap
    most = int(most_jumps(mean))
    # towards[n, s]: probability of the target after n more jumps of the uniformised Markov chain
    towards = np.zeros((most + 1, 2 * k + 1))
    towards[0, target] = 1.0
    weights = np.empty(most + 1)
    log_weight = -mean
    for n in range(most + 1):
        if n > 0:
            log_weight += math.log(mean / n)
            for s in range(2 * k + 1):
                leave = (rate if s == k else move) / fastest
                moved = towards[n - 1, following(s, k)]
                towards[n, s] = (1 - leave) * towards[n - 1, s] + leave * moved
        weights[n] = math.exp(log_weight) * towards[n, origin]
    jumps = sample_index(weights, rng.random())
    clock = np.sort(rng.random(jumps)) * gap
    moments = np.empty(jumps)
    found = 0
    state = origin
    for n in range(jumps):
        after = following(state, k)
        leave = (rate if state == k else move) / fastest
        stay = (1 - leave) * towards[jumps - n - 1, state]
        go = leave * towards[jumps - n - 1, after]
        if rng.random() * (stay + go) >= stay:
            if k in (after, state):
                moments[found] = clock[n]
                found += 1
            state = after
    return moments[:found]


@njit(cache=True)
def following(state, k):
    """The state after this one, numbered as in ``bridge``."""
    return k if state == 2 * k else state + 1


@njit(cache=True)
def true_sighting(look, looks, recall, false_alarm, class_, rng):
    """Whether the vessel seen at an occupied berth was the ship itself; one draw.

    A hand-drawn ship at an occupied berth is.
    """
    kind, clear, fits, false_fit, said = looks[2], looks[3], looks[4], looks[5], looks[6]
    if kind[look] != VESSEL:
        return True
    found = recall[class_] * clear[look]
    real = found * fits[look, class_] * said[look, REAL]
    none = math.exp(-false_alarm * clear[look])
    false = (1.0 - found) * (1.0 - none) * false_fit[look] * said[look, OTHER]
    return rng.random() * (real + false) < real


@njit(cache=True)
def stays(looks, errors, rate, dwell, mix, empties, ships, rng):
    """The stays of one history: (stay, 4) arrival, departure, class and first true sighting or
    -1.
    """
    time, detector, kind = looks[0], looks[1], looks[2]
    k = ships.shape[1]
    move = k / dwell
    stage, class_, emptied = sample_states(time, empties, ships, rate, move, mix, rng)
    rows = np.empty((64, 4))
    n = 0
    present = stage[0] >= 0
    ship = np.empty(4)
    ship[:] = -1.0
    if present:
        ship[0] = time[0] - rng.standard_gamma(stage[0] + 1.0) / move
        ship[2] = class_[0]
    for i in range(len(time)):
        if emptied[i]:
            origin = stage[i - 1] if stage[i - 1] >= 0 else k
            target = k + 1 + stage[i] if stage[i] >= 0 else k
            for moment in bridge(origin, target, k, rate, move, time[i] - time[i - 1], rng):
                present = not present
                if present:
                    ship[0], ship[2], ship[3] = (
                        time[i - 1] + moment,
                        sample_index(mix, rng.random()),
                        -1,
                    )
                    continue
                ship[1] = time[i - 1] + moment
                rows = with_room(rows, n)
                rows[n] = ship
                n += 1
            if present:
                ship[2] = class_[i]
        if present and ship[3] < 0 and kind[i] in (VESSEL, DRAWN, REPLACED):
            recall, false_alarm = errors[0][detector[i]], errors[1][detector[i]]
            if true_sighting(i, looks, recall, false_alarm, class_[i], rng):
                ship[3] = i
    if present:
        ship[1] = time[-1] + rng.standard_gamma(float(k - stage[-1])) / move
        rows = with_room(rows, n)
        rows[n] = ship
        n += 1
    return rows[:n]


@njit(cache=True)
def with_room(rows, n):
    """The rows, with room for one more."""
    if n < len(rows):
        return rows
    wider = np.empty((2 * len(rows), rows.shape[1]))
    wider[:n] = rows
    return wider


@njit(cache=True, nogil=True)
def histories(looks, rate, dwell, stages, mix, recall, false_alarm, times, rng):
    """Histories of each parameter point: (stay, 5) history, arrival, departure, class, sighting.

    Arguments as for log_likelihoods; the first and the last look are the ends of the
    period. ``times`` (point,) is the number of histories of each point. A stay's sighting is
    the first look that truly detected it, or -1.
    """
    points, classes = mix.shape
    number = len(looks[0])
    rows = np.empty((256, 5))
    n = 0
    history = 0
    for p in range(points):
        empties = np.empty(number)
        ships = np.empty((number, stages[p], classes))
        errors = (recall[p], false_alarm[p])
        forward_filter(looks, errors, rate[p], dwell[p], mix[p], empties, ships)
        for _ in range(times[p]):
            for stay in stays(looks, errors, rate[p], dwell[p], mix[p], empties, ships, rng):
                rows = with_room(rows, n)
                rows[n, 0] = history
                rows[n, 1:] = stay
                n += 1
            history += 1
    return rows[:n]
