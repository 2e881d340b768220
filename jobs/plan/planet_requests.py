"""Requests to Planet's Orders API for the scenes of a plan that its Data API found.

They are written, not sent: an order is paid for by whoever sends it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry import Polygon

from jobs.catalog import asset_to_order, is_data_api, may_be_ordered
from jobs.domain import Job, Port, Scene
from jobs.errors import PlanError
from jobs.plan.plan import Plan

MOST_ITEMS = 500
"""Of one order, by the Orders API's documents."""

MOST_CORNERS = 500
"""Of the area to which an order is clipped, by the smallest number that Planet's documents give."""

MOST_IDS = 5
"""Ids of scenes in no request that are named."""

BUNDLES = {
    "ortho_analytic_4b_sr": "analytic_sr_udm2",
    "ortho_analytic_8b_sr": "analytic_8b_sr_udm2",
    "ortho_analytic_sr": "analytic_sr_udm2",
}
"""Bundles of surface reflectance with UDM2, by the asset that is read of them."""


@dataclass(frozen=True)
class OrderRequest:
    """One request to the Orders API."""

    name: str
    """Also that of its file."""
    items: int
    content: dict[str, Any]


def refuse_to_order(job: Job) -> None:
    """PlanError for a job with a source that gives no files before they are ordered."""
    for source in job.sources:
        if is_data_api(source.catalog):
            raise PlanError(
                f"{source.catalog} lists scenes and gives no files; a run needs them ordered: "
                "`berthwatch search JOB --order DIR` writes the requests, `planet orders create "
                "DIR/NAME.json` sends one, which is paid for, `planet orders wait ID` and `planet "
                "orders download ID --directory orders` fetch it; then write `catalog: orders` in "
                "the source"
            )


def order_requests(plan: Plan) -> list[OrderRequest]:
    """Requests for the scenes of a plan that are to be ordered, by port and bundle.

    Each is clipped to the port's area. Superseded scenes, those that another source of the job
    has, and those of ``left_out_of_orders`` are in none.
    """
    had = _delivered(plan)
    return [
        _request(plan, port, item_type, bundle, number, ids)
        for port in plan.ports
        for (item_type, bundle), found in sorted(_to_order(plan, port, had).items())
        for number, ids in enumerate(_batches(sorted(found)), start=1)
    ]


def _batches(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), MOST_ITEMS):
        yield ids[start : start + MOST_ITEMS]


def left_out_of_orders(plan: Plan) -> Iterator[str]:
    """A line for each reason for which scenes of Planet's Data API are in no request."""
    had = _delivered(plan)
    reasons: dict[str, set[str]] = defaultdict(set)
    for scene in (scene for port in plan.ports for scene in _listed(plan, port)):
        reasons[_obstacle(scene, had)].add(scene.item_id)
    for reason, found in reasons.items():
        if reason:
            ids = sorted(found)
            more = " ..." if len(ids) > MOST_IDS else ""
            shown = f"{', '.join(ids[:MOST_IDS])}{more}"
            yield f"not in the orders, as {reason}: {len(ids)} scenes, {shown}"


def _obstacle(scene: Scene, had: set[str]) -> str:
    """Why a scene is in no request; empty for one that is."""
    if scene.item_id in had:
        return "another source of the job has them already"
    if not may_be_ordered(scene):
        return "this key may not download them (ask Planet)"
    if scene.mask is None:
        return "they have no UDM2, which the bundle needs"
    return ""


def _listed(plan: Plan, port: Port) -> list[Scene]:
    """The port's scenes that Planet's Data API found."""
    scenes = (scene for overpass in plan.of(port.id) for scene in overpass.scenes)
    return [scene for scene in scenes if is_data_api(scene.catalog)]


def _delivered(plan: Plan) -> set[str]:
    """Ids of scenes that other sources have."""
    scenes = (scene for overpass in plan.overpasses for scene in overpass.scenes)
    return {scene.item_id for scene in scenes if not is_data_api(scene.catalog)}


def _to_order(plan: Plan, port: Port, had: set[str]) -> dict[tuple[str, str], set[str]]:
    """Ids by item type and bundle, without those that other sources have."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for scene in _listed(plan, port):
        if not _obstacle(scene, had):
            found[scene.collection, BUNDLES[asset_to_order(scene)]].add(scene.item_id)
    return found


def _request(
    plan: Plan, port: Port, item_type: str, bundle: str, number: int, ids: list[str]
) -> OrderRequest:
    name = f"{plan.name}-{port.id}-{item_type}-{bundle}-{number}"
    product = {"item_ids": ids, "item_type": item_type, "product_bundle": bundle}
    content = {
        "name": name,
        "source_type": "scenes",
        "order_type": "partial",  # one scene that cannot be had would cost the whole order
        "products": [product],
        "tools": [{"clip": {"aoi": shapely.geometry.mapping(_clip(port.area))}}],
    }
    return OrderRequest(name, len(ids), content)


def _clip(area: Polygon) -> Polygon:
    """What an order is clipped to: the area, or its box where it has holes or many corners."""
    plain = not area.interiors and len(area.exterior.coords) <= MOST_CORNERS
    return shapely.force_2d(area) if plain else shapely.box(*area.bounds)
