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
from pyproj import Transformer
from shapely.geometry import LineString

from jobs.domain import BerthKind, EstimateSettings, Grid, OverpassRecord, Port
from jobs.publish.encode import photo
from jobs.publish.lonlat import lonlat_of
from jobs.publish.number_text import EstimateText, estimate_text, probability_text
from jobs.publish.pictures import CHIP_PX, berths_grid, chips, cut, outline
from jobs.publish.port_map import (
    MOST_LOOKS,
    SMALL_PX,
    WHOLE_PX,
    clear_looks,
    embedded_map,
    spread,
)
from jobs.publish.publication import Publication
from jobs.publish.report import MAX_CHIPS, render
from jobs.publish.report_rows import (
    MAX_VISITS,
    MAX_VOYAGES,
    basis_words,
    cap_readings,
    interval,
    reading,
    stay_days,
    visits_at_berths,
)
from jobs.visits.cargo import StayVolumes
from jobs.visits.columns import table
from jobs.visits.estimate import estimate_port, with_estimates
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import ESTIMATE_COLUMNS, VOYAGE_COLUMNS, PortEstimate
from jobs.visits.series import port_visits
from jobs.visits.tables import port_tables
from tests.support.factories import (
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
    *(
        f"{name}.{kind}"
        for name in (
            *("visits", "looks", "vessels", "estimates", "sensors", "pairs", "voyages"),
            *("berths", "ports"),
        )
        for kind in ("csv", "parquet")
    ),
    "README.txt",
    "SHA256SUMS",
    "data_dictionary.csv",
    "items.json",
    "results.gpkg",
    "histories.parquet",
    "collection.json",
    "port_visits.zarr/",
    "provenance.json",
}
APART = {"td", "th", "br", "code", "li"}
"""What stands on a line or in a cell of its own, though no blank parts it in the source."""
VOID = {"meta", "br", "link", "img", "image", "path", "polygon", "rect", "input"}


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
        self.text += " " if tag in APART else ""
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
def plain(publication: Publication) -> Publication:
    """Without pictures, which take most of the time and say nothing of estimates."""
    everything = frozenset(
        overpass_id
        for tables in publication.tables.values()
        for overpass_id in tables.looks["overpass_id"]
    )
    return dataclasses.replace(publication, imagery=FakeImagery(publication.tables, everything))


def with_port(publication: Publication, port: Port, records: list[OverpassRecord]) -> Publication:
    """The publication with that port alone, estimated anew from its overpasses; no pictures."""
    seen = port_tables(port, records)
    settings = EstimateSettings(draws=40)
    estimate = estimate_port(seen, publication.period, settings, ())
    tables = {port.id: with_estimates(seen, estimate)}
    return dataclasses.replace(
        publication,
        tables=tables,
        estimates={port.id: estimate},
        settings=settings,
        series=port_visits(tables, {port.id: estimate}, publication.period),
        imagery=FakeImagery(tables, frozenset(seen.looks["overpass_id"])),
    )


def words(html: str) -> str:
    """The text of a page, blanks of any kind as one."""
    return " ".join(Page(html).text.split())


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
    assert not {"iframe", "object"} & set(page.tags)
    assert not re.search(r"<script[^>]* src|import\(|fetch\(|XMLHttpRequest|WebSocket", html)
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
    assert "is in no count of what was seen" in text
    assert "many short stays and few long ones look alike" in text
    assert "counted without identity" in text
    assert f"{publication.settings.draws} equally likely histories" in text
    assert "The berths of Vostochny are approximate" in text
    assert "The berths of Chongjin" not in text
    assert "This result is incomplete: 2 overpasses failed and 0 are pending" in text
    for fact in (publication.provenance.plan_hash, publication.provenance.code_version):
        assert fact in text
    assert "Contains modified Copernicus Sentinel data 2024" in text


def test_the_page_of_a_usual_job_is_small(html):
    assert len(html) < 3_000_000


def test_how_pictures_were_rendered_is_said(page, publication):
    rendering = publication.imagery.renderings("RUVYP")["sentinel-2-l2a"]
    assert f"Vostochny, {rendering.words}" in " ".join(page.text.split())
    assert "values from 0 (black) to 0.2 (white), the same in red, green and blue" in page.text


