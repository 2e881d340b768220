"""The report in a browser: its map by keyboard, pointer and finger, on every screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Locator

from jobs.publish.report import render
from tests.support.browser import DESKTOP, PHONE, Browsed, browsing, needs_chromium
from tests.support.factories import make_port, make_publication

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page from the file system, alone in its folder."""
    page = tmp_path_factory.mktemp("alone") / "report.html"
    page.write_text(render(make_publication(ports=[make_port()], days=40)))
    return page.as_uri()


@pytest.fixture(scope="module")
def browsed(address: str) -> Iterator[Browsed]:
    with browsing(address) as found:
        yield found


@pytest.fixture
def port_map(browsed: Browsed) -> Locator:
    """The map as the page shows it at first."""
    browsed.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    browsed.page.emulate_media(color_scheme="light")
    browsed.page.reload()
    return browsed.page.locator("figure.map")


def width(port_map: Locator) -> float:
    return float(port_map.get_attribute("data-width") or "nan")


def picture(port_map: Locator) -> str:
    return port_map.locator(".map-layers image").first.get_attribute("href") or ""


def test_the_page_is_whole_on_a_desktop(browsed: Browsed) -> None:
    browsed.check()


@pytest.mark.parametrize(
    ("screen", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "dark")]
)
def test_the_page_is_whole_elsewhere(
    browsed: Browsed, screen: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    browsed.page.set_viewport_size({"width": screen[0], "height": screen[1]})
    browsed.page.emulate_media(color_scheme=scheme)
    browsed.page.reload()
    browsed.check()
    frame = browsed.page.locator(".map-frame").bounding_box()
    assert frame is not None
    assert frame["width"] > 0.8 * min(screen[0], 1100)
    background = browsed.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(14, 22, 29)") == (scheme == "dark")


def test_every_picture_drawn_in_the_page_has_content(browsed: Browsed, port_map: Locator) -> None:
    flat = browsed.page.evaluate(
        """async () => {
            const flat = [];
            for (const image of document.querySelectorAll("svg image")) {
                const loaded = new Image();
                loaded.src = image.getAttribute("href");
                await loaded.decode();
                const canvas = document.createElement("canvas");
                canvas.width = canvas.height = 16;
                const context = canvas.getContext("2d");
                context.drawImage(loaded, 0, 0, 16, 16);
                const values = new Set(context.getImageData(0, 0, 16, 16).data);
                if (values.size < 4) flat.push(image.outerHTML.slice(0, 80));
            }
            return [document.querySelectorAll("svg image").length, flat];
        }"""
    )
    assert flat[0] > 3
    assert flat[1] == []


def test_keys_move_and_zoom_the_map(browsed: Browsed, port_map: Locator) -> None:
    keyboard = browsed.page.keyboard
    port_map.locator(".map-frame").focus()
    at_first = port_map.locator(".map-svg").get_attribute("viewBox")
    before = width(port_map)
    keyboard.press("+")
    keyboard.press("+")
    assert width(port_map) == pytest.approx(before / 1.6**2, rel=1e-3)
    zoomed = port_map.locator(".map-svg").get_attribute("viewBox")
    keyboard.press("ArrowRight")
    assert port_map.locator(".map-svg").get_attribute("viewBox") != zoomed
    assert "centre" in (port_map.locator(".map-position").text_content() or "")
    keyboard.press("0")
    assert port_map.locator(".map-svg").get_attribute("viewBox") == at_first
    keyboard.press("End")
    assert width(port_map) > before
    for _ in range(30):
        keyboard.press("+")
    assert width(port_map) == pytest.approx(10)
    assert port_map.locator("[data-does=in]").is_disabled()


def test_buttons_work_by_pointer_and_by_keyboard_and_mark_nothing(
    browsed: Browsed, port_map: Locator
) -> None:
    button, before = port_map.locator("[data-does=in]"), width(port_map)
    button.click()
    assert width(port_map) == pytest.approx(before / 1.6, rel=1e-3)
    button.focus()
    browsed.page.keyboard.press("Enter")
    browsed.page.keyboard.press(" ")
    assert width(port_map) == pytest.approx(before / 1.6**3, rel=1e-3)
    assert port_map.locator(".map-copied").input_value() == ""
    assert port_map.locator(".map-mark path").count() == 0


def test_another_look_changes_picture_ships_and_words(browsed: Browsed, port_map: Locator) -> None:
    choice = port_map.locator(".map-choice")
    before, look = picture(port_map), port_map.get_attribute("data-look")
    choice.select_option("0")
    assert picture(port_map) != before
    assert port_map.get_attribute("data-look") != look
    assert "Shown:" in (port_map.locator(".map-says").text_content() or "")
    assert port_map.locator("[data-does=before]").is_disabled()
    rows = port_map.locator(".map-list tbody tr").count()
    assert port_map.locator(".map-found .ol").count() == rows
    port_map.locator(".map-frame").focus()
    browsed.page.keyboard.press(".")
    assert choice.input_value() == "1"
    for _ in range(20):
        browsed.page.keyboard.press(".")
    assert port_map.locator("[data-does=after]").is_disabled()
    # the pictures that the page began with are shown again
    number = choice.locator("option").count() - 1
    while port_map.get_attribute("data-look") != look and number:
        number -= 1
        choice.select_option(str(number))
    assert picture(port_map) == before


def test_a_click_marks_a_place_whose_degrees_can_be_copied(
    browsed: Browsed, port_map: Locator
) -> None:
    frame = port_map.locator(".map-frame")
    box = frame.bounding_box()
    assert box is not None
    frame.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    lat, lon = map(float, port_map.locator(".map-copied").input_value().split(", "))
    port = make_port()
    west, south, east, north = port.area.bounds
    assert west < lon < east
    assert south < lat < north
    browsed.page.keyboard.press("Enter")  # the centre, by keyboard, is the same place
    again = [float(part) for part in port_map.locator(".map-copied").input_value().split(", ")]
    assert again == pytest.approx([lat, lon], abs=2e-5)


def test_a_detection_is_shown_where_its_table_says(browsed: Browsed, port_map: Locator) -> None:
    port_map.locator(".map-count").click()
    row = port_map.locator(".map-list tbody tr").first
    row.get_by_role("button").click()
    cells = row.locator("td").all_text_contents()
    lat, lon = map(float, port_map.locator(".map-copied").input_value().split(", "))
    assert (lat, lon) == pytest.approx((float(cells[5]), float(cells[6])), abs=1e-4)
    assert cells[7] in (port_map.locator(".map-says").text_content() or "")
    assert width(port_map) < 120


def test_the_wheel_zooms_only_what_was_chosen(browsed: Browsed, port_map: Locator) -> None:
    frame = port_map.locator(".map-frame")
    frame.scroll_into_view_if_needed()
    frame.hover()
    before = width(port_map)
    browsed.page.mouse.wheel(0, -120)
    browsed.page.wait_for_timeout(100)
    assert width(port_map) == before
    frame.focus()
    frame.hover()
    browsed.page.mouse.wheel(0, -120)
    browsed.page.wait_for_function(f"() => document.querySelector('.map').dataset.width < {before}")


def test_outlines_can_be_taken_away(port_map: Locator) -> None:
    berth = port_map.locator(".ol.berth").first
    assert berth.is_visible()
    port_map.get_by_label("berths", exact=True).uncheck()
    assert not berth.is_visible()


def test_two_fingers_zoom(browsed: Browsed, port_map: Locator) -> None:
    before = width(port_map)
    port_map.locator(".map-frame").evaluate(
        """(frame) => {
            frame.setPointerCapture = () => {};
            const box = frame.getBoundingClientRect();
            const send = (type, pointerId, x) => frame.dispatchEvent(new PointerEvent(type, {
                pointerId, pointerType: "touch", bubbles: true,
                button: type === "pointermove" ? -1 : 0,
                clientX: box.left + x, clientY: box.top + 100 }));
            send("pointerdown", 1, 100); send("pointerdown", 2, 200);
            send("pointermove", 1, 50); send("pointermove", 2, 250);
            send("pointerup", 1, 50); send("pointerup", 2, 250);
        }"""
    )
    assert width(port_map) == pytest.approx(before / 2, rel=0.02)


def test_without_a_script_the_map_is_a_still_picture(browsed: Browsed, address: str) -> None:
    browser = browsed.page.context.browser
    assert browser is not None
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    assert page.locator(".map-svg").is_visible()
    assert not page.locator(".map-choice").is_visible()
    page.close()
