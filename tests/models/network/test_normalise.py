import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.network.normalise import BANDS, BandError, background, normalise_planes


def harbour(seed: int = 0, size: int = 200) -> NDArray[np.float32]:
    """Dark water with noise, a bright shore and a few brighter spots, (4, y, x) reflectance."""
    random = np.random.default_rng(seed)
    image = 0.03 + random.normal(0, 0.002, (4, size, size))
    image[:, : size // 4] += random.uniform(0.05, 0.3, (4, size // 4, size))
    image[:, 120:124, 90:105] += 0.2
    return image.astype(np.float32)


@settings(max_examples=25)
@given(
    gain=st.floats(0.5, 8.0),
    offsets=st.lists(st.floats(-0.1, 0.4), min_size=4, max_size=4),
)
def test_a_common_gain_and_offsets_change_nothing(gain: float, offsets: list[float]) -> None:
    image = harbour()
    altered = image * np.float32(gain) + np.array(offsets, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(
        normalise_planes(altered, BANDS), normalise_planes(image, BANDS), atol=2e-3
    )


def test_open_water_is_near_zero() -> None:
    planes = normalise_planes(harbour(), BANDS)
    assert np.abs(planes[:, 150:, 150:]).mean() < 0.1


def test_the_order_of_bands_and_extra_ones_do_not_matter() -> None:
    image = harbour()
    swapped = np.stack([image[3], image[2], image[0] * 0, image[1], image[0]])
    names = ["nir", "red", "swir16", "green", "blue"]
    np.testing.assert_array_equal(normalise_planes(swapped, names), normalise_planes(image, BANDS))


def test_a_missing_band_is_no_data_and_the_others_stay() -> None:
    image = harbour()
    planes = normalise_planes(image[:3], BANDS[:3])
    assert np.isnan(planes[3]).all()
    np.testing.assert_array_equal(planes[:3], normalise_planes(image, BANDS)[:3])


def test_no_data_stays_no_data_and_leaves_the_rest_finite() -> None:
    image = harbour()
    image[:, 50:150, :40] = np.nan
    planes = normalise_planes(image, BANDS)
    assert np.array_equal(np.isnan(planes), np.isnan(image))


def test_the_background_follows_a_haze_that_grows_across_the_image() -> None:
    haze = np.linspace(0, 0.2, 800, dtype=np.float32)
    plane = np.broadcast_to(0.02 + haze, (300, 800)).astype(np.float32)
    assert np.ptp(plane - background(plane)) < 0.5 * np.ptp(haze)


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (("nir", "swir16", "a", "b"), "none of blue, green and red"),
        (("blue", "blue", "red", "nir"), "named twice"),
        (("blue",), "1 bands is needed"),
    ],
)
def test_refuses_unsuitable_bands(bands: tuple[str, ...], message: str) -> None:
    with pytest.raises(BandError, match=message):
        normalise_planes(harbour(), bands)


def test_an_image_without_any_data_is_no_error() -> None:
    assert np.isnan(normalise_planes(np.full((3, 70, 90), np.nan, np.float32), BANDS[:3])).all()


def test_on_open_water_the_brightest_place_sets_the_contrast_and_not_the_noise() -> None:
    """One ship on a calm sea must not lift the water's noise to where ships are looked for."""
    random = np.random.default_rng(1)
    water = (0.03 + random.normal(0, 0.002, (4, 512, 512))).astype(np.float32)
    with_ship = water.copy()
    with_ship[:, 200:220, 250:253] += 0.3
    noise, quiet = (normalise_planes(image, BANDS)[:, 300:, :200] for image in (water, with_ship))
    assert np.abs(quiet).mean() < 0.4 * np.abs(noise).mean()


def test_the_background_of_a_half_imaged_cell_is_that_of_its_pixels() -> None:
    """Missing pixels are neither dark nor bright: an edge of the swath is no shore."""
    image = np.full((1, 256, 256), 0.05, np.float32)
    image[:, :, 100:] = np.nan
    planes = normalise_planes(image, ("green",))[1]
    np.testing.assert_allclose(planes[:, :100], 0, atol=1e-4)
    assert np.isnan(planes[:, 100:]).all()
    image[:, 40:, :] = np.nan
    np.testing.assert_allclose(normalise_planes(image, ("green",))[1][:40, :100], 0, atol=1e-4)


def test_a_scrap_of_image_has_a_background_of_its_own() -> None:
    """Quantiles are of the pixels that are there, however few of a cell."""
    image = np.full((1, 64, 64), np.nan, np.float32)
    image[:, 10:18, 10:18] = 0.05
    planes = normalise_planes(image, ("green",))[1]
    np.testing.assert_allclose(planes[10:18, 10:18], 0, atol=1e-4)
    assert np.isfinite(planes).sum() == 64
