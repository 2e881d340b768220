"""Counting again with other beliefs: the same looks and vessels, other settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from jobs.domain import (
    EstimateSettings,
    code_version,
    estimate_settings,
    refuse_unknown_berths,
)
from jobs.errors import InputError
from jobs.publish import HISTORIES_KEPT, PublishedResult
from jobs.review import What
from jobs.run import PortResult, errors_behind, voyages_between
from jobs.visits import (
    DAY_S,
    RECALLS,
    CargoEntry,
    MeasuredError,
    PortTables,
    StayDraws,
    estimate_port,
    joined_series,
    port_series,
    read_entries,
    with_estimates,
)

ANEW = "+anew"
ESTIMATED = (
    "probability",
    "arrival_low",
    "arrival_median",
    "arrival_high",
    "departure_low",
    "departure_median",
    "departure_high",
)
"""Columns of the visits that an estimate gives."""


def estimated_anew(
    result: PublishedResult, changes: Mapping[str, Any], model: str | None
) -> tuple[PublishedResult, dict[str, xr.Dataset]]:
    """The result with changed settings, and its series; InputError for settings of no use."""
    _refuse_lost_entries(result, changes)
    settings = changed_settings(result.provenance["estimates"], changes)
    refuse_unknown_berths(settings, result.ports)
    errors = errors_behind(str(result.provenance["model_digest"]), model)
    seen = set(result.visits["visit_id"])
    entries = () if settings.cargo is None else read_entries(Path(settings.cargo), seen)
    found = [
        _port_anew(result, port.id, settings, errors, entries)
        for port in sorted(result.ports, key=lambda port: port.id)
    ]
    kept = min(HISTORIES_KEPT, settings.draws)
    counted = replace(
        result,
        tag=result.tag.partition("+")[0] + ANEW,
        visits=_joined([one.tables.visits for one in found]),
        estimates=_joined([one.estimate.berths for one in found]),
        looks=_joined([one.tables.looks for one in found]),
        traffic=_joined([one.estimate.traffic for one in found]),
        sensors=_joined([one.estimate.sensors for one in found]),
        voyages=voyages_between(_in_order(result, found), settings.seed),
        stays=tuple(_first(stays, kept) for one in found for stays in one.estimate.stays),
        provenance={**result.provenance, "estimates": asdict(settings)},
    )
    return counted, joined_series([one.series for one in found], result.period)


def changed_settings(before: Mapping[str, Any], changes: Mapping[str, Any]) -> EstimateSettings:
    """Settings as published, with changes; judged as a job file's are."""
    values = {**before, **changes}
    return estimate_settings({name: value for name, value in values.items() if value is not None})


def told(before: PublishedResult, after: PublishedResult) -> str:
    """What was changed, as a sentence for the citation."""
    # a result from before there was a choice does not say it
    old = {**asdict(EstimateSettings()), **before.provenance["estimates"]}
    new = after.provenance["estimates"]
    changed = [name for name in new if new[name] != old[name]]
    what = f"with another {' and '.join(changed)}" if changed else "with the same settings"
    return (
        f"Estimated anew from the published looks of {before.tag} {what}, by code "
        f"{code_version()}; these numbers are published nowhere."
    )


def _port_anew(
    result: PublishedResult,
    port_id: str,
    settings: EstimateSettings,
    errors: tuple[MeasuredError, ...],
    entries: tuple[CargoEntry, ...],
) -> PortResult:
    tables = _as_seen(result.of_port(port_id), result.provenance.get("reviews"))
    estimate = estimate_port(tables, result.period, settings, errors, entries)
    counted = with_estimates(tables, estimate)
    return PortResult(counted, estimate, port_series(counted, estimate, result.period))


def _as_seen(tables: PortTables, reviews: Mapping[str, Any] | None) -> PortTables:
    """The tables without what an earlier estimate said of the visits; reviewers are believed as
    far as then.
    """
    believed = {} if reviews is None else {name: reviews[name] for name in ("missed", "invented")}
    looks = tables.looks.drop(columns=list(RECALLS), errors="ignore")
    return replace(
        tables,
        visits=tables.visits.drop(columns=list(ESTIMATED)),
        looks=looks if "reviewed" in looks else looks.assign(reviewed=False),
        **believed,
    )


def _refuse_lost_entries(result: PublishedResult, changes: Mapping[str, Any]) -> None:
    """InputError where reviewers said what ships carried, which published tables do not hold."""
    reviews = result.provenance.get("reviews") or {}
    lost = reviews.get("used_by_kind", {}).get(What.CARGO.value, 0)
    if lost and "cargo" not in changes:
        raise InputError(
            f"the barrels of {result.tag} use {lost} decisions of reviewers on what ships carried, "
            "which published tables do not hold; give them as cargo='entries.csv', or cargo=None "
            "to count every stay as a cargo"
        )


def _in_order(result: PublishedResult, found: list[PortResult]) -> list[PortResult]:
    """In the order of the result's ports, which the sampler of voyages depends on."""
    by_id = {one.tables.port.id: one for one in found}
    return [by_id[port.id] for port in result.ports]


def _joined(parts: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    filled = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(filled, ignore_index=True)


def _first(stays: StayDraws, kept: int) -> StayDraws:
    """The first histories, as many as a published result keeps, and rounded as there."""
    rows = stays.draw < kept
    return replace(
        stays,
        draws=kept,
        draw=stays.draw[rows],
        arrival=np.rint(stays.arrival[rows] * DAY_S) / DAY_S,
        departure=np.rint(stays.departure[rows] * DAY_S) / DAY_S,
        length_m=np.round(stays.length_m[rows], 1),
        visit=stays.visit[rows],
    )