def test_failures_stand_with_their_reasons_and_nothing_in_them_is_markup(page, html):
    assert "S2B_53TMH_20240417_0_L2A: <not found>" in page.text
    assert "<not found>" not in html


def test_a_complete_empty_job_still_makes_a_page():
    text = words(render(make_publication(days=30, empty=True)))
    assert "No visit was seen." in text
    assert "5 of 5 places had no usable look." in text
    assert text.count("all of this is what was believed before, and no finding") == 5
    assert "no clear overpass of this port has one" in text
    assert "Failed overpasses" not in text
    assert " complete " in text


def test_the_same_publication_gives_the_same_page(publication, html):
    assert render(publication) == html


def test_looks_without_a_cloud_mask_are_owned_up_to(publication):
    port = make_port(berths=(make_berth(),))
    record = make_record(quality=np.full(port.grid.shape, 64, np.uint8))
    text = render(with_port(publication, port, [record]))
    assert "1 look at berths of Vostochny came without a cloud mask" in text


def test_a_long_list_is_cut_and_says_so(publication):
    port = make_port(berths=(make_berth(),))
    lengths = [60 if n % 2 else 170 for n in range(MAX_VISITS + 5)]
    records = [
        make_record(hours=24 * n, vessels=[make_vessel(length_m=length)])
        for n, length in enumerate(lengths)
    ]
    failures = make_failures() * 40
    text = render(dataclasses.replace(with_port(publication, port, records), failures=failures))
    assert f"The newest {MAX_VISITS} of {MAX_VISITS + 5}" in text
    assert "The first 60 of 80" in text


# --- estimates ----------------------------------------------------------------------------------


def stays_at(berth: str, days: list[list[float]], end: float = 366.0) -> StayDraws:
    """Stays of a day each that begin on the days given since 1 January 2024, one list a draw."""
    draw = np.repeat(np.arange(len(days), dtype=np.int32), [len(each) for each in days])
    arrival = np.array([day for each in days for day in each], np.float64)
    return StayDraws(
        port="RUVYP",
        berth=berth,
        origin=datetime(2024, 1, 1, tzinfo=UTC),
        end=end,
        draws=len(days),
        draw=draw,
        arrival=arrival,
        departure=arrival + 1,
        length_m=np.full(len(draw), 90.0),
        visit=np.full(len(draw), -1, np.int32),
    )


def test_visits_are_added_up_history_by_history_and_anchorages_stand_apart():
    berths = [
        make_berth(id="a"),
        make_berth(id="b"),
        make_berth(id="roads", kind=BerthKind.ANCHORAGE, capacity=None),
    ]
    # where a has two visits b has none: each alone is uncertain, their sum is not
    stays = (
        stays_at("a", [[1, 2], []] * 10),
        stays_at("b", [[], [3, 4]] * 10),
        stays_at("roads", [[5, 6, 7]] * 20),
    )
    rows = table(ESTIMATE_COLUMNS, [])
    estimate = PortEstimate(make_port(berths=berths), rows, pd.DataFrame(), stays)
    assert visits_at_berths([estimate]) == EstimateText("2", "2", "2")
    assert visits_at_berths([estimate, estimate]) == EstimateText("4", "4", "4")
    anchorages = PortEstimate(make_port(berths=berths[2:]), rows, pd.DataFrame(), stays[2:])
    assert visits_at_berths([anchorages]) is None


def test_the_port_begins_with_what_came_to_its_berths(publication, page):
    text = " ".join(page.text.split())
    for port in publication.ports:
        estimate = publication.estimates[port.id]
        berths = estimate.berths[estimate.berths["berth"] != "roads"]
        sums = sum(stays.arrivals([0, 60])[:, 0] for stays in estimate.stays[:4])
        assert sums.mean() == pytest.approx(berths["visits"].sum())
        low, high = np.quantile(sums, [0.02, 0.98])
        found = re.search(
            rf"{port.name} Visits at its berths: (\S+) estimated \(90 %: (\S+) to (\S+)\), "
            rf"{berths['visits_seen'].sum()} seen",
            text,
        )
        assert found is not None
        value, bottom, top = (float(number.replace(",", "")) for number in found.groups())
        assert value == pytest.approx(sums.mean(), abs=10)
        assert low - 10 < bottom < value < top < high + 10
        anchorage = estimate.berths.iloc[4]
        queue = estimate_text(*anchorage[["occupancy", "occupancy_low", "occupancy_high"]], 0.1)
        assert f"Outer roads, anchorage: {queue.value} ships lay there on average" in text


