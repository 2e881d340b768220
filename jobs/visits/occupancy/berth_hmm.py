"""Compiled berth model: one berth as a hidden Markov chain in continuous time.

A berth is empty, or holds one ship. Ships come at a rate ``rate`` (per day of empty berth) and stay
for an Erlang time: ``stages`` stages that each end at rate ``stages / dwell``. A ship has one of a
few length classes, drawn from ``mix`` when it comes and kept while it stays: that is how two
sightings of different length can be two ships. A look has an emission probability per class.

The states are *empty* and (stage, class). Only emissions depend on the class, so the distribution
moves by the Markov chain without classes ("lumped": empty, stage 1..k), and the part of ships that
were there before keeps its classes.

Over a gap the lumped Markov chain moves as ``jumps`` says, and histories between looks are drawn by
uniformisation, conditional on both ends (Hobolth and Stone 2009).
"""

from __future__ import annotations

import math

import numpy as np

from jobs.visits.compiled import njit
from jobs.visits.occupancy.jumps import (
    advance,
    at_level,
    chain_of,
    gaps_between,
    most_jumps,
    stage_jumps,
)
from jobs.visits.occupancy.reports import errors_at

NOTHING, VESSEL, NO_LOOK, REJECTED, DRAWN, REPLACED = 0, 1, 2, 3, 4, 5
"""Kind of a look. NO_LOOK marks the two ends of the period. The last three are made by reviewers:
the network's report was rejected; it reported nothing, and a ship was drawn by hand; both."""
REAL, OTHER, EMPTY = 0, 1, 2
"""Columns of ``said``: the probability of what reviewers said of a look, given that the report is
the ship at the berth; that a ship is there, but not reported; that the berth is empty."""
LEAST, MOST = 1e-100, 1e100
"""Masses are scaled anew where their sum leaves this range."""


@njit(cache=True)
def chain_at(stages, rates, move, time):
    """The Markov chain of empty, stage 1..k at each level, for the gaps between looks."""
    fastest = max(rates.max(), move)
    chances = np.empty((len(rates), 3, stages + 3))
    for v in range(len(rates)):
        chances[v] = stage_jumps(stages, rates[v], move, fastest)
    number, longest = gaps_between(time)
    return chain_of(chances, fastest, number, longest)


@njit(cache=True)
def same_ship(move, gap, k, chance):
    """Fills chance (k,): probability that n stages end in the gap and the same ship stays."""
    chance[0] = math.exp(-move * gap)
    for n in range(1, k):
        chance[n] = chance[n - 1] * move * gap / n


@njit(cache=True)
def step(lumped, ships, chain, move, gap, mix, scratch):
    """Moves the distribution by a gap, in place: lumped (level, k + 1), ships (stage, level,
    class), whose sums over classes are the former's stages. scratch: (level, k + 1), (k,),
    (2, k + 3).
    """
    k, levels, classes = ships.shape
    after, chance, work = scratch
    same_ship(move, gap, k, chance)
    after[:] = lumped
    advance(after, chain, gap, False, work)
    flat = ships.reshape(k, levels * classes)  # one long loop, for the compiler to vectorise
    for j in range(k - 1, -1, -1):  # downwards, so that ships[i < j] are still those before the gap
        flat[j] *= chance[0]
        for i in range(j):
            here, before, share = flat[j], flat[i], chance[j - i]
            for x in range(levels * classes):
                here[x] += before[x] * share
        for v in range(levels):
            stayed = 0.0
            for i in range(j + 1):
                stayed += lumped[v, i + 1] * chance[j - i]
            new = max(after[v, j + 1] - stayed, 0.0)
            for c in range(classes):
                ships[j, v, c] += mix[c] * new
    lumped[:] = after


@njit(cache=True)
def renew_levels(lumped, ships, share, change):
    """A month's border: with chance ``change`` the level is drawn anew, as likely as its share."""
    k, levels, classes = ships.shape
    for s in range(k + 1):
        total = lumped[:, s].sum()
        for v in range(levels):
            lumped[v, s] = (1.0 - change) * lumped[v, s] + change * share[v] * total
    for j in range(k):
        for c in range(classes):
            total = ships[j, :, c].sum()
            for v in range(levels):
                ships[j, v, c] = (1.0 - change) * ships[j, v, c] + change * share[v] * total


@njit(cache=True)
def stationary(lumped, ships, rates, start, dwell, mix):
    """Stationary distribution at each level, of levels as likely as ``start`` says; in place."""
    k, levels, classes = ships.shape
    for v in range(levels):
        occupied = rates[v] * dwell / (1.0 + rates[v] * dwell)
        lumped[v, 0] = (1.0 - occupied) * start[v]
        for j in range(k):
            lumped[v, j + 1] = occupied * start[v] / k
            for c in range(classes):
                ships[j, v, c] = lumped[v, j + 1] * mix[c]


