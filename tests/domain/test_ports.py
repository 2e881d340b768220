import copy
import json
import re

import hypothesis.strategies as st
import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from pyproj import Transformer
from shapely.geometry import box

from jobs.domain import BerthKind, Grid, Port
from jobs.domain.geometry import local_grid, project
from jobs.domain.land_mask import land_at, make_land_mask
from jobs.domain.ports import bundled_ports, load_port, port_geojson, read_port
from jobs.domain.swapped_axes import looks_swapped
from jobs.errors import InputError

PORT = {"role": "port", "id": "my-port", "name": "My port", "country": "Nowhere"}
BERTH = {"role": "berth", "id": "oil", "name": "Oil berth", "kind": "oil_terminal"}


def rectangle(west, south, east, north):
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def feature(facts, coordinates, kind="Polygon"):
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": dict(facts), "geometry": geometry}


def document():
    area = feature(PORT, rectangle(20.0, 40.0, 20.1, 40.1))
    berth = feature(BERTH, rectangle(20.01, 40.01, 20.012, 40.013))
    return {"type": "FeatureCollection", "features": [area, berth]}


@pytest.fixture
def read(tmp_path):
    def write_and_read(value):
        path = tmp_path / "port.geojson"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return read_port(path)

    return write_and_read


# --- a port of one's own ------------------------------------------------------------------------


def test_a_valid_file_is_read(read):
    port = read(document())
    assert (port.id, port.name, port.country, port.locode) == (
        "my-port",
        "My port",
        "Nowhere",
        None,
    )
    assert not port.approximate
    assert port.grid.epsg == 32634
    [berth] = port.berths
    assert (berth.id, berth.kind, berth.capacity) == ("oil", BerthKind.OIL_TERMINAL, 1)


@pytest.mark.parametrize(
    ("facts", "capacity"),
    [
        ({}, 1),
        ({"capacity": 3}, 3),
        ({"kind": "anchorage"}, None),
        ({"kind": "anchorage", "capacity": None}, None),
        ({"kind": "anchorage", "capacity": 4}, 4),
    ],
)
def test_capacity_has_its_defaults(read, facts, capacity):
    value = document()
    value["features"][1]["properties"].update(facts)
    assert read(value).berths[0].capacity == capacity


def change(path, new):
    """A document with one value replaced; ``path`` leads to it."""
    value = document()
    target = value
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = new
    return value


