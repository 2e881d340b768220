"""The one rendering of a port: fixed by its clear looks, natural, robust where little is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.archive import Archives, PortArchive
from jobs.domain import SENSORS, Pixels, Quality, StageName, UnitResult, UnitState
from jobs.publish.html import pages
from jobs.publish.imagery import ArchiveImagery
from jobs.publish.rendering import TONES, fix_rendering, levels_of, visible_of
from jobs.storage import LocalFolder
from tests.support.scenes import GRID, NOON, overpass, scene, small_port

SENSOR = SENSORS["sentinel-2-l2a"]
WATER = np.array([0.05, 0.04, 0.03, 0.01])
"""Reflectance in blue, green, red, near infrared."""
SAND = np.array([0.15, 0.22, 0.27, 0.3])


def look(water: NDArray[np.float64] = WATER, cloud: bool = False, haze: float = 0.0) -> Pixels:
    """Water, and sand in the upper tenth; a cloud over all but the lower tenth."""
    values = np.broadcast_to(water[:, None, None], (4, *GRID.shape)).astype(np.float32)
    values[:, : GRID.height // 10] = SAND[:, None, None]
    quality = np.zeros(GRID.shape, np.uint8)
    if cloud:
        values[:, : -GRID.height // 10] = 0.8
        quality[: -GRID.height // 10] = int(Quality.CLOUD)
    return Pixels(SENSOR.encoding.encode(values + haze), quality)


def imagery(folder: Path, **looks: Pixels) -> ArchiveImagery:
    """An archive with these looks, named by their overpass ids, one a day."""
    found = PortArchive.create_or_open(
        LocalFolder(folder), small_port(), np.zeros(GRID.shape, bool)
    )
    found.ensure(
        [
            replace(overpass(scene({})), id=name, acquired=NOON + timedelta(days=day))
            for day, name in enumerate(looks)
        ]
    )
    fork, steps = found.fork(), found.steps()
    for name, pixels in looks.items():
        fork.write_pixels(SENSOR.name, steps[name].index, pixels)
    done = [(UnitResult(name, StageName.TILE, UnitState.DONE), "key") for name in looks]
    found.commit(done, [fork], "fill", {})
    return ArchiveImagery({small_port().id: found})


def test_every_picture_of_a_port_has_one_rendering_whatever_is_on_it(tmp_path: Path) -> None:
    bright = look()
    bright.image[:, 50:, :] = SENSOR.encoding.encode(np.full((1, 1), 0.9, np.float32))
    found = imagery(tmp_path, a=look(), b=look(), c=bright)
    first, third = (found.rgb("TESTP", name) for name in "ac")
    assert first is not None
    assert third is not None
    np.testing.assert_array_equal(first[:50], third[:50])
    rendering = found.rendering("TESTP", SENSOR.name)
    assert rendering.looks == ("a", "b", "c")
    again = ArchiveImagery(found.archives).rendering("TESTP", SENSOR.name)
    assert again.describe() == rendering.describe()


def test_colours_are_those_of_the_place(tmp_path: Path) -> None:
    picture = imagery(tmp_path, a=look()).rgb("TESTP", "a")
    assert picture is not None
    sand, water = picture[0, 0].astype(int), picture[-1, -1].astype(int)
    assert sand[0] > sand[1] > sand[2] > 120
    assert 20 < water[0] < water[1] < water[2] < 120


def test_red_paint_brighter_than_white_stays_red() -> None:
    rendering = fix_rendering("s", "reflectance", {})
    deck = np.array([0.9, 0.15, 0.12], np.float32).reshape(3, 1, 1)
    red, green, blue = rendering.show(deck)[0, 0].astype(int)
    assert red == 255
    assert green < 110
    assert blue < 110


def test_clouds_and_hazy_looks_do_not_move_the_levels(tmp_path: Path) -> None:
    clear = imagery(tmp_path / "clear", a=look(), b=look(), c=look())
    mixed = imagery(tmp_path / "mixed", a=look(), b=look(cloud=True), c=look(), d=look(haze=0.2))
    expected = clear.rendering("TESTP", SENSOR.name)
    found = mixed.rendering("TESTP", SENSOR.name)
    assert found.low == pytest.approx(expected.low, abs=1e-3)
    assert found.high == pytest.approx(expected.high, abs=0.02)


def test_a_port_of_one_hazy_look_still_has_contrast(tmp_path: Path) -> None:
    found = imagery(tmp_path, a=look(haze=0.1))
    picture = found.rgb("TESTP", "a")
    assert picture is not None
    assert picture[-1, -1].max() < 150 < picture[0, 0].max()


def test_water_alone_is_not_made_bright() -> None:
    water = np.full((3, 40, 40), 0.04, np.float32)
    picture = fix_rendering("s", "reflectance", {"a": levels_of(water)}).show(water)
    assert picture.max() < 100


def test_true_colour_is_shown_nearly_as_it_was_rendered() -> None:
    water = np.broadcast_to(np.array([[[28]], [[53]], [[76]]]) / 255, (3, 40, 40))
    picture = fix_rendering("v", "true_colour", {"a": levels_of(water.astype(np.float32))}).show(
        water.astype(np.float32)
    )
    assert abs(picture[0, 0].astype(int) - [28, 53, 76]).max() < 25


def test_no_data_is_black_and_nothing_else_is() -> None:
    values = np.full((3, 9, 9), 0.0, np.float32)
    values[:, 0, 0] = np.nan
    values[0, 5, 5] = np.nan  # one band alone: a dark pixel, no hole
    picture = fix_rendering("s", "reflectance", {"a": levels_of(values)}).show(values)
    assert not picture[0, 0].any()
    assert picture[5, 5].all()
    assert (picture > 0).all(axis=2).sum() == 80


def test_an_empty_look_is_black_and_fixes_nothing(tmp_path: Path) -> None:
    empty = Pixels(np.zeros((4, *GRID.shape), np.uint16), np.ones(GRID.shape, np.uint8))
    found = imagery(tmp_path, a=empty)
    picture = found.rgb("TESTP", "a")
    assert picture is not None
    assert not picture.any()
    assert found.rendering("TESTP", SENSOR.name).looks == ()


def test_a_missing_band_gives_grey() -> None:
    image = np.stack([np.full((4, 4), 0.1), np.full((4, 4), 0.2), np.full((4, 4), np.nan)])
    for bands in (("green", "red"), ("green", "red", "blue")):
        visible = visible_of(image[: len(bands)].astype(np.float32), bands)
        np.testing.assert_allclose(visible, 0.15, rtol=1e-6)


def test_a_window_is_the_same_pixels_and_black_beyond_the_grid(tmp_path: Path) -> None:
    found = imagery(tmp_path, a=look())
    whole = found.rgb("TESTP", "a")
    assert whole is not None
    part = replace(GRID, left=GRID.left - 50, top=GRID.top - 100, width=30, height=20)
    window = found.window("TESTP", "a", part)
    assert window is not None
    np.testing.assert_array_equal(window[:, 5:], whole[10:30, :25])
    assert not window[:, :5].any()
    far = found.window("TESTP", "a", replace(part, left=GRID.left - 5000))
    assert far is not None
    assert not far.any()


def test_what_was_never_tiled_has_no_picture(tmp_path: Path) -> None:
    found = imagery(tmp_path, a=look())
    assert found.rgb("TESTP", "b") is None
    assert found.window("TESTP", "b", GRID) is None


def test_a_port_that_no_run_has_begun_has_neither_picture_nor_rendering(tmp_path: Path) -> None:
    found = ArchiveImagery(Archives([small_port()], LocalFolder(tmp_path)))
    assert found.rgb("TESTP", "a") is None
    assert found.renderings("TESTP") == {}


def test_every_sensor_has_a_tone() -> None:
    assert {sensor.encoding.variable for sensor in SENSORS.values()} <= set(TONES)


def test_outlines_have_a_halo_and_fixed_structure_is_struck_out(tmp_path: Path) -> None:
    (tmp_path / "page.html.j2").write_text(
        '{% import "pictures.html.j2" as pictures %}<style>{{ pictures.styles() }}</style>'
        '{{ pictures.picture("a.png", 4, 3, "<A & B>", outlines) }}'
    )
    square = "0,0 1,0 1,1 0,1"
    outlines = [("vessel", square, "98 m"), ("fixed", square, "")]
    text = pages(tmp_path).get_template("page.html.j2").render(outlines=outlines)
    assert text.count(f'class="under" points="{square}"') == 2
    assert text.count(f'class="over" points="{square}"') == 2
    assert 'd="M0,0L1,1M1,0L0,1"' in text
    assert "&lt;A &amp; B&gt;" in text
    assert "<title>98 m</title>" in text


def test_radar_is_shown_by_its_amplitude_water_dark_and_ships_white() -> None:
    water, ship = (-22.0, -30.0), (3.0, -4.0)
    image = np.empty((2, 40, 40), np.float32)
    image[:] = np.array(water)[:, None, None]
    image[:, :4] = np.array((-8.0, -14.0))[:, None, None]
    image[:, 20:23, 20:23] = np.array(ship)[:, None, None]
    image[:, 30:] = np.nan
    visible = visible_of(image, ("vv", "vh"))
    assert visible.shape == (3, 40, 40)
    rendering = fix_rendering("sentinel-1-rtc", "backscatter_db", {"one": levels_of(visible)})
    shown = rendering.show(visible).astype(int)
    assert shown[21, 21].min() > 150
    assert shown[10, 10].max() < 60
    assert shown[1, 1].max() > 2 * shown[10, 10].max()
    assert (shown[35] == 0).all()


def test_radar_of_one_polarisation_is_grey() -> None:
    image = np.stack([np.full((6, 6), -10.0), np.full((6, 6), np.nan)]).astype(np.float32)
    visible = visible_of(image, ("vv", "vh"))
    assert np.isfinite(visible).all()
    assert (visible[0] == visible[1]).all()
