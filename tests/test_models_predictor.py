"""The door: tiles, determinism, true colour. The network is the packaged one unless said."""

import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models import predictor as predictor_module
from models.geometry import coverage
from models.normalise import BANDS, BandError, normalise
from models.predictor import HALO_PX, STEP_PX, TILE_PX, Predictor
from models.settings import UNetConfig
from models.unet import from_arrays, new, runner, to_arrays
from models.weights import load

SHIPS = ((60.0, 70.0, 18.0, 3.2, 30.0), (150.0, 90.0, 25.0, 4.0, 100.0))


@lru_cache
def default() -> Predictor:
    return Predictor.load()


def roads(height: int = 220, width: int = 180, seed: int = 0) -> NDArray[np.float32]:
    """Open water with two bright ships, (4, y, x) reflectance."""
    random = np.random.default_rng(seed)
    image = (0.04 + random.normal(0, 0.002, (4, height, width))).astype(np.float32)
    for ship in SHIPS:
        window, share = coverage((height, width), *ship)
        image[:, window[0], window[1]] += np.float32(0.15) * share
    return image


def test_tiles_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass over the image in a wide frame of no data is what the tiles must reproduce."""
    image = np.random.default_rng(1).uniform(0, 0.3, (4, 210, 330)).astype(np.float32)
    weights = load()
    run = runner(from_arrays(weights.network, weights.arrays))
    framed = np.full((1, 4, 320, 448), np.nan, np.float32)
    framed[0, :, 56:266, 56:386] = normalise(image, BANDS)
    whole = run(framed)[0, :, 56:266, 56:386]
    monkeypatch.setattr(predictor_module, "TILE_PX", 64)
    tiled = default().predict(image, BANDS)
    np.testing.assert_allclose(tiled.ship, whole[0], atol=2e-5)
    np.testing.assert_allclose(tiled.border, whole[1], atol=2e-5)


@pytest.mark.parametrize("widths", [(8, 8), (8, 8, 8), UNetConfig().widths])
def test_no_pixel_reaches_farther_than_the_network_says(widths: tuple[int, ...]) -> None:
    config = UNetConfig(widths=widths)
    network = new(config, 0).eval()
    side = 32 * config.stride
    planes = torch.zeros(1, 4, side, side)
    touched = planes.clone()
    middle = side // 2
    for row, col in ((middle, middle), (middle - 1, middle - 1)):
        touched[...] = 0
        touched[0, :, row, col] = 50.0
        with torch.no_grad():
            changed = (network(touched) != network(planes)).any(dim=1)[0].nonzero()
        reach = (changed - torch.tensor([row, col])).abs().max()
        assert int(reach) <= config.reach_px


def test_the_tiles_fit_the_network() -> None:
    assert UNetConfig().reach_px <= HALO_PX
    assert STEP_PX % UNetConfig().stride == 0
    assert TILE_PX % STEP_PX == HALO_PX % STEP_PX == 0


def test_the_same_image_gives_the_same_bytes_on_any_number_of_threads() -> None:
    image, threads = roads(), torch.get_num_threads()
    try:
        maps = []
        for count in (1, 2, 1):
            torch.set_num_threads(count)
            prediction = default().predict(image, BANDS)
            maps.append(prediction.ship.tobytes() + prediction.border.tobytes())
    finally:
        torch.set_num_threads(threads)
    assert maps[0] == maps[1] == maps[2]


def test_a_tile_does_not_depend_on_the_batch_it_is_in() -> None:
    weights = load()
    run = runner(from_arrays(weights.network, weights.arrays))
    tiles = np.random.default_rng(0).normal(0, 1, (3, 4, 64, 64)).astype(np.float32)
    alone = np.concatenate([run(tile[None]) for tile in tiles])
    np.testing.assert_allclose(run(tiles), alone, atol=1e-5)


def test_no_data_is_zero_and_the_rest_is_not() -> None:
    image = roads()
    image[:, :, 120:] = np.nan
    prediction = default().predict(image, BANDS)
    assert (prediction.ship[:, 120:] == 0).all()
    assert (prediction.ship[:, :120] > 0).all()
    assert prediction.ship.max() <= 1
    assert prediction.ship.dtype == prediction.border.dtype == np.float32


def test_an_image_without_data_gives_an_empty_map() -> None:
    prediction = default().predict(np.full((3, 50, 60), np.nan, np.float32), BANDS[:3])
    assert not prediction.ship.any()
    assert default().detect(prediction) == ()


def test_drawn_ships_are_found_where_they_are() -> None:
    found = default().detect(default().predict(roads(), BANDS))
    assert len(found) == len(SHIPS)
    for vessel, (row, col, length, _, heading) in zip(found, SHIPS, strict=True):
        assert np.hypot(vessel.row - row, vessel.col - col) < 2
        assert vessel.length_m == pytest.approx(10 * length, abs=35)
        assert abs((vessel.heading_deg - heading + 90) % 180 - 90) < 8
        assert 0 <= vessel.score <= 1
        assert vessel.length_sd_m > 0


@pytest.mark.parametrize("bands", [BANDS[:3], ("red", "green", "blue")])
def test_true_colour_without_near_infrared_works(bands: tuple[str, ...]) -> None:
    """8-bit true colour: another gain, steps, no near infrared."""
    reflectance = roads()[[BANDS.index(name) for name in bands]]
    image = np.round(np.clip(reflectance * 3 + 0.1, 0, 1) * 255).astype(np.float32) / 255
    found = default().detect(default().predict(image, bands))
    assert [(round(v.row / 5), round(v.col / 5)) for v in found] == [(12, 14), (30, 18)]


def test_refuses_bands_and_masks_that_do_not_fit() -> None:
    with pytest.raises(BandError, match="none of blue, green and red"):
        default().predict(roads()[:1], ["nir"])
    prediction = default().predict(roads(64, 64), BANDS)
    with pytest.raises(ValueError, match="usable has shape"):
        default().detect(prediction, usable=np.ones((3, 3), bool))


def test_a_network_too_wide_for_the_halo_is_refused() -> None:
    wide = UNetConfig(widths=(4, 4, 4, 4, 4))
    weights = load()
    unfit = type(weights)(wide, weights.calibration, to_arrays(new(wide, 0)), {})
    with pytest.raises(ValueError, match="does not fit a halo"):
        Predictor(unfit, "")


def test_planning_needs_no_torch() -> None:
    code = (
        "import sys; from models.predictor import weights_digest; weights_digest(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
