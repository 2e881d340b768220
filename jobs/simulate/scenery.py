"""The static scenery of a port: coast, hills, fields, towns, quays, tanks, stacks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine, from_origin
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom
from scipy.spatial import cKDTree
from shapely.geometry import LineString, Polygon

from jobs.domain import BerthKind
from jobs.simulate.moorings import Harbour, Mooring
from jobs.simulate.settings import rng_for
from jobs.simulate.ships import PSF_M, Plane

Mask: TypeAlias = NDArray[np.bool_]
_Part: TypeAlias = tuple[slice, slice]

FINE = 2
"""Sub-pixels across a pixel: 5 m."""
TOWN_REACH_M = 900.0
"""Distance inland that towns reach."""

# Summer reflectance in blue, green, red, nir.
FOREST = (0.020, 0.042, 0.025, 0.300)
MEADOW = (0.038, 0.075, 0.058, 0.330)
SOIL = (0.064, 0.088, 0.114, 0.220)
PAVED = (0.095, 0.110, 0.125, 0.170)
ROAD = (0.110, 0.122, 0.135, 0.165)
CONCRETE = (0.135, 0.155, 0.175, 0.205)
SHORE = (0.085, 0.105, 0.120, 0.160)
STEEL = (0.240, 0.255, 0.270, 0.290)
COAL_PILE = (0.045, 0.047, 0.050, 0.060)
ROOFS = (
    (0.090, 0.100, 0.110, 0.150),
    (0.140, 0.150, 0.160, 0.210),
    (0.075, 0.090, 0.150, 0.200),
    (0.250, 0.260, 0.265, 0.300),
    (0.150, 0.130, 0.110, 0.160),
    (0.420, 0.420, 0.420, 0.430),
)
BOXES = (
    (0.060, 0.070, 0.190, 0.230),
    (0.170, 0.120, 0.080, 0.140),
    (0.110, 0.160, 0.190, 0.220),
    (0.300, 0.310, 0.310, 0.320),
    (0.080, 0.130, 0.100, 0.150),
)
WINTER = (0.035, 0.028, 0.045, -0.170)
"""Change of the reflectance of FOREST and MEADOW in winter, by bare branches and dry grass."""


@dataclass(frozen=True)
class Scenery:
    """Reflectance and coverage of a port without ships, water and weather, (y, x) of its window."""

    ground: Plane
    """(band, y, x) summer reflectance times ``dry``."""
    dry: Plane
    """Share of each pixel that is not water, blurred by the sensor's point spread."""
    vegetated: Plane
    """Share of each pixel that is vegetation, which changes with the season."""
    coast_m: Plane
    """Distance of water from the coast, metres; 0 on land."""
    surf: Plane
    """Share of each pixel of water that is foam of breaking waves."""


@dataclass
class _Canvas:
    """The scenery on sub-pixels while it is painted."""

    transform: Affine
    colour: Plane
    dry: Mask
    vegetated: Mask

    def paint(self, shapes: Iterable[shapely.Geometry], colour: tuple[float, ...]) -> None:
        """Colour the dry parts of shapes."""
        part, inside = self._inside(shapes)
        self._fill(part, inside & self.dry[part], colour)

    def build(self, shapes: Iterable[shapely.Geometry], colour: tuple[float, ...]) -> None:
        """Colour shapes and make them dry, as buildings in the water."""
        part, inside = self._inside(shapes)
        self.dry[part] |= inside
        self._fill(part, inside, colour)

    def dig(self, shapes: Iterable[shapely.Geometry]) -> None:
        """Make shapes water."""
        part, inside = self._inside(shapes)
        self.dry[part] &= ~inside

    def _fill(self, part: _Part, inside: Mask, colour: tuple[float, ...]) -> None:
        self.vegetated[part] &= ~inside
        self.colour[:, *part][:, inside] = np.array(colour, np.float32)[:, None]

    def _inside(self, shapes: Iterable[shapely.Geometry]) -> tuple[_Part, Mask]:
        """The window of the canvas around the shapes, and the mask of its pixels inside them."""
        listed = list(shapes)
        if not listed:
            return (slice(0), slice(0)), np.zeros((0, 0), bool)
        west, south, east, north = shapely.total_bounds(listed)
        (col, row), (col_end, row_end) = (
            ~self.transform * (west, north),
            ~self.transform * (east, south),
        )
        rows, cols = (
            slice(int(np.clip(first, 0, size)), int(np.clip(last + 1, 0, size)))
            for first, last, size in zip(
                (row, col), (row_end, col_end), self.dry.shape, strict=True
            )
        )
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        if 0 in shape:
            return (rows, cols), np.zeros(shape, bool)
        corner = self.transform * Affine.translation(cols.start, rows.start)
        return (rows, cols), rasterize(listed, out_shape=shape, transform=corner).astype(bool)


