"""Mirror images as further views of the network."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.config import UNetConfig
from models.dataset.boxes import Box
from models.dataset.targets import draw_hulls, draw_labels
from models.inference import tiles as tiles_module
from models.inference.predictor import Predictor
from models.inference.tiles import CELL_PX, pixels_of
from models.inference.views import MAYBE_SHIP, MIRRORED, again, mean_maps, mirror, mirror_back
from models.network.normalise import BANDS
from models.weights import load_weights
from tests.models.inference.test_predictor import harbour, roads

SIDE = 80


def predictor(mirrored: bool) -> Predictor:
    """The packaged network with or without further views."""
    weights = load_weights()
    network: UNetConfig = replace(weights.network, mirrored=mirrored)
    return Predictor(replace(weights, network=network), "digest")


def drawn(box: Box) -> NDArray[np.float32]:
    """The maps (output, y, x) of a network that is right about one ship."""
    ship, border, _ = draw_labels([box], (SIDE, SIDE))
    _, *sizes, down, right = draw_hulls([box], (SIDE, SIDE))
    error = np.full((SIDE, SIDE), -2.0, dtype=np.float32)
    return np.stack([ship, border, *sizes, error, down, right])


def mirrored_box(box: Box, axes: tuple[int, ...]) -> Box:
    for axis in axes:
        place = {"row": SIDE - 1 - box.row} if axis == -2 else {"col": SIDE - 1 - box.col}
        box = replace(box, heading_deg=-box.heading_deg % 180, **place)
    return box


@pytest.mark.parametrize("axes", MIRRORED)
def test_maps_of_a_mirrored_ship_are_those_of_the_ship(axes: tuple[int, ...]) -> None:
    box = Box(30.0, 47.5, 180.0, 30.0, 25.0, "ship", 3)
    back = mirror_back(drawn(mirrored_box(box, axes)), axes)
    np.testing.assert_allclose(back, drawn(box), atol=1e-5)


def test_a_tile_is_mirrored_along_the_axes() -> None:
    tile = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert (mirror(tile, (-2,)) == tile[:, ::-1]).all()
    assert (mirror(tile, (-2, -1)) == tile[:, ::-1, ::-1]).all()


def test_probabilities_are_averaged_as_logits() -> None:
    views = [np.full((9, 2, 2), value, dtype=np.float32) for value in (0.1, 0.9)]
    mean = mean_maps(views)
    assert mean[:2] == pytest.approx(0.5)
    assert mean[2:] == pytest.approx(0.5)
    sure = mean_maps([np.full((9, 1, 1), value, dtype=np.float32) for value in (0.2, 0.01)])
    assert sure[0, 0, 0] == pytest.approx(1 / (1 + np.sqrt(4 * 99)), rel=1e-4)


def test_cells_around_a_possible_ship_are_looked_at_again() -> None:
    ship = np.zeros((6 * CELL_PX, 5 * CELL_PX), dtype=np.float32)
    ship[2 * CELL_PX + 3, 2 * CELL_PX] = MAYBE_SHIP
    cells = again(ship)
    assert cells.sum() == 9
    assert cells[1:4, 1:4].all()
    assert not again(np.full_like(ship, MAYBE_SHIP * 0.99)).any()


@pytest.mark.parametrize("tile_px", [32, 64])
def test_the_mean_does_not_depend_on_where_tiles_begin(
    monkeypatch: pytest.MonkeyPatch, tile_px: int
) -> None:
    whole = predictor(mirrored=True).predict(harbour(), BANDS)
    monkeypatch.setattr(tiles_module, "_TILE_CELLS", tile_px // CELL_PX)
    tiled = predictor(mirrored=True).predict(harbour(), BANDS)
    np.testing.assert_allclose(tiled.ship, whole.ship, atol=2e-4)
    np.testing.assert_allclose(tiled.border, whole.border, atol=2e-4)


def test_only_what_may_be_ship_is_looked_at_again() -> None:
    once = predictor(mirrored=False).predict(harbour(), BANDS)
    often = predictor(mirrored=True).predict(harbour(), BANDS)
    cells = pixels_of(again(once.ship), once.ship.shape)
    assert 0.02 < cells.mean() < 0.9
    assert (often.ship[~cells] == once.ship[~cells]).all()
    assert (often.hull[:, ~cells] == once.hull[:, ~cells]).all()
    assert not np.allclose(often.ship[cells], once.ship[cells], atol=1e-3)


def test_a_mirrored_image_gives_mirrored_vessels() -> None:
    """Of an image of whole cells, since the network's own cells begin at the first pixel."""
    image = roads()[:, : 13 * CELL_PX, : 11 * CELL_PX]
    seen = predictor(mirrored=True)
    ship = seen.predict(image, BANDS).ship
    back = seen.predict(image[:, ::-1].copy(), BANDS).ship[::-1]
    sure = ship > 0.3
    assert sure.any()
    np.testing.assert_allclose(back[sure], ship[sure], atol=0.02)
    once = predictor(mirrored=False)
    first = once.predict(image, BANDS).ship
    other = once.predict(image[:, ::-1].copy(), BANDS).ship[::-1]
    assert np.abs(other - first)[sure].max() > 0.02