def test_every_berth_stands_with_its_estimate_and_what_that_rests_on(publication, page):
    text = " ".join(page.text.split())
    for estimate in publication.estimates.values():
        for row in estimate.berths.to_dict("records"):
            for name in ("visits", "visits_half_dwell", "visits_double_dwell"):
                said = estimate_text(*(row[name + end] for end in ("", "_low", "_high")))
                assert str(said) in text
            assert f"{row['usable_looks']} of " in text
            assert row["dwell_prior_source"] in text
            assert row["recall_source"] in text


def test_sources_are_listed_once(publication, html):
    assert html.count("not measured: a broad guess") == len(publication.ports)


@pytest.mark.parametrize(
    ("changed", "said", "unsaid"),
    [
        ({"usable_looks": 0}, "no finding", "usable look every"),
        ({"dwell_share": 0.8}, "they tell the occupied time, hardly the number", "rough"),
        (
            {"dwell_share": 0.8, "usable_looks": 200},
            "most of the interval comes from not",
            "sparser",
        ),
        ({"dwell_share": 0.3}, "part of the interval comes from not", "hardly"),
        ({"dwell_share": 0.1}, "most of the interval comes from chance", "not knowing"),
        ({"effective_points": 40.0}, "40 effective points only", "no finding"),
        ({"agreement": 0.001}, "have probability 0.001 under the model", "rough"),
        ({"agreement": 0.2}, "part of the interval", "no finding"),
        ({"dwell_share": 0.3}, "part of the interval", "there again"),
        (
            {"compared_again": 1034, "seen_again": 312},
            "Of 1,034 sure reports 312 were there again at the next look",
            "no finding",
        ),
    ],
)
def test_what_limits_a_berth_is_said_in_words(changed, said, unsaid):
    row = {"usable_looks": 20, "dwell_share": 0.3, "dwell_days": 1.5, "effective_points": 300.0}
    row |= {"compared_again": 0, "seen_again": 0}
    found = basis_words(pd.Series(row | changed, dtype=object), 100.0)
    assert said in found
    assert unsaid not in found


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((66.335, 36.0, 117.0), "66 (36 to 117)"),
        ((358.9, 123.0, 756.0), "360 (120 to 760)"),
        ((4_133_491.0, 1_925_814.0, 7_144_202.0), "4,100,000 (1,900,000 to 7,100,000)"),
        ((1234.0, 1230.0, 1240.0), "1,234 (1,230 to 1,240)"),
        ((0.0, 0.0, 0.0), "0 (0 to 0)"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_bears(numbers, said):
    assert str(estimate_text(*numbers)) == said
    assert str(estimate_text(1.758, 1.09, 2.61, 0.1)) == "1.8 (1.1 to 2.6)"


def test_no_probability_is_certain():
    found = [probability_text(value) for value in (0.0, 0.004, 0.5, 0.99, 0.999, 1.0, np.nan)]
    assert found == ["< 0.01", "< 0.01", "0.50", "0.99", "> 0.99", "> 0.99", "—"]


def test_a_chart_says_what_each_period_means(publication, html):
    cell = publication.series["week"].sel(port_berth="RUVYP/oil-1").isel(period=3)
    label = pd.Timestamp(cell["period"].values).strftime("%Y-%m-%d")
    assert f"{label}: {int(cell['visits_seen'])} seen" in html
    assert f"{int(cell['days_without_look'])} of 7 days without a look" in html


# --- barrels ------------------------------------------------------------------------------------


def volume_of(days: list[list[float]], barrels: float, end: float = 366.0) -> StayVolumes:
    stays = stays_at("oil-1", days, end)
    amounts = np.full(len(stays.draw), barrels)
    return StayVolumes(stays, amounts / 7.0, amounts, np.zeros(len(amounts), bool))


def with_volumes(publication: Publication, volume: StayVolumes) -> Publication:
    """The publication whose first port has those cargoes."""
    estimate = dataclasses.replace(publication.estimates["RUVYP"], volumes=(volume,))
    return dataclasses.replace(publication, estimates=publication.estimates | {"RUVYP": estimate})


def test_the_cap_is_crossed_on_a_day_with_a_chance():
    days = [[10.0, 20.0, 31.0]] + [[10.0, 20.0, 100.0]] * 5
    days += [[10.0, 20.0, 131.0]] * 2 + [[10.0, 20.0]] * 2
    (found,) = cap_readings([volume_of(days, 200_000)], EstimateSettings())
    assert found.chance == "80 % of the 10 histories"
    assert [moment.date() for moment in found.dates] == [
        date(2024, 2, 1),
        date(2024, 4, 10),
        date(2024, 5, 11),
    ]
    assert found.readings[0].median == "600,000"
    assert [row.name.removeprefix("official what-if, load ") for row in found.readings[1:]] == [
        "33 %",
        "50 %",
        "90 %",
    ]


def test_the_page_says_when_the_cap_was_crossed(plain):
    volume = volume_of([[10.0, 20.0, 100.0]] * 8 + [[10.0]] * 2, 200_000)
    text = words(render(with_volumes(plain, volume)))
    assert "In 80 % of the 10 histories the barrels exceed the cap of 500,000" in text
    assert "it is crossed on 2024-04-10 (median; 5 % by 2024-04-10" in text
    assert "Every stay at an oil terminal without an analyst’s entry is taken to be laden" in text
    for load in ("33 %", "50 %", "90 %"):
        assert f"official what-if, load {load}" in text


def test_a_year_that_is_not_covered_is_a_lower_bound_and_a_whole_one_is_not(plain):
    kept = plain.estimates["RUVYP"]
    alone = dataclasses.replace(
        plain, tables={"RUVYP": plain.tables["RUVYP"]}, estimates={"RUVYP": kept}
    )
    part = words(render(with_volumes(alone, volume_of([[10.0]] * 4, 9_000, end=60.0))))
    assert "2024 in part, so at least 9,000 (9,000 to 9,000)." in part
    assert "Lower bound: the year is covered from 2024-01-01 to 2024-02-29 only" in part
    assert "In none of the 4 histories" in part
    assert "it is crossed on" not in part
    whole = words(render(with_volumes(alone, volume_of([[10.0]] * 4, 9_000))))
    assert "ower bound" not in whole
    assert "in part, so at least" not in whole


def test_a_port_without_an_oil_terminal_says_nothing_of_barrels(plain):
    port = make_port(berths=(make_berth(kind=BerthKind.BULK),))
    text = words(render(with_port(plain, port, [make_record(vessels=[make_vessel()])])))
    assert "Barrels" not in text
    assert "Visits at its berths:" in text


def test_all_histories_are_not_certainty():
    never, always = reading("x", np.zeros(10), 5.0), reading("x", np.full(10, 9.0), 5.0)
    assert (never.over, always.over) == ("none", "all")
    assert reading("x", np.array([0.0] * 399 + [9.0]), 5.0).over == "< 1 %"


# --- voyages and visits -------------------------------------------------------------------------


def voyage(number: int, probability: float) -> dict[str, object]:
    return {
        "from_visit": f"RUVYP-oil-1-{number}",
        "to_visit": f"KPCHO-oil-1-{number}",
        "from_port": "RUVYP",
        "to_port": "KPCHO",
        "probability": probability,
        "hours_min": 14.0,
        "hours_median": 19.0,
        "hours_max": 44.0,
        "distance_km": 318.4,
        "from_length_m": 85.2,
        "from_length_sd_m": 6.4,
        "to_length_m": np.nan,
        "to_length_sd_m": np.nan,
        "geometry": LineString([(133, 42.7), (129.8, 41.8)]),
    }


def test_the_likeliest_voyages_come_first_and_the_list_is_cut(plain):
    rows = [voyage(n, n / 100) for n in range(MAX_VOYAGES + 3)]
    shown = dataclasses.replace(plain, voyages=table(VOYAGE_COLUMNS, rows))
    text = words(render(shown))
    assert f"The likeliest {MAX_VOYAGES} of {MAX_VOYAGES + 3}" in text
    assert text.index("RUVYP-oil-1-42") < text.index("RUVYP-oil-1-41")
    assert "RUVYP-oil-1-2 " not in text
    assert (
        "Vostochny RUVYP-oil-1-42 Chongjin KPCHO-oil-1-42 0.42 19 (14 to 44) 320 85 ± 6 —" in text
    )
    assert "no identification" in text


def test_without_voyages_nothing_is_said_of_them(plain):
    shown = dataclasses.replace(plain, voyages=table(VOYAGE_COLUMNS, []))
    assert "voyages" not in Page(render(shown)).ids


def test_visits_have_a_probability_and_an_arrival_where_they_are_followed(plain):
    alone = dataclasses.replace(plain, tables={"RUVYP": plain.tables["RUVYP"]})
    visits = alone.tables["RUVYP"].visits
    text = words(render(alone))
    for berth, followed in (("oil-1", True), ("roads", False)):
        visit = visits[visits["berth"] == berth].iloc[-1]
        assert pd.notna(visit["probability"]) == followed
        line = text[text.index(f"{visit['visit_id']} ") :]
        line = line[: line.index(" of ") + 30]
        said = f"{visit['arrival_low'].round('h'):%Y-%m-%d %H} h –" if followed else "—"
        assert said in line
        assert (probability_text(visit["probability"]) in line.split(" of ")[1]) is True


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


# --- pictures -----------------------------------------------------------------------------------


def picture_of(href: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(href.split(",")[1])))


