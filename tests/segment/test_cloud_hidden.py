"""What lies under cloud and shadow is kept from the network: it may change no vessel elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs import segment, tile
from jobs.archive import ForkStore, PortArchive
from jobs.domain import Grid, Pixels, Quality, Unit, Vessel
from jobs.domain.sensors import SENSORS
from jobs.run.settings import settings_for
from jobs.segment.network import visible
from jobs.storage import LocalFolder
from models.geometry import coverage
from tests.support.scenes import overpass, scene, small_port
from tests.support.small_runs import a_plan

GRID = Grid(epsg=32653, left=420_000.0, top=4_730_000.0, width=128, height=128)
SENSOR = SENSORS["sentinel-2-l2a"]
SHIP = (40.0, 40.0, 18.0, 3.4, 25.0)
"""Row, column, length and beam in pixels, heading; in clear water."""
HIDDEN_SHIP = (100.0, 90.0, 18.0, 3.4, 120.0)
"""The same under the cloud."""


def harbour(under_cloud: float) -> Pixels:
    """Water with a ship; the lower half is cloud, its last rows shadow, of that reflectance."""
    random = np.random.default_rng(3)
    image = (0.04 + random.normal(0, 0.001, (4, *GRID.shape))).astype(np.float32)
    image[:, 70:] += np.float32(under_cloud)
    for hull in (SHIP, HIDDEN_SHIP):
        window, share = coverage(GRID.shape, *hull)
        image[:, window[0], window[1]] += np.float32(0.15) * share
    quality = np.zeros(GRID.shape, np.uint8)
    quality[70:] = Quality.CLOUD
    quality[110:] = Quality.CLOUD_SHADOW
    return Pixels(SENSOR.encoding.encode(image), quality)


def segmented(folder: Path, pixels: Pixels) -> tuple[tuple[Vessel, ...], NDArray[np.uint8]]:
    """Vessels and ship probability as the segment stage leaves them in an archive."""
    port = small_port(grid=GRID)
    archive = PortArchive.create_or_open(LocalFolder(folder), port, np.zeros(GRID.shape, bool))
    taken = overpass(scene({}))
    archive.ensure([taken])
    store: ForkStore = archive.fork()
    step = archive.steps()[taken.id].index
    store.write_pixels(SENSOR.name, step, pixels)
    unit = Unit(port, taken, step)
    segment.run(unit, settings_for(a_plan(folder)), store, False, tile.read_overpass)
    return store.read_vessels(SENSOR.name, step)


def test_what_lies_under_cloud_and_shadow_changes_nothing_that_is_found(tmp_path: Path) -> None:
    bright, probability = segmented(tmp_path / "bright", harbour(0.6))
    dark, same_probability = segmented(tmp_path / "dark", harbour(0.0))
    assert bright == dark
    np.testing.assert_array_equal(probability, same_probability)
    assert not probability[70:].any()
    (vessel,) = bright
    row, column = (GRID.top - vessel.y) / 10 - 0.5, (vessel.x - GRID.left) / 10 - 0.5
    assert (row, column) == pytest.approx(SHIP[:2], abs=1.5)


@pytest.mark.parametrize(
    ("flag", "hidden"),
    [
        (Quality.CLOUD, True),
        (Quality.CLOUD_SHADOW, True),
        (Quality.DEFECTIVE, True),
        (Quality.NODATA, True),
        (Quality.CLOUD | Quality.THIN_CLOUD, True),
        (Quality.THIN_CLOUD, False),
        (Quality.SNOW_ICE, False),
        (Quality.UNSCREENED, False),
    ],
)
def test_the_network_sees_all_that_tells_of_ships_and_nothing_else(
    flag: Quality, hidden: bool
) -> None:
    quality = np.zeros((3, 5), np.uint8)
    quality[1, 2] = flag
    seen = visible(Pixels(np.full((4, 3, 5), 2000, np.uint16), quality), SENSOR)
    expected = np.zeros((4, 3, 5), bool)
    expected[:, 1, 2] = hidden
    np.testing.assert_array_equal(np.isnan(seen), expected)
