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
from jobs.visits.occupancy.reports import errors_at

NOTHING, VESSEL, NO_LOOK, REJECTED, DRAWN, REPLACED = 0, 1, 2, 3, 4, 5
"""Kind of a look. NO_LOOK marks the two ends of the period. The last three are made by reviewers:
the network's report was rejected; it reported nothing, and a ship was drawn by hand; both."""
REAL, OTHER, EMPTY = 0, 1, 2
"""Columns of ``said``: the probability of what reviewers said of a look, given that the report is
the ship at the berth; that a ship is there, but not reported; that the berth is empty."""
TAIL = 1e-13
"""Truncated mass of the uniformisation series."""


@njit(cache=True)
def lumped_after(start, rates, move, gap, result, work):
    """Distribution over (empty, stage 1..k) after a gap, of each level of the rate.

    start, result: (k + 1, level); work: (2, k + 1, level).
    """
    states = len(start)
    k, levels = states - 1, len(rates)
    fastest = max(rates.max(), move)
    come, go = rates / fastest, move / fastest
    pieces = in_pieces(fastest * gap)
    mean = fastest * gap / pieces
    now, after = work[0], work[1]
    now[:] = start
    for _ in range(pieces):
        result[:] = 0.0
        weight = math.exp(-mean)
        covered = 0.0
        n = 0
        while covered < 1.0 - TAIL and n < most_jumps(mean):
            covered += weight
            for s in range(states):
                for v in range(levels):
                    result[s, v] += weight * now[s, v]
            for s in range(2, states):
                for v in range(levels):
                    after[s, v] = now[s, v] + (now[s - 1, v] - now[s, v]) * go
            for v in range(levels):
                came = now[0, v] * come[v]
                after[1, v] = now[1, v] + came - now[1, v] * go
                after[0, v] = now[0, v] - came + now[k, v] * go
            now, after = after, now
            n += 1
            weight *= mean / n
        result /= covered
        now[:] = result


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
def step(empties, ships, rates, move, gap, mix, scratch):
    """Moves the distribution by a gap, in place: empties (level,), ships (stage, level, class)."""
    k, levels, classes = ships.shape
    lumped, after, stayed = scratch[0, : k + 1], scratch[1, : k + 1], scratch[2, :k]
    chance = np.empty(k)
    lumped[0] = empties
    for j in range(k):
        for v in range(levels):
            total = 0.0
            for c in range(classes):
                total += ships[j, v, c]
            lumped[j + 1, v] = total
    lumped_after(lumped, rates, move, gap, after, scratch[3:5, : k + 1])
    same_ship(move, gap, k, chance)
    flat = ships.reshape(k, levels * classes)  # one long loop, for the compiler to vectorise
    for j in range(k - 1, -1, -1):  # downwards, so that ships[i < j] are still those before the gap
        flat[j] *= chance[0]
        stayed[j] = lumped[j + 1] * chance[0]
        for i in range(j):
            here, before, share = flat[j], flat[i], chance[j - i]
            for x in range(levels * classes):
                here[x] += before[x] * share
            for v in range(levels):
                stayed[j, v] += lumped[i + 1, v] * share
        for v in range(levels):
            new = max(after[j + 1, v] - stayed[j, v], 0.0)
            for c in range(classes):
                ships[j, v, c] += mix[c] * new
    empties[:] = after[0]


@njit(cache=True)
def renew_levels(empties, ships, share, change):
    """A month's border: with chance ``change`` the level is drawn anew, as likely as its share."""
    k, levels, classes = ships.shape
    new = change * share
    total = empties.sum()
    for v in range(levels):
        empties[v] = (1.0 - change) * empties[v] + new[v] * total
    for j in range(k):
        for c in range(classes):
            total = 0.0
            for v in range(levels):
                total += ships[j, v, c]
            for v in range(levels):
                ships[j, v, c] = (1.0 - change) * ships[j, v, c] + new[v] * total


@njit(cache=True)
def stationary(empties, ships, rates, start, dwell, mix):
    """Stationary distribution at each level, of levels as likely as ``start`` says; in place."""
    k, levels, classes = ships.shape
    for v in range(levels):
        occupied = rates[v] * dwell / (1.0 + rates[v] * dwell)
        empties[v] = (1.0 - occupied) * start[v]
        for j in range(k):
            for c in range(classes):
                ships[j, v, c] = occupied * start[v] / k * mix[c]


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
def update(empties, ships, at_empty, emission):
    """Bayes update with the emissions, normalised, in place; returns the look's probability."""
    total = 0.0
    k, levels, classes = ships.shape
    for v in range(levels):
        empties[v] *= at_empty
        total += empties[v]
    for j in range(k):
        for v in range(levels):
            for c in range(classes):
                ships[j, v, c] *= emission[c]
                total += ships[j, v, c]
    if total <= 0.0:
        return 0.0
    empties /= total
    ships /= total
    return total