@dataclass(frozen=True)
class Ground:
    """What of a scenery does not change from look to look, (y, x), as in Scenery."""

    ground: Plane
    dry: Plane
    vegetated: Plane


def draw_scenery(harbour: Harbour, seed: int) -> Scenery:
    """The static scenery of a harbour; equal seeds give equal sceneries."""
    rng = rng_for(seed, "scenery", harbour.port.id)
    return _rendered(_painted(harbour, rng), harbour, rng)


def draw_ground(harbour: Harbour, seed: int, psf_m: float) -> Ground:
    """The same scenery's ground on sub-pixels of 5 m, blurred by that deviation of a Gaussian."""
    canvas = _painted(harbour, rng_for(seed, "scenery", harbour.port.id))
    dry = canvas.dry.astype(np.float32)
    planes = [*(band * dry for band in canvas.colour), dry, canvas.vegetated * dry]
    blur_px = psf_m / (harbour.window.resolution_m / FINE)
    *ground, dry, vegetated = (gaussian_filter(p, blur_px, mode="nearest") for p in planes)
    return Ground(np.stack(ground), dry, vegetated)


def _painted(harbour: Harbour, rng: np.random.Generator) -> _Canvas:
    canvas = _land(harbour, rng)
    canvas.build(harbour.breakwaters, SHORE)
    canvas.build(harbour.piers, CONCRETE)
    _town(canvas, harbour, rng)
    for mooring in harbour.moorings:
        if not mooring.is_anchorage:
            _terminal(canvas, mooring, rng)
    return canvas


def _rendered(canvas: _Canvas, harbour: Harbour, rng: np.random.Generator) -> Scenery:
    """The canvas as the sensor images it: blurred and averaged to 10 m."""
    dry = canvas.dry.astype(np.float32)
    coarse_dry = _coarse(dry)
    coast_m = 10 * distance_transform_edt(coarse_dry < 0.5)
    return Scenery(
        ground=np.stack([_coarse(band * dry) for band in canvas.colour]),
        dry=coarse_dry,
        vegetated=_coarse((canvas.vegetated & canvas.dry).astype(np.float32)),
        coast_m=coast_m.astype(np.float32),
        surf=_surf(harbour, coast_m.astype(np.float32), rng),
    )


def _surf(harbour: Harbour, coast_m: Plane, rng: np.random.Generator) -> Plane:
    """Share of foam, in broken lines along open coasts away from berths."""
    if not harbour.surf:
        return np.zeros_like(coast_m)
    x, y = np.meshgrid(harbour.window.x, harbour.window.y)
    open_coast = np.ones(coast_m.shape, dtype=bool)
    for mooring in harbour.moorings:
        open_coast &= np.hypot(x - mooring.x, y - mooring.y) > mooring.length_m / 2 + 250
    breadth = np.clip(0.7 + 0.5 * cloudy_noise(coast_m.shape, rng, 1.5, 60), 0, 2)
    reach = 150 * harbour.surf * breadth
    lines = np.sin(coast_m / 9 + 2.5 * cloudy_noise(coast_m.shape, rng, 1.4, 30)) > 0.1
    torn = cloudy_noise(coast_m.shape, rng, 1.0, 12) > -0.2
    foam = open_coast & (coast_m > 0) & (coast_m < reach) & lines & torn
    blurred: Plane = gaussian_filter(foam.astype(np.float32), 0.6)
    return blurred * (coast_m > 0)


