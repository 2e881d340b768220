"""Cargo of every stay in every draw: barrels = deadweight x load x barrels per tonne."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Port, content_id
from jobs.errors import InputError
from jobs.visits.cargo.deadweight import (
    BeamMeasure,
    Numbers,
    by_visit,
    draw_deadweight,
    outside_fit,
)
from jobs.visits.cargo.entries import CargoEntry
from jobs.visits.cargo.settings import (
    BARRELS_PER_TONNE,
    OFFICIAL_LOADS,
    SCENARIO_PRODUCT,
    VolumeSettings,
)
from jobs.visits.occupancy.draws import StayDraws, credible, days_since

PRODUCTS = tuple(BARRELS_PER_TONNE)
_PER_TONNE: Numbers = np.array(list(BARRELS_PER_TONNE.values()))
_EDGE = 1e-9
"""A shared load level is kept this far from empty and full, where a beta law has no parameters."""


@dataclass(frozen=True)
class StayVolumes:
    """The stays of one berth with their size and cargo, row by row."""

    stays: StayDraws
    deadweight_t: Numbers
    """(row,)"""
    barrels: Numbers
    """(row,), the cargo moved; 0 for a stay that moved none."""
    outside_fit: NDArray[np.bool_]
    """(row,), True where the length lies outside the range of the deadweight formulas."""


@dataclass(frozen=True)
class _Trade:
    """Parameters that all visits of a draw share, at all berths and ports."""

    load: Numbers
    """(draw,), the load level."""
    mix: Numbers
    """(draw, product), cumulative shares in the order of PRODUCTS."""


def counted_stays(
    stays: Iterable[StayDraws], ports: Iterable[Port], settings: VolumeSettings
) -> tuple[StayDraws, ...]:
    """Those at berths of the kinds that count, by default oil terminals only."""
    kinds = {(port.id, berth.id): berth.kind for port in ports for berth in port.berths}
    return tuple(each for each in stays if kinds[each.port, each.berth] in settings.berth_kinds)


def volumes_of(
    stays: Sequence[StayDraws],
    settings: VolumeSettings,
    entries: Iterable[CargoEntry] = (),
    beams: Mapping[str, BeamMeasure] | None = None,
) -> tuple[StayVolumes, ...]:
    """Deadweight and cargo of every stay; ``beams`` are by visit id.

    Load and product have a part that is drawn once per draw and shared by all stays, whichever
    berth or port, and one drawn per stay: the first does not average out in a total. A visit with
    an analyst's entry uses it in every draw. A berth's numbers depend on the seed and its own name
    alone, so that a further berth or port changes no other.
    """
    given = tuple(entries)
    return tuple(_volumes(each, settings, given, beams or {}) for each in stays)


def _volumes(
    stays: StayDraws,
    settings: VolumeSettings,
    entries: tuple[CargoEntry, ...],
    beams: Mapping[str, BeamMeasure],
) -> StayVolumes:
    trade = _trade(settings, stays.draws)
    name = int(content_id([stays.port, stays.berth]), 16)
    ships_rng, cargo_rng = np.random.default_rng([settings.seed, name]).spawn(2)
    deadweight = draw_deadweight(ships_rng, stays, settings, beams)
    full = deadweight * _barrels_per_tonne(cargo_rng, stays, trade)
    load = _loads(cargo_rng, stays, settings, trade)
    laden = (cargo_rng.random(len(load)) < settings.laden_share).astype(np.float64)
    barrels = _entered(stays, entries, settings, full, load, laden)
    return StayVolumes(stays, deadweight, barrels, outside_fit(stays.length_m))


def _trade(settings: VolumeSettings, draws: int) -> _Trade:
    load_rng, product_rng = np.random.default_rng(settings.seed).spawn(2)
    level = np.full(draws, settings.load_mean)
    if settings.load_common_sd > 0:
        total = settings.load_mean * (1 - settings.load_mean) / settings.load_common_sd**2 - 1
        level = load_rng.beta(settings.load_mean * total, (1 - settings.load_mean) * total, draws)
    shares = np.array([settings.product_shares.get(product, 0.0) for product in PRODUCTS])
    carried = shares > 0
    mix = np.zeros((draws, len(PRODUCTS)))
    mix[:, carried] = product_rng.dirichlet(settings.product_visits * shares[carried], draws)
    return _Trade(level, np.cumsum(mix, axis=1))


def _loads(
    rng: np.random.Generator, stays: StayDraws, settings: VolumeSettings, trade: _Trade
) -> Numbers:
    """(row,), beta about the draw's level.

    One concentration serves all levels, chosen so that over all draws the sd about the level is the
    given one: var = E[level (1 - level)] / (concentration + 1).
    """
    level: Numbers = trade.load[stays.draw]
    if settings.load_visit_sd == 0:
        return level
    room = settings.load_mean * (1 - settings.load_mean) - settings.load_common_sd**2
    concentration = room / settings.load_visit_sd**2 - 1
    inside = np.clip(level, _EDGE, 1 - _EDGE)
    return np.asarray(rng.beta(inside * concentration, (1 - inside) * concentration))


def _barrels_per_tonne(rng: np.random.Generator, stays: StayDraws, trade: _Trade) -> Numbers:
    """(row,), of the product drawn from the draw's mix."""
    chance = rng.random(len(stays.draw))
    # the last bound is 1 but for rounding: leaving it out keeps every chance within the products
    product = (chance[:, None] >= trade.mix[stays.draw, :-1]).sum(axis=1)
    return np.asarray(_PER_TONNE[product])


