"""What Planet says of a scene, in its metadata and its Data API alike, in the words of STAC."""

from __future__ import annotations

from typing import Any

from jobs.catalog.stac_item import Item


def stac_properties(told: Item) -> dict[str, Any]:
    """Planet's names as those of STAC items, by Planet's own STAC extension."""
    cover = told.get("cloud_percent")
    if cover is None and told.get("cloud_cover") is not None:
        cover = 100 * float(told["cloud_cover"])
    return {
        "datetime": told["acquired"],
        "constellation": told.get("provider"),
        "platform": told.get("satellite_id"),
        "eo:cloud_cover": cover,
        "created": told.get("published"),
        "updated": told.get("updated"),
        "pl:ground_control": told.get("ground_control"),
    }
