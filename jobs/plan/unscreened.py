"""Overpasses whose pixels nobody has told apart from cloud: what a plan says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.domain import SENSORS, Overpass, Port

MOST_IDS = 5
"""Ids of scenes without a mask that are named."""


def unscreened(port: Port, overpasses: Sequence[Overpass]) -> Iterator[str]:
    """A line for each sensor with a mask of whose overpasses some have a scene without it."""
    for name in dict.fromkeys(each.sensor for each in overpasses):
        own = [each for each in overpasses if each.sensor == name]
        hit = [each for each in own if any(scene.mask is None for scene in each.scenes)]
        if hit and SENSORS[name].mask is not None:
            ids = [scene.item_id for each in hit for scene in each.scenes if scene.mask is None]
            more = " ..." if len(ids) > MOST_IDS else ""
            yield (
                f"{port.id}: {len(hit)} of {len(own)} overpasses of {name} will be unscreened: "
                f"scenes without a mask of cloud, {len(ids)}: {', '.join(ids[:MOST_IDS])}{more}"
            )
