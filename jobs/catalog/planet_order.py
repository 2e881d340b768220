"""Orders as Planet delivers them, read as a catalog: a manifest, and metadata of each scene.

A manifest lists every file with size and digests, and says of which scene and asset it is; the
scene's metadata are in a JSON file beside its images. Grids are in the images' headers alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shapely.geometry import Polygon

from jobs.catalog.order_files import checksum_of, file_fault, grid_of
from jobs.catalog.planet_metadata import stac_properties
from jobs.catalog.query import ItemFilter, Progress, Rejected, item_name, unknown_collection
from jobs.catalog.stac_item import MALFORMED, Item, needed_assets, sensor_for
from jobs.catalog.transport import CatalogReader, absolute_href
from jobs.domain import Period, SourceSpec, scheme_of
from jobs.errors import CatalogError, InputError

MANIFEST = "manifest.json"

_METADATA = "_metadata.json"
"""End of the name of a scene's metadata."""

_TYPE, _ID, _ASSET = "planet/item_type", "planet/item_id", "planet/asset_type"


def manifests_in(catalog: str) -> list[str]:
    """Paths of the manifests of a folder: its own, or those of the folders in it; else none.

    Raises CatalogError for a folder without any.
    """
    folder = Path(catalog)
    if scheme_of(catalog) or not folder.is_dir():
        return []
    own = folder / MANIFEST
    found = [own] if own.is_file() else sorted(folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise CatalogError(
            f"{catalog} is a folder without {MANIFEST}, its own or one of a folder in it; expected "
            "an order as Planet delivers it, or the path of a STAC catalog's file"
        )
    return list(map(str, found))


def is_manifest(content: Item) -> bool:
    """Whether a JSON file is the manifest of an order."""
    files = content.get("files")
    return isinstance(files, list) and all(
        isinstance(file, Mapping) and {"path", "digests"} <= file.keys() for file in files
    )


@dataclass
class _Scene:
    """The files of one scene, as a manifest lists them."""

    metadata: Item | None = None
    assets: dict[str, Item] = field(default_factory=dict)
    """By the kind of asset."""


def order_items(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    manifests: list[str],
    reader: CatalogReader,
    report: Progress,
) -> Iterator[Item | Rejected]:
    """Items of the collection (Planet's item type) near area and period, with absolute hrefs.

    Files of these that are needed, and lie on disk, are compared with size and digest in the
    manifest. A scene with a file that is missing or another is one rejected item.
    """
    wanted = ItemFilter(source, area, period)
    known: set[str] = set()
    for manifest in manifests:
        for name, scenes in _scenes(manifest, reader.json(manifest)).items():
            known.add(name)
            if name != source.collection:
                continue
            report(f"{name}: {len(scenes)} scenes in {manifest}")
            for id, scene in scenes.items():
                yield from _entries(source, wanted, manifest, id, scene, reader)
    if source.collection not in known:
        raise unknown_collection(source, sorted(known))


def _scenes(manifest: str, content: Item) -> dict[str, dict[str, _Scene]]:
    """Scenes by item type and id; CatalogError for what is no manifest with scenes."""
    if not is_manifest(content):
        raise CatalogError(f"{manifest} is not the manifest of a Planet order")
    found: dict[str, dict[str, _Scene]] = defaultdict(lambda: defaultdict(_Scene))
    for file in content["files"]:
        told = file.get("annotations")
        if not isinstance(told, Mapping) or not {_TYPE, _ID} <= told.keys():
            continue
        scene = found[str(told[_TYPE])][str(told[_ID])]
        if str(file["path"]).endswith(_METADATA):
            scene.metadata = file
        elif _ASSET in told:
            scene.assets[str(told[_ASSET])] = file
    if not found:
        names = ", ".join(str(file["path"]) for file in content["files"][:3]) or "nothing"
        raise CatalogError(
            f"{manifest} lists no file of a single scene ({names} ...); expected an order of "
            "scenes: unpack an archive beside its manifest, and order without `composite`"
        )
    return found


def _entries(
    source: SourceSpec,
    wanted: ItemFilter,
    manifest: str,
    id: str,
    scene: _Scene,
    reader: CatalogReader,
) -> Iterator[Item | Rejected]:
    """The scene's item, or why it cannot be used; nothing where it is not asked for."""
    try:
        item = _item(source, manifest, id, scene, reader)
        if wanted.accepts(item):
            yield _with_files(item, source)
    except (InputError, CatalogError) as error:
        yield Rejected(id, source.catalog, source.collection, str(error))
    except MALFORMED as error:
        reason = f"its metadata are malformed ({type(error).__name__}: {error})"
        yield Rejected(id, source.catalog, source.collection, reason)


def _item(
    source: SourceSpec, manifest: str, id: str, scene: _Scene, reader: CatalogReader
) -> dict[str, Any]:
    """The scene's item without what its images' headers say."""
    if scene.metadata is None:
        raise InputError(
            f"the order lists no {id}{_METADATA}: time and place of the scene are unknown"
        )
    asset = _asset(manifest, scene.metadata)
    _refuse_fault(asset)
    path = asset["href"]
    content = reader.json(path)
    if item_name(content) != id:
        raise InputError(f"{path} is of the scene {item_name(content)}; expected {id}")
    return {
        "type": "Feature",
        "id": id,
        "collection": source.collection,
        "geometry": content.get("geometry"),
        "properties": stac_properties(content["properties"]),
        "assets": {kind: _asset(manifest, file) for kind, file in scene.assets.items()},
        "links": [],
    }


def _asset(manifest: str, file: Item) -> dict[str, Any]:
    return {
        "href": absolute_href(manifest, str(file["path"])),
        "type": file.get("media_type"),
        "file:size": file.get("size"),
        "file:checksum": checksum_of(file["digests"]),
    }


def _with_files(item: dict[str, Any], source: SourceSpec) -> Item:
    """The item with the grids of the files that are read; InputError for one that cannot be."""
    sensor = sensor_for(item, source.sensor)
    for name in needed_assets(item, sensor):
        asset = item["assets"][name]
        _refuse_fault(asset)
        item["assets"][name] = {**asset, **grid_of(asset["href"], source.access)}
    return item


def _refuse_fault(asset: Item) -> None:
    """InputError for a file that is not as the manifest says."""
    fault = file_fault(asset["href"], asset["file:size"], asset["file:checksum"])
    if fault:
        raise InputError(f"{asset['href']} {fault}: fetch the order again")