FIRST, SECOND = ("features", 0), ("features", 1)
WRONG = {
    "not JSON": ("{oops", "not JSON.*line 1"),
    "not a collection": ({"type": "Feature"}, "a Feature; expected a GeoJSON FeatureCollection"),
    "a list": ("[]", "a list; expected a GeoJSON FeatureCollection"),
    "unknown role": (change((*SECOND, "properties", "role"), "quay"), "feature 2 has role 'quay'"),
    "no properties": (change((*SECOND, "properties"), None), "feature 2 has role None"),
    "two ports": (
        change((*SECOND, "properties"), PORT),
        '2 features have "role": "port"; expected exactly one',
    ),
    "no id": (change((*SECOND, "properties"), {"role": "berth"}), 'berth has no "id"'),
    "id with a slash": (
        change((*SECOND, "properties", "id"), "a/b"),
        'id "a/b"; expected at most 64 letters, digits',
    ),
    "no name": (change((*SECOND, "properties", "name"), " "), "berth oil: \"name\" is ' '"),
    "no country": (change((*FIRST, "properties", "country"), None), 'my-port: "country" is None'),
    "unknown kind": (
        change((*SECOND, "properties", "kind"), "oil_termnal"),
        "kind 'oil_termnal'; did you mean 'oil_terminal'",
    ),
    "capacity of text": (change((*SECOND, "properties", "capacity"), "2"), 'capacity "2"'),
    "capacity of a sea": (change((*SECOND, "properties", "capacity"), 10**9), "from 1 to 1000"),
    "a long id": (change((*SECOND, "properties", "id"), "a" * 65), "at most 64"),
    "a role in capitals": (
        change((*SECOND, "properties", "role"), "Berth"),
        "role 'Berth'; expected .*; did you mean 'berth'",
    ),
    "half a character": (change((*SECOND, "properties", "name"), "a\ud800"), "half a character"),
    "a berth of a centimetre": (
        change((*SECOND, "geometry", "coordinates"), rectangle(20.01, 40.01, 20.01001, 40.01001)),
        "it covers .* square metres; expected at least 100",
    ),
    "lists in lists": ("[" * 100_000, "not JSON"),
    "a number of digits": ('{"a": 1' + "0" * 5000 + "}", "not JSON"),
    "a system that ends alike": (
        {**document(), "crs": {"type": "name", "properties": {"name": "EPSG:34326"}}},
        'its "crs" is .*34326',
    ),
    "capacity of zero": (change((*SECOND, "properties", "capacity"), 0), "capacity 0"),
    "capacity true": (change((*SECOND, "properties", "capacity"), True), "capacity true"),
    "capacity null at a quay": (
        change((*SECOND, "properties", "capacity"), None),
        "null is for an anchorage only",
    ),
    "a point": (
        change((*SECOND, "geometry"), {"type": "Point", "coordinates": [20.01, 40.01]}),
        "berth oil: geometry is a Point; expected a Polygon",
    ),
    "a geometry of a line break": (
        change((*SECOND, "geometry", "type"), "\n"),
        r"berth oil: geometry is a '\\n'; expected a Polygon",
    ),
    "a collection of a line break": (
        {"type": "a\nb", "features": []},
        r"a 'a\\nb'; expected a GeoJSON FeatureCollection",
    ),
    "no geometry": (change((*SECOND, "geometry"), None), "geometry is a None; expected a Polygon"),
    "a multipolygon": (
        change(
            (*SECOND, "geometry"),
            {
                "type": "MultiPolygon",
                "coordinates": [
                    rectangle(20.01, 40.01, 20.012, 40.013),
                    rectangle(20.02, 40.01, 20.022, 40.013),
                ],
            },
        ),
        "a MultiPolygon of 2 parts; expected one Polygon.*a berth of its own",
    ),
    "a feature of nothing": (change(SECOND, None), "feature 2 is null; expected a GeoJSON Feature"),
    "properties of text": (
        change((*SECOND, "properties"), "oil"),
        'feature 2: properties are "oil"; expected keys with values',
    ),
    "a geometry of text": (change((*SECOND, "geometry"), "POLYGON"), "geometry is a str; expected"),
    "coordinates as text": (
        change((*SECOND, "geometry", "coordinates"), [[["20.01", "40.01"]] * 4]),
        "not rings.*'20.01' is no number",
    ),
    "a locode of numbers": (change((*FIRST, "properties", "locode"), 7), '"locode" is 7; expected'),
    "approximate as text": (
        change((*FIRST, "properties", "approximate"), "false"),
        '"approximate" is "false"; expected true or false',
    ),
    "capacity of the port": (
        change((*FIRST, "properties", "capacity"), 3),
        'a port has no capacity; write it in the features of "role": "berth"',
    ),
    "capacity below zero": (change((*SECOND, "properties", "capacity"), -2), "capacity -2"),
    "capacity of half a ship": (change((*SECOND, "properties", "capacity"), 1.5), "capacity 1.5"),
    "a key twice": (
        json.dumps(document()).replace('"kind":', '"capacity": 1, "capacity": 2, "kind":'),
        "'capacity' occurs twice in one object, as 1 and as 2; keep one of them",
    ),
    "another system": (
        {
            **document(),
            "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
        },
        'its "crs" is .*3857.*; expected WGS 84',
    ),
    "a linked system": (
        {**document(), "crs": {"type": "link", "properties": {"href": "x.prj"}}},
        'its "crs" is .*link.*; expected WGS 84',
    ),
    "swapped, beyond a latitude": (
        change((*FIRST, "geometry", "coordinates"), rectangle(42.7, 133.0, 42.8, 133.1)),
        r"look swapped: \[42.7, 133\] would be at latitude 133; expected positions as \[lon, lat\]",
    ),
    "one corner swapped": (
        change(
            (*FIRST, "geometry", "coordinates"),
            [[[133.0, 42.7], [42.7, 133.1], [133.1, 42.8], [133.0, 42.8], [133.0, 42.7]]],
        ),
        "look swapped",
    ),
    "a berth swapped": (
        change((*SECOND, "geometry", "coordinates"), rectangle(40.01, 20.01, 40.013, 20.012)),
        "berth oil: longitude and latitude look swapped: .* turned round inside",
    ),
    "properties misspelt": (
        change(SECOND, {"type": "Feature", "proprties": BERTH, "geometry": None}),
        "feature 2 has 'proprties'; did you mean 'properties'",
    ),
    "a hole outside": (
        change(
            (*SECOND, "geometry", "coordinates"),
            rectangle(20.01, 40.01, 20.012, 40.013) + rectangle(20.05, 40.05, 20.06, 40.06),
        ),
        "Hole lies outside shell",
    ),
    "no rings": (change((*SECOND, "geometry", "coordinates"), []), "not rings"),
    "text for numbers": (
        change((*SECOND, "geometry", "coordinates"), [[["a", "b"]] * 4]),
        "not rings",
    ),
    "no area": (
        change((*SECOND, "geometry", "coordinates"), [[[20.01, 40.01]] * 4]),
        "the outline has no area",
    ),
    "a bow tie": (
        change(
            (*SECOND, "geometry", "coordinates"),
            [[[20.01, 40.01], [20.02, 40.02], [20.03, 40.01], [20.01, 40.03], [20.01, 40.01]]],
        ),
        "Self-intersection",
    ),
    "metres": (
        change((*FIRST, "geometry", "coordinates"), rectangle(335000, 4730000, 340000, 4735000)),
        "not degrees; expected WGS 84.*EPSG:4326",
    ),
    "over the date line": (
        change((*FIRST, "geometry", "coordinates"), rectangle(179.95, 40, 180.05, 40.1)),
        "cross the antimeridian",
    ),
    "around the world": (
        change((*FIRST, "geometry", "coordinates"), rectangle(-179.95, 40, 179.95, 40.1)),
        "cross the antimeridian",
    ),
    "at the pole": (
        change((*FIRST, "geometry", "coordinates"), rectangle(20, 84.5, 20.1, 84.6)),
        "UTM covers",
    ),
    "too large": (
        change((*FIRST, "geometry", "coordinates"), rectangle(19.5, 39.9, 20.5, 40.1)),
        "at most 60 km",
    ),
    "a continent": (
        change((*FIRST, "geometry", "coordinates"), rectangle(-60, -60, 60, 60)),
        "the area spans 120 x 120 degrees; expected at most 60 km",
    ),
    "a position with names": (
        change((*SECOND, "geometry", "coordinates"), [[{"lon": 20.01, "lat": 40.01}] * 4]),
        "not rings.*is no position",
    ),
    "too small": (
        change((*FIRST, "geometry", "coordinates"), rectangle(20.0, 40.0, 20.003, 40.02)),
        "at least 500 m",
    ),
    "berth half outside": (
        change((*SECOND, "geometry", "coordinates"), rectangle(19.99, 40.01, 20.01, 40.012)),
        "berth oil: 50% of it lies outside",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_what_and_where(read, tmp_path, name):
    value, message = WRONG[name]
    with pytest.raises(InputError, match=message) as caught:
        read(value)
    assert str(caught.value).startswith(str(tmp_path / "port.geojson"))
    assert "\n" not in str(caught.value)


def test_two_berths_of_one_id_are_refused(read):
    value = document()
    value["features"].append(copy.deepcopy(value["features"][1]))
    with pytest.raises(InputError, match="more than one berth has id 'oil'"):
        read(value)


def places_in(value, path=()):
    """Paths to everything in a document but itself."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children if isinstance(value, dict | list) else ():
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from places_in(child, (*path, key))


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from([90, -90, 180, -180, 1e308, "", "\ud800", "a\0b", "berth", "port", 2.0]),
    st.text(max_size=5),
    st.recursive(st.integers(), lambda each: st.lists(each, max_size=4), max_leaves=8),
    st.dictionaries(st.sampled_from(["type", "id", "name", "0"]), st.integers(), max_size=2),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(places_in(document()), key=str)), ODD),
        min_size=1,
        max_size=3,
    )
)
@example([((*SECOND, "geometry", "type"), "\n")])
@example([(("type",), "a\nb")])
@settings(deadline=None, max_examples=300)
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_one_line(tmp_path_factory, changes):
    value = document()
    for path, new in changes:
        target = value
        try:
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = new
        except (KeyError, IndexError, TypeError):
            continue  # changed away by an earlier one
    file = tmp_path_factory.getbasetemp() / "odd.geojson"
    file.write_text(json.dumps(value))
    said = f"{file}: read"
    try:
        port_geojson(read_port(file))
    except InputError as refusal:
        said = str(refusal)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said


# --- two berths in one place ---------------------------------------------------------------------


def with_second_berth(west, south, east, north):
    value = document()
    twin = feature({**BERTH, "id": "bulk", "kind": "bulk"}, rectangle(west, south, east, north))
    value["features"].append(twin)
    return value


@pytest.mark.parametrize(
    ("second", "share"),
    [
        ((20.01, 40.01, 20.012, 40.013), "100%"),  # drawn twice
        ((20.0095, 40.0095, 20.0125, 40.0135), "100%"),  # one around the other
        ((20.0105, 40.0105, 20.0115, 40.0115), "100%"),  # one inside the other
        ((20.0117, 40.01, 20.0137, 40.013), "15%"),
    ],
)
def test_berths_that_overlap_by_more_than_a_tenth_are_refused(read, second, share):
    message = f"berths 'oil' and 'bulk' overlap: {share} of the smaller one.*side by side"
    with pytest.raises(InputError, match=message):
        read(with_second_berth(*second))


@pytest.mark.parametrize(
    "second",
    [
        (20.012, 40.01, 20.014, 40.013),  # a shared side
        (20.0118, 40.01, 20.0138, 40.013),  # a tenth
        (20.0119, 40.0129, 20.0139, 40.0159),  # a corner
    ],
)
def test_neighbours_that_touch_or_overlap_a_little_stand(read, second):
    assert [berth.id for berth in read(with_second_berth(*second)).berths] == ["oil", "bulk"]


def test_a_berth_in_the_hole_of_an_anchorage_stands(read):
    value = document()
    rings = rectangle(20.0, 40.0, 20.05, 40.05) + rectangle(20.01, 40.01, 20.012, 40.013)
    value["features"].append(feature({**BERTH, "id": "roads", "kind": "anchorage"}, rings))
    assert len(read(value).berths) == 2


# --- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "wrong", "right"),
    [
        (1, "capcity", "capacity"),
        (1, "Capacity", "capacity"),
        (1, "capacities", "capacity"),
        (1, "max_capacity", "capacity"),
        (1, "max_ships", "capacity"),
        (1, "nmae", "name"),
        (1, "knd", "kind"),
        (1, "type", "kind"),
        (0, "nmae", "name"),
        (0, "NAME", "name"),
        (0, "contry", "country"),
        (0, "lcoode", "locode"),
        (0, "aproximate", "approximate"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_nearest(read, number, wrong, right):
    value = document()
    facts = value["features"][number]["properties"]
    facts[wrong] = facts.pop(right, True if right == "approximate" else 3)
    with pytest.raises(InputError, match=f"unknown property '{wrong}'; did you mean '{right}'\\?"):
        read(value)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"capacity": 1, "capcity": 3}, "did you mean 'capacity', which says 1; keep one"),
        ({"Name": "Other berth"}, "did you mean 'name', which says 'Oil berth'; keep one"),
        ({"nmae": "Other berth"}, "did you mean 'name'"),
    ],
)
def test_two_spellings_of_one_key_that_differ_are_refused(read, facts, said):
    value = document()
    value["features"][1]["properties"].update(facts)
    with pytest.raises(InputError, match=said):
        read(value)


def test_a_missing_role_names_the_property_that_was_meant(read):
    value = document()
    value["features"][1]["properties"]["rolle"] = value["features"][1]["properties"].pop("role")
    with pytest.raises(InputError, match=r"role None; .*did you mean 'role' by 'rolle'"):
        read(value)


def test_columns_of_other_programs_are_borne(read):
    value = document()
    columns = {
        "OBJECTID": 1, "FID": 0, "fid": 0, "gid": 3, "osm_id": 7, "@id": "way/7", "Shape_Area": 0.5,
        "stroke": "#555555", "stroke-width": 2, "fill-opacity": 0.5, "marker-color": "#fff",
        "name_en": "Oil", "name:ru": "N", "names": ["N"], "alt_name": "N", "NAME": None,
        "mean": 0.1, "county": "K", "country_code": "XX", "role_2": None, "title": "Oil",
        "description": "x", "capacity_teu": 5000, "styleUrl": "#x", "timestamp": None,
        "lenght_m": 120, "geocode": 1, "mole": "north", "wind": "NE",
    }  # fmt: skip
    for each, facts in zip(value["features"], ({}, {"capacity": 2}), strict=True):
        each["properties"].update(columns | facts)
    assert read(value).berths[0].capacity == 2


# --- geometry that other programs write ----------------------------------------------------------


def test_heights_turned_rings_open_rings_and_single_parts_are_read(read):
    plain = read(document()).berths[0].polygon
    [ring] = rectangle(20.01, 40.01, 20.012, 40.013)
    drawn = {
        "heights": ("Polygon", [[[*point, 12.5] for point in ring]]),
        "turned": ("Polygon", [ring[::-1]]),
        "open": ("Polygon", [ring[:-1]]),
        "one part": ("MultiPolygon", [[ring]]),
    }
    for kind, coordinates in drawn.values():
        value = change((*SECOND, "geometry"), {"type": kind, "coordinates": coordinates})
        polygon = read(value).berths[0].polygon
        assert polygon.equals(plain)
        assert not polygon.has_z


@pytest.mark.parametrize(
    "name",
    [
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "urn:ogc:def:crs:OGC::CRS84",
        "OGC:CRS84",
        "urn:ogc:def:crs:EPSG::4326",
        "EPSG:4326",
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "https://www.opengis.net/def/crs/EPSG/0/4326",
        "WGS 84",
    ],
)
def test_wgs_84_may_be_named_as_programs_do(read, name):
    value = {**document(), "crs": {"type": "name", "properties": {"name": name}}}
    assert read(value) == read({**document(), "crs": None}) == read(document())


def test_a_berth_may_lie_along_the_ports_border(read):
    along = rectangle(20.01, 39.9999999, 20.012, 40.003)  # a centimetre outside
    assert len(read(change((*SECOND, "geometry", "coordinates"), along)).berths) == 1


def test_whole_numbers_of_a_gis_are_whole_numbers(read):
    capacity = read(change((*SECOND, "properties", "capacity"), 2.0)).berths[0].capacity
    assert (capacity, type(capacity)) == (2, int)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=re.escape("gone.geojson: cannot be read")):
        load_port(tmp_path / "gone.geojson")


def test_a_port_survives_being_written_and_read(read):
    value = document()
    hole = rectangle(20.05, 40.05, 20.06, 40.06)[0]
    value["features"][0]["geometry"]["coordinates"].append(hole)
    value["features"][0]["properties"] |= {"locode": "XXABC", "approximate": True}
    roads = feature(
        {**BERTH, "id": "roads", "kind": "anchorage"}, rectangle(20.02, 40.02, 20.03, 40.03)
    )
    value["features"].append(roads)
    port = read(value)
    assert port.approximate
    assert len(port.area.interiors) == 1
    assert read(port_geojson(port)) == port


# --- bundled ports ------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["RUVYP", "ruvyp", "RuVyp"])
def test_bundled_ids_are_found_in_any_case(reference):
    assert load_port(reference).id == "RUVYP"


def test_an_unknown_id_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="no bundled port 'RUVPY'; did you mean 'RUVYP'"):
        load_port("RUVPY")


def test_a_file_may_be_given_as_text(tmp_path):
    path = tmp_path / "mine.geojson"
    path.write_text(json.dumps(document()))
    assert load_port(str(path)).id == "my-port"


@pytest.mark.parametrize("identity", bundled_ports())
def test_bundled_ports_are_sound(read, identity):
    port = load_port(identity)
    assert (port.id, port.locode, port.approximate) == (identity, identity, True)
    assert all(400 <= size <= 1300 for size in port.grid.shape)
    kinds = {berth.kind for berth in port.berths}
    assert {BerthKind.OIL_TERMINAL, BerthKind.ANCHORAGE} <= kinds
    assert read(port_geojson(port)) == port
    pairs = [(a, b) for a in port.berths for b in port.berths if a.id < b.id]
    assert not [(a.id, b.id) for a, b in pairs if a.polygon.intersects(b.polygon)]


def test_vostochny_has_the_oil_berth():
    assert {"oil", "kozmino"} <= {berth.id for berth in load_port("RUVYP").berths}


@pytest.mark.parametrize("identity", bundled_ports())
def test_bundled_berths_lie_on_water(identity):
    port = load_port(identity)
    land = make_land_mask(port.grid)
    assert 0.1 < land.mean() < 0.9
    x, y = np.meshgrid(port.grid.x, port.grid.y)
    for berth in port.berths:
        inside = shapely.contains_xy(project(berth.polygon, port.grid.epsg), x, y)
        least = 0.9 if berth.kind is BerthKind.ANCHORAGE else 0.5
        assert inside.any()
        assert 1 - land[inside].mean() >= least, berth.id


# --- grid and land ------------------------------------------------------------------------------


@st.composite
def areas(draw):
    lon, lat = draw(st.floats(-179, 179)), draw(st.floats(-75, 75))
    width, height = draw(st.floats(0.01, 0.3)), draw(st.floats(0.01, 0.3))
    return box(lon, lat, lon + width, lat + height)


@given(areas())
@settings(max_examples=60)
def test_the_grid_is_the_smallest_on_20_m_around_the_area(area):
    grid = local_grid(area)
    outline = project(area, grid.epsg).bounds
    for edge, inner, outward in zip(grid.bounds, outline, (-1, -1, 1, 1), strict=True):
        assert edge % 20 == 0
        assert 0 <= (edge - inner) * outward <= 20
    assert grid.epsg % 100 == int((area.centroid.x + 180) // 6) + 1
    assert grid.epsg // 100 == (326 if area.centroid.y >= 0 else 327)


def test_an_area_across_two_zones_takes_its_centroids():
    assert local_grid(box(131.9, 43.0, 132.05, 43.1)).epsg == 32652
    assert local_grid(box(131.95, 43.0, 132.1, 43.1)).epsg == 32653


def test_a_parallel_that_bends_below_its_ends_stays_inside_the_grid():
    grid = local_grid(box(20.5, 60.0, 21.5, 60.1))
    to_utm = Transformer.from_crs(4326, grid.epsg, always_xy=True)
    _, middle = to_utm.transform(21.0, 60.0)
    _, corner = to_utm.transform(20.5, 60.0)
    assert corner - middle > 100
    assert grid.bounds[1] <= middle


def test_land_is_land_and_north_is_up():
    # Kozmino, Vostochny: hills in the south-east corner, Nakhodka Bay in the north-west
    port = load_port("RUVYP")
    land = make_land_mask(Grid(port.grid.epsg, port.grid.left, port.grid.top, 92, 80, 100.0))
    assert land.shape == (80, 92)
    assert land[-20:, -20:].all()
    assert not land[:20, :20].any()


def test_land_at_180_degrees_is_land():
    # Chukotka and Antarctica from both sides, and the sea between
    lon = np.array([180.0, -180.0, 180.0, 180.0, 179.0])
    lat = np.array([68.0, 67.5, -85.0, 60.0, 68.5])
    assert land_at(lon, lat).tolist() == [True, True, True, False, True]


# --- swapped axes -------------------------------------------------------------------------------


def port_around(lon, lat, size=0.08):
    area = box(lon - size / 2, lat - size / 2, lon + size / 2, lat + size / 2)
    return Port("x", "X", "XX", area, (), local_grid(area))


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(4.05, 51.97), (29.0, 41.02), (-5.35, 36.14), (50.15, 26.65), (14.27, 40.83), (-9.1, 38.7)],
)
def test_a_port_turned_round_looks_swapped_and_the_port_does_not(lon, lat):
    assert looks_swapped(port_around(lon, lat)) is None
    said = looks_swapped(port_around(lat, lon))
    assert said is not None
    assert f"look swapped: around [{lat:.2f}, {lon:.2f}] (lon, lat) there is only" in said


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        (2.0, 56.5),
        (-40.0, -4.65),
        (6.7, 51.45),
        (132.9, 42.2),
        (-90.0, 28.9),
    ],  # fields, rivers, roads
)
def test_a_port_away_from_any_shore_is_not_suspected_for_that(lon, lat):
    assert looks_swapped(port_around(lon, lat)) is None


@pytest.mark.parametrize("identity", bundled_ports())
def test_bundled_ports_are_not_suspected(identity):
    assert looks_swapped(load_port(identity)) is None
