"""The report: one file that needs nothing else, and the words and shapes in it."""

import base64
import dataclasses
import itertools
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jobs.domain import LookState, Period
from jobs.pictures import CHIP_PX, MAX_SIDE_PX, berths_grid, chips, clearest, outline, overview
from jobs.publication import Publication
from jobs.report import (
    CLOUDED,
    EMPTY,
    MAX_VISITS,
    OCCUPIED,
    PARTLY,
    UNSEEN,
    calendar,
    calendar_parts,
    day_kind,
    interval,
    render,
    stay_days,
)
from jobs.visits import port_tables
from tests.factories import (
    LEFT,
    TOP,
    FakeImagery,
    make_berth,
    make_failures,
    make_port,
    make_publication,
    make_record,
    make_vessel,
)

FILES = {
    *(f"{name}.{kind}" for name in ("visits", "looks", "vessels") for kind in ("csv", "parquet")),
    "collection.json",
    "port_visits.zarr/",
    "provenance.json",
}
VOID = {"meta", "br", "link", "img", "image", "path", "polygon", "rect"}


class Page(HTMLParser):
    """Links, headings, text and labels of a page; complains about tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.unlabelled: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.tags.append(tag)
        self.links += [facts[name] or "" for name in ("href", "src", "xlink:href") if name in facts]
        self.ids |= {facts["id"] or ""} if "id" in facts else set()
        if tag == "svg" and not facts.get("aria-label") and facts.get("aria-hidden") != "true":
            self.unlabelled.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def publication() -> Publication:
    ports = [make_port(), make_port(id="KPCHO", name="Chongjin", approximate=False)]
    return make_publication(ports=ports, days=60)


@pytest.fixture(scope="module")
def html(publication: Publication) -> str:
    return render(publication)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


# --- the page -----------------------------------------------------------------------------------


def test_the_page_asks_nobody_for_anything(page, html):
    outward = [link for link in page.links if not link.startswith(("#", "data:image/"))]
    assert set(outward) <= FILES
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert not {"script", "iframe", "object", "link"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html


def test_every_picture_has_a_text_and_headings_skip_no_level(page):
    assert page.unlabelled == []
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    steps = itertools.pairwise(page.headings)
    assert all(after <= before + 1 for before, after in steps)


def test_the_page_says_what_its_numbers_are_not(page, publication):
    text = " ".join(page.text.split())
    assert "Counts are of what was seen." in text
    assert "not an estimate of all visits" in text
    assert "The berths of Vostochny are approximate" in text
    assert "The berths of Chongjin" not in text
    assert "This result is incomplete: 2 overpasses failed and 0 are pending" in text
    for fact in (publication.provenance.plan_hash, publication.provenance.code_version):
        assert fact in text
    assert "Contains modified Copernicus Sentinel data 2024" in text


def test_failures_stand_with_their_reasons_and_nothing_in_them_is_markup(page, html):
    assert "S2B_53TMH_20240417_0_L2A: <not found>" in page.text
    assert "<not found>" not in html


def test_a_complete_empty_job_still_makes_a_page():
    text = " ".join(Page(render(make_publication(days=30, empty=True))).text.split())
    assert "No visit was seen." in text
    assert "no clear overpass of this port has one" in text
    assert "Failed overpasses" not in text
    assert " complete " in text


def test_the_same_publication_gives_the_same_page(publication, html):
    assert render(publication) == html


def test_looks_without_a_cloud_mask_are_owned_up_to(publication):
    port = make_port(berths=(make_berth(),))
    record = make_record(quality=np.full(port.grid.shape, 64, np.uint8))
    tables = {port.id: port_tables(port, [record])}
    text = render(dataclasses.replace(publication, tables=tables))
    assert "1 look at berths of Vostochny came without a cloud mask" in text


def test_a_long_list_is_cut_and_says_so(publication):
    port = make_port(berths=(make_berth(),))
    lengths = [60 if n % 2 else 170 for n in range(MAX_VISITS + 5)]
    records = [
        make_record(hours=24 * n, vessels=[make_vessel(length_m=length)])
        for n, length in enumerate(lengths)
    ]
    tables = {port.id: port_tables(port, records)}
    failures = make_failures() * 40
    text = render(dataclasses.replace(publication, tables=tables, failures=failures))
    assert f"The newest {MAX_VISITS} of {MAX_VISITS + 5}" in text
    assert "The first 60 of 80" in text


# --- words --------------------------------------------------------------------------------------

T1, T2 = datetime(2024, 3, 7, 2, 10, tzinfo=UTC), datetime(2024, 3, 9, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "before", "text"),
    [
        (T1, T2, "2024-03-07 02:10 – 2024-03-09 02:10"),
        (pd.NaT, T2, "by 2024-03-09 02:10"),
        (T1, pd.NaT, "after 2024-03-07 02:10"),
    ],
)
def test_bounds_as_words(after, before, text):
    assert interval(after, before) == text


def test_the_stay_is_what_the_bounds_allow():
    names = ("arrival_after", "arrival_before", "departure_after", "departure_before")
    day = timedelta(days=1)

    def stay(*times: object) -> str:
        return stay_days(pd.Series(dict(zip(names, times, strict=True)), dtype=object))

    assert stay(T1, T2, T2 + day, T2 + 3 * day) == "1.0 – 5.0"
    assert stay(T1, T2, T2, T2 + day) == "< 3.0"
    assert stay(pd.NaT, T2, T2 + day, T2 + 3 * day) == "≥ 1.0"
    assert stay(T1, T2, T2, pd.NaT) == "open"


# --- calendar -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looks", "kind"),
    [
        ([], UNSEEN),
        ([(LookState.OUTSIDE, 0)], UNSEEN),
        ([(LookState.CLOUDED, 0), (LookState.OUTSIDE, 0)], CLOUDED),
        ([(LookState.CLOUDED, 0), (LookState.PARTLY, 0)], PARTLY),
        ([(LookState.PARTLY, 0), (LookState.CLEAR, 0)], EMPTY),
        ([(LookState.CLEAR, 0), (LookState.PARTLY, 1)], OCCUPIED),
    ],
)
def test_a_day_is_the_most_telling_of_its_looks(looks, kind):
    assert day_kind(looks) == kind


def test_the_calendar_shows_every_day_of_every_berth_once(publication):
    tables = publication.tables["RUVYP"]
    for period in (publication.period, Period(date(2023, 11, 15), date(2026, 2, 3))):
        days = (period.end - period.start).days + 1
        blocks = calendar(tables, period)
        for number in range(len(tables.port.berths)):
            strips = [block.strips[number] for block in blocks]
            drawn = sum(len(strip.occupied) for strip in strips)
            drawn += sum(path.count("M") for strip in strips for _, path in strip.paths)
            assert drawn == days


def test_a_day_stands_in_its_week_and_weekday():
    port = make_port(berths=(make_berth(),))
    record = make_record(hours=24 * 10, vessels=[make_vessel()])  # Monday, 11 March
    period = Period(date(2024, 3, 1), date(2024, 3, 31))
    (block,) = calendar(port_tables(port, [record]), period)
    (mark,) = block.strips[0].occupied
    assert (mark.x, mark.y - block.strips[0].y) == (2 * 12, 0)
    assert mark.title == "2024-03-11: 1 ship"


def test_a_year_is_one_block_and_more_are_calendar_years():
    assert len(calendar_parts(Period(date(2023, 9, 1), date(2024, 8, 31)))) == 1
    parts = calendar_parts(Period(date(2023, 9, 1), date(2025, 2, 28)))
    assert [(part.start, part.end) for part in parts] == [
        (date(2023, 9, 1), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2024, 12, 31)),
        (date(2025, 1, 1), date(2025, 2, 28)),
    ]


# --- pictures -----------------------------------------------------------------------------------


def picture_of(href: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(href.split(",")[1])))


def test_the_overview_is_the_newest_of_the_clearest_that_has_a_picture(publication):
    tables = publication.tables["RUVYP"]
    passes = clearest(tables)
    first = overview(tables, publication.imagery)
    assert first is not None
    assert first.overpass_id == passes[0][0]
    clear = tables.looks[tables.looks["state"] == "clear"].groupby("overpass_id").size()
    assert clear[first.overpass_id] == clear.max()
    second = overview(tables, FakeImagery(publication.tables, frozenset({passes[0][0]})))
    assert second is not None
    assert second.overpass_id == passes[1][0]
    everything = frozenset(overpass_id for overpass_id, _, _ in passes)
    assert overview(tables, FakeImagery(publication.tables, everything)) is None


def test_the_overview_shows_all_berths_and_is_of_bounded_size(publication):
    view = overview(publication.tables["RUVYP"], publication.imagery)
    assert view is not None
    assert max(picture_of(view.href).size) <= MAX_SIDE_PX
    assert [berth.label for berth in view.berths] == ["1", "2", "3", "4", "5"]
    for berth in view.berths:
        points = np.array([point.split(",") for point in berth.points.split()], float)
        assert (points >= 0).all()
        assert (points <= (view.width, view.height)).all()


def test_outlines_are_in_pixels_from_the_north_west():
    port = make_port()
    berth = outline(make_berth(place_m=(1500, 1100, 60, 260)).polygon, port.grid)
    points = np.array([point.split(",") for point in berth.points.split()], float)
    assert points.min(axis=0) == pytest.approx([150, 110], abs=0.02)
    assert points.max(axis=0) == pytest.approx([156, 136], abs=0.02)


def test_the_overview_of_a_small_berth_has_sea_around_it():
    port = make_port(berths=(make_berth(place_m=(60, 60, 60, 60)),))
    part = berths_grid(port)
    assert min(part.width, part.height) >= 40
    assert (part.left, part.top) == (LEFT, TOP)


class OnePixel:
    """A picture that is black but for one pixel."""

    def __init__(self, row: int, column: int) -> None:
        self.image = np.zeros((*make_port().grid.shape, 3), np.uint8)
        self.image[row, column] = 255

    def rgb(self, port_id: str, overpass_id: str) -> np.ndarray:
        return self.image


@pytest.mark.parametrize(("x_m", "y_m"), [(1535, 1235), (5, 5), (4195, 4195)])
def test_a_chip_has_its_vessel_in_the_middle_even_at_the_edge(x_m, y_m):
    port = make_port(berths=(make_berth(place_m=(x_m - 50, y_m - 50, 100, 100)),))
    vessel = make_vessel(x=LEFT + x_m, y=TOP - y_m, length_m=40)
    tables = port_tables(port, [make_record(vessels=[vessel])])
    (chip,) = chips(tables, OnePixel(y_m // 10, x_m // 10), limit=5)
    pixels = np.asarray(picture_of(chip.href))
    assert pixels.shape == (CHIP_PX, CHIP_PX, 3)
    assert np.argwhere(pixels[..., 0]).tolist() == [[CHIP_PX // 2, CHIP_PX // 2]]


def test_chips_are_the_newest_and_no_more_than_asked_for(publication):
    tables = publication.tables["RUVYP"]
    found = chips(tables, publication.imagery, limit=3)
    newest = tables.vessels[tables.vessels["berth"] != ""]["time"].max()
    assert len(found) == 3
    assert found[0].time == newest
    assert all(a.time >= b.time for a, b in itertools.pairwise(found))
