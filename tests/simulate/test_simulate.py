import csv
import hashlib
import math
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pystac
import pytest
import rasterio
import shapely
import shapely.affinity
from hypothesis import given, settings
from pyproj import Transformer
from pystac.validation import validate_dict
from shapely.geometry import Polygon, shape

from jobs.domain import Grid
from jobs.domain.geometry import local_grid, project
from jobs.domain.ports import load_port
from jobs.errors import InputError
from jobs.simulate.layouts import lay_out
from jobs.simulate.passes import mgrs_square
from jobs.simulate.settings import SimulationConfig
from jobs.simulate.ships import stamp
from jobs.simulate.simulation import simulate_archive
from jobs.simulate.traffic import BUILDS, Pose, Ship, ShipType, build_ship
from tests.support.small_ports import flat_coast, port_file

DAYS = 12


@pytest.fixture(scope="module")
def coast():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.simulate.moorings.make_land_mask", flat_coast)
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ports")
    ports = (port_file(folder, "EAST", 133.05, 42.70), port_file(folder, "WEST", 129.80, 41.70))
    return SimulationConfig(
        seed=7,
        ports=ports,
        start=date(2024, 3, 1),
        days=DAYS,
        visits_per_week=4,
        neighbour_zone=True,
    )


@pytest.fixture(scope="module")
def archive(config, coast, tmp_path_factory):
    out = tmp_path_factory.mktemp("archive") / "out"
    messages = []
    summary = simulate_archive(config, out, messages.append)
    return out, summary, messages


@pytest.fixture(scope="module")
def items(archive):
    catalog = pystac.Catalog.from_file(str(archive[0] / "catalog.json"))
    return list(catalog.get_items(recursive=True))


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def moment(text):
    return datetime.fromisoformat(text)


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


# --- the archive --------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(config, coast, archive, tmp_path):
    simulate_archive(config, tmp_path / "again", lambda message: None)
    first = digests(archive[0])
    assert digests(tmp_path / "again") == first
    assert any(name.endswith("B02.tif") for name in first)


def test_another_seed_gives_other_ships(config, coast, archive, tmp_path):
    other = SimulationConfig(seed=8, ports=config.ports[:1], days=3)
    simulate_archive(other, tmp_path / "other", lambda message: None)
    assert digests(tmp_path / "other")["truth/visits.csv"] not in digests(archive[0]).values()


def test_the_summary_counts_what_was_written(archive, items):
    out, summary, messages = archive
    assert (summary.ports, summary.items) == (2, len(items))
    assert summary.visits == len(table(out / "truth" / "visits.csv"))
    assert summary.vessels == len(table(out / "truth" / "vessels.csv"))
    assert summary.size_bytes == sum(path.stat().st_size for path in out.rglob("*.tif"))
    assert len([text for text in messages if "cloud" in text]) == summary.overpasses


def test_documents_are_valid_stac(archive, items):
    """Against the core schemas that pystac brings; those of the extensions lie on the network."""
    pytest.importorskip("jsonschema")
    catalog = pystac.Catalog.from_file(str(archive[0] / "catalog.json"))
    for document in (catalog, *catalog.get_children(), *items):
        validate_dict(document.to_dict(), extensions=[])


def test_items_are_complete_and_linked(archive, items):
    for item in items:
        assert item.get_parent().id == item.collection_id == "sentinel-2-c1-l2a"
        assert list(item.assets) == ["red", "green", "blue", "visual", "nir", "scl"]
        assert shape(item.geometry).is_valid
        assert item.bbox == pytest.approx(shape(item.geometry).bounds, abs=1e-6)
        assert item.properties["platform"] in ("sentinel-2a", "sentinel-2b")
        assert (
            timedelta(hours=2)
            < item.datetime - item.datetime.replace(hour=0, minute=0, second=0, microsecond=0)
            < timedelta(hours=2, minutes=20)
        )
        assert item.properties["grid:code"].startswith("MGRS-5")
        assert 0 <= item.properties["eo:cloud_cover"] <= 100
    assert len({item.id for item in items}) == len(items)


