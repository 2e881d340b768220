"""The map in motion in a real browser, from a folder of files and from the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.maps import MapSource, map_app, write_map
from jobs.serve import served
from tests.support.browser import DESKTOP, PHONE, Browsed, browsing, needs_chromium

pytestmark = [
    needs_chromium,
    # rasterio silences it for the moment of a call, which other threads of a server undo
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]


@pytest.fixture(scope="module")
def folder(source: MapSource, tmp_path_factory: pytest.TempPathFactory) -> str:
    # a name that has to be quoted in an address
    target = tmp_path_factory.mktemp("stick") / "map of 5% & more"
    return write_map(source, target).page.as_uri()


@pytest.fixture(scope="module")
def server(source: MapSource) -> Iterator[str]:
    pytest.importorskip("titiler.xarray")
    with served(map_app(source)) as address:
        yield address


@pytest.fixture(params=["folder", "server"])
def address(request: pytest.FixtureRequest) -> str:
    """Both forms, for what depends on where pictures come from; the rest is one page."""
    found: str = request.getfixturevalue(request.param)
    return found


@contextmanager
def opened(
    address: str, screen: tuple[int, int] = DESKTOP, scheme: str = "light", hash: str = ""
) -> Iterator[Browsed]:
    with browsing(address + hash, screen, scheme) as browsed:
        shown(browsed)
        yield browsed


def shown(browsed: Browsed, text: str = "") -> None:
    """Wait until a look is shown whose moment holds the text."""
    browsed.page.wait_for_function(
        "text => document.body.dataset.shown && "
        "document.getElementById('moment').textContent.includes(text)",
        arg=text,
    )


def named(browsed: Browsed, text: str) -> None:
    """Wait until the address holds the text."""
    browsed.page.wait_for_function("text => location.hash.includes(text)", arg=text)


def text_of(browsed: Browsed, selector: str) -> str:
    return browsed.page.inner_text(selector)


def map_colours(browsed: Browsed) -> int:
    """How many different colours the map shows: a picture has thousands."""
    image = Image.open(BytesIO(browsed.page.locator("#map").screenshot())).convert("RGB")
    return len(np.unique(np.asarray(image).reshape(-1, 3), axis=0))


def test_every_look_has_a_picture_or_says_why_not(address: str) -> None:
    with opened(address, hash="#port=RUVYP") as browsed:
        assert "No picture" in text_of(browsed, "#nothing")
        for key, day in (("ArrowLeft", "2024-03-13"), ("Home", "2024-03-01")):
            browsed.page.keyboard.press(key)
            shown(browsed, day)
            assert map_colours(browsed) > 500
            browsed.check()
        assert browsed.page.is_hidden("#nothing")
        for day, state in (
            ("2024-03-04", "Partly clear"),
            ("2024-03-07", "Clouded: no berth can be judged"),
            ("2024-03-10", "Outside: the berths lie beyond the swath"),
        ):
            browsed.page.keyboard.press("ArrowRight")
            shown(browsed, day)
            assert text_of(browsed, "#state").startswith(state)
            assert browsed.page.is_hidden("#nothing") is (state == "Partly clear")
        assert browsed.errors == []


def test_the_slider_tells_its_looks_to_those_who_do_not_see_it(folder: str) -> None:
    with opened(folder, hash="#port=RUVYP") as browsed:
        slider = browsed.page.get_by_role("slider")
        assert slider.get_attribute("aria-valuemax") == "6"
        assert slider.get_attribute("aria-valuenow") == "6"
        slider.focus()
        browsed.page.keyboard.press("ArrowDown")
        shown(browsed, "2024-03-13")
        assert slider.get_attribute("aria-valuetext") == (
            "5 of 6: 2024-03-13 02:10 UTC · clear · 1 vessel"
        )
        legend = text_of(browsed, "#legend")
        for words in ("clear: 3 looks", "partly clear: 1 look", "clouded: 1 look", "outside: 1"):
            assert words in legend
        options = browsed.page.locator("#look option").all_inner_texts()
        assert options[3] == "4 · 2024-03-10 02:10 UTC · outside · 0 vessels"
        assert options[5].endswith("clear · 0 vessels · no picture")
        marks = browsed.page.locator("#slider .mark")
        assert [mark.get_attribute("class") for mark in marks.all()] == [
            f"mark {state}" for state in ("clear", "partly", "clouded", "outside", "clear", "clear")
        ]


def test_berths_and_visits_of_the_look(folder: str) -> None:
    with opened(folder, hash="#port=RUVYP") as browsed:
        browsed.page.keyboard.press("Home")
        shown(browsed, "2024-03-01")
        berths = browsed.page.locator("#berths li").all_inner_texts()
        assert berths[0] == "occupied\n1 Oil berth 1: 1 ship found; 100 % of it clear" or (
            berths[0] == "occupied1 Oil berth 1: 1 ship found; 100 % of it clear"
        )
        assert "2 vessels in this look" in text_of(browsed, "#facts")
        assert browsed.page.locator("#map path.occupied").count() == 2
        assert browsed.page.locator("#map path.empty").count() == 3
        bars = browsed.page.locator(".visit")
        titles = browsed.page.locator(".visit > title").all_text_contents()
        (oil,) = [title for title in titles if title.startswith("RUVYP-oil-1-")]
        assert "came any time before 2024-03-01 02:10, last seen 2024-03-04 02:10" in oil
        assert "left by 2024-03-13 02:10" in oil
        assert bars.first.locator(".torn").count() == 1
        assert bars.first.locator(".fade").count() == 1
        assert bars.first.get_attribute("class") == "visit here"
        browsed.page.keyboard.press("End")
        shown(browsed, "2024-03-16")
        assert bars.first.get_attribute("class") == "visit"


def test_a_vessel_is_chosen_by_keyboard_and_by_click_and_cited(folder: str) -> None:
    with opened(folder, hash="#port=RUVYP") as browsed:
        browsed.page.keyboard.press("Home")
        shown(browsed, "2024-03-01")
        browsed.page.locator("#vessels button").first.focus()
        browsed.page.keyboard.press("Enter")
        popup = text_of(browsed, ".leaflet-popup-content")
        for words in ("180 ± 12 m long, score 0.900", "At 1 Oil berth 1", "RUVYP-oil-1-2024"):
            assert words in popup
        named(browsed, "vessel=RUVYP-sentinel-2-l2a-20240301T021000-00000000-")
        cited = browsed.page.url
        browsed.page.keyboard.press("ArrowRight")
        shown(browsed, "2024-03-04")
        named(browsed, "look=RUVYP-sentinel-2-l2a-20240304T021000-")
        assert "vessel=" not in browsed.page.url
        browsed.page.evaluate("hash => { location.hash = hash; }", "#" + cited.partition("#")[2])
        shown(browsed, "2024-03-01")
        browsed.page.wait_for_selector(".leaflet-popup-content")
        browsed.page.locator(".leaflet-popup-close-button").click()
        browsed.page.locator("#map path.vessel").first.dispatch_event("click")
        assert "long, score" in text_of(browsed, ".leaflet-popup-content")
        browsed.check()


def test_while_a_picture_is_awaited_all_that_is_seen_is_of_the_look_before(server: str) -> None:
    with opened(server, hash="#port=RUVYP") as browsed:
        browsed.page.keyboard.press("Home")
        shown(browsed, "2024-03-01")
        browsed.page.route("**/*.png", lambda route: None)  # a server that does not answer
        browsed.page.keyboard.press("ArrowRight")
        assert browsed.page.get_by_role("slider").get_attribute("aria-valuenow") == "2"
        browsed.page.locator("#vessels button").first.click()
        named(browsed, "look=RUVYP-sentinel-2-l2a-20240301T021000-00000000&vessel=")
        assert browsed.page.is_hidden("#trouble")
        shown(browsed, "2024-03-04")  # after some seconds without it
        assert "2024-03-04 02:10 UTC is still on its way" in text_of(browsed, "#trouble")
        named(browsed, "look=RUVYP-sentinel-2-l2a-20240304T021000-")


def test_fixed_structure_is_shown_on_demand(folder: str) -> None:
    with opened(folder, hash="#port=RUVYP") as browsed:
        browsed.page.keyboard.press("Home")
        shown(browsed, "2024-03-01")
        assert text_of(browsed, "#fixed-count") == "1"
        assert browsed.page.locator("#map path.fixed").count() == 0
        browsed.page.check("#show-fixed")
        assert browsed.page.locator("#map path.fixed").count() == 2  # the hull and its cross
        browsed.page.uncheck("#show-vessel")
        assert browsed.page.locator("#map path.vessel").count() == 0


def test_playing_goes_to_the_end_and_can_pass_over_looks_that_show_nothing(address: str) -> None:
    with opened(address, hash="#port=RUVYP") as browsed:
        browsed.page.select_option("#speed", "8")
        browsed.page.check("#skip")
        browsed.page.evaluate("""() => {
            window.seen = [];
            new MutationObserver(() => {
                const now = document.getElementById("moment").textContent.slice(8, 10);
                if (seen.at(-1) !== now) seen.push(now);
            }).observe(document.getElementById("moment"), {childList: true});
        }""")
        browsed.page.evaluate("document.activeElement.blur()")
        browsed.page.keyboard.press("Space")
        browsed.page.wait_for_function("() => window.seen.length === 4")
        browsed.page.wait_for_function(
            "() => document.getElementById('play').textContent === '▶ Play'"
        )
        assert browsed.page.evaluate("window.seen") == ["01", "04", "13", "16"]
        browsed.check()


def test_the_map_is_moved_by_keyboard_and_says_where_it_is(folder: str) -> None:
    with opened(folder, hash="#port=RUVYP") as browsed:
        moment = text_of(browsed, "#moment")
        browsed.page.focus("#map")
        before = text_of(browsed, "#pointer")
        assert before.endswith(" E")
        assert abs(float(before.split("°")[0]) - 42.73) < 0.03
        browsed.page.keyboard.press("Equal")
        browsed.page.wait_for_timeout(400)
        browsed.page.keyboard.press("ArrowRight")
        browsed.page.wait_for_function(
            "before => document.getElementById('pointer').textContent !== before", arg=before
        )
        assert text_of(browsed, "#moment") == moment
        browsed.page.keyboard.press("Escape")
        browsed.page.keyboard.press("Home")
        shown(browsed, "2024-03-01")
        browsed.check()


def test_ports_are_changed_and_wrong_addresses_said(address: str) -> None:
    with opened(address, hash="#port=NOWHERE&look=x") as browsed:
        browsed.page.wait_for_selector("#trouble:not([hidden])")
        assert "names the port NOWHERE, which this map does not have" in text_of(
            browsed, "#trouble"
        )
        browsed.page.select_option("#port", "WIDE")
        shown(browsed, "2024-03-11")
        assert "This port has no berths" in text_of(browsed, "#state")
        assert map_colours(browsed) > 500
        named(browsed, "port=WIDE&look=WIDE-")
        browsed.check()
        browsed.page.evaluate("location.hash = '#port=RUVYP&look=gone'")
        browsed.page.wait_for_selector("#trouble:not([hidden])")
        assert "names the look gone" in text_of(browsed, "#trouble")


def test_of_many_steps_in_a_row_only_the_last_picture_stays(address: str) -> None:
    with opened(address, hash="#port=RUVYP") as browsed:
        browsed.page.evaluate("() => { for (const n of [0, 1, 4, 1, 0, 1]) go(n); }")
        shown(browsed, "2024-03-04")
        layers = browsed.page.locator("#map .leaflet-tile-pane .leaflet-layer")
        assert layers.count() == 1
        source = layers.locator("img").first.get_attribute("src")
        assert "20240304T021000" in str(source)
        assert browsed.errors == []


def test_a_wide_port_comes_in_tiles_at_the_scale_of_the_view(
    source: MapSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.maps.pyramid.WHOLE_PX", 600)
    written = write_map(source, tmp_path / "map")
    look = source.looks(source.ports[1])[0].overpass_id
    pictures = sorted(path.stem for path in (tmp_path / "map" / "pictures" / look).iterdir())
    assert pictures == ["0-0-0", "1-0-0", "1-1-0"] + [
        f"2-{x}-{y}" for x in range(3) for y in (0, 1)
    ]
    with opened(written.page.as_uri(), hash=f"#port=WIDE&look={look}") as browsed:
        tiles = browsed.page.locator("#map .leaflet-tile")
        for button, level in (("#map .leaflet-control-zoom-in", 2), ("#see-all", 1)):
            for _ in range(3):
                browsed.page.click(button)
                browsed.page.wait_for_timeout(300)
            browsed.page.wait_for_function(
                "level => [...document.querySelectorAll('#map .leaflet-tile-loaded')]"
                ".some(tile => tile.src.includes(`/${level}-`))",
                arg=level,
            )
        assert tiles.count() >= 2
        assert map_colours(browsed) > 500
        browsed.check()


def test_an_incomplete_job_says_so(folder: str) -> None:
    with opened(folder) as browsed:
        assert "1 failed and 2 are pending" in text_of(browsed, "header")


def test_a_phone_shows_all_of_it_in_the_dark(address: str) -> None:
    with opened(address, PHONE, "dark", "#port=RUVYP") as browsed:
        browsed.page.get_by_role("button", name="First look").click()
        shown(browsed, "2024-03-01")
        assert map_colours(browsed) > 500
        browsed.page.locator("#slider").scroll_into_view_if_needed()
        box = browsed.page.locator("#slider").bounding_box()
        assert box
        browsed.page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + 30)
        shown(browsed, "2024-03-07")
        browsed.check()


def test_a_map_that_is_not_whole_says_what_is_missing(source: MapSource, tmp_path: Path) -> None:
    written = write_map(source, tmp_path / "map")
    look = source.looks(source.ports[0])[0].overpass_id
    (tmp_path / "map" / "pictures" / look / "0-0-0.webp").unlink()
    (tmp_path / "map" / "data" / "WIDE.js").unlink()
    with opened(written.page.as_uri(), hash=f"#port=RUVYP&look={look}") as browsed:
        browsed.page.wait_for_selector("#trouble:not([hidden])")
        assert f"pictures/{look}/0-0-0.webp cannot be read" in text_of(browsed, "#trouble")
        browsed.page.select_option("#port", "WIDE")
        browsed.page.wait_for_function(
            "() => document.getElementById('trouble').textContent.includes('data/WIDE.js')"
        )