def _coarse(fine: Plane) -> Plane:
    blurred = gaussian_filter(fine, PSF_M / (10 / FINE), mode="nearest")
    rows, cols = fine.shape[0] // FINE, fine.shape[1] // FINE
    mean: Plane = blurred.reshape(rows, FINE, cols, FINE).mean(axis=(1, 3))
    return mean


# --- land ---------------------------------------------------------------------------------------


def cloudy_noise(
    shape: tuple[int, int], rng: np.random.Generator, slope: float, longest_px: float
) -> Plane:
    """Correlated noise of mean 0 and deviation 1; amplitude is proportional to frequency^-slope."""
    down, across = (
        f(n).astype(np.float32) for f, n in zip((fftfreq, rfftfreq), shape, strict=True)
    )
    gain = (down[:, None] ** 2 + across**2 + 1 / longest_px**2) ** np.float32(-slope / 2)
    spectrum = rfft2(rng.standard_normal(shape, dtype=np.float32)) * gain
    noise: Plane = irfft2(spectrum, s=shape).astype(np.float32)
    normal: Plane = (noise - noise.mean()) / (noise.std() + np.float32(1e-9))
    return normal


def _land(harbour: Harbour, rng: np.random.Generator) -> _Canvas:
    """Coast, hills, forest and fields; berths are kept free of land."""
    window = harbour.window
    shape = (window.height * FINE, window.width * FINE)
    step = window.resolution_m / FINE
    size = window.shape
    fields, field_colour = _fields(size, rng)
    hills = cloudy_noise(size, rng, 2.0, 80)
    shade = np.clip(1 + 2.2 * (np.gradient(hills, axis=1) + np.gradient(hills, axis=0)), 0.6, 1.4)
    wood = (hills + 0.5 * cloudy_noise(size, rng, 1.2, 40)) > -0.15
    forest = np.array(FOREST, np.float32)[:, None, None]
    grain = 1 + 0.10 * cloudy_noise(shape, rng, 0.6, 20)
    colour = _finer(np.where(wood, forest, field_colour) * shade) * grain
    canvas = _Canvas(
        transform=from_origin(window.left, window.top, step, step),
        colour=colour.astype(np.float32),
        dry=_coast(harbour, rng),
        vegetated=_finer(wood | fields),
    )
    _shore(canvas)
    canvas.dig(_water_side(m) for m in harbour.moorings if not m.is_anchorage)
    return canvas


def _finer(coarse: NDArray[Any]) -> NDArray[Any]:
    return coarse.repeat(FINE, axis=-2).repeat(FINE, axis=-1)


