"""Which result, and which of its visits, evidence is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd

from jobs.domain import nearest_word
from jobs.errors import InputError
from jobs.publish import newest_results
from jobs.storage import Storage

SUGGESTED = 3
MARKER = "collection.json"
"""The file of a published folder that is written last."""


def result_folder(source: Path, tag: str | None) -> tuple[Storage, str]:
    """The archive of a job or plan, and the name of a folder of its results: newest, or a tag's.

    InputError for a job without results and for a tag that it does not have.
    """
    storage, newest = newest_results(source)
    if tag is None:
        return storage, newest
    home = newest.rpartition("/")[0]
    is_name = tag and "/" not in tag and not tag.startswith(".")
    if is_name and storage.exists(f"{home}/{tag}/{MARKER}"):
        return storage, f"{home}/{tag}"
    there = sorted(
        name.split("/")[2] for name in storage.names(home) if name.endswith(f"/{MARKER}")
    )
    raise InputError(
        f"no results with the tag {tag!r}; there are: {', '.join(there)}: name one of them, or "
        "leave --tag out for the newest"
    )


def chosen_visits(
    visits: gpd.GeoDataFrame, ids: Sequence[str], limit: int | None
) -> gpd.GeoDataFrame:
    """The visits of these ids, or all; of more than ``limit`` the newest; in time order.

    InputError for an id that is not there, with the nearest that are.
    """
    known = set(visits["visit_id"])
    unknown = [id for id in ids if id not in known]
    if unknown:
        raise InputError(f"no visit {unknown[0]!r}; {_hint(unknown[0], known)}")
    if not known:
        raise InputError(
            "the results have no seen visit, so that there is nothing to prove; the looks at each "
            "berth are in looks.csv beside the report"
        )
    chosen = visits[visits["visit_id"].isin(ids)] if ids else visits
    chosen = chosen.sort_values(["arrival_before", "visit_id"], kind="stable")
    return (chosen if limit is None else chosen.tail(limit)).reset_index(drop=True)


def _hint(id: str, known: set[str]) -> str:
    near = nearest_word(id, known, SUGGESTED)
    if near:
        return f"the nearest are {', '.join(near)}"
    return "expected a visit_id of visits.csv, beside the report"
