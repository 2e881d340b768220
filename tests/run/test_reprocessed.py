"""Items that are processed again in place, from a static catalog on disk through runs to looks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client

from jobs.archive import pool
from jobs.archive.pool import Archives
from jobs.archive.schema import array
from jobs.domain import StageName, load_port, port_geojson, read_job
from jobs.plan import Plan, make_plan, pinned_plan
from jobs.publish import Publication
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import EventName
from jobs.run.kept_inputs import keep_inputs
from jobs.run.results import collect
from jobs.run.settings import settings_for
from jobs.run.status import dry_rows, stale_rows, status_rows
from jobs.run.verify import verify_sample
from jobs.tile.raster import Place, use
from jobs.tile.tiled_file import TiledFile
from tests.support.scenes import noise, small_port, write_band
from tests.support.small_runs import BANDS, go, root_of

SHA = "1220" + "a" * 64
OTHER_SHA = "1220" + "b" * 64


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect("local", workers=1) as made:
        yield made


@pytest.fixture(autouse=True)
def no_land(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


class Catalog:
    """A static catalog of one Sentinel-2 item over the small port, and a job that asks it."""

    def __init__(self, folder: Path, **properties: Any) -> None:
        self.folder = folder
        self.properties = properties
        self.of_assets: dict[str, Any] = {}
        port = small_port()
        (folder / "port.geojson").write_text(json.dumps(port_geojson(port)))
        self.grid = load_port(folder / "port.geojson").grid
        bounds = port.area.buffer(0.005).bounds
        west, south, east, north = bounds
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        self.place = {
            "bbox": list(bounds),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        self.job = folder / "job.yaml"
        self.job.write_text(
            "name: test\n"
            "ports: [{id: TESTP, file: port.geojson}]\n"
            "period: {start: 2024-05-01, end: 2024-05-31}\n"
            "sources: [{catalog: collection.json, collection: s2, sensor: sentinel-2-l2a}]\n"
            "archive: archive\n"
        )

    def write(self, number: int, ids: tuple[str, ...] = ("S2A_1",)) -> None:
        """Write the catalog and files that hold this number everywhere."""
        links = [{"rel": "item", "href": f"{id}.json"} for id in ids]
        extent = {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2017-01-01T00:00:00Z", None]]},
        }
        collection = {
            "type": "Collection",
            "id": "s2",
            "stac_version": "1.0.0",
            "description": "x",
            "license": "other",
            "extent": extent,
            "links": links,
        }
        (self.folder / "collection.json").write_text(json.dumps(collection))
        for day, id in enumerate(ids, start=1):
            item = self._item(id, day, number)
            (self.folder / f"{id}.json").write_text(json.dumps(item))

    def _item(self, id: str, day: int, number: int) -> dict[str, Any]:
        assets = {}
        grid = self.grid
        for band in BANDS:
            name = f"{id}-{band}.tif"
            values = np.full(grid.shape, number, np.uint16)
            write_band(self.folder / name, values, epsg=grid.epsg, transform=grid.transform)
            assets[band] = {
                "href": name,
                "eo:bands": [{"name": band, "common_name": band}],
                "raster:bands": [
                    {"data_type": "uint16", "scale": 1e-4, "offset": -0.1, "nodata": 0}
                ],
                "proj:epsg": grid.epsg,
                "proj:shape": list(grid.shape),
                "proj:transform": list(grid.transform),
                **self.of_assets,
            }
        properties = {
            "datetime": f"2024-05-{day:02}T02:10:00Z",
            "platform": "sentinel-2a",
            **self.properties,
        }
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": id,
            "collection": "s2",
            **self.place,
            "properties": properties,
            "assets": assets,
            "links": [],
        }

    def plan(self, replan: bool = True) -> Plan:
        return pinned_plan(self.job, replan).plan


def numbers(plan: Plan) -> list[int]:
    """The median number of every step in the archive."""
    root = zarr.open_group(Archives(plan.ports, root_of(plan))["TESTP"].store(), mode="r")
    images = np.asarray(root["sentinel-2/reflectance"][:])  # type: ignore[index]
    return [int(np.median(image)) for image in images]


def looks(plan: Plan, client: Client) -> list[str]:
    """The overpass of every look of what would be published."""
    return list(publication(plan, client).tables["TESTP"].looks["overpass_id"])


def publication(plan: Plan, client: Client) -> Publication:
    opened = Archives(plan.ports, root_of(plan))
    return collect(plan, opened, settings_for(plan), root_of(plan), client)


def reasons(events: list[Any]) -> list[str]:
    return [e.facts["because"] for e in events if e.name is EventName.STALE]


def warnings(events: list[Any]) -> list[str]:
    return [e.facts["reason"] for e in events if e.name is EventName.WARNING]


CHANGES = {
    "baseline": ({"s2:processing_baseline": "05.11"}, {}, "processing baseline 05.09 -> 05.11"),
    "version": ({"processing:version": "05.11"}, {}, "processing baseline 05.09 -> 05.11"),
    "generation": ({"s2:generation_time": "2024-09-01T00:00:00Z"}, {}, "produced 2024-05-02"),
    "processed": ({"processing:datetime": "2024-09-01T00:00:00Z"}, {}, "produced 2024-05-02"),
    "checksum": ({}, {"file:checksum": OTHER_SHA}, "another checksum of blue, green, nir, red"),
    "old": ({}, {"checksum:multihash": OTHER_SHA}, "another checksum of blue, green, nir, red"),
    "etag": ({}, {"file:etag": '"2"'}, "another ETag of blue, green, nir, red"),
    "size": ({}, {"file:size": 2}, "another size of blue, green, nir, red"),
    "updated": ({"updated": "2024-09-01T00:00:00Z"}, {}, "updated 2024-05-02"),
}
"""What changes in the item and its assets, and the words for it."""

BEFORE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "baseline": ({"s2:processing_baseline": "05.09"}, {}),
    "version": ({"processing:version": "05.09"}, {}),
    "generation": ({"s2:generation_time": "2024-05-02T00:00:00Z"}, {}),
    "processed": ({"processing:datetime": "2024-05-02T00:00:00Z"}, {}),
    "checksum": ({}, {"file:checksum": SHA}),
    "old": ({}, {"checksum:multihash": SHA}),
    "etag": ({}, {"file:etag": '"1"'}),
    "size": ({}, {"file:size": 1}),
    "updated": ({"updated": "2024-05-02T00:00:00Z"}, {}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_an_item_processed_again_in_place_is_tiled_again_once(
    tmp_path: Path, client: Client, kind: str
) -> None:
    catalog = Catalog(tmp_path)
    catalog.properties, catalog.of_assets = BEFORE[kind]
    catalog.write(1300, ("S2A_1", "S2A_2"))
    first = catalog.plan()
    go(first, client)
    assert numbers(first) == [1300, 1300]

    unchanged = catalog.plan()
    same, events, _ = go(unchanged, client)
    assert (same.worked, same.done, reasons(events)) == (0, 2, [])

    properties, of_assets, words = CHANGES[kind]
    catalog.properties, catalog.of_assets = properties, of_assets
    catalog.write(2600, ("S2A_1", "S2A_2"))
    plan = catalog.plan()
    (row,) = stale_rows(plan, root_of(plan))
    assert (row["stage"], row["stale"]) == ("tile", 2)
    assert words in str(row["because"])
    assert all(words in row["why"] for row in dry_rows(plan, root_of(plan), RunOptions()))

    again, events, _ = go(plan, client)
    assert (again.worked, again.done, again.pending) == (2, 2, 0)
    (because,) = reasons(events)
    assert words in because
    assert numbers(plan) == [2600, 2600]
    assert len(looks(plan, client)) == 2

    for settled in (plan, catalog.plan()):
        third, events, _ = go(settled, client)
        assert (third.worked, third.done, reasons(events)) == (0, 2, [])


def test_a_file_replaced_under_a_silent_item_is_told_by_its_size(
    tmp_path: Path, client: Client
) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(1300)
    go(catalog.plan(), client)
    write_band(
        tmp_path / "S2A_1-red.tif",
        noise(shape=catalog.grid.shape),
        epsg=catalog.grid.epsg,
        transform=catalog.grid.transform,
    )
    again, events, _ = go(catalog.plan(), client)
    assert (again.worked, again.done, reasons(events)) == (1, 1, ["another size of red"])
    same, _, _ = go(catalog.plan(), client)
    assert (same.worked, same.done) == (0, 1)


def test_only_the_item_that_changed_is_tiled_again(tmp_path: Path, client: Client) -> None:
    catalog = Catalog(tmp_path, **{"s2:processing_baseline": "05.09"})
    catalog.write(1300, ("S2A_1", "S2A_2"))
    go(catalog.plan(), client)
    item = json.loads((tmp_path / "S2A_2.json").read_text())
    item["properties"]["s2:processing_baseline"] = "05.11"
    (tmp_path / "S2A_2.json").write_text(json.dumps(item))
    again, events, _ = go(catalog.plan(), client)
    assert (again.worked, again.done) == (1, 2)
    assert [e.facts["overpasses"] for e in events if e.name is EventName.STALE] == [1]


def test_a_catalog_that_touches_its_items_in_bulk_makes_no_work(
    tmp_path: Path, client: Client
) -> None:
    produced = {"s2:generation_time": "2024-05-02T00:00:00Z", "s2:processing_baseline": "05.09"}
    catalog = Catalog(tmp_path, **produced, updated="2024-05-03T00:00:00Z")
    catalog.write(1300)
    before = catalog.plan()
    go(before, client)
    catalog.properties["updated"] = "2025-01-01T00:00:00Z"
    catalog.properties["created"] = "2025-01-01T00:00:00Z"
    catalog.write(1300)
    assert catalog.plan().hash == before.hash
    # and then it adds checksums, by which the overpass has another id in the plan
    catalog.of_assets = {"file:checksum": SHA, "file:size": 7}
    catalog.write(1300)
    plan = catalog.plan()
    assert plan.overpasses[0].id != before.overpasses[0].id
    summary, events, opened = go(plan, client)
    assert (summary.worked, summary.done, reasons(events)) == (0, 1, [])
    assert len(opened["TESTP"].steps()) == 1
    assert looks(plan, client) == [before.overpasses[0].id]


def test_what_failed_is_tried_again_once_its_item_is_another(
    tmp_path: Path, client: Client
) -> None:
    catalog = Catalog(tmp_path, **{"s2:generation_time": "2024-05-02T00:00:00Z"})
    catalog.write(1300)
    (tmp_path / "S2A_1-red.tif").write_bytes(b"cut off")
    first, _, _ = go(catalog.plan(), client)
    assert first.failed == 1
    same, _, _ = go(catalog.plan(), client)
    assert (same.worked, same.failed) == (0, 1)
    catalog.properties["s2:generation_time"] = "2024-05-04T00:00:00Z"
    catalog.write(1300)
    mended, _, _ = go(catalog.plan(), client)
    assert (mended.worked, mended.done) == (1, 1)


def test_stopping_behind_tile_leaves_nothing_made_of_the_former_pixels(
    tmp_path: Path, client: Client
) -> None:
    catalog = Catalog(tmp_path, **{"s2:processing_baseline": "05.09"})
    catalog.write(1300)
    go(catalog.plan(), client)
    catalog.properties = {"s2:processing_baseline": "05.11"}
    catalog.write(2600)
    plan = catalog.plan()
    go(plan, client, RunOptions(last_stage=StageName.TILE))
    rows = status_rows(plan, root_of(plan))
    assert [(r["stage"], r["done"], r["pending"], r["stale"]) for r in rows] == [
        ("tile", 1, 0, 0),
        ("segment", 0, 1, 0),
    ]


def test_an_archive_of_an_early_version_is_not_tiled_again_unless_its_plan_tells(
    tmp_path: Path, client: Client
) -> None:
    catalog = Catalog(tmp_path, **{"s2:processing_baseline": "05.09"})
    catalog.write(1300, ("S2A_1", "S2A_2"))
    before = catalog.plan()
    _, _, opened = go(before, client)
    _forget_inputs(opened)
    assert {step.inputs for step in opened["TESTP"].steps().values()} == {""}
    assert status_rows(before, root_of(before))[0]["stale"] == 0

    assert keep_inputs(before, root_of(before)) == 2
    assert keep_inputs(before, root_of(before)) == 0
    same, events, _ = go(catalog.plan(), client)
    assert (same.worked, same.done, warnings(events)) == (0, 2, [])

    catalog.properties = {"s2:processing_baseline": "05.11"}
    catalog.write(2600, ("S2A_1", "S2A_2"))
    plan = catalog.plan()
    again, events, _ = go(plan, client)
    assert (again.worked, again.done) == (2, 2)
    assert reasons(events) == ["processing baseline 05.09 -> 05.11"]


def test_a_run_keeps_what_its_plan_says_where_an_early_version_kept_nothing(
    tmp_path: Path, client: Client
) -> None:
    catalog = Catalog(tmp_path, **{"s2:processing_baseline": "05.09"})
    catalog.write(1300)
    _, _, opened = go(catalog.plan(), client)
    _forget_inputs(opened)
    same, events, opened = go(catalog.plan(), client)
    assert (same.worked, same.done) == (0, 1)
    (said,) = warnings(events)
    assert said.startswith("TESTP: 1 overpasses were tiled by a version that did not keep")
    (step,) = opened["TESTP"].steps().values()
    assert "05.09" in step.inputs
    assert opened["TESTP"].digests_of_read() == {}
    _, events, _ = go(catalog.plan(), client)
    assert warnings(events) == []


def results(plan: Plan, **options: Any) -> list[str]:
    return [row["result"] for row in verify_sample(plan, root_of(plan), 5, 0, **options)]


def test_verify_compares_files_with_what_was_read_and_with_checksums(
    tmp_path: Path, client: Client
) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(1300)
    content = (tmp_path / "S2A_1-red.tif").read_bytes()  # the four files are equal
    catalog.of_assets = {"file:checksum": f"1220{hashlib.sha256(content).hexdigest()}"}
    catalog.write(1300)
    plan = catalog.plan()
    _, _, opened = go(plan, client)
    assert results(plan, inputs=True) == ["equal"]
    assert results(plan, inputs=True, client=client) == ["equal"]
    (row,) = verify_sample(plan, root_of(plan), 5, 0)
    assert row["result"] == "equal"
    assert row["read"] == opened["TESTP"].digests_of_read()[plan.overpasses[0].id]

    (tmp_path / "S2A_1-blue.tif").write_bytes(content + b"\0")  # the same pixels, another file
    (result,) = results(plan, inputs=True)
    assert "checksum of 1/blue " in result
    assert "what is read" not in result
    write_band(
        tmp_path / "S2A_1-blue.tif",
        np.full(catalog.grid.shape, 2600, np.uint16),
        epsg=catalog.grid.epsg,
        transform=catalog.grid.transform,
    )
    (result,) = results(plan, inputs=True)
    assert "checksum of 1/blue " in result
    assert "what is read of 1/blue" in result
    (result,) = results(plan)
    assert result.startswith("differs: image")
    assert result.endswith("what is read of 1/blue")

    (tmp_path / "S2A_1-blue.tif").unlink()
    (result,) = results(plan, inputs=True)
    assert result.startswith("cannot be read: ")


def test_verify_reads_by_gdal_alone_what_was_tiled_without_it(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(1300)
    plan = catalog.plan()
    go(plan, client)

    def read(*_: object) -> None:
        raise AssertionError("read by the reader whose work is checked")

    monkeypatch.setattr(TiledFile, "read", read)
    assert results(plan) == results(plan, inputs=True) == ["equal"]
    source = next(iter(plan.overpasses[0].scenes[0].bands.values()))
    place = Place(source.href)
    with pytest.raises(AssertionError, match="whose work is checked"):  # such a file it is
        use(place, [source], ["uint16"], lambda file: None, lambda file: file.read())


def test_where_nothing_was_kept_nothing_is_verified(tmp_path: Path, client: Client) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(1300)
    plan = catalog.plan()
    _, _, opened = go(plan, client)
    _forget_inputs(opened)
    (result,) = results(plan, inputs=True)
    assert result.startswith("unknown: ")
    (row,) = verify_sample(plan, root_of(plan), 5, 0)
    assert (row["result"], row["read"]) == ("equal", "")


def test_what_was_read_is_published_and_part_of_the_tag(tmp_path: Path, client: Client) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(1300)
    plan = catalog.plan()
    _, _, opened = go(plan, client)
    before = publication(plan, client)
    (id,) = before.provenance.read
    assert before.provenance.read == opened["TESTP"].digests_of_read()
    # replaced while the plan is the same, and tiled again for another reason
    catalog.write(2600)
    _forget_pixels(opened)
    go(plan, client)
    after = publication(plan, client)
    assert after.provenance.read[id] != before.provenance.read[id]
    assert after.tag != before.tag


def test_a_plan_older_than_the_archive_leaves_it_as_it_is_and_says_so(
    tmp_path: Path, client: Client
) -> None:
    """Two jobs share an archive; one is planned anew after an item was processed again."""
    catalog = Catalog(tmp_path, **{"s2:processing_baseline": "05.09"})
    catalog.write(1300)
    catalog.plan()
    older = catalog.plan(replan=False)
    go(older, client)
    catalog.properties = {"s2:processing_baseline": "05.11"}
    catalog.write(2600)
    go(catalog.plan(), client)

    summary, events, _ = go(older, client)
    assert (summary.worked, summary.done, reasons(events)) == (0, 1, [])
    (said,) = warnings(events)
    assert said.startswith("TESTP: 1 overpasses are made of later versions of their items")
    assert status_rows(older, root_of(older))[0]["stale"] == 0
    assert numbers(older) == [2600]
    # a catalog that goes back to the former version is believed, once it is asked
    catalog.properties = {"s2:processing_baseline": "05.09"}
    catalog.write(1300)
    (row,) = dry_rows(make_plan(read_job(catalog.job)), root_of(older), RunOptions())
    assert row["why"] == "stale: processing baseline 05.11 -> 05.09"
    back, events, _ = go(catalog.plan(), client)
    assert (back.worked, reasons(events)) == (1, ["processing baseline 05.11 -> 05.09"])


def _forget_pixels(opened: Archives) -> None:
    session = opened["TESTP"].repository.writable_session("main")
    group = zarr.open_group(session.store, mode="r+", path="sentinel-2")
    for name in ("tile_key", "segment_key"):
        array(group, name)[:] = np.array(["other"], dtype=np.dtypes.StringDType())
    session.commit("as another version of the stages left it")


def _forget_inputs(opened: Archives) -> None:
    session = opened["TESTP"].repository.writable_session("main")
    group = zarr.open_group(session.store, mode="r+", path="sentinel-2")
    for name in ("inputs", "read"):
        del group[name]
    session.commit("as an early version left it")
