"""The predictor: tiles, determinism, true colour. The network is the packaged one by default."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import repeat

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.config import UNetConfig
from models.geometry import coverage
from models.inference import gpu as gpu_module
from models.inference import gpu_batches as batches_module
from models.inference import predictor as predictor_module
from models.inference import tiles as tiles_module
from models.inference.engine import Engine
from models.inference.fuse import fused
from models.inference.gpu import OnDevice
from models.inference.gpu_batches import Batcher
from models.inference.instances import Prediction
from models.inference.predictor import DEVICE, DeviceError, Predictor
from models.inference.tiles import CELL_PX, HALO_PX, TILE_PX
from models.network.normalise import BANDS, BandError, normalise_planes
from models.network.unet import UNet, new_unet, unet_from_arrays, unet_to_arrays
from models.weights import load_weights

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


def packaged() -> UNet:
    weights = load_weights()
    return fused(unet_from_arrays(weights.network, weights.arrays).eval())


def with_engine(engine: Engine) -> Predictor:
    """The packaged predictor, its network run by another engine."""
    predictor = Predictor.load()
    predictor._engine = engine
    return predictor


def content(prediction: Prediction) -> bytes:
    return prediction.ship.tobytes() + prediction.border.tobytes() + prediction.hull.tobytes()


def harbour(height: int = 210, width: int = 330) -> NDArray[np.float32]:
    """Blocks of all brightnesses beside open water, so that some cells are empty."""
    random = np.random.default_rng(1)
    image = (0.03 + random.normal(0, 0.0005, (4, height, width))).astype(np.float32)
    image[:, : height // 2, : width // 2] += random.uniform(0, 0.3, (height // 2, width // 2))
    return image


@pytest.mark.parametrize("tile_px", [64, 160, 544])
def test_tiles_equal_the_whole(monkeypatch: pytest.MonkeyPatch, tile_px: int) -> None:
    """One pass over the image in a wide frame of no data is what the tiles must reproduce."""
    image = harbour()
    planes = normalise_planes(image, BANDS)
    framed = np.full((1, 4, 320, 448), np.nan, np.float32)
    framed[0, :, 56:266, 56:386] = planes
    with torch.inference_mode():
        outputs = packaged()(torch.from_numpy(framed))[0, :, 56:266, 56:386]
    whole = np.concatenate([outputs[:2].sigmoid().numpy(), outputs[2:].numpy()])
    busy = tiles_module.pixels_of(tiles_module.busy_cells(planes), planes.shape[1:])
    assert 0.2 < busy.mean() < 0.8
    monkeypatch.setattr(tiles_module, "_TILE_CELLS", tile_px // CELL_PX)
    tiled = default().predict(image, BANDS)
    for found, expected in ((tiled.ship, whole[0]), (tiled.border, whole[1])):
        np.testing.assert_allclose(found[busy], expected[busy], atol=2e-5)
        assert np.unique(found[~busy]) == np.float32(1e-6)
    assert same_map(tiled.ship[busy], whole[0][busy])


@pytest.mark.parametrize("together", [1, 3, 8])
def test_a_tile_gives_the_same_bytes_whatever_shares_its_batch(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    random = np.random.default_rng(0)
    side = 4 * CELL_PX + 2 * HALO_PX
    tiles = [random.normal(0, 1, (4, side, side)).astype(np.float32) for _ in range(8)]
    begin = OnDevice(packaged(), "cpu", 8)
    alone = [begin(batches_module.stack_tiles([tile], 8))()[0].tobytes() for tile in tiles]
    for first in range(0, 8, together):
        batch = tiles[first : first + together]
        found = begin(batches_module.stack_tiles(batch, 8))()
        assert [maps.tobytes() for maps in found[: len(batch)]] == alone[first : first + together]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_batches_of_any_shape_agree_with_single_tiles(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to the byte: oneDNN and cuDNN choose their order of summation by the batch's shape."""
    shrink(monkeypatch)
    predictor = with_engine(Batcher(OnDevice(packaged(), "cpu", size)))
    batched = predictor.predict(harbour(), BANDS)
    assert content(batched) == content(predictor.predict(harbour(), BANDS))
    single = default().predict(harbour(), BANDS)
    np.testing.assert_allclose(batched.ship, single.ship, atol=2e-5)
    np.testing.assert_allclose(batched.border, single.border, atol=2e-5)
    assert same_map(batched.ship, single.ship)


