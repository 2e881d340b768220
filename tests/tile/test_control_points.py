"""Control points of real and simulated products, brought down to the sea, against GDAL's spline."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from pyproj import Geod
from rasterio.control import GroundControlPoint
from rasterio.transform import GCPTransformer

from jobs.domain import Source, transformer
from jobs.errors import SceneError
from jobs.simulate.radar.ground_range import control_points
from jobs.simulate.radar.swath import Swath
from jobs.simulate.radar.tables import calibration_xml
from jobs.tile.control_points import PointLattice, _at_sea_level
from jobs.tile.product_tables import calibration_of
from jobs.tile.raster import Place
from tests.support.ground_range import GRID, LATITUDE, orbit
from tests.support.places import ROOT


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "calibration.xml"
    path.write_text(calibration_xml("vv", (900, 900)))
    plain = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    source = Source("i.tiff", 1, 4326, plain, (900, 900), calibration=str(path))
    return calibration_of(source, Place("i.tiff"), "vv")


def swath(direction: str) -> Swath:
    return Swath.over(GRID, orbit(direction), LATITUDE)


def lattice(points, direction, calibration) -> PointLattice:
    return PointLattice.of(points, swath(direction).shape, calibration, GRID.epsg)


@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_every_pixel_of_the_grid_is_found_to_two_hundredths(direction, calibration):
    points = control_points(swath(direction), GRID.epsg)
    rows, columns = lattice(points, direction, calibration).pixels_of(GRID)
    x, y = swath(direction).place(rows, columns)
    assert np.abs(x - GRID.x[None]).max() < 0.2  # metres; pixels are of 10
    assert np.abs(y - GRID.y[:, None]).max() < 0.2


@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_gdal_s_thin_plate_spline_says_the_same_of_points_at_sea_level(direction, calibration):
    """GDAL knows no heights, and takes the product's numbers of pixels for corners."""
    flat = [
        GroundControlPoint(p.row + 0.5, p.col + 0.5, p.x, p.y, 0.0)
        for p in points_at_sea_level(direction)
    ]
    rows, columns = lattice(
        control_points(swath(direction), GRID.epsg), direction, calibration
    ).pixels_of(GRID)
    x, y = np.meshgrid(GRID.x[::9], GRID.y[::9])
    lon, lat = transformer(GRID.epsg, 4326).transform(x.ravel(), y.ravel())
    with GCPTransformer(flat, tps=True) as spline:
        down, along = spline.rowcol(lon, lat, op=lambda value: value)
    assert np.abs(rows[::9, ::9].ravel() + 0.5 - down).max() < 0.05
    assert np.abs(columns[::9, ::9].ravel() + 0.5 - along).max() < 0.05


def points_at_sea_level(direction: str) -> list[GroundControlPoint]:
    given = control_points(swath(direction), GRID.epsg)
    rows, columns = (np.array([getattr(p, name) for p in given]) for name in ("row", "col"))
    lon, lat = transformer(GRID.epsg, 4326).transform(*swath(direction).place(rows, columns))
    return [
        GroundControlPoint(p.row, p.col, east, north, 0.0)
        for p, east, north in zip(given, lon, lat, strict=True)
    ]


def test_heights_left_as_they_are_put_pixels_off(calibration):
    """90 m at 38 degrees are 115 m, eleven pixels."""
    points = control_points(swath("descending"), GRID.epsg)
    flat = [GroundControlPoint(p.row, p.col, p.x, p.y, 0.0) for p in points]
    right = lattice(points, "descending", calibration).pixels_of(GRID)[1]
    wrong = lattice(flat, "descending", calibration).pixels_of(GRID)[1]
    assert 5 < np.nanmax(np.abs(right - wrong)) < 20


def test_points_of_corners_are_told_from_those_of_middles(calibration):
    points = control_points(swath("ascending"), GRID.epsg)
    corners = [GroundControlPoint(p.row + 0.5, p.col + 0.5, p.x, p.y, p.z) for p in points]
    one = lattice(points, "ascending", calibration)
    other = lattice(corners, "ascending", calibration)
    assert np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.columns, other.columns)


def test_left_out_points_are_foretold_by_the_others(calibration):
    """Every second row and column of a lattice twice as fine."""
    there = swath("descending")
    rows, columns = (np.rint(np.linspace(0, side - 1, 9)) for side in there.shape)
    x, y = there.place(*np.meshgrid(rows, columns, indexing="ij"))
    half = PointLattice(rows[::2], columns[::2], x[::2, ::2], y[::2, ::2])
    for plane, kept in ((x, half.x), (y, half.y)):
        foretold = half._spline(kept)(rows[1::2], columns[1::2])
        assert np.abs(foretold - plane[1::2, 1::2]).max() < 0.01


