"""Headless Chromium for the tests of pages; they skip where the machine has none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium (apt install chromium)")

DESKTOP, PHONE = (1280, 900), (390, 844)
"""Width and height in CSS pixels."""

_LOAD_ALL = "() => { for (const image of document.images) image.loading = 'eager'; }"
"""Pictures below the screen are otherwise loaded when they are scrolled to."""
_ALL_LOADED = "() => [...document.images].every(image => image.complete)"
_EMPTY_PICTURES = """() => [...document.images]
    .filter(image => image.checkVisibility())
    .filter(image => !(image.complete && image.naturalWidth > 0))
    .map(image => image.src.slice(0, 80))"""

_FLAT_PICTURES = """() => [...document.images]
    .filter(image => image.checkVisibility() && image.naturalWidth > 0)
    .filter(image => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 16;
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0, 16, 16);
        const pixels = context.getImageData(0, 0, 16, 16).data;
        return new Set(pixels).size < 4;
    })
    .map(image => image.src.slice(0, 80))"""

_WIDER_THAN_SCREEN = "() => document.documentElement.scrollWidth - window.innerWidth"


@dataclass
class Browsed:
    """A page in the browser, with what went wrong in it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    """Console errors, uncaught exceptions and requests that failed or were answered with 400+."""

    def check(self, flat: tuple[str, ...] = ()) -> None:
        """Fail on errors, pictures without content and a page wider than its screen.

        ``flat`` are ends of addresses of pictures that rightly have one colour: all cloud. Of a
        page from a file browsers let no script read the pictures: only that they are there.
        """
        self.page.evaluate(_LOAD_ALL)
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_function(_ALL_LOADED)
        assert self.errors == []
        assert self.page.evaluate(_EMPTY_PICTURES) == []
        if not self.page.url.startswith("file:"):
            found = self.page.evaluate(_FLAT_PICTURES)
            assert [address for address in found if not address.endswith(flat)] == []
        assert self.page.evaluate(_WIDER_THAN_SCREEN) <= 0

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        self.page.screenshot(path=path, full_page=True)


@contextmanager
def browsing(
    address: str, screen: tuple[int, int] = DESKTOP, scheme: str = "light"
) -> Iterator[Browsed]:
    """The page at an address (``http://127.0.0.1:...`` or ``file:///...``) in a new browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        width, height = screen
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page.set_default_timeout(30_000)
        browsed = Browsed(page)
        page.on("console", lambda line: line.type == "error" and browsed.errors.append(line.text))
        page.on("pageerror", lambda error: browsed.errors.append(str(error)))
        page.on(
            "response",
            lambda answer: (
                answer.status >= 400 and browsed.errors.append(f"{answer.status} {answer.url}")
            ),
        )
        page.goto(address)
        try:
            yield browsed
        finally:
            browser.close()