def same_map(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """As the archive keeps it, but for the few values that lie between two steps of 1/255."""
    steps = np.rint(one * 255) - np.rint(other * 255)
    return bool(np.abs(steps).max() <= 1 and np.count_nonzero(steps) <= 1e-3 * steps.size)


def test_threads_that_share_an_engine_get_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's engine on the CPU, and the CPU's own."""
    shrink(monkeypatch)
    images = [roads(120, 150, seed) for seed in range(6)]
    for predictor in (default(), with_engine(Batcher(OnDevice(packaged(), "cpu", 3)))):
        alone = [content(predictor.predict(image, BANDS)) for image in images]
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(predictor.predict, images, repeat(BANDS)))
        assert [content(prediction) for prediction in together] == alone


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tiles, so that small images take several and batches are quick on a CPU."""
    monkeypatch.setattr(tiles_module, "_TILE_CELLS", 4)
    for module in (batches_module, gpu_module):
        monkeypatch.setattr(module, "SIDE_PX", 4 * CELL_PX + 2 * HALO_PX)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here; the CUDA path is not run")
def test_a_gpu_agrees_with_the_cpu_and_with_itself() -> None:
    on_gpu, image = Predictor.load(prefer_gpu=True), harbour()
    first = on_gpu.predict(image, BANDS)
    assert content(first) == content(on_gpu.predict(image, BANDS))
    np.testing.assert_allclose(first.ship, default().predict(image, BANDS).ship, atol=0.02)


def test_the_device_is_chosen_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [predictor_module._device(prefer) for prefer in (False, True)] == ["cpu", "cuda"]
    monkeypatch.setenv(DEVICE, "cpu")
    assert predictor_module._device(True) == "cpu"
    monkeypatch.setenv(DEVICE, "tpu")
    with pytest.raises(DeviceError, match="'tpu': set it to cpu or cuda"):
        Predictor.load()
    monkeypatch.setenv(DEVICE, "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="PyTorch finds no GPU"):
        Predictor.load()


@pytest.mark.parametrize("widths", [(8, 8), (8, 8, 8), UNetConfig().widths])
def test_no_pixel_depends_on_one_beyond_reach_px(widths: tuple[int, ...]) -> None:
    config = UNetConfig(widths=widths)
    network = new_unet(config, 0).eval()
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
    assert CELL_PX % UNetConfig().stride == 0
    assert TILE_PX % CELL_PX == HALO_PX % CELL_PX == 0


def test_the_same_image_gives_the_same_bytes_on_any_number_of_threads() -> None:
    image, threads = roads(), torch.get_num_threads()
    try:
        maps = []
        for count in (1, 2, 1):
            torch.set_num_threads(count)
            prediction = default().predict(image, BANDS)
            maps.append(content(prediction))
    finally:
        torch.set_num_threads(threads)
    assert maps[0] == maps[1] == maps[2]


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
    weights = load_weights()
    unfit = type(weights)(wide, weights.calibration, unet_to_arrays(new_unet(wide, 0)), {})
    with pytest.raises(ValueError, match="does not fit a halo"):
        Predictor(unfit, "")


def test_planning_needs_no_torch() -> None:
    code = (
        "import sys; from models.inference.predictor import weights_digest; weights_digest(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_planes_that_are_normalised_already_give_the_same() -> None:
    image = harbour()
    whole, again = (
        default().predict(image, BANDS),
        default().predict_planes(normalise_planes(image, BANDS)),
    )
    assert content(whole) == content(again)