def _fields(size: tuple[int, int], rng: np.random.Generator) -> tuple[Mask, Plane]:
    """Irregular parcels: mask of the green ones, and colour (band, y, x)."""
    count = max(8, size[0] * size[1] // 900)
    seeds = rng.uniform(0, 1, (count, 2)) * size
    rows, cols = np.mgrid[: size[0], : size[1]]
    _, parcel = cKDTree(seeds).query(np.column_stack([rows.ravel(), cols.ravel()]))
    bare = rng.random(count) < 0.2
    base = np.where(bare[:, None], SOIL, MEADOW) * rng.uniform(0.75, 1.3, (count, 1))
    parcel = parcel.reshape(size)
    return ~bare[parcel], np.moveaxis(base[parcel], -1, 0).astype(np.float32)


def _coast(harbour: Harbour, rng: np.random.Generator) -> Mask:
    """The land mask, smoothed and varied at random, as a real coast differs from its polygons."""
    land = harbour.land
    inland_m = 10 * (distance_transform_edt(land) - distance_transform_edt(~land))
    smooth = zoom(gaussian_filter(inland_m, 2), FINE, order=1)
    wear = 14 * cloudy_noise(smooth.shape, rng, 1.4, 60)
    dry: Mask = smooth + wear > 0
    return dry


def _shore(canvas: _Canvas) -> None:
    """A strip of rock and sand along the water."""
    inland_m = 10 / FINE * distance_transform_edt(canvas.dry)
    strip = canvas.dry & (inland_m < 18)
    canvas.colour[:, strip] = np.array(SHORE, np.float32)[:, None]
    canvas.vegetated &= ~strip


def _water_side(mooring: Mooring) -> Polygon:
    """Area to dredge: a berth's water and as much again in front of it."""
    reach = 1.6 * mooring.width_m
    return _box(mooring, 0, mooring.quay_line_m + reach / 2, mooring.length_m + 60, reach)


def _box(m: Mooring, along_m: float, seaward_m: float, length_m: float, depth_m: float) -> Polygon:
    """A rectangle in the axes of a berth: centre, size along the quay, size across it."""
    half, deep = length_m / 2, depth_m / 2
    return Polygon(
        m.point(along_m + a, seaward_m + b)
        for a, b in ((-half, -deep), (half, -deep), (half, deep), (-half, deep))
    )


# --- town and terminals -------------------------------------------------------------------------


def _town(canvas: _Canvas, harbour: Harbour, rng: np.random.Generator) -> None:
    """Paved ground, streets and roofs behind the quays, sparser inland."""
    quays = [mooring for mooring in harbour.moorings if not mooring.is_anchorage]
    for quay in quays:
        _quarter(canvas, quay, rng)
    _roads(canvas, quays, rng)


def _quarter(canvas: _Canvas, quay: Mooring, rng: np.random.Generator) -> None:
    offsets = rng.normal(0, 1, (420, 2)) * (quay.length_m * 0.7 + 150, TOWN_REACH_M * 0.45)
    lots = [(float(a), -abs(float(d)) - 120) for a, d in offsets]
    canvas.paint((_box(quay, a, d, *rng.uniform(50, 110, 2)) for a, d in lots), PAVED)
    streets = (quay.point(0, -s) for s in range(150, int(TOWN_REACH_M), 150))
    canvas.paint((_street(quay, at) for at in streets), ROAD)
    kinds = rng.choice(len(ROOFS), len(lots), p=(0.34, 0.26, 0.18, 0.12, 0.06, 0.04))
    sizes = rng.uniform((14, 10), (60, 28), (len(lots), 2))
    for number, roof in enumerate(ROOFS):
        chosen = np.flatnonzero(kinds == number)
        canvas.paint((_box(quay, *lots[i], *sizes[i]) for i in chosen), roof)


def _street(quay: Mooring, at: tuple[float, float]) -> Polygon:
    (ux, uy), reach = quay.along, 0.8 * quay.length_m + 100
    ends = [(at[0] + s * ux * reach, at[1] + s * uy * reach) for s in (-1, 1)]
    return LineString(ends).buffer(5)


def _roads(canvas: _Canvas, quays: list[Mooring], rng: np.random.Generator) -> None:
    """Winding roads from the quays inland."""
    lines = []
    for quay in quays:
        x, y = quay.point(0, -80)
        inland = math.atan2(-quay.seaward[1], -quay.seaward[0])
        bends = inland + np.cumsum(rng.normal(0, 0.12, 60))
        xs, ys = x + np.cumsum(60 * np.cos(bends)), y + np.cumsum(60 * np.sin(bends))
        lines.append(LineString(np.column_stack([xs, ys])).buffer(7))
    canvas.paint(lines, ROAD)


def _terminal(canvas: _Canvas, quay: Mooring, rng: np.random.Generator) -> None:
    """The quay, and the yard, stacks, heaps or sheds and cranes behind it."""
    if quay.berth.kind is BerthKind.OIL_TERMINAL:
        _oil_terminal(canvas, quay, rng)
        return
    line, depth_m = quay.quay_line_m, 0.5 * quay.width_m + quay.quay_line_m + 60
    canvas.build([_box(quay, 0, line - depth_m / 2, quay.length_m + 20, depth_m)], CONCRETE)
    yard_m = float(rng.uniform(130, 220))
    canvas.paint([_box(quay, 0, line - depth_m - yard_m / 2, quay.length_m, yard_m)], PAVED)
    if quay.berth.kind is BerthKind.CONTAINER:
        _stacks(canvas, quay, line - 45, yard_m, rng)
    elif quay.berth.kind is BerthKind.BULK:
        _piles(canvas, quay, line - 60, yard_m, rng)
    else:
        _sheds(canvas, quay, line - 50, rng)
    cranes = rng.uniform(-0.45, 0.45, max(2, int(quay.length_m // 110))) * quay.length_m
    canvas.build((_box(quay, float(a), line - 14, 9, 26) for a in cranes), STEEL)


def _oil_terminal(canvas: _Canvas, quay: Mooring, rng: np.random.Generator) -> None:
    """A jetty head on the quay's line, its trestle, and tanks ashore."""
    line = quay.quay_line_m
    canvas.build([_box(quay, 0, line - 8, 0.5 * quay.length_m, 16)], CONCRETE)
    dolphins = [s * 0.42 * quay.length_m for s in (-1, 1)]
    canvas.build((_box(quay, a, line - 8, 12, 12) for a in dolphins), CONCRETE)
    canvas.build([_box(quay, 0, line - 16 - quay.width_m / 2, 9, quay.width_m)], CONCRETE)
    canvas.paint([_box(quay, 0, line - quay.width_m - 150, 330, 230)], SOIL)
    for row in range(3):
        for col in range(5):
            at = quay.point(64.0 * (col - 2), line - quay.width_m - 80 - 66.0 * row)
            tank = shapely.Point(at).buffer(float(rng.uniform(11, 22)))
            canvas.paint([tank], ROOFS[5] if rng.random() < 0.75 else STEEL)


def _stacks(
    canvas: _Canvas, quay: Mooring, front: float, yard_m: float, rng: np.random.Generator
) -> None:
    """Rows of containers in many colours."""
    places = [
        (a, d)
        for a in np.arange(-0.46, 0.46, 26 / quay.length_m) * quay.length_m
        for d in np.arange(front, front - yard_m, -22)
        if rng.random() < 0.8
    ]
    kinds = rng.integers(len(BOXES), size=len(places))
    for number, colour in enumerate(BOXES):
        chosen = (place for place, kind in zip(places, kinds, strict=True) if kind == number)
        canvas.paint((_box(quay, float(a), float(d), 24, 13) for a, d in chosen), colour)


def _piles(
    canvas: _Canvas, quay: Mooring, front: float, yard_m: float, rng: np.random.Generator
) -> None:
    """Long heaps of coal and ore with a conveyor between them."""
    rows = np.arange(front - 20, front - yard_m, -44)
    for depth in rows:
        length_m = float(rng.uniform(0.5, 0.9)) * quay.length_m
        colour = COAL_PILE if rng.random() < 0.7 else SOIL
        canvas.paint([_box(quay, 0, float(depth), length_m, 26)], colour)
    conveyor = _box(quay, 0.47 * quay.length_m, front - yard_m / 2, 8, yard_m)
    canvas.paint([conveyor], STEEL)


def _sheds(canvas: _Canvas, quay: Mooring, front: float, rng: np.random.Generator) -> None:
    """Transit sheds along the quay."""
    for along in np.arange(-0.4, 0.41, 0.27) * quay.length_m:
        roof = ROOFS[int(rng.integers(len(ROOFS)))]
        canvas.paint([_box(quay, float(along), front, 0.2 * quay.length_m, 30)], roof)
