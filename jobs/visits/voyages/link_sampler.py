"""Compiled Gibbs sampler of matchings: which visit follows which, shares of destinations, rates.

Arrays are by visit or by port; ``after[i]`` is the next visit of i's ship and ``before[j]`` the
previous one of j's, -1 for none. Visits joined by links form a sequence of one ship.
"""

from __future__ import annotations

import numpy as np

from jobs.visits.compiled import njit
from jobs.visits.voyages.fleet import log_evidence


@njit(cache=True)
def sample_links(  # type: ignore[no-untyped-def]
    log_weight, port_of, present, late, days, precision, pull, prior, weights, sweeps, burn_in, rng
):
    """Sample matchings: counts of each link, of visits without a next and without a previous one,
    and trips (sample, port, port) of the kept sweeps.
    """
    visits, ports = len(port_of), len(weights)
    after, before = np.full(visits, -1), np.full(visits, -1)
    choice = weights / weights.sum()
    for a in range(ports):
        choice[a] = weights[a] / weights[a].sum()
    share, seen = np.full(ports, 0.5), np.full(ports, 1e-9)
    for j in range(visits):
        seen[port_of[j]] += present[j]
    counted = np.zeros((visits, visits))
    no_next, no_previous = np.zeros(visits), np.zeros(visits)
    trips = np.zeros((sweeps - burn_in, ports, ports), np.int32)
    fits = [np.flatnonzero(log_weight[i] > -np.inf) for i in range(visits)]
    for sweep in range(sweeps):
        value, alone = _values(log_weight, port_of, present, late, choice, share, seen / days)
        _sweep(fits, value, alone, after, before, precision, pull, prior, rng)
        _choices(port_of, present, late, after, choice, weights, rng)
        _unknown_origins(port_of, present, before, share, seen, rng)
        if sweep < burn_in:
            continue
        now = trips[sweep - burn_in]
        for i in range(visits):
            no_previous[i] += before[i] < 0
            no_next[i] += after[i] < 0
            if after[i] >= 0:
                counted[i, after[i]] += 1
                now[port_of[i], port_of[after[i]]] += 1
    return counted, no_next, no_previous, trips


@njit(cache=True)
def _gain(i, j, after, before, precision, pull, prior):  # type: ignore[no-untyped-def]
    """Log likelihood ratio of joining the sequence that ends in i with the one that begins in j."""
    k = j
    while k >= 0:
        if k == i:
            return -np.inf  # a ship cannot come before itself
        k = after[k]
    total = 0.0
    for trait in range(len(prior)):
        p1, s1, p2, s2 = 0.0, 0.0, 0.0, 0.0
        k = i
        while k >= 0:
            p1 += precision[trait, k]
            s1 += pull[trait, k]
            k = before[k]
        k = j
        while k >= 0:
            p2 += precision[trait, k]
            s2 += pull[trait, k]
            k = after[k]
        total += log_evidence(p1 + p2, s1 + s2, prior[trait])
        total -= log_evidence(p1, s1, prior[trait]) + log_evidence(p2, s2, prior[trait])
    return total


@njit(cache=True)
def _draw(weight, rng):  # type: ignore[no-untyped-def]
    """An index drawn with probabilities proportional to the weights."""
    point = rng.random() * weight.sum()
    for k in range(len(weight) - 1):
        point -= weight[k]
        if point < 0:
            return k
    return len(weight) - 1


@njit(cache=True)
def _relink(i, fits, value, alone, after, before, precision, pull, prior, rng):  # type: ignore[no-untyped-def]
    """Gibbs step: remove the link after i, and draw its next stop from all free visits or none."""
    if after[i] >= 0:
        before[after[i]] = -1
        after[i] = -1
    score = np.full(len(fits) + 1, -np.inf)
    score[-1] = alone[i]
    for k in range(len(fits)):
        j = fits[k]
        if before[j] < 0:
            score[k] = value[i, j] + _gain(i, j, after, before, precision, pull, prior)
    k = _draw(np.exp(score - score.max()), rng)
    if k < len(fits):
        after[i] = fits[k]
        before[fits[k]] = i