@njit(cache=True)
def score_range(score, classes):
    """The first class of a report with that class of score, and the one after the last."""
    return (score, score + 1) if score >= 0 else (0, classes - 1)


@njit(cache=True)
def false_report(false_alarms, least, first, after):
    """Probability that the surest false alarm is of these classes of score; and that none is surer.

    least: (class + 1,), share of the false alarms of each class or a higher one.
    """
    none_surer = math.exp(-false_alarms * least[after])
    return none_surer - math.exp(-false_alarms * least[first]), none_surer


@njit(cache=True)
def look_likelihood(look, kind, clear, fits, false_fit, said, score, errors, emission):
    """Emission probability of a look at an empty berth; fills ``emission`` (class,) for ships.

    It is the probability of the network's report, the surest of them with its score, times that of
    what reviewers said of it. errors: recall (class,), false alarms, and the least shares by class
    of score of ships (score class + 1, class) and of false alarms (score class + 1,).
    """
    if kind[look] == NO_LOOK:
        emission[:] = 1.0
        return 1.0
    recall, false_alarm, ships_least, false_least = errors
    none = math.exp(-false_alarm * clear[look])
    drawn = kind[look] in (DRAWN, REPLACED)
    if kind[look] in (NOTHING, DRAWN):
        for c in range(len(emission)):
            emission[c] = (1.0 - recall[c] * clear[look]) * none * said[look, OTHER]
            if drawn:
                emission[c] *= fits[look, c]
        return none * said[look, EMPTY] * false_fit[look]
    first, after = score_range(score[look], len(false_least))
    false, none_surer = false_report(false_alarm * clear[look], false_least, first, after)
    at_empty = false * false_fit[look]
    for c in range(len(emission)):
        found = recall[c] * clear[look]
        as_sure = found * (ships_least[first, c] - ships_least[after, c]) * none_surer
        less_sure = 1.0 - found * ships_least[first, c]
        other = false * fits[look, c] if drawn else at_empty
        emission[c] = (
            as_sure * fits[look, c] * said[look, REAL] + less_sure * other * said[look, OTHER]
        )
    return at_empty * said[look, EMPTY]