@pytest.fixture(scope="module")
def port_map(publication: Publication):
    found = embedded_map(publication.tables["RUVYP"], publication.imagery, 10_000_000)
    assert found is not None
    return found


def test_the_map_begins_with_the_newest_of_the_clearest_that_has_a_picture(publication, port_map):
    tables = publication.tables["RUVYP"]
    looks = clear_looks(tables)
    assert port_map.shown.look == looks[0]
    clear = tables.looks[tables.looks["state"] == "clear"].groupby("overpass_id").size()
    assert clear[looks[0].overpass_id] == clear.max()
    first = frozenset({looks[0].overpass_id})
    second = embedded_map(tables, FakeImagery(publication.tables, first), 10_000_000)
    assert second is not None
    assert second.shown.look == looks[1]
    everything = frozenset(look.overpass_id for look in looks)
    assert embedded_map(tables, FakeImagery(publication.tables, everything), 10_000_000) is None


def test_the_map_offers_looks_over_the_period_and_counts_the_others(publication, port_map):
    clear = len(clear_looks(publication.tables["RUVYP"]))
    times = [shown.look.time for shown in port_map.looks]
    assert len(times) == MOST_LOOKS < clear
    assert times == sorted(times)
    assert times[-1] - times[0] > timedelta(days=50)
    assert port_map.left_out == clear - MOST_LOOKS
    assert [one["layers"] is None for one in port_map.script["looks"]] == [
        number == port_map.first for number in range(MOST_LOOKS)
    ]


