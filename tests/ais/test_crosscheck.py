"""AIS cross-check of a published result, and `berthwatch ais`: ships with AIS and without."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from jobs import cli
from jobs.ais import Window, crosscheck, crosscheck_files
from jobs.ais.schema import AIS_TABLES
from jobs.domain import estimate_settings
from jobs.errors import ArchiveError, InputError
from jobs.publish.read import PublishedResult, read_published
from tests.publish.test_read import call, publish_job, two_ports

NIGHT = pd.Timestamp("2024-03-13T00:00Z")
"""Chongjin's overpass of 02:10 that day saw two ships at anchor and one at the berth."""
LAIN, CALLER, LEAVER, BYSTANDERS = 512_000_001, 512_000_002, 512_000_003, 512_000_010
"""The ship of a vessel seen; one that calls later; one that goes and comes back; others."""


def messages(mmsi: int, hours: np.ndarray, lon: float, lat: float, **facts: object) -> pd.DataFrame:
    """A ship's messages, hours after NIGHT, at one place."""
    time = (NIGHT + pd.to_timedelta(np.round(hours * 3600), "s")).strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.DataFrame({"mmsi": mmsi, "time": time, "lon": lon, "lat": lat, **facts})


def messages_around(result: PublishedResult) -> pd.DataFrame:
    """A day of AIS at Chongjin, none at Vostochny."""
    port = result.of_port("KPCHO")
    lain = port.vessels[port.vessels["vessel_id"].str.contains("20240313T02.*-000$")].iloc[0]
    lon, lat = port.port.area.centroid.coords[0]
    berth = port.port.berths[0].polygon.centroid
    edge = crosscheck.window_of(port.port, result)
    every = np.arange(0, 6, 0.05)
    ship = {"sog_kn": 0.0, "length_m": lain["length_m"], "heading_deg": lain["heading_deg"]}
    stays = np.concatenate([np.arange(0, 12, 0.05), np.arange(30, 36, 0.05)])  # 18 h silent
    away = np.array([3.0, 20.0])
    coming, lying = np.arange(24, 26, 0.05), np.arange(26, 36, 0.05)
    return pd.concat(
        [
            messages(LAIN, stays, lain.geometry.x, lain.geometry.y, name="CHON MA SAN", **ship),
            messages(CALLER, coming, berth.x, berth.y - 0.1 * (26 - coming) / 2, sog_kn=3.0),
            messages(CALLER, lying, berth.x, berth.y, sog_kn=0.0),
            messages(CALLER, np.array([30.02]), berth.x + 0.2, berth.y, sog_kn=0.0),  # stray
            messages(LEAVER, away, edge.west + 0.01, lat, sog_kn=12.0),
            *(
                messages(BYSTANDERS + i, every, lon + 0.02 * i, lat - 0.06, sog_kn=0.0)
                for i in range(4)
            ),
        ]
    )


@dataclass(frozen=True)
class Case:
    """A published job and AIS files for it."""

    job: Path
    result: PublishedResult
    files: tuple[Path, Path]

    @property
    def options(self) -> list[object]:
        return [part for path in self.files for part in ("--ais", path)]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("ais")
    publication = two_ports()
    job = publish_job(publication, folder)
    published = folder / "archive" / "published" / publication.job / publication.tag
    result = read_published(published)
    rows = messages_around(result)
    files = (folder / "early.csv", folder / "late.csv")
    early = rows["time"] < "2024-03-14"
    rows[early].to_csv(files[0], index=False)
    rows[~early].to_csv(files[1], index=False)
    return Case(job, result, files)


@pytest.fixture(scope="module")
def check(case: Case) -> crosscheck.CrossCheck:
    return crosscheck.cross_check(case.result, case.files)


def at(check: crosscheck.CrossCheck, port_id: str) -> crosscheck.PortCrossCheck:
    return next(port for port in check.ports if port.port.id == port_id)


# --- cross-check --------------------------------------------------------------------------------


def test_vessels_are_named_dark_or_unknown(check):
    port = at(check, "KPCHO")
    tiers = port.matches.set_index("vessel_id")["tier"]
    night = tiers[tiers.index.str.contains("20240313T02")]
    assert night.to_list() == ["matched", "dark", "dark"]
    assert port.matches.set_index("vessel_id").loc[night.index[0], "mmsi"] == LAIN
    assert set(tiers.drop(night.index)) == {"unknown_coverage"}
    assert set(at(check, "RUVYP").matches["tier"]) == {"unknown_coverage"}


def test_a_silence_at_a_visit_is_listed_with_its_ship(check):
    rows = at(check, "KPCHO").visit_gaps
    named = rows[rows["relation"] == "during"]
    assert named["mmsi"].to_list() == [LAIN]
    assert named["hours"].iloc[0] == pytest.approx(18.05, abs=0.1)


