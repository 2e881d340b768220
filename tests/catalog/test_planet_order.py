"""Orders of Planet as catalogs: their manifests become items, and what does not fit is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import rasterio
from shapely.geometry import box

from jobs.catalog.query import SearchResult
from jobs.catalog.search import search_catalog
from jobs.domain import Grid, Period, SourceSpec, load_port, read_job
from jobs.errors import CatalogError
from jobs.plan import make_plan
from tests.support.places import PLANET_DATA
from tests.support.planet_order import SCENES, Ordered, make_job, make_order, make_port

MAY = Period(date(2024, 5, 1), date(2024, 5, 31))


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    return make_port(tmp_path)


def search(
    tmp_path: Path, catalog: Path, collection: str = "PSScene", period: Period = MAY
) -> SearchResult:
    area = load_port(tmp_path / "port.geojson").area
    return search_catalog(SourceSpec(str(catalog), collection), area, period)


def change(manifest: Path, id: str, end: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit the entries of a scene's file."""
    content = json.loads(manifest.read_text())
    for file in content["files"]:
        if file["path"].endswith(end) and id in file["path"]:
            edit(file)
    manifest.write_text(json.dumps(content))


def test_manifest_and_metadata_become_scenes(tmp_path: Path, grid: Grid) -> None:
    manifest = make_order(tmp_path / "order", grid)
    for catalog in (manifest.parent, manifest):
        found = search(tmp_path, catalog)
        assert [scene.item_id for scene in found.scenes] == [scene.id for scene in SCENES]
        assert found.rejected == ()
    scene = found.scenes[0]
    assert (scene.sensor, scene.platform) == ("planetscope-sr", "planetscope-24ee")
    assert scene.acquired.isoformat() == "2024-05-02T02:10:11.035748+00:00"
    assert (scene.cloud_cover, scene.facts["updated"]) == (20.0, "2024-05-05T04:07:13+00:00")
    assert [scene.bands[name].index for name in ("blue", "green", "red", "nir")] == [2, 4, 6, 8]
    assert scene.mask is not None
    for source in (scene.bands["red"], scene.mask):
        with rasterio.open(source.href) as file:
            assert source.epsg == file.crs.to_epsg()
            assert source.transform == tuple(file.transform)[:6]
            assert source.shape == file.shape
        assert source.size_bytes == Path(source.href).stat().st_size
        assert str(source.checksum).startswith("1220")


def test_a_folder_of_orders_is_one_catalog(tmp_path: Path, grid: Grid) -> None:
    for number, scene in enumerate(SCENES):
        make_order(tmp_path / "orders" / str(number), grid, (scene,))
    found = search(tmp_path, tmp_path / "orders")
    assert len(found.scenes) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match=r"is a folder without manifest\.json"):
        search(tmp_path, tmp_path / "empty")


def test_four_bands_and_eight_of_one_order_are_told_apart(tmp_path: Path, grid: Grid) -> None:
    four = Ordered("20240504_021011_1014", "2024-05-04T02:10:11Z", bands=4)
    found = search(tmp_path, make_order(tmp_path / "order", grid, (SCENES[0], four)))
    assert [scene.bands["nir"].index for scene in found.scenes] == [8, 4]


def test_only_what_is_asked_for_is_read(tmp_path: Path, grid: Grid) -> None:
    """A file that is missing matters where its scene is in the period."""
    manifest = make_order(tmp_path / "order", grid)
    for path in manifest.parent.glob("PSScene/*_2405_*.tif"):
        path.unlink()
    day = Period(date(2024, 5, 2), date(2024, 5, 2))
    found = search(tmp_path, manifest, period=day)
    assert (len(found.scenes), found.rejected) == (1, ())


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-50] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("end", ["SR_8b_clip.tif", "udm2_clip.tif", "metadata.json"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (Path.unlink, "is listed in the manifest and is not there: fetch the order again"),
        (cut_short, "bytes, the manifest says"),
        (damage, "has another sha2-256 digest than the manifest says: fetch the order again"),
    ],
)
def test_a_file_that_is_not_as_the_manifest_says_costs_its_scene(
    tmp_path: Path, grid: Grid, end: str, harm: Callable[[Path], None], words: str
) -> None:
    manifest = make_order(tmp_path / "order", grid)
    (path,) = manifest.parent.glob(f"PSScene/{SCENES[0].id}*{end}")
    harm(path)
    found = search(tmp_path, manifest)
    assert [scene.item_id for scene in found.scenes] == [SCENES[1].id]
    (left_out,) = found.rejected
    assert left_out.item_id == SCENES[0].id
    assert path.name in left_out.reason
    assert words in left_out.reason


