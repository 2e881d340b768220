"""Scenes that Planet's Data API found: known by their catalog's address, and what to order of them.

Their files' addresses name the asset, and lead to none before it is ordered.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from jobs.domain import Scene
from jobs.errors import InputError

DATA_API = "https://api.planet.com/data/v1"

HERE = ("127.0.0.1", "localhost")
"""A stand-in on this machine may have the key too."""

DENIED = "?denied"
"""End of the address of an asset that the key may not download."""

_ASSET = re.compile(r"/item-types/[^/]+/items/[^/]+/assets/([^/?]+)(\?denied)?$")


def is_data_api(catalog: str) -> bool:
    """Whether an address is that of Planet's Data API, to which alone the key is sent."""
    url = urlsplit(catalog)
    ours = url.hostname == urlsplit(DATA_API).hostname or url.hostname in HERE
    return ours and (url.path == "/data/v1" or url.path.startswith("/data/v1/"))


def may_be_ordered(scene: Scene) -> bool:
    """Whether the key that found a scene of the Data API may download the assets it is read of."""
    sources = [*scene.bands.values(), *(() if scene.mask is None else (scene.mask,))]
    return not any(source.href.endswith(DENIED) for source in sources)


def asset_to_order(scene: Scene) -> str:
    """The kind of asset that a scene of the Data API is read of, such as ortho_analytic_4b_sr."""
    source = next(iter(scene.bands.values()))
    found = _ASSET.search(source.href)
    if found is None:
        raise InputError(f"{scene.item_id} is no scene of Planet's Data API: {source.href}")
    return found[1]
