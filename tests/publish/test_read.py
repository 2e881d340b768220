"""Reading a published result, queries of it, and `berthwatch voyages`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely.geometry import box
from typer.testing import CliRunner

from jobs import cli
from jobs.cli.voyages import flows_note
from jobs.domain import Port
from jobs.errors import InputError
from jobs.publish import queries
from jobs.publish.publication import Publication
from jobs.publish.read import PublishedResult, read_published
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from jobs.visits.schema import FULL_VISIT_COLUMNS
from jobs.visits.voyages.names import read_names
from jobs.visits.voyages.sea_routes import SeaRoute
from tests.support.factories import (
    BERTHS,
    LEFT,
    TOP,
    make_berth,
    make_grid,
    make_port,
    make_publication,
    to_wgs84,
)

JOB = """\
name: vostochny-2024
ports: [RUVYP]
period: {start: 2024-03-01, end: 2024-03-24}
sources:
  - {catalog: catalog.json, collection: nothing}
archive: archive
"""
WAY_KM = 300.0


def port_at(id: str, west_m: float, south_m: float, berths: tuple[str, ...]) -> Port:
    """The make-believe port with some of its berths, moved elsewhere."""
    grid = replace(make_grid(), left=LEFT - west_m, top=TOP - south_m)
    moved = [
        make_berth(id=i, name=n, kind=k, capacity=c, place_m=(x - west_m, y + south_m, w, h))
        for i, n, k, c, (x, y, w, h) in BERTHS
        if i in berths
    ]
    port = make_port(id=id, name=id, berths=moved)
    return replace(port, area=to_wgs84(box(*grid.bounds)), grid=grid)


def two_ports() -> Publication:
    """Two ports 220 km apart, 24 days, a few visits."""
    here = port_at("RUVYP", 0, 0, ("oil-1", "boxes"))
    there = port_at("KPCHO", 200_000, 100_000, ("oil-1", "roads"))
    return make_publication(ports=[here, there], days=24)


def publish_job(publication: Publication, folder: Path) -> Path:
    """Publish into an archive and write the job file that belongs to it; gives the job file."""
    publish(publication, LocalFolder(folder / "archive"))
    job = folder / "job.yaml"
    job.write_text(JOB)
    return job


def call(*arguments: object) -> str:
    texts = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli.app, texts, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def publication() -> Publication:
    return two_ports()


@pytest.fixture(scope="module")
def job(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_job(publication, tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="module")
def folder(job: Path, publication: Publication) -> Path:
    return job.parent / "archive" / "published" / publication.job / publication.tag


@pytest.fixture(scope="module")
def result(folder: Path) -> PublishedResult:
    return read_published(folder)


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way of WAY_KM between any two ports, for the shorelines take seconds to load."""

    def routes(places):
        pairs = [(a, b) for a in places for b in places if a != b]
        return {(a, b): SeaRoute(WAY_KM, (places[a], places[b])) for a, b in pairs}

    monkeypatch.setattr(queries, "sea_routes", routes)


# --- reading ------------------------------------------------------------------------------------


def test_places_and_citation_are_those_of_the_files(
    result: PublishedResult, folder: Path, tmp_path: Path
) -> None:
    assert_geodataframe_equal(result.berths, gpd.read_parquet(folder / "berths.parquet"))
    assert_geodataframe_equal(result.areas, gpd.read_parquet(folder / "ports.parquet"))
    earlier = tmp_path / "earlier"  # a result of a version that published none of these
    shutil.copytree(folder, earlier)
    for name in ("berths.parquet", "ports.parquet", "results.gpkg", "items.json", "README.txt"):
        (earlier / name).unlink()
    found = read_published(earlier)
    assert_geodataframe_equal(found.berths, result.berths)
    assert found.citation == result.provenance["citation"]


def test_the_result_says_what_it_is(result, publication):
    assert (result.job, result.tag) == (publication.job, publication.tag)
    assert result.period == publication.period
    assert result.seed == publication.settings.seed
    assert result.origin.isoformat() == "2024-03-01T00:00:00+00:00"


def test_ports_come_back_as_they_were(result, publication):
    for found, meant in zip(result.ports, publication.ports, strict=True):
        assert found.area.equals_exact(meant.area, 1e-7)
        assert found.grid == meant.grid
        for berth, before in zip(found.berths, meant.berths, strict=True):
            assert berth.polygon.equals_exact(before.polygon, 1e-7)
            assert replace(berth, polygon=before.polygon) == before
        outlines = {"area": meant.area, "berths": meant.berths}
        assert replace(found, **outlines) == meant