def _entered(
    stays: StayDraws,
    entries: tuple[CargoEntry, ...],
    settings: VolumeSettings,
    full: Numbers,
    load: Numbers,
    laden: Numbers,
) -> Numbers:
    """Barrels (row,): an analyst's entry where there is one, else the prior."""
    counts = {e.visit_id: float(e.what in settings.counted_cargo) for e in entries}
    loads = {e.visit_id: e.load for e in entries if e.load is not None}
    barrels = {e.visit_id: e.barrels for e in entries if e.barrels is not None}
    cargo = _or_else(by_visit(stays, barrels), full * _or_else(by_visit(stays, loads), load))
    return cargo * _or_else(by_visit(stays, counts), laden)


def _or_else(values: Numbers, otherwise: Numbers) -> Numbers:
    return np.where(np.isnan(values), otherwise, values)


# --- sums ---------------------------------------------------------------------------------------


def barrels_in(volumes: Sequence[StayVolumes], edges: Sequence[datetime]) -> Numbers:
    """Barrels of all berths given, by window [edges[i], edges[i+1]) in UTC; (draw, window).

    A cargo is counted when its stay begins, as visits are: at most a stay too early. Give one end
    of a route only: a cargo loaded here and discharged there is one cargo.
    """
    return _summed(volumes, [each.barrels for each in volumes], edges)


def scenario_in(volumes: Sequence[StayVolumes], edges: Sequence[datetime], name: str) -> Numbers:
    """Barrels under an official what-if, a key of OFFICIAL_LOADS; (draw, window).

    Plain: every stay is a cargo of gasoil at that share of the deadweight, whatever analysts know;
    only the stays and the ships' sizes are uncertain.
    """
    factor = OFFICIAL_LOADS[name] * BARRELS_PER_TONNE[SCENARIO_PRODUCT]
    return _summed(volumes, [each.deadweight_t * factor for each in volumes], edges)


def _summed(
    volumes: Sequence[StayVolumes], amounts: Sequence[Numbers], edges: Sequence[datetime]
) -> Numbers:
    draws, windows = same_draws(volumes), len(edges) - 1
    total = np.zeros(draws * windows)
    for each, amount in zip(volumes, amounts, strict=True):
        days = [days_since(each.stays.origin, edge) for edge in edges]
        window = np.searchsorted(days, each.stays.arrival, side="right") - 1
        inside = (window >= 0) & (window < windows)
        cell = each.stays.draw[inside] * windows + window[inside]
        total += np.bincount(cell, amount[inside], draws * windows)
    return total.reshape(draws, windows)


def same_draws(volumes: Sequence[StayVolumes]) -> int:
    """How many draws there are; InputError where berths differ, for then they cannot be summed."""
    found = {each.stays.draws for each in volumes}
    if len(found) != 1:
        raise InputError(
            f"berths with {sorted(found) or 'no'} draws; expected one number of draws for all "
            "that are summed: estimate them with the same settings"
        )
    return found.pop()


def outside_fit_share(volumes: Sequence[StayVolumes]) -> float:
    """Share of the drawn barrels in ships beyond the formulas' range; NaN where there are none."""
    total = sum(float(each.barrels.sum()) for each in volumes)
    outside = sum(float(each.barrels[each.outside_fit].sum()) for each in volumes)
    return outside / total if total else float("nan")


def band(values: Numbers, mass: float) -> tuple[Numbers, Numbers, Numbers]:
    """Median, low and high (column,) of draws (draw, column), the last two with the given mass."""
    ends = np.array([credible(column, mass) for column in values.T]).reshape(-1, 2)
    return np.median(values, axis=0), ends[:, 0], ends[:, 1]