def test_what_a_page_says_of_left_out_looks_is_what_is_left_out(page, publication):
    text = " ".join(page.text.split())
    clear = len(clear_looks(publication.tables["RUVYP"]))
    assert f"{MOST_LOOKS} of {clear} looks with a clear berth have a picture here" in text
    assert f"{clear - MOST_LOOKS} are left out" in text


def test_pictures_of_a_map_stay_within_the_bytes_they_are_given(publication):
    tables = publication.tables["RUVYP"]
    for most_bytes in (0, 150_000, 600_000):
        found = embedded_map(tables, publication.imagery, most_bytes)
        hrefs = [layer.href for shown in found.looks for layer in shown.layers]
        assert len(found.looks) == 1 or sum(map(len, hrefs)) <= most_bytes
        most_px = SMALL_PX if most_bytes < 400_000 else WHOLE_PX
        assert all(max(picture_of(href).size) <= most_px for href in hrefs)


def test_a_port_larger_than_a_picture_has_its_berths_in_full(monkeypatch, publication):
    tables = publication.tables["RUVYP"]
    monkeypatch.setattr("jobs.publish.port_map.WHOLE_PX", 100)
    found = embedded_map(tables, publication.imagery, 600_000)
    whole, berths = found.shown.layers
    assert max(picture_of(whole.href).size) == 100
    part = berths_grid(tables.port)
    assert picture_of(berths.href).size == (part.width, part.height)
    assert (berths.x, berths.y, berths.width, berths.height) == found.view