def test_a_ship_that_only_left_the_window_is_not_called_silent(check):
    gaps = at(check, "KPCHO").gaps.set_index("mmsi")
    assert gaps.loc[LEAVER, "may_have_left"].tolist() == [True, True]  # away, and gone for good
    assert not gaps.loc[[LAIN], "may_have_left"].any()
    assert LEAVER not in set(at(check, "KPCHO").visit_gaps["mmsi"])
    assert set(gaps["port"]) == {"KPCHO"}


def test_an_edge_is_as_near_as_the_nearest_side():
    window = Window(129.0, 41.0, 131.0, 42.0)
    lon, lat = pd.Series([130.0, 129.1, 130.0, np.nan]), pd.Series([41.5, 41.5, 41.98, np.nan])
    found = crosscheck.edge_km(lon, lat, window)
    north_km, west_km = 0.5 * 111.195, 0.1 * 111.195 * np.cos(np.radians(41.5))
    np.testing.assert_allclose(found, [north_km, west_km, 0.02 * 111.195, np.nan], rtol=1e-9)


def test_visits_are_compared_only_while_there_was_a_record(check, case):
    compared = at(check, "KPCHO").comparison.set_index("berth")
    assert set(compared.index) == {"oil-1", "roads"}
    assert compared.loc["oil-1", "start"] == NIGHT
    assert compared.loc["oil-1", "days"] == pytest.approx(1.5, abs=0.01)
    assert compared.loc["oil-1", "days_heard"] == 2
    assert compared.loc["oil-1", "ais_visits"] == 1
    # one and a half days of the 24: the estimate is of that time, not of the month
    mean, low, high = at(check, "KPCHO").total
    assert mean == pytest.approx(compared.loc["oil-1", "visits"])
    assert low <= mean <= high < 5
    assert at(check, "RUVYP").comparison.empty
    assert np.isnan(at(check, "RUVYP").total).all()


def test_stays_of_ships_first_heard_at_the_berth_are_counted_apart(check, case, tmp_path):
    rows = messages_around(case.result)
    stay = at(check, "KPCHO").visits.stays.set_index("mmsi").loc[CALLER]
    cut = (rows["mmsi"] != CALLER) | (pd.to_datetime(rows["time"]) >= stay["begin"])
    rows[cut].to_csv(tmp_path / "cut.csv", index=False)
    found = crosscheck.cross_check(case.result, [tmp_path / "cut.csv"])
    for one, expected in ((check, (1, 0)), (found, (0, 1))):
        counts = crosscheck_files.visit_counts(at(one, "KPCHO"), case.result)
        assert (counts["ais_visits"], counts["ais_arrivals_unheard"]) == expected


def test_a_record_without_a_message_here_says_nothing(case, tmp_path):
    elsewhere = messages(LAIN, np.arange(0, 5, 0.1), 12.0, 55.0, sog_kn=0.0)
    elsewhere.to_csv(tmp_path / "far.csv", index=False)
    check = crosscheck.cross_check(case.result, [tmp_path / "far.csv"])
    assert (check.summary.kept, check.summary.outside) == (0, len(elsewhere))
    rows = [crosscheck_files.vessel_counts(port) for port in check.ports]
    assert [row["coverage_unknown"] for row in rows] == [row["vessels"] for row in rows]
    crosscheck_files.write_cross_check(check, case.result, tmp_path / "out")
    assert pd.read_parquet(tmp_path / "out" / "ais_visits.parquet").empty


def test_months_end_where_the_period_or_the_record_does(case):
    def edges(*times: str) -> list[str]:
        frame = pd.DataFrame({"time": pd.to_datetime(list(times), utc=True)})
        return [f"{edge:%m-%dT%H}" for edge in crosscheck.month_edges(case.result, frame)]

    assert edges("2024-02-20", "2024-05-01") == ["03-01T00", "03-25T00"]
    assert edges("2024-03-05T06:00Z", "2024-03-07T08:00Z") == ["03-05T06", "03-07T08"]
    assert edges("2024-04-01", "2024-05-01") == []
    assert edges() == []


def test_windows_are_read_together_and_held_apart():
    frame = pd.DataFrame({"lon": [1.0, 5.0, 9.0], "lat": 0.0, "time": NIGHT})
    parts = (Window(0, -1, 2, 1), Window(8, -1, 10, 1))
    assert crosscheck.AnyWindow(parts=parts).holds(frame).tolist() == [True, False, True]