def test_histories_come_back_to_the_second(result, publication):
    meant = [stays for port in publication.ports for stays in publication.estimates[port.id].stays]
    assert sum((stays.visit >= 0).sum() for stays in meant) > 0
    for found, before in zip(result.stays, meant, strict=True):
        names = ("port", "berth", "origin", "end", "draws", "visit_ids")
        assert [getattr(found, n) for n in names] == [getattr(before, n) for n in names]
        for name in ("draw", "visit"):
            np.testing.assert_array_equal(getattr(found, name), getattr(before, name))
        for name, tolerance in (("arrival", 1e-5), ("departure", 1e-5), ("length_m", 0.051)):
            np.testing.assert_allclose(
                getattr(found, name), getattr(before, name), rtol=0, atol=tolerance
            )


def test_more_histories_than_are_kept_come_back_as_those_kept(result, folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    facts = json.loads((copy / "provenance.json").read_text())
    facts["estimates"]["draws"] = 1000
    (copy / "provenance.json").write_text(json.dumps(facts))
    assert {stays.draws for stays in read_published(copy).stays} == {200}
    assert {stays.draws for stays in result.stays} == {100}


def test_all_vessels_of_results_without_a_fixed_column_are_ships(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "old")
    path = tmp_path / "old" / "vessels.parquet"
    gpd.read_parquet(path).drop(columns=["fixed", "background"]).to_parquet(path)
    old = read_published(tmp_path / "old").of_port("RUVYP")
    assert len(old.ships) == len(old.vessels) > 0


def test_results_of_before_beams_were_measured_have_none(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "old")
    beams = {"vessels": ["beam_sd_m"], "visits": ["beam_m", "beam_sd_m", "deadweight_from"]}
    for name, columns in beams.items():
        path = tmp_path / "old" / f"{name}.parquet"
        gpd.read_parquet(path).drop(columns=columns).to_parquet(path)
    old = read_published(tmp_path / "old")
    for found in (old.vessels, old.visits):
        assert len(found) > 0
        assert found["beam_sd_m"].isna().all()
    assert set(old.visits["deadweight_from"]) == {"length"}
    assert set(FULL_VISIT_COLUMNS) <= set(old.visits.columns)


@pytest.mark.parametrize(
    ("name", "column"),
    [("traffic", "changed_prior"), ("sensors", "visits_without"), ("pairs", "seen")],
)
def test_results_of_before_there_was_a_table_have_an_empty_one(folder, tmp_path, name, column):
    shutil.copytree(folder, tmp_path / "old")
    (tmp_path / "old" / f"{name}.parquet").unlink()
    found = getattr(read_published(tmp_path / "old"), name)
    assert len(found) == 0
    assert column in found


def test_a_ports_tables_hold_its_rows_alone(result):
    here = result.of_port("KPCHO")
    assert set(here.visits["port"]) == {"KPCHO"}
    assert 0 < len(here.vessels) < len(result.vessels)
    with pytest.raises(InputError, match="it has KPCHO, RUVYP"):
        result.of_port("KPNAM")


def test_anchorages_are_no_calls_where_there_are_berths(result):
    assert [stays.berth for stays in result.calls("KPCHO")] == ["oil-1"]
    assert {(stays.port, stays.berth) for stays in result.calls()} == {
        ("KPCHO", "oil-1"),
        ("RUVYP", "oil-1"),
        ("RUVYP", "boxes"),
    }


def test_a_result_without_a_visit_has_histories_and_says_what_is_missing(tmp_path):
    empty = make_publication(ports=[port_at("RUVYP", 0, 0, ("oil-1",))], days=5, empty=True)
    job = publish_job(empty, tmp_path)
    found = read_published(tmp_path / "archive" / "published" / empty.job / empty.tag)
    assert [stays.berth for stays in found.stays] == ["oil-1"]
    assert found.visits.empty
    text = call("voyages", job)
    for said in ("no link", "Flows need two ports", "No visit was seen at a berth"):
        assert said in text


def test_what_is_no_result_is_refused_with_what_to_do(folder, tmp_path):
    with pytest.raises(InputError, match="no published result; expected a folder"):
        read_published(tmp_path)
    with pytest.raises(InputError, match=f"expected one of them: {folder.name}"):
        read_published(folder.parent)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("histories.parquet", None, "lacks histories.parquet"),
        ("visits.parquet", b"cut o", "visits.parquet: cannot be read"),
        ("provenance.json", b"{", "not JSON"),
        ("provenance.json", b'{"job": "x"}', "does not say estimates, period"),
    ],
)
def test_a_damaged_result_names_the_file(folder, tmp_path, name, content, said):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_published(copy)


# --- between the ports --------------------------------------------------------------------------


def test_visits_too_close_for_the_way_are_not_one_ships(result, straight):
    visits = queries.visits_at_berths(result)
    assert list(visits["port"]) == ["KPCHO", "KPCHO", "RUVYP"]
    apart = queries.not_one_ship(result, visits)
    at_once, days_later = (0, 2), (1, 2)  # 4 March at both ports; 13 March and 4 March
    assert apart[at_once]
    assert not apart[days_later]
    assert not apart[0, 1]
    assert (apart == apart.T).all()
    assert not apart.diagonal().any()


