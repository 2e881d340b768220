"""A published result through the door: counts by the day, names of berths, what is refused."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import berthwatch as bw
from jobs.publish.publication import Publication
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from jobs.visits import credible
from tests.support.factories import make_port, make_publication

JOB = """\
name: vostochny-2024
ports: [RUVYP]
period: {start: 2024-03-01, end: 2024-03-24}
sources:
  - {catalog: catalog.json, collection: nothing}
archive: archive
"""


@pytest.fixture(scope="module")
def publication() -> Publication:
    return make_publication(ports=[make_port()], days=24)


@pytest.fixture(scope="module")
def job(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job")
    publish(publication, LocalFolder(folder / "archive"))
    (folder / "job.yaml").write_text(JOB)
    return folder / "job.yaml"


@pytest.fixture(scope="module")
def folder(job: Path, publication: Publication) -> Path:
    return job.parent / "archive" / "published" / publication.job / publication.tag


@pytest.fixture(scope="module")
def result(job: Path) -> bw.Result:
    return bw.open_result(job)


@pytest.fixture(scope="module")
def stays(folder: Path) -> pd.DataFrame:
    """The published histories, read without our code."""
    return pd.read_parquet(folder / "histories.parquet")


def berths(result: bw.Result) -> list[str]:
    return list(result.berths.berth)


# --- counting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        ("2024-03-01", "2024-03-01"),
        ("2024-03-05", "2024-03-11"),
        ("2024-03-24", None),
    ],
)
def test_a_count_is_that_of_the_published_histories(result, stays, start, end) -> None:
    (port,) = result.ports
    draws = result.provenance["estimates"]["draws"]
    first = pd.Timestamp(start or "2024-03-01", tz="UTC")
    last = pd.Timestamp(end or "2024-03-24", tz="UTC") + pd.Timedelta(days=1)
    for berth in berths(result):
        here = stays[(stays.berth == berth) & (stays.arrival >= first) & (stays.arrival < last)]
        expected = here.groupby("history").size().reindex(range(draws), fill_value=0)
        answer = result.count(f"{port}/{berth}", start, end)
        np.testing.assert_array_equal(answer.values, expected)
        assert answer.mean == pytest.approx(expected.mean())
        assert answer.interval == credible(expected.to_numpy(), 0.9)


def test_days_add_up_to_the_period(result) -> None:
    berth = berths(result)[0]
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2024-03-01", "2024-03-24")]
    parts = sum(result.count(berth, day, day).values for day in days)
    np.testing.assert_array_equal(parts, result.count(berth).values)


def test_a_day_may_be_spelt_as_a_date_or_a_midnight(result) -> None:
    berth = berths(result)[0]
    expected = result.count(berth, "2024-03-05", "2024-03-06").values
    for start in (date(2024, 3, 5), datetime(2024, 3, 5), pd.Timestamp("2024-03-05", tz="UTC")):
        np.testing.assert_array_equal(result.count(berth, start, "2024-03-06").values, expected)


def test_a_port_is_its_berths_without_its_anchorages(result) -> None:
    quays = result.berths[result.berths.kind != "anchorage"].berth
    assert len(quays) < len(result.berths)
    each = sum(result.count(berth).values for berth in quays)
    np.testing.assert_array_equal(result.count(result.ports[0]).values, each)
    np.testing.assert_array_equal(result.count(list(quays)).values, each)


def test_seen_visits_and_looks_stand_beside_a_count(result) -> None:
    berth = berths(result)[0]
    answer = result.count(berth, "2024-03-04", "2024-03-12")
    days = ("2024-03-04", "2024-03-13")
    visits = result.visits[result.visits.berth == berth].arrival_before
    looks = result.looks[
        (result.looks.berth == berth) & result.looks.state.isin(["clear", "partly"])
    ]
    inside = [
        column.between(*(pd.Timestamp(d, tz="UTC") for d in days))
        for column in (visits, looks.time)
    ]
    assert (answer.seen, answer.looks) == tuple(int(each.sum()) for each in inside)
    assert f"of them seen  {answer.seen}" in repr(answer)


def test_a_history_without_a_stay_counts_as_none(result) -> None:
    berth = berths(result)[0]
    answer = result.ask(
        berth, lambda rows: ((rows.arrival.dt.day == 2) & (rows.arrival.dt.month == 3)).sum()
    )
    np.testing.assert_array_equal(
        answer.values, result.count(berth, "2024-03-02", "2024-03-02").values
    )
    assert (answer.values == 0).any()
    assert len(answer.values) == result.provenance["estimates"]["draws"]


def test_histories_are_the_published_ones(result, stays) -> None:
    found = result.histories(berths(result)).sort_values(
        ["berth", "history", "arrival", "departure"]
    )
    expected = stays.sort_values(["berth", "history", "arrival", "departure"])
    for name in ("history", "berth", "arrival", "departure", "visit_id"):
        left, right = found[name].to_numpy(), expected[name].to_numpy()
        assert (left == right).all(), name


def test_a_doubted_berth_warns_and_says_so(folder: Path, tmp_path: Path) -> None:
    import geopandas as gpd

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    estimates = gpd.read_parquet(copy / "estimates.parquet")
    estimates["agreement"] = 0.001
    estimates.to_parquet(copy / "estimates.parquet")
    doubtful = bw.open_result(copy)
    with pytest.warns(UserWarning, match="no finding"):
        answer = doubtful.count(berths(doubtful)[0])
    assert "IN DOUBT" in repr(answer)
    assert "In doubt" in answer._repr_html_()
    assert any("no finding" in line for line in doubtful.doubts)
    assert "IN DOUBT" in repr(doubtful)


def test_what_is_missing_from_a_result_is_said(result) -> None:
    assert result.provenance["units"]["failed"] == 2
    assert "of the plan's overpasses 2 failed are not in it" in result.doubts
    assert "(2 failed)" in result.cite()


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2024-02-29", None, "reaches beyond the result, whose period is 2024-03-01 to 2024-03-24"),
        (None, "2024-03-25", "reaches beyond the result"),
        ("2024-03-05", "2024-03-04", "end 2024-03-04 lies before start 2024-03-05"),
        ("2024-02-30", None, "which is no day"),
        ("5 March", None, "which is no day"),
        (datetime(2024, 3, 5, 12), None, "a time within a day of UTC"),
        (pd.Timestamp("2024-03-05", tz="Asia/Tokyo"), None, "a time within a day of UTC"),
        (31, None, "expected a day in UTC"),
    ],
)
def test_days_that_are_none_are_refused(result, start, end, why) -> None:
    with pytest.raises(bw.InputError, match=why):
        result.count(berths(result)[0], start, end)


def test_unknown_berths_are_refused_with_the_nearest(result) -> None:
    name = berths(result)[0]
    with pytest.raises(bw.InputError, match=rf"no berth '{name}x'; did you mean '{name}'\?"):
        result.count(f"{name}x")
    with pytest.raises(bw.InputError, match="named twice"):
        result.count([name, name])
    with pytest.raises(bw.InputError, match="no berth is named"):
        result.count([])
    with pytest.raises(bw.InputError, match=r"is a port with \d+ berths; expected one of them"):
        result.draw_time(result.ports[0])


@pytest.mark.parametrize("mass", [0, 1, 90])
def test_a_mass_that_is_no_share_is_refused(result, mass) -> None:
    with pytest.raises(bw.InputError, match=f"mass is {mass}; expected a share"):
        result.count(berths(result)[0], mass=mass)


@pytest.mark.parametrize("values", [[], [1, np.nan], ["many"], [[1, 2]]])
def test_an_interval_of_what_is_no_number_is_refused(values) -> None:
    with pytest.raises(bw.InputError, match=r"one (finite )?number for each history"):
        bw.interval(values)


def test_a_series_by_another_period_is_refused(result) -> None:
    with pytest.raises(bw.InputError, match="no series by 'weeks'; did you mean 'week'"):
        result.series("weeks")


def test_other_weights_than_those_of_the_result_are_refused(result) -> None:
    with pytest.raises(bw.InputError, match=r"the packaged weights file has the digest .*model="):
        result.estimate_again()
    with pytest.raises(bw.InputError, match="unknown key 'dwel'"):
        result.estimate_again(dwel=3)
    stay = {"median_days": 2, "low_days": 1, "high_days": 3, "source": "me"}
    with pytest.raises(bw.InputError, match="dwell_at names 'RUVYP/nowhere-at-all'"):
        result.estimate_again(dwell_at={"RUVYP/nowhere-at-all": stay})


# --- opening ------------------------------------------------------------------------------------


def test_a_result_opens_by_job_by_folder_and_by_tag(result, job, folder) -> None:
    for source, tag in (
        (job, result.tag),
        (folder, None),
        (folder.parent, None),
        (folder.parent, result.tag),
    ):
        found = bw.open_result(source, tag)
        assert (found.job, found.tag) == (result.job, result.tag)
        assert found.estimates.equals(result.estimates)


def test_what_is_no_result_is_refused(job, folder, tmp_path) -> None:
    with pytest.raises(bw.InputError, match=r"no result 'x' in .*; there are: backfill-3f2a9c1d"):
        bw.open_result(job, "x")
    with pytest.raises(bw.InputError, match="no published result"):
        bw.open_result(tmp_path)
    with pytest.raises(bw.InputError, match="ends in the tag"):
        bw.open_result(folder, "x")
    (tmp_path / "job.yaml").write_text(JOB)
    with pytest.raises(bw.InputError, match=r"has no results yet in .*: berthwatch run"):
        bw.open_result(tmp_path / "job.yaml")
    with pytest.raises(bw.InputError, match="no archive, or one without a port"):
        bw.open_archive(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(bw.InputError, match=r"job\.yml"):
        bw.open_result(tmp_path / "job.yml")


def test_a_folder_outside_an_archive_counts_but_has_no_pixels(folder, result, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "sent")
    alone = bw.open_result(tmp_path / "sent")
    berth = berths(result)[0]
    assert alone.count(berth).mean == result.count(berth).mean
    assert alone.snapshots == {}
    assert "the archive was not at hand" in alone.cite()
    with pytest.raises(bw.InputError, match="lies in no archive"):
        alone.draw_looks(berth)
    facts = json.loads((tmp_path / "sent" / "provenance.json").read_text())
    assert alone.provenance == facts


def test_a_job_that_was_not_planned_has_no_status(job) -> None:
    with pytest.raises(bw.InputError, match=r"has no plan yet; make it: bw\.plan"):
        bw.status(job)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"workers": 2, "client": object()},
        {"client": "tcp://host:8786"},
        {"wait_for_workers": -1.0},
    ],
)
def test_a_run_that_contradicts_itself_is_refused_before_anything_is_done(job, wrong) -> None:
    with pytest.raises(bw.InputError, match="expected"):
        bw.run(job, **wrong)


# --- pictures -----------------------------------------------------------------------------------


def test_a_series_is_drawn_with_its_bounds(result) -> None:
    picture = result.draw_series(berths(result)[0], "week")
    (ax,) = picture.figure.axes
    (bars,) = ax.containers
    week = result.series("week").sel(port_berth=f"{result.ports[0]}/{berths(result)[0]}")
    lines = bars.lines[2][0].get_segments()
    np.testing.assert_allclose(
        [line[1][1] for line in lines], np.maximum(week.visits_high, week.visits)
    )
    np.testing.assert_allclose(
        [line[0][1] for line in lines], np.minimum(week.visits_low, week.visits)
    )
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_pictures_are_files_of_the_kind_their_name_says(result, tmp_path) -> None:
    picture = result.draw_time(berths(result)[0])
    picture.save(tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    picture.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