@pytest.mark.parametrize("heading", [192.0, 348.0])
def test_a_swath_of_full_size_is_met_where_gdal_s_spline_is_a_pixel_off(heading):
    """10 by 21 points over 167 by 250 km, along a geodesic and away from it."""
    globe, size = Geod(ellps="WGS84"), (16_700, 25_000)

    def place(row: float, column: float) -> tuple[float, float]:
        lon, lat, back = globe.fwd(134.0, 43.5, heading, row * 10)
        return globe.fwd(lon, lat, back + 180 + 90, 1 + column * 10)[:2]

    rows, columns = (
        np.rint(np.linspace(0, side - 1, n)) for side, n in zip(size, (10, 21), strict=True)
    )
    points = [GroundControlPoint(r, c, *place(r, c), 0.0) for r in rows for c in columns]
    lon, lat = (np.array([getattr(p, of) for p in points]).reshape(10, 21) for of in "xy")
    lattice = PointLattice(rows, columns, *transformer(4326, 32652).transform(lon, lat))
    assert lattice.residuals().max() < 0.01
    rng = np.random.default_rng(0)
    truth = np.stack([rng.uniform(0, side - 1, 500) for side in size])
    lon, lat = np.array([place(*each) for each in truth.T]).T
    found = np.stack(lattice._inverted(*transformer(4326, 32652).transform(lon, lat)))
    assert 10 * np.hypot(*(found - truth)).max() < 0.05  # metres
    with GCPTransformer(points, tps=True) as spline:
        of_gdal = np.stack(spline.rowcol(lon, lat, op=lambda value: value))
    off = 10 * np.hypot(*(of_gdal - truth))
    assert 2 < off.max() < 20
    assert off.mean() < 2


def test_a_real_line_of_points_over_the_alps_is_smooth_at_sea_level_alone():
    """Points at 984 to 2580 m: each foretold by the other twenty, a kilometre off as given, and
    within a pixel once they are brought down. So much for the direction and size of the shift.
    """
    path = ROOT / "tests/data/sentinel-1/geolocation-line.json"
    table = np.array(json.loads(path.read_text())["points"])
    pixel, lat, lon, height, incidence = table.T
    given = np.array(transformer(4326, 32632).transform(lon, lat))
    down = _at_sea_level(*given[:, None], height[None], np.radians(incidence)[None])
    assert foretold_to(pixel, given) > 1000
    assert foretold_to(pixel, np.array(down)[:, 0]) < 10


def foretold_to(pixel: np.ndarray, places: np.ndarray) -> float:
    """Metres, the largest of points that are foretold by a cubic through all others."""
    off = []
    for left_out in range(1, len(pixel) - 1):
        kept = np.arange(len(pixel)) != left_out
        cubics = [np.polynomial.Polynomial.fit(pixel[kept], p[kept], 3) for p in places]
        found = [cubic(pixel[left_out]) for cubic in cubics]
        off.append(np.hypot(*(found - places[:, left_out])))
    return max(off)


def test_what_lies_beyond_the_image_has_no_place_in_it(calibration):
    far = replace(GRID, left=GRID.left + 2000)
    rows, columns = lattice(
        control_points(swath("ascending"), GRID.epsg), "ascending", calibration
    ).pixels_of(far)
    assert np.isnan(rows[:, -50:]).all()
    x, y = swath("ascending").place(rows, columns)
    seen = np.isfinite(rows)
    assert seen.any()
    assert np.abs((x - far.x[None])[seen]).max() < 0.2
    assert np.abs((y - far.y[:, None])[seen]).max() < 0.2


def test_points_that_are_no_lattice_are_refused(calibration):
    points = control_points(swath("ascending"), GRID.epsg)
    with pytest.raises(SceneError, match="53 ground control points lie in 6 rows and 9 columns"):
        lattice(points[:-1], "ascending", calibration)
    twice = [*points[:-1], points[0]]
    with pytest.raises(SceneError, match="given twice"):
        lattice(twice, "ascending", calibration)


def test_a_point_that_is_wrong_is_said(calibration):
    points = control_points(swath("ascending"), GRID.epsg)
    p = points[22]
    points[22] = GroundControlPoint(p.row, p.col, p.x + 0.01, p.y, p.z)
    with pytest.raises(SceneError, match=r"lies \d+ m off where the others have it"):
        lattice(points, "ascending", calibration)