@njit(cache=True)
def forward_filter(looks, month, errors, traffic, dwell, mix, empties, ships):
    """Forward filter: fills empties (look, level) and ships (look, stage, level, class), or keeps
    the last look's only, where they have one row; returns the log likelihood of all looks.

    traffic: the rate of each level, its chance at the start, and where a new one is drawn, all of
    (level,); and the chance that it is where ``month`` (look,) changes, between two rows at the
    same time.
    """
    time, detector, kind, clear, fits, false_fit, said, score = looks
    recall, false_alarm, ships_least, false_least = errors
    rates, start, share, change = traffic
    rows, k, levels, classes = ships.shape
    emission = np.empty(classes)
    scratch = np.empty((5, k + 1, levels))
    empty, current = np.empty(levels), np.empty((k, levels, classes))
    stationary(empty, current, rates, start, dwell, mix)
    total = 0.0
    for i in range(len(time)):
        if i > 0 and month[i] != month[i - 1]:
            renew_levels(empty, current, share, change)
        elif i > 0 and time[i] > time[i - 1]:
            step(empty, current, rates, k / dwell, time[i] - time[i - 1], mix, scratch)
        if kind[i] != NO_LOOK:
            d = detector[i]
            of_look = (recall[d], false_alarm[d], ships_least[d], false_least[d])
            at_empty = look_likelihood(
                i, kind, clear, fits, false_fit, said, score, of_look, emission
            )
            chance = update(empty, current, at_empty, emission)
            total += math.log(chance) if chance > 0.0 else -math.inf
        empties[i % rows] = empty
        ships[i % rows] = current
    return total


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
        empties = np.empty((1, levels[0][p]))
        ships = np.empty((1, stages[p], levels[0][p], classes))
        found[p] = forward_filter(
            looks, month, errors_at(errors, p), traffic, dwell[p], mix[p], empties, ships
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
def sample_level(masses, after, share, change, rng):
    """The level before a month's border, given that after it; masses (level,) of the state."""
    weights = masses * change * share[after]
    weights[after] += masses[after] * (1.0 - change)
    return sample_index(weights, rng.random())


@njit(cache=True)
def sample_states(time, month, empties, ships, traffic, move, mix, rng):
    """Backward sampling: one draw of the states at the looks given all of them.

    Returns (look,): stage (-1 for empty), class, level, and whether the berth was empty at some
    moment since the look before.
    """
    rates, _, share, change = traffic
    looks, k, levels, classes = ships.shape
    stage = np.full(looks, -1, np.int32)
    class_ = np.zeros(looks, np.int32)
    level = np.zeros(looks, np.int32)
    emptied = np.zeros(looks, np.bool_)
    last = np.concatenate((empties[-1], ships[-1].copy().reshape(k * levels * classes)))
    chosen = sample_index(last, rng.random())
    if chosen < levels:
        level[-1] = chosen
    else:
        stage[-1], rest = divmod(chosen - levels, levels * classes)
        level[-1], class_[-1] = divmod(rest, classes)
    for i in range(looks - 2, -1, -1):
        stage[i], class_[i], level[i] = stage[i + 1], class_[i + 1], level[i + 1]
        if month[i + 1] != month[i]:
            masses = ships[i, stage[i], :, class_[i]] if stage[i] >= 0 else empties[i]
            level[i] = sample_level(masses, level[i + 1], share, change, rng)
            continue
        gap = time[i + 1] - time[i]
        if gap <= 0.0:
            continue
        v = level[i]
        weights = previous_state_weights(
            empties[i, v], ships[i, :, v], stage[i + 1], class_[i + 1], rates[v], move, gap, mix
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
def stays(looks, month, errors, traffic, dwell, mix, empties, ships, rng):
    """The stays of one history: (stay, 4) arrival, departure, class and first true sighting or
    -1; and the level at every look.
    """
    time, kind = looks[0], looks[2]
    k = ships.shape[1]
    move = k / dwell
    stage, class_, level, emptied = sample_states(
        time, month, empties, ships, traffic, move, mix, rng
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
        empties = np.empty((number, levels[0][p]))
        ships = np.empty((number, stages[p], levels[0][p], classes))
        of_point = errors_at(errors, p)
        forward_filter(looks, month, of_point, traffic, dwell[p], mix[p], empties, ships)
        for _ in range(times[p]):
            found, level = stays(
                looks, month, of_point, traffic, dwell[p], mix[p], empties, ships, rng
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