def test_the_map_has_every_detection_of_a_look_and_where_it_lies(publication, port_map):
    vessels = publication.tables["RUVYP"].vessels
    for shown in port_map.looks:
        rows = vessels[vessels["overpass_id"] == shown.look.overpass_id].set_index("vessel_id")
        assert {one.vessel_id for one in shown.found} == set(rows.index)
        for one in shown.found:
            point = rows.loc[one.vessel_id, "geometry"]
            assert (one.lon, one.lat) == (round(point.x, 6), round(point.y, 6))


def test_degrees_of_pixels_and_back(publication):
    grid = publication.tables["RUVYP"].port.grid
    found = lonlat_of(grid)
    column, row = np.array([0.0, 17.3, grid.width]), np.array([grid.height, 250.5, 0.0])
    to_degrees = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    lon, lat = to_degrees.transform(LEFT + 10 * column, TOP - 10 * row)
    np.testing.assert_allclose(found.lon(column, row), lon, atol=1e-9)
    np.testing.assert_allclose(found.lat(column, row), lat, atol=1e-9)
    np.testing.assert_allclose(found.column(np.asarray(lon), np.asarray(lat)), column, atol=1e-4)
    np.testing.assert_allclose(found.row(np.asarray(lon), np.asarray(lat)), row, atol=1e-4)


def test_degrees_go_on_across_180():
    grid = Grid(32660, 800_000.0, 1_900_000.0, 2000, 1000)  # its east lies beyond 180 degrees
    lon = lonlat_of(grid).lon(np.array([0.0, 2000.0]), np.array([500.0, 500.0]))
    assert lon[1] - lon[0] == pytest.approx(0.19, abs=0.01)


@pytest.mark.parametrize(("number", "expected"), [(0, []), (1, [0]), (3, [0, 4, 9]), (99, 10)])
def test_looks_are_spread(number, expected):
    found = spread(list(range(10)), number)
    assert found == (list(range(10)) if expected == 10 else expected)


def test_noise_can_be_encoded_and_paint_keeps_its_colour():
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3)).astype(np.uint8)
    assert Image.open(BytesIO(photo(noise))).size == (900, 700)
    assert max(Image.open(BytesIO(photo(noise, 100))).size) == 100
    ship = np.full((64, 64, 3), (20, 50, 90), np.uint8)
    ship[31:33, 20:40] = (220, 60, 50)
    found = np.asarray(Image.open(BytesIO(photo(ship))).convert("RGB")).astype(int)
    assert np.abs(found[31:33, 22:38] - (220, 60, 50)).max() < 25


def test_outlines_are_in_pixels_from_the_north_west():
    port = make_port()
    berth = outline(make_berth(place_m=(1500, 1100, 60, 260)).polygon, port.grid)
    points = np.array([point.split(",") for point in berth.points.split()], float)
    assert points.min(axis=0) == pytest.approx([150, 110], abs=0.02)
    assert points.max(axis=0) == pytest.approx([156, 136], abs=0.02)


def test_the_view_of_a_small_berth_has_sea_around_it():
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

    def window(self, port_id: str, overpass_id: str, part: Grid) -> np.ndarray:
        return cut(self.image, make_port().grid, part)

    def renderings(self, port_id: str) -> dict:
        return {}


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