@njit(cache=True)
def _exchange(  # type: ignore[no-untyped-def]
    i, j, odds, value, alone, after, before, precision, pull, prior, rng
):
    """Metropolis step: i takes j from its owner, which gets the next stop of i, or none."""
    owner, had = before[j], after[i]
    change = odds if had < 0 else 0.0
    after[owner] = before[j] = -1
    change -= value[owner, j] + _gain(owner, j, after, before, precision, pull, prior)
    change -= alone[i] if had < 0 else 0.0
    if had >= 0:
        after[i] = before[had] = -1
        change -= value[i, had] + _gain(i, had, after, before, precision, pull, prior)
    change += value[i, j] + _gain(i, j, after, before, precision, pull, prior)
    after[i], before[j] = j, i
    change += alone[owner] if had < 0 else value[owner, had]
    if had >= 0 and change > -np.inf:
        change += _gain(owner, had, after, before, precision, pull, prior)
    if np.log(rng.random()) < change:
        if had >= 0:
            after[owner], before[had] = had, owner
        return
    after[i] = had
    after[owner], before[j] = j, owner
    if had >= 0:
        before[had] = i


@njit(cache=True)
def _sweep(fits, value, alone, after, before, precision, pull, prior, rng):  # type: ignore[no-untyped-def]
    """Relink every visit that has a candidate, and try as many exchanges."""
    visits = len(fits)
    for i in range(visits):
        if len(fits[i]):
            _relink(i, fits[i], value, alone, after, before, precision, pull, prior, rng)
    for _ in range(visits):
        i = int(rng.random() * visits)
        if len(fits[i]) == 0:
            continue
        j = fits[i][int(rng.random() * len(fits[i]))]
        owner = before[j]
        if owner >= 0 and owner != i:
            odds = np.log(len(fits[i]) / len(fits[owner]))
            _exchange(i, j, odds, value, alone, after, before, precision, pull, prior, rng)


@njit(cache=True)
def _choices(port_of, present, late, after, choice, weights, rng):  # type: ignore[no-untyped-def]
    """Gibbs step: shares of destinations of each port's ships, given the links.

    A ship without a link is drawn to be late at a port, elsewhere, or a false alarm.
    """
    ports = len(weights)
    counts = weights.copy()
    for i in range(len(after)):
        a = port_of[i]
        if after[i] >= 0:
            counts[a, port_of[after[i]]] += 1
            continue
        fate = np.zeros(ports + 2)
        fate[:ports] = present[i] * choice[a, :ports] * late[i]
        fate[ports] = present[i] * choice[a, ports]
        fate[ports + 1] = 1 - present[i]  # no ship was there at all
        k = _draw(fate, rng)
        if k <= ports:
            counts[a, k] += 1
    for a in range(ports):
        for b in range(ports + 1):
            choice[a, b] = rng.standard_gamma(counts[a, b]) if counts[a, b] > 0 else 0.0
        choice[a] /= choice[a].sum()


@njit(cache=True)
def _unknown_origins(port_of, present, before, share, seen, rng):  # type: ignore[no-untyped-def]
    """Gibbs step: share of the arrivals at each port that have no known origin."""
    counts = np.full(len(share), 0.5)
    for j in range(len(before)):
        b = port_of[j]
        real = present[j] * share[b]
        if before[j] < 0 and rng.random() * (real + 1 - present[j]) < real:
            counts[b] += 1
    for b in range(len(share)):
        share[b] = rng.standard_gamma(counts[b]) / seen[b]


@njit(cache=True)
def _values(log_weight, port_of, present, late, choice, share, rate):  # type: ignore[no-untyped-def]
    """Log weight of each link and of each departure without one, against arrivals without one."""
    visits, ports = len(port_of), len(share)
    value, alone = np.full((visits, visits), -np.inf), np.zeros(visits)
    for i in range(visits):
        a = port_of[i]
        lost = choice[a, ports]
        for b in range(ports):
            lost += choice[a, b] * late[i, b]
        alone[i] = np.log(present[i] * lost + 1 - present[i])
        for j in range(visits):
            if log_weight[i, j] > -np.inf:
                b = port_of[j]
                unlinked = (present[j] * share[b] + 1 - present[j]) * rate[b]
                value[i, j] = log_weight[i, j] + np.log(choice[a, b]) - np.log(unlinked)
    return value, alone