def test_files_are_what_the_items_declare(items):
    for item in items:
        for name, asset in item.assets.items():
            path = Path(asset.get_absolute_href())
            content = path.read_bytes()
            facts = asset.extra_fields
            assert facts["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
            assert facts["file:size"] == len(content)
            with rasterio.open(path) as dataset:
                assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert str(dataset.crs) == item.properties["proj:code"]
                assert list(dataset.shape) == facts["proj:shape"]
                assert list(dataset.transform[:6]) == facts["proj:transform"]
                assert dataset.nodata == 0
                bands = facts["raster:bands"]
                assert list(dataset.dtypes) == [band["data_type"] for band in bands]
                assert dataset.res == (20 if name == "scl" else 10,) * 2


def test_reflectance_carries_the_offset(items):
    band = items[0].assets["blue"].extra_fields["raster:bands"][0]
    assert (band["scale"], band["offset"], band["nodata"]) == (1e-4, -0.1, 0)
    clearest = min(items, key=lambda item: item.properties["eo:cloud_cover"])
    with rasterio.open(clearest.assets["blue"].get_absolute_href()) as dataset:
        number = dataset.read(1)
    assert 1000 < np.median(number[number > 0]) < 3000


def test_satellites_alternate_as_two_on_two_orbits_do(items):
    passes = {
        (item.datetime.date(), item.properties["platform"])
        for item in items
        if item.properties["port"] == "WEST"
    }
    ordered = sorted(passes)
    assert {(b[0] - a[0]).days for a, b in pairwise(ordered)} == {2, 3}
    for (first, satellite), (later, same) in zip(ordered, ordered[2:], strict=False):
        assert (later - first).days == 5
        assert satellite != same


# --- traps for those who read it ----------------------------------------------------------------


def of_port(items, port):
    return sorted(
        (i for i in items if i.properties["port"] == port), key=lambda item: item.datetime
    )


def test_two_tiles_of_a_pass_agree_where_they_overlap(items):
    west, east = (
        item
        for item in of_port(items, "EAST")
        if item.datetime.date() == of_port(items, "EAST")[-1].datetime.date()
    )
    assert west.properties["grid:code"] != east.properties["grid:code"]
    with (
        rasterio.open(west.assets["red"].get_absolute_href()) as one,
        rasterio.open(east.assets["red"].get_absolute_href()) as two,
    ):
        shared = rasterio.coords.disjoint_bounds(one.bounds, two.bounds)
        assert not shared
        left, right = two.bounds.left, one.bounds.right
        window_one = one.window(left, one.bounds.bottom, right, one.bounds.top)
        window_two = two.window(left, two.bounds.bottom, right, two.bounds.top)
        assert window_one.width >= 20
        np.testing.assert_array_equal(
            one.read(1, window=window_one), two.read(1, window=window_two)
        )


def test_one_acquisition_is_there_in_two_baselines(items):
    old = [item for item in items if item.properties["s2:processing_baseline"] == "05.00"]
    assert len(old) == 1
    twins = [item for item in items if item.datetime == old[0].datetime and item is not old[0]]
    assert [twin.properties["s2:processing_baseline"] for twin in twins] == ["05.10"]
    assert twins[0].properties["grid:code"] == old[0].properties["grid:code"]
    assert twins[0].properties["s2:generation_time"] > old[0].properties["s2:generation_time"]
    starts = [
        i.properties["s2:datastrip_id"].split("_S")[-1].split("_N")[0] for i in (*twins, *old)
    ]
    assert starts[0] == starts[1]


def test_some_passes_end_at_the_swaths_edge(items):
    shares = [item.properties["s2:nodata_pixel_percentage"] for item in of_port(items, "WEST")]
    assert [share > 20 for share in shares] == [number % 4 == 1 for number in range(len(shares))]
    partial = of_port(items, "WEST")[1]
    with rasterio.open(partial.assets["nir"].get_absolute_href()) as dataset:
        rows, cols = np.nonzero(dataset.read(1))
        x, y = dataset.xy(rows, cols)
    lonlat = Transformer.from_crs(dataset.crs, 4326, always_xy=True).transform(x, y)
    assert shapely.contains_xy(shape(partial.geometry).buffer(1e-5), *lonlat).all()


def test_one_tile_comes_in_the_neighbouring_zone(items):
    codes = [item.properties["proj:code"] for item in of_port(items, "EAST")]
    assert codes.count("EPSG:32654") == 1
    assert set(codes) == {"EPSG:32653", "EPSG:32654"}


# --- the truth ----------------------------------------------------------------------------------


def test_every_moored_ship_is_inside_one_of_its_stays(archive):
    visits = table(archive[0] / "truth" / "visits.csv")
    moored = [row for row in table(archive[0] / "truth" / "vessels.csv") if row["berth"]]
    assert moored
    for vessel in moored:
        key = (vessel["port"], vessel["berth"], vessel["ship_id"])
        assert any(
            (visit["port"], visit["berth"], visit["ship_id"]) == key
            and moment(visit["arrival"])
            <= moment(vessel["overpass_utc"])
            < moment(visit["departure"])
            for visit in visits
        )


def test_every_stay_under_a_pass_is_among_its_vessels(archive):
    vessels = table(archive[0] / "truth" / "vessels.csv")
    present = {(row["port"], row["overpass_utc"], row["berth"], row["ship_id"]) for row in vessels}
    passes = {(row["port"], row["overpass_utc"]) for row in vessels}
    for visit in table(archive[0] / "truth" / "visits.csv"):
        for port, when in passes:
            if visit["port"] == port and visit["arrival"] <= when < visit["departure"]:
                assert (port, when, visit["berth"], visit["ship_id"]) in present


def test_berths_are_never_over_capacity(archive):
    visits = table(archive[0] / "truth" / "visits.csv")
    capacity = {"quay": 2, "oil": 1}
    assert {visit["berth"] for visit in visits} == {*capacity, "roads"}
    for visit in visits:
        same = [
            other
            for other in visits
            if (other["port"], other["berth"]) == (visit["port"], visit["berth"])
            and other["arrival"] <= visit["arrival"] < other["departure"]
        ]
        assert len(same) <= capacity.get(visit["berth"], 10**6)


def test_a_ship_is_in_one_place_at_a_time(archive):
    stays = {}
    for visit in table(archive[0] / "truth" / "visits.csv"):
        assert visit["arrival"] < visit["departure"]
        stays.setdefault(visit["ship_id"], []).append((visit["arrival"], visit["departure"]))
    for times in stays.values():
        ordered = sorted(times)
        assert all(a[1] <= b[0] for a, b in pairwise(ordered))


def test_some_tankers_sail_from_one_port_to_the_other(config, archive):
    ports = {}
    for visit in table(archive[0] / "truth" / "visits.csv"):
        if visit["berth"] == "oil":
            ports.setdefault(visit["ship_id"], set()).add(visit["port"])
    assert any(len(seen) == 2 for seen in ports.values())


def test_moored_ships_lie_in_their_berths_along_the_quay(config, archive):
    outlines = {
        (port.id, berth.id): project(berth.polygon, port.grid.epsg)
        for port in map(load_port, config.ports)
        for berth in port.berths
    }
    for row in table(archive[0] / "truth" / "vessels.csv"):
        if not row["berth"]:
            continue
        hull = hull_box(row)
        outline = outlines[row["port"], row["berth"]]
        assert outline.buffer(2).intersection(hull).area > 0.95 * hull.area
        if row["berth"] != "roads":
            assert abs(float(row["heading_deg"]) - 90) < 6


def hull_box(row):
    turn = math.radians(float(row["heading_deg"]))
    ahead = np.array([math.sin(turn), math.cos(turn)]) * float(row["length_m"]) / 2
    side = np.array([math.cos(turn), -math.sin(turn)]) * float(row["beam_m"]) / 2
    centre = np.array([float(row["x"]), float(row["y"])])
    return Polygon(
        [centre + ahead + side, centre + ahead - side, centre - ahead - side, centre - ahead + side]
    )


def test_labels_have_the_columns_of_the_real_ones(archive):
    text = (archive[0] / "labels" / "EAST.csv").read_text().splitlines()[0]
    assert text == (
        "port,item,px_col,px_row,lon,lat,length_m,width_m,heading_mod180_deg,"
        "class,confidence,source,given_id,notes"
    )


def test_labels_point_at_bright_pixels_of_their_items(archive, items):
    by_id = {item.id: item for item in items}
    checked = 0
    for row in table(archive[0] / "labels" / "WEST.csv") + table(
        archive[0] / "labels" / "EAST.csv"
    ):
        item = by_id[row["item"]]
        if row["class"] != "ship" or row["confidence"] != "3":
            continue
        with rasterio.open(item.assets["nir"].get_absolute_href()) as dataset:
            to_xy = Transformer.from_crs(4326, dataset.crs, always_xy=True)
            col, line = ~dataset.transform * to_xy.transform(float(row["lon"]), float(row["lat"]))
            assert (col, line) == pytest.approx(
                (float(row["px_col"]), float(row["px_row"])), abs=0.1
            )
            nir = dataset.read(1)
        around = nir[int(line) - 1 : int(line) + 2, int(col) - 1 : int(col) + 2]
        assert around.max() > np.percentile(nir[nir > 0], 5) + 150
        checked += 1
    assert checked > 5


def test_no_label_is_on_a_superseded_item_or_under_thick_cloud(archive, items):
    old = {i.id for i in items if i.properties["s2:processing_baseline"] == "05.00"}
    vessels = table(archive[0] / "truth" / "vessels.csv")
    hidden = [row for row in vessels if float(row["visible"]) == 0]
    assert hidden
    assert all(row["items"] == "" for row in hidden)
    labels = table(archive[0] / "labels" / "EAST.csv")
    assert labels
    assert not {row["item"] for row in labels} & old


def test_the_job_file_names_the_ports_it_wrote(config, archive):
    out, summary, _ = archive
    text = summary.job.read_text()
    assert "ports: [{id: EAST, file: EAST.geojson}, {id: WEST, file: WEST.geojson}]" in text
    assert f"period: {{start: 2024-03-01, end: 2024-03-{DAYS}}}" in text
    assert load_port(out / "EAST.geojson") == load_port(config.ports[0])


# --- parts --------------------------------------------------------------------------------------


@given(
    kind=st.sampled_from(list(ShipType)),
    longest_m=st.floats(40, 500),
    seed=st.integers(0, 10**6),
)
def test_ships_fit_their_place_and_their_type(kind, longest_m, seed):
    ship = build_ship("x", kind, longest_m, np.random.default_rng(seed))
    build = BUILDS[kind]
    assert ship.length_m <= build.longest_m + 0.1
    assert ship.length_m <= max(longest_m, 0.6 * build.shortest_m) + 0.1
    assert 2.5 < ship.length_m / ship.beam_m < 11


@given(
    x=st.floats(300, 700),
    y=st.floats(300, 700),
    bow_deg=st.floats(0, 360),
    length_m=st.floats(40, 250),
)
@settings(max_examples=40)
def test_a_drawn_hull_has_the_ships_place_size_and_heading(x, y, bow_deg, length_m):
    grid = Grid(32652, 0, 1000, 100, 100)
    ship = Ship("s", ShipType.BULKER, length_m, length_m / 6)
    scene = np.zeros((4, 100, 100), np.float32)
    drawn = stamp(scene, grid, Pose(ship, "", x, y, bow_deg))
    cover = np.zeros(grid.shape)
    cover[drawn.rows, drawn.cols] = drawn.cover
    # Hulls are drawn on 2 m samples: the beam may be off by one of them along the whole length.
    area_m2 = length_m**2 / 6
    assert cover.sum() * 100 == pytest.approx(area_m2, abs=0.07 * area_m2 + 2 * length_m)
    east, north = (
        axis - axis_0 for axis, axis_0 in zip(np.meshgrid(grid.x, grid.y), (x, y), strict=True)
    )
    mean = [float((cover * axis).sum() / cover.sum()) for axis in (east, north)]
    assert math.hypot(*mean) < 0.06 * length_m + 2
    turn = math.radians(bow_deg)
    ahead = east * math.sin(turn) + north * math.cos(turn)
    aside = east * math.cos(turn) - north * math.sin(turn)
    assert (cover * ahead**2).sum() > 3 * (cover * aside**2).sum()
    assert (scene.sum(axis=0) > 0)[cover > 0.3].all()


def test_a_ship_off_the_image_is_not_drawn():
    grid = Grid(32652, 0, 1000, 100, 100)
    ship = Ship("s", ShipType.TANKER, 90, 14)
    scene = np.zeros((4, 100, 100), np.float32)
    assert stamp(scene, grid, Pose(ship, "", 5000, 500, 0)) is None
    assert not scene.any()


def test_mgrs_squares_are_the_real_ones():
    # Earth Search: S2B_T24MUV covers 3-4 degrees south at 600 km... ; Vostochny lies in 53TLH
    vostochny = local_grid(shapely.box(133.0, 42.71, 133.1, 42.77))
    assert mgrs_square(vostochny, 0) == "53TLH"
    vancouver = local_grid(shapely.box(-123.3, 49.25, -123.15, 49.31))
    assert mgrs_square(vancouver, 0) == "10UDV"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ports": ()}, "needs a port"),
        ({"days": 0}, "at least one day"),
        ({"revisit_days": (2, 0)}, "revisits of 1 day up"),
        ({"cloud_share": 1.0}, "cloud_share 1.0"),
        ({"visits_per_week": 0.0}, "above 0"),
        ({"start": date(1969, 1, 1)}, "first satellite image"),
        ({"start": date(9999, 12, 30)}, "after the year 9999"),
        ({"days": 10**9}, "after the year 9999"),
        ({"days": 100_000}, "years after today"),
    ],
)
def test_senseless_configs_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        SimulationConfig(**wrong)