def test_a_pair_is_barred_for_as_long_as_the_fastest_ship_needs(result, straight):
    visits = queries.visits_at_berths(result).iloc[[0, 2]].reset_index(drop=True)
    left = visits["departure_after"].iloc[0]
    needed_h = WAY_KM / (queries.FASTEST_KN * queries.KNOT_KMH)
    for hours, barred in ((needed_h - 0.1, True), (needed_h + 0.1, False)):
        later = left + np.timedelta64(round(hours * 3600), "s")
        for name in ("arrival_before", "departure_after"):
            visits.loc[1, name] = later
        assert queries.not_one_ship(result, visits)[0, 1] == barred


def test_links_are_the_published_ones_from_a_probability(result):
    assert queries.visit_links(result)["probability"].to_list() == [0.62]
    assert queries.visit_links(result, 0.7).empty


def test_voyages_prints_links_flows_and_fleet_with_what_each_is_worth(job, result, straight):
    text = call("voyages", job)
    row = result.voyages.iloc[0]
    assert f"0.62  {row['from_visit']} -> {row['to_visit']}" in text  # ids are never cut
    assert "31 h (14-77)" in text
    assert "The looks identify" in text
    assert "lengths" in text
    assert "Sister ships cannot be distinguished" in " ".join(text.split())
    assert text == call("voyages", job)


def test_voyages_as_json_counts_as_the_library_does(job, result, straight):
    facts = json.loads(call("voyages", job, "--json"))
    assert facts["tag"] == result.tag
    assert [row["probability"] for row in facts["links"]["rows"]] == [0.62]
    flows = {(row["from_port"], row["to_port"]): row for row in facts["flows"]["rows"]}
    assert set(flows) == {("KPCHO", "RUVYP"), ("RUVYP", "KPCHO")}
    row = flows["KPCHO", "RUVYP"]
    low, high = queries.port_flows(result).interval("KPCHO", "RUVYP", 0.9)
    assert (row["share_low"], row["share_high"]) == (low, high)
    assert row["share_low"] <= row["share"] <= row["share_high"]
    (fleet,) = facts["fleet"]["rows"]
    assert fleet["source"] == "lengths"
    assert fleet["visits"] == 3
    assert 2 <= fleet["ships"] <= 3  # two of the three lay at two ports at once
    assert fleet["fleet"] >= fleet["ships"]


def test_a_flow_that_the_looks_do_not_identify_is_called_an_assumption():
    dull = {"looks_tell": False}
    assert "identify none" in flows_note([dull, dull])
    assert "identify 1 of 2" in flows_note([dull, {"looks_tell": True}])


# --- names --------------------------------------------------------------------------------------


def test_repeated_names_are_counted(job, result, tmp_path, straight):
    names = tmp_path / "names.csv"
    ships = ["Chon Ma San", "chon ma san", "Yu Jong 2"]
    visits = result.visits["visit_id"].to_list()
    lines = [f"{v},{ship},photo" for v, ship in zip(visits, ships, strict=False)]
    names.write_text("\n".join(["visit_id,name,source", *lines]))
    facts = json.loads(call("voyages", job, "--names", names, "--json"))
    named = facts["fleet"]["rows"][1]
    assert (named["source"], named["visits"], named["ships_at_least"]) == ("names", 3, 2)
    assert named["fleet"] == 2  # Chao: one ship seen once and one twice leave no ship unseen
    text = " ".join(call("voyages", job, "--names", names).split())
    assert "An estimated 67% of visits are by ships already named" in text


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["visit_id,ship,source"], "columns visit_id, ship, source; expected visit_id, name"),
        (["visit_id,name,source", "{id},,photo"], "line 2: name is empty"),
        (["visit_id,name,source", "{id},A"], "line 2: source is empty"),
        (["visit_id,name,source", "{id}0,A,photo"], "line 2: no visit .* did you mean '{id}'"),
        (["visit_id,name,source", "{id},A,x", "{id},B,x"], "line 3: visit .* was named before"),
    ],
)
def test_a_list_of_names_is_refused_with_its_line(result, tmp_path, lines, said):
    known = str(result.visits["visit_id"].iloc[0])
    path = tmp_path / "names.csv"
    path.write_text("\n".join(lines).replace("{id}", known))
    with pytest.raises(InputError, match=said.replace("{id}", known)):
        read_names(path, set(result.visits["visit_id"]))
    with pytest.raises(InputError, match="cannot be read"):
        read_names(tmp_path / "nowhere.csv", set(result.visits["visit_id"]))