def test_md5_counts_where_there_is_no_better_digest(tmp_path: Path, grid: Grid) -> None:
    manifest = make_order(tmp_path / "order", grid)
    for scene in SCENES:
        change(manifest, scene.id, "", lambda file: file["digests"].pop("sha256"))
    assert len(search(tmp_path, manifest).scenes) == 2
    (path,) = manifest.parent.glob(f"PSScene/{SCENES[0].id}*udm2_clip.tif")
    damage(path)
    (left_out,) = search(tmp_path, manifest).rejected
    assert "has another md5 digest" in left_out.reason


def test_a_scene_without_metadata_or_with_anothers_is_left_out(tmp_path: Path, grid: Grid) -> None:
    manifest = make_order(tmp_path / "order", grid)
    content = json.loads(manifest.read_text())
    content["files"] = [
        file
        for file in content["files"]
        if not (SCENES[0].id in file["path"] and file["path"].endswith("metadata.json"))
    ]
    other = next(file for file in content["files"] if file["path"].endswith("metadata.json"))
    content["files"].append(
        {**other, "annotations": {**other["annotations"], "planet/item_id": "20240502_9"}}
    )
    manifest.write_text(json.dumps(content))
    reasons = {r.item_id: r.reason for r in search(tmp_path, manifest).rejected}
    assert "lists no 20240502_021011_03_24ee_metadata.json" in reasons[SCENES[0].id]
    assert f"is of the scene {SCENES[1].id}; expected 20240502_9" in reasons["20240502_9"]


def test_a_scene_that_planet_could_not_place_is_left_out(tmp_path: Path, grid: Grid) -> None:
    lost = Ordered("20240504_021011_03_24aa", "2024-05-04T02:10:11Z", is_placed=False)
    found = search(tmp_path, make_order(tmp_path / "order", grid, (*SCENES, lost)))
    assert len(found.scenes) == 2
    (left_out,) = found.rejected
    assert "ground_control false" in left_out.reason


def test_another_product_is_left_out_by_name(tmp_path: Path, grid: Grid) -> None:
    manifest = make_order(tmp_path / "order", grid)

    def radiance(file: dict[str, Any]) -> None:
        file["annotations"]["planet/asset_type"] = "ortho_analytic_8b"

    change(manifest, SCENES[0].id, "clip.tif", radiance)
    (left_out,) = search(tmp_path, manifest).rejected
    assert "no asset `ortho_analytic_4b_sr` or `ortho_analytic_8b_sr`" in left_out.reason
    assert "found assets ortho_analytic_8b" in left_out.reason


def test_another_collection_and_no_scenes_are_errors(tmp_path: Path, grid: Grid) -> None:
    manifest = make_order(tmp_path / "order", grid)
    with pytest.raises(CatalogError, match="no collection 'PSscene'; the nearest are: PSScene"):
        search(tmp_path, manifest, "PSscene")
    entry = {"path": "composite.tif", "digests": {}, "annotations": {}}
    manifest.write_text(json.dumps({"name": "", "files": [entry]}))
    with pytest.raises(CatalogError, match=r"lists no file of a single scene \(composite\.tif"):
        search(tmp_path, manifest)


def test_scenes_without_udm2_are_said(tmp_path: Path, grid: Grid) -> None:
    bare = Ordered("20240504_021011_03_24aa", "2024-05-04T02:10:11Z", has_udm2=False)
    make_order(tmp_path / "order", grid, (*SCENES, bare))
    said: list[str] = []
    plan = make_plan(read_job(make_job(tmp_path, "order")), tell=said.append)
    assert len(plan.overpasses) == 3
    assert said == [
        "mine: 1 of 3 overpasses of planetscope-sr will be unscreened: scenes without a mask of "
        "cloud, 1: 20240504_021011_03_24aa"
    ]


def test_a_real_manifest_is_read_to_the_byte(tmp_path: Path, grid: Grid) -> None:
    """Its metadata fit size and digest; its images, which nobody may pass on, are not there."""
    shutil.copytree(PLANET_DATA / "order", tmp_path / "order")
    period = Period(date(2015, 11, 19), date(2015, 11, 19))
    area = box(94.85, 15.89, 94.87, 15.91)
    source = SourceSpec(str(tmp_path / "order"), "PSScene", "planetscope-sr")
    (left_out,) = search_catalog(source, area, period).rejected
    assert left_out.item_id == "20151119_025740_0c74"
    assert "found assets ortho_analytic_4b, ortho_analytic_4b_xml, ortho_udm2" in left_out.reason
    damage(tmp_path / "order/PSScene/20151119_025740_0c74_metadata.json")
    (left_out,) = search_catalog(source, area, period).rejected
    assert "has another sha2-256 digest" in left_out.reason