@njit(cache=True)
def weighted(masses, emission):
    """Multiplies the masses of the classes, in place; returns their sum."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0  # four sums that need not wait for each other
    whole = len(masses) // 4 * 4
    for x in range(len(masses)):
        masses[x] *= emission[x]
    for x in range(0, whole, 4):
        a += masses[x]
        b += masses[x + 1]
        c += masses[x + 2]
        d += masses[x + 3]
    for x in range(whole, len(masses)):
        a += masses[x]
    return (a + b) + (c + d)


@njit(cache=True)
def update(lumped, ships, at_empty, emission):
    """Multiplies by the emissions of a look, in place; returns the sum of all masses."""
    k, levels, _ = ships.shape
    total = 0.0
    for v in range(levels):
        lumped[v, 0] *= at_empty
        total += lumped[v, 0]
        for j in range(k):
            lumped[v, j + 1] = weighted(ships[j, v], emission)
            total += lumped[v, j + 1]
    return total


@njit(cache=True)
def forward_filter(looks, month, errors, traffic, chain, dwell, mix, masses, ships):
    """Forward filter: fills masses (look, level, k + 1) of empty and the stages, and ships (look,
    stage, level, class), or keeps the last look's only, where they have one row. Those of a look
    have any sum. Returns the log likelihood of all looks.

    traffic: the rate of each level, its chance at the start, and where a new one is drawn, all of
    (level,); and the chance that it is where ``month`` (look,) changes, between two rows at the
    same time.
    """
    time, detector, kind, clear, fits, false_fit, said, score = looks
    recall, false_alarm, ships_least, false_least = errors
    rates, start, share, change = traffic
    rows, k, levels, classes = ships.shape
    emission = np.empty(classes)
    scratch = np.empty((levels, k + 1)), np.empty(k), np.empty((2, k + 3))
    lumped, current = np.empty((levels, k + 1)), np.empty((k, levels, classes))
    stationary(lumped, current, rates, start, dwell, mix)
    scaled, total = 0.0, 1.0
    for i in range(len(time)):
        if i > 0 and month[i] != month[i - 1]:
            renew_levels(lumped, current, share, change)
        elif i > 0 and time[i] > time[i - 1]:
            step(lumped, current, chain, k / dwell, time[i] - time[i - 1], mix, scratch)
        if kind[i] != NO_LOOK:
            d = detector[i]
            of_look = (recall[d], false_alarm[d], ships_least[d], false_least[d])
            at_empty = look_likelihood(
                i, kind, clear, fits, false_fit, said, score, of_look, emission
            )
            total = update(lumped, current, at_empty, emission)
            if not total > 0.0:
                return -math.inf
            if not LEAST < total < MOST:
                scaled += math.log(total)
                lumped /= total
                current /= total
                total = 1.0
        masses[i % rows] = lumped
        ships[i % rows] = current
    return scaled + math.log(total)


@njit(cache=True)
def traffic_of(point, rate, levels):
    """Rates, chances at the start and of new levels, and the chance of a new one, of a point."""
    size, factor, start, share, change = levels
    n = size[point]
    return rate[point] * factor[point, :n], start[point, :n], share[point, :n], change[point]


@njit(cache=True, nogil=True)
def log_likelihoods(looks, month, levels, rate, dwell, stages, mix, errors):
    """Log likelihood of all looks for each parameter point; (point,).

    looks: the arrays time, detector, kind, clear (look,), fits (look, class) and false_fit (look,):
    density of the measured length for a ship of the class, and for a false alarm; ``said``
    (look, 3), 1 where no reviewer spoke; and the class of the report's score (look,), below 0 where
    it is not known. month: (look,), see ``forward_filter``. Points: levels as in ``rate_levels``;
    rate, dwell, stages (point,), mix (point, class); errors: recall (point, detector, class), false
    alarms (point, detector), and the least shares of both as in ``Points``.
    """
    points, classes = mix.shape
    found = np.empty(points)
    for p in range(points):
        traffic = traffic_of(p, rate, levels)
        chain = chain_at(stages[p], traffic[0], stages[p] / dwell[p], looks[0])
        masses = np.empty((1, levels[0][p], stages[p] + 1))
        ships = np.empty((1, stages[p], levels[0][p], classes))
        found[p] = forward_filter(
            looks, month, errors_at(errors, p), traffic, chain, dwell[p], mix[p], masses, ships
        )
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
def previous_state_weights(masses, ships, stage, class_, chain, level, move, gap, mix):
    """Weights of the states at a look, given the state at the next one; (2 k + 1,).

    masses: (k + 1,), of empty and the stages; ships: (stage, class), both of the level. ``stage``
    is -1 for empty. [0] the berth was empty; [1..k] a ship was in that stage and left;
    [k + 1..2 k] the ship that is there next was in that stage.
    """
    k = ships.shape[0]
    weights = np.zeros(2 * k + 1)
    chance = np.empty(k)
    same_ship(move, gap, k, chance)
    reach = np.zeros((1, k + 1))
    reach[0, stage + 1] = 1.0
    advance(reach, at_level(chain, level), gap, True, np.empty((2, k + 3)))
    towards = reach[0]
    share = mix[class_] if stage >= 0 else 1.0
    weights[0] = masses[0] * towards[0] * share
    for j in range(k):
        stayed = chance[stage - j] if j <= stage else 0.0
        weights[1 + j] = masses[1 + j] * max(towards[1 + j] - stayed, 0.0) * share
        if stage >= 0:
            weights[1 + k + j] = ships[j, class_] * stayed
    return weights


@njit(cache=True)
def sample_level(masses, after, share, change, rng):
    """The level before a month's border, given that after it; masses (level,) of the state."""
    weights = masses * change * share[after]
    weights[after] += masses[after] * (1.0 - change)
    return sample_index(weights, rng.random())