def test_what_reviewers_rejected_is_no_ship_and_no_structure_on_the_map(publication):
    tables = publication.tables["RUVYP"]
    look = clear_looks(tables)[0].overpass_id
    there = tables.vessels["overpass_id"] == look
    judged = tables.vessels.assign(
        counted=~there, review=np.where(there, "not_ship", tables.vessels["review"])
    )
    marked = dataclasses.replace(tables, vessels=judged)
    shown = embedded_map(marked, publication.imagery, 600_000).shown
    assert (shown.ships, shown.fixed, shown.rejected) == (0, 0, int(there.sum()))
    assert shown.rejected > 0
    for one in shown.found:
        assert one.kind == "doubt"
        assert one.words.startswith("Rejected by reviewers")
        assert one.words.endswith("reviewers: not ship")


def test_chips_say_of_how_many_they_are_the_newest(page, publication):
    text = " ".join(page.text.split())
    for port_id, tables in publication.tables.items():
        sighted = int((tables.ships["berth"] != "").sum())
        assert f"The newest {MAX_CHIPS} of {sighted:,} sightings" in text, port_id


def test_fixed_structure_is_struck_out_and_counts_in_no_number_of_ships():
    port = make_port(berths=(make_berth(),))
    plain = make_publication(ports=[port], days=24)
    tables = plain.tables[port.id]
    assert "taken for fixed structure struck out" not in render(plain)
    there = tables.vessels["overpass_id"] == tables.vessels["overpass_id"].iloc[-1]
    judged = tables.vessels.assign(
        fixed=there, counted=~there, background=np.where(there, 0.8, 0.0)
    )
    looks = tables.looks[tables.looks["overpass_id"].isin(judged.loc[there, "overpass_id"])]
    marked = dataclasses.replace(tables, vessels=judged, looks=looks)
    page = render(dataclasses.replace(plain, tables={port.id: marked}))
    count = int(there.sum())
    shown = embedded_map(marked, plain.imagery, 10_000_000).shown
    assert (shown.ships, shown.fixed) == (0, count) != (0, 0)
    assert f"{count} taken for fixed structure struck out in pink" in page
    assert f"{count} detection" in page
    assert not {chip.vessel_id for chip in chips(marked, plain.imagery, 60)} & set(
        judged.loc[there, "vessel_id"]
    )


def test_what_radar_leaves_out_without_a_background_is_told_as_that():
    plain = make_publication(days=24)
    (port_id, tables), *_ = plain.tables.items()
    there = tables.vessels["overpass_id"] == tables.vessels["overpass_id"].iloc[-1]
    judged = tables.vessels.assign(fixed=there, counted=~there, background=np.nan)
    marked = {**plain.tables, port_id: dataclasses.replace(tables, vessels=judged)}
    page = render(dataclasses.replace(plain, tables=marked))
    name = tables.port.name
    assert f"of radar at {name} count" in page
    assert "fewer than six looks of the same orbit" in page
    assert f"At {name} nothing was taken for fixed structure" not in page
    assert "taken for <strong>fixed structure</strong>" not in page


def test_ships_where_the_port_looks_like_a_hull_are_told_to_be_in_doubt():
    plain = make_publication(days=24)
    (port_id, tables), *_ = plain.tables.items()
    assert "<strong>in doubt</strong>: the port" not in render(plain)
    few = tables.vessels.assign(background=0.8, place_seen=6.0, place_looks=7.0)
    few.loc[few.index[0], "place_looks"] = np.nan
    marked = {**plain.tables, port_id: dataclasses.replace(tables, vessels=few)}
    count = len(few) - 1
    says = f"{count} detections at {tables.port.name} count as ships <strong>in doubt</strong>"
    assert count > 1
    assert says in render(dataclasses.replace(plain, tables=marked))


def test_what_reviewers_rejected_is_not_counted_as_fixed_structure():
    port = make_port(berths=(make_berth(),))
    plain = make_publication(ports=[port], days=24)
    tables = plain.tables[port.id]
    there = tables.vessels["overpass_id"] == tables.vessels["overpass_id"].iloc[-1]
    judged = tables.vessels.assign(
        counted=~there, review=np.where(there, "not_ship", ""), background=0.0
    )
    marked = dataclasses.replace(tables, vessels=judged)
    page = " ".join(render(dataclasses.replace(plain, tables={port.id: marked})).split())
    assert f"{int(there.sum())} detection" in page
    assert "by the word of <strong>reviewers" in page
    assert "looks like a ship even when nothing lies there" not in page