def test_files_are_announced_as_they_are_read(case):
    said: list[str] = []
    crosscheck.cross_check(case.result, case.files, said.append)
    assert said[:2] == ["reading early.csv (1 of 2)", "reading late.csv (2 of 2)"]
    assert said[3].startswith("KPCHO")


# --- the command --------------------------------------------------------------------------------


def test_ais_prints_and_writes_its_tables(case):
    text = call("ais", case.job, *case.options)
    folder = case.job.parent / "archive" / "ais" / "vostochny-2024" / case.result.tag
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.{kind}" for name in AIS_TABLES for kind in ("parquet", "csv")),
        "ais_summary.json",
    }
    lines = [line.split() for line in text.splitlines()]
    tiers = pd.read_csv(folder / "ais_matches.csv").query("port == 'KPCHO'")["tier"].value_counts()
    unknown = str(tiers["unknown_coverage"])
    assert ["KPCHO", str(tiers.sum()), "1", "0", "2", unknown] in lines
    assert f"tables {folder}" in text
    assert "1 stray position of 1 MMSI left out" in text


def test_csv_twins_hold_the_same_rows(case, check, tmp_path):
    crosscheck_files.write_cross_check(check, case.result, tmp_path / "out")
    for name in AIS_TABLES:
        rows = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        twin = pd.read_csv(tmp_path / "out" / f"{name}.csv")
        assert list(twin.columns) == list(rows.columns)
        assert len(twin) == len(rows) > 0
        pd.testing.assert_frame_equal(rows, check.table(name))


def test_the_summary_tells_the_files_and_the_tag(case, tmp_path):
    facts = json.loads(call("ais", case.job, *case.options, "-o", tmp_path / "x", "--json"))
    written = json.loads((tmp_path / "x" / "ais_summary.json").read_text())
    assert facts == {"folder": str(tmp_path / "x"), **written}
    assert (written["job"], written["tag"]) == ("vostochny-2024", case.result.tag)
    early = written["files"][0]
    assert early["name"] == "early.csv"
    assert early["sha256"] == hashlib.sha256(case.files[0].read_bytes()).hexdigest()
    rows = sum(len(pd.read_csv(path)) for path in case.files)
    assert written["read"]["rows"] == written["read"]["kept"] == rows
    assert written["hulls"]["stray"] == {"ships": 1, "positions": 1}
    assert [(flag["mmsi"], flag["reason"]) for flag in written["flags"]] == [(CALLER, "stray")]
    silent = written["ports"][1]
    assert (silent["port"], silent["visits"]) == ("RUVYP", None)  # JSON has no NaN