@njit(cache=True)
def sample_states(time, month, masses, ships, traffic, chain, move, mix, rng):
    """Backward sampling: one draw of the states at the looks given all of them.

    Returns (look,): stage (-1 for empty), class, level, and whether the berth was empty at some
    moment since the look before.
    """
    _, _, share, change = traffic
    looks, k, levels, classes = ships.shape
    stage = np.full(looks, -1, np.int32)
    class_ = np.zeros(looks, np.int32)
    level = np.zeros(looks, np.int32)
    emptied = np.zeros(looks, np.bool_)
    last = np.concatenate((masses[-1, :, 0], ships[-1].copy().reshape(k * levels * classes)))
    chosen = sample_index(last, rng.random())
    if chosen < levels:
        level[-1] = chosen
    else:
        stage[-1], rest = divmod(chosen - levels, levels * classes)
        level[-1], class_[-1] = divmod(rest, classes)
    for i in range(looks - 2, -1, -1):
        stage[i], class_[i], level[i] = stage[i + 1], class_[i + 1], level[i + 1]
        if month[i + 1] != month[i]:
            of_state = ships[i, stage[i], :, class_[i]] if stage[i] >= 0 else masses[i, :, 0]
            level[i] = sample_level(of_state, level[i + 1], share, change, rng)
            continue
        gap = time[i + 1] - time[i]
        if gap <= 0.0:
            continue
        v = level[i]
        weights = previous_state_weights(
            masses[i, v], ships[i, :, v], stage[i + 1], class_[i + 1], chain, v, move, gap, mix
        )
        chosen = sample_index(weights, rng.random())
        emptied[i + 1] = chosen <= k
        if chosen > k:
            stage[i] = chosen - k - 1
        elif chosen > 0:
            stage[i], class_[i] = chosen - 1, sample_index(ships[i, chosen - 1, v], rng.random())
        else:
            stage[i], class_[i] = -1, 0
    return stage, class_, level, emptied


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
def true_sighting(look, looks, errors, class_, rng):
    """Whether the vessel seen at an occupied berth was the ship itself; one draw.

    A hand-drawn ship at an occupied berth is.
    """
    _, detector, kind, clear, fits, false_fit, said, score = looks
    if kind[look] != VESSEL:
        return True
    d = detector[look]
    found, least, false_least = errors[0][d, class_] * clear[look], errors[2][d], errors[3][d]
    first, after = score_range(score[look], len(false_least))
    alarm, none_surer = false_report(errors[1][d] * clear[look], false_least, first, after)
    as_sure = found * (least[first, class_] - least[after, class_]) * none_surer
    real = as_sure * fits[look, class_] * said[look, REAL]
    less_sure = 1.0 - found * least[first, class_]
    false = less_sure * alarm * false_fit[look] * said[look, OTHER]
    return rng.random() * (real + false) < real


@njit(cache=True)
def stays(looks, month, errors, traffic, chain, dwell, mix, masses, ships, rng):
    """The stays of one history: (stay, 4) arrival, departure, class and first true sighting or
    -1; and the level at every look.
    """
    time, kind = looks[0], looks[2]
    k = ships.shape[1]
    move = k / dwell
    stage, class_, level, emptied = sample_states(
        time, month, masses, ships, traffic, chain, move, mix, rng
    )
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
            rate, gap = traffic[0][level[i]], time[i] - time[i - 1]
            for moment in bridge(origin, target, k, rate, move, gap, rng):
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
        sighted = present and ship[3] < 0 and kind[i] in (VESSEL, DRAWN, REPLACED)
        if sighted and true_sighting(i, looks, errors, class_[i], rng):
            ship[3] = i
    if present:
        ship[1] = time[-1] + rng.standard_gamma(float(k - stage[-1])) / move
        rows = with_room(rows, n)
        rows[n] = ship
        n += 1
    return rows[:n], level


@njit(cache=True)
def with_room(rows, n):
    """The rows, with room for one more."""
    if n < len(rows):
        return rows
    wider = np.empty((2 * len(rows), rows.shape[1]))
    wider[:n] = rows
    return wider


@njit(cache=True, nogil=True)
def histories(looks, month, levels, rate, dwell, stages, mix, errors, times, rng):
    """Histories of each parameter point: (stay, 5) history, arrival, departure, class, sighting;
    and (history, month), the factor of the rate.

    Arguments as for log_likelihoods; the first and the last look are the ends of the
    period. ``times`` (point,) is the number of histories of each point. A stay's sighting is
    the first look that truly detected it, or -1.
    """
    points, classes = mix.shape
    number = len(month)
    rows = np.empty((256, 5))
    factors = np.empty((times.sum(), month[-1] + 1))
    n = 0
    history = 0
    for p in range(points):
        traffic = traffic_of(p, rate, levels)
        chain = chain_at(stages[p], traffic[0], stages[p] / dwell[p], looks[0])
        masses = np.empty((number, levels[0][p], stages[p] + 1))
        ships = np.empty((number, stages[p], levels[0][p], classes))
        of_point = errors_at(errors, p)
        forward_filter(looks, month, of_point, traffic, chain, dwell[p], mix[p], masses, ships)
        for _ in range(times[p]):
            found, level = stays(
                looks, month, of_point, traffic, chain, dwell[p], mix[p], masses, ships, rng
            )
            for stay in found:
                rows = with_room(rows, n)
                rows[n, 0] = history
                rows[n, 1:] = stay
                n += 1
            for i in range(number):
                factors[history, month[i]] = levels[1][p, level[i]]
            history += 1
    return rows[:n], factors