def test_a_folder_with_a_catalog_is_not_overwritten(config, archive):
    before = digests(archive[0])
    with pytest.raises(InputError, match="already holds a catalog"):
        simulate_archive(config, archive[0], lambda message: None)
    assert digests(archive[0]) == before


def test_a_simulation_that_was_stopped_begins_anew_in_its_folder(config, archive, tmp_path):
    def stop_after_an_image(message):
        if "cloud" in message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_archive(config, tmp_path, stop_after_an_image)
    assert list(tmp_path.rglob("*.tif"))
    simulate_archive(config, tmp_path, lambda message: None)
    assert digests(tmp_path) == digests(archive[0])


def test_a_port_given_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match="RUVYP is given twice"):
        simulate_archive(SimulationConfig(ports=("RUVYP", "RUVYP")), tmp_path, print)


# --- random harbours ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    config = SimulationConfig(seed=3, harbours=3, days=1, cloud_share=0)
    return config, [lay_out(config, number) for number in range(config.harbours)]


def hull_of(ship, x, y, bow_deg):
    half, deep = ship.length_m / 2, ship.beam_m / 2
    hull = shapely.box(x - deep, y - half, x + deep, y + half)
    return shapely.affinity.rotate(hull, -bow_deg, origin=(x, y))


def test_harbours_by_lot_differ_and_come_out_the_same_again(drawn):
    config, harbours = drawn
    quays = [[round(m.length_m) for m in harbour.moorings] for harbour, _ in harbours]
    assert len({tuple(lengths) for lengths in quays}) == len(harbours)
    again, stays = lay_out(config, 1)
    assert (again.moorings, stays) == (harbours[1][0].moorings, harbours[1][1])


def test_ships_of_a_harbour_by_lot_neither_overlap_nor_stand_on_piers(drawn):
    for harbour, stays in drawn[1]:
        moored = [s for s in stays if s.bow_deg is not None]
        hulls = [hull_of(s.ship, s.x, s.y, s.bow_deg) for s in moored]
        assert len(hulls) > 10
        for number, hull in enumerate(hulls):
            others = [*hulls[:number], *harbour.breakwaters]
            assert not any(hull.intersects(other) for other in others)


def test_harbours_by_lot_are_delivered_whole_with_labels(tmp_path):
    config = SimulationConfig(seed=3, harbours=1, days=1, cloud_share=0)
    summary = simulate_archive(config, tmp_path, lambda message: None)
    assert (summary.ports, summary.items) == (1, 1)
    assert len(table(tmp_path / "labels" / "HARBOUR000.csv")) > 10
    assert load_port(tmp_path / "HARBOUR000.geojson").berths