def test_the_same_files_give_the_same_bytes_again(case, check, tmp_path):
    folder = tmp_path / "out"
    taken = []
    for _ in range(2):
        crosscheck_files.write_cross_check(check, case.result, folder)
        taken.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert taken[0] == taken[1]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_cross_check_that_fails_leaves_the_older_one(case, check, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    crosscheck_files.write_cross_check(check, case.result, folder)
    (tmp_path / ".out.1.partial").mkdir()  # of one that was killed
    before = (folder / "ais_summary.json").read_bytes()

    def full(*_: object, **__: object) -> str:
        raise OSError("no space left")

    monkeypatch.setattr(crosscheck_files, "as_csv", full)
    with pytest.raises(ArchiveError, match="no space left"):
        crosscheck_files.write_cross_check(check, case.result, folder)
    assert (folder / "ais_summary.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_left_alone(case, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"has no ais_summary\.json"):
        crosscheck_files.refuse_other_folder(tmp_path)
    outcome = CliRunner().invoke(
        cli.app, ["ais", str(case.job), "--ais", "nowhere.csv", "-o", str(tmp_path)]
    )
    assert isinstance(outcome.exception, InputError)  # before any file is read
    assert (tmp_path / "mine.txt").exists()


def test_no_file_and_a_missing_one_are_refused(case):
    with pytest.raises(InputError, match="no AIS file"):
        crosscheck.cross_check(case.result, [])
    with pytest.raises(InputError, match="there is no such file"):
        crosscheck.cross_check(case.result, [Path("nowhere.csv")])


def test_help_says_what_the_words_mean():
    text = " ".join(call("ais", "--help").split())
    for word in ("matched", "dark", "unknown coverage", "30 km", "MarineCadastre"):
        assert word in text


# --- what is said of the files ------------------------------------------------------------------


def test_every_row_of_every_file_is_accounted_for_in_text_and_json(case, tmp_path):
    damaged = tmp_path / "damaged.csv"
    rows = case.files[0].read_text().splitlines()
    damaged.write_text("\n".join([*rows[:3], rows[3] + ",", *rows[4:]]))
    options = ["--ais", damaged, "--ais", case.files[1], "-o", tmp_path / "out"]
    text = call("ais", case.job, *options)
    total = len(rows) - 1
    why = "other number of fields than columns"
    assert f": {total:,} rows = {total - 1:,} used + 1 with {why}" in text
    assert "damaged.csv (Berthwatch, 2024-03-13T00:00 to 2024-03-13T20:00)" in text
    facts = json.loads(call("ais", case.job, *options, "--json"))
    early = facts["read"]["files"][0]
    assert (early["rows"], early["kept"], early["reasons"]) == (total, total - 1, {why: 1})
    assert early["first"][why].startswith("line 4: 512000")


def test_damage_is_said_beside_the_result(case, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"{case.files[0].read_text()}\n1,2\n")
    options = ["--ais", str(path), "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(cli.app, ["ais", str(case.job), *options])
    assert "rows not used, with other number of fields than columns" in done.stderr
    assert json.loads(done.stdout)["read"]["unreadable"] == 1


def test_files_of_other_places_are_refused_and_nothing_is_written(case, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("mmsi,time,lon,lat\n367000001,2024-03-13T00:00:00Z,-94.7,29.3\n")
    with pytest.raises(InputError, match=r"x\.csv .*: 1 rows = 0 used \+ 1 at other places"):
        call("ais", case.job, "--ais", path, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_exchanged_longitude_and_latitude_are_suspected(case, tmp_path):
    lat, lon = case.result.of_port("RUVYP").port.area.centroid.coords[0]
    path = tmp_path / "x.csv"
    rows = ("mmsi,time,lon,lat", "1,2024-03-13T00:00:00Z,12,55", f"1,2024-03-13,{lon},{lat}")
    path.write_text("\n".join(rows))
    with pytest.raises(InputError, match="1 rows lie there where longitude and latitude change"):
        call("ais", case.job, "--ais", path, "-o", tmp_path / "out")


def test_members_of_a_zip_that_are_not_read_are_said_but_not_those_of_a_mac(case, tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(case.files[0], "x.csv")
        for name in ("notes.txt", "__MACOSX/._x.csv", ".DS_Store"):
            archive.writestr(name, "no table")
    options = ["--ais", str(path), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(cli.app, ["ais", str(case.job), *options])
    assert "x.zip/notes.txt: is not read" in done.stderr
    assert "MACOSX" not in done.stderr
    assert "x.zip/__MACOSX/._x.csv" in done.stdout


# --- how long ships stay ------------------------------------------------------------------------


def calls(result: PublishedResult) -> pd.DataFrame:
    """Ten ships that come to the first berth one after the other, for three to eight hours."""
    berth = result.of_port("KPCHO").port.berths[0].polygon.centroid
    parts = []
    for number in range(10):
        come, leave = 10 * number + 1, 10 * number + 4 + number / 2
        every = np.arange(10 * number, leave + 1, 0.05)
        off = np.maximum(come - every, np.maximum(every - leave, 0))
        ship = messages(CALLER + 100 + number, every, berth.x, berth.y - 0.1 * off, length_m=90.0)
        parts.append(ship.assign(sog_kn=np.where(off > 0, 6.0, 0.0)))
    return pd.concat(parts)


def test_how_long_ships_stay_is_printed_for_the_job_file(case: Case, tmp_path: Path) -> None:
    table = tmp_path / "calls.csv"
    calls(case.result).to_csv(table, index=False)
    options = ["ais", str(case.job), "--ais", str(table), "-o", str(tmp_path / "checked")]
    ran = CliRunner().invoke(cli.app, options)
    assert ran.exit_code == 0, ran.output
    kept = pd.read_parquet(tmp_path / "checked" / "ais_dwell.parquet")
    kept = kept[kept["port"] == "KPCHO"].set_index("berth")
    port = case.result.of_port("KPCHO").port
    row = kept.loc[port.berths[0].id]
    assert (row["stays_whole"], row["ships"], row["stays_cut"]) == (10, 10, 0)
    assert row["mean_days"] == pytest.approx(np.mean(3 + np.arange(10) / 2) / 24, rel=0.05)
    lines = ran.output[ran.output.index("estimates:") :].split("tables ")[0]
    said = yaml.safe_load(lines)["estimates"]
    (name, dwell), *rest = estimate_settings(said).dwell_at.items()
    assert (name, rest) == (f"KPCHO/{port.berths[0].id}", [])
    assert dwell.source == "AIS: 10 whole stays of 10 ships"
    facts = json.loads((tmp_path / "checked" / "ais_summary.json").read_text())
    told = {f"{one['port']}/{one['berth']}": one["mean_days"] for one in facts["dwell"]}
    assert told[name] == pytest.approx(row["mean_days"])
    assert told[f"RUVYP/{port.berths[0].id}"] is None
