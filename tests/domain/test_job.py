from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from jobs.domain import (
    Access,
    Dwell,
    Engine,
    EstimateSettings,
    FixedStructure,
    OAuth,
    Period,
    login_from_json,
)
from jobs.domain import job as config
from jobs.domain.job import PortRef, SourceSpec, job_digest, read_job, source_json
from jobs.errors import InputError

JOB = """\
name: vostochny-2024
ports: [RUVYP, KPCHO, {id: my-port, file: ports/my_port.geojson}]
period: {start: 2024-03-01, end: 2024-11-30}
sources:
  - {catalog: "https://earth.example/v1", collection: sentinel-2-c1-l2a, max_cloud_cover: 80}
  - {catalog: catalog.json, collection: s2-ports, sensor: sentinel-2-l2a}
archive: s3://bucket/berthwatch
model: default
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_job(write(folder, text))
    return str(caught.value)


def test_a_job_as_documented(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, JOB))

    assert job.name == "vostochny-2024"
    assert job.ports == (
        PortRef("RUVYP"),
        PortRef("KPCHO"),
        PortRef("my-port", tmp_path / "ports" / "my_port.geojson"),
    )
    assert (job.period.start, job.period.end) == (date(2024, 3, 1), date(2024, 11, 30))
    assert job.sources == (
        SourceSpec("https://earth.example/v1", "sentinel-2-c1-l2a", None, 80.0),
        SourceSpec(str(tmp_path / "catalog.json"), "s2-ports", "sentinel-2-l2a", None),
    )
    assert job.archive == "s3://bucket/berthwatch"
    assert job.model is None


def test_model_is_optional_and_may_be_a_file(tmp_path: Path) -> None:
    assert read_job(write(tmp_path, JOB.replace("model: default\n", ""))).model is None
    other = JOB.replace("model: default", "model: weights.safetensors")
    assert read_job(write(tmp_path, other)).model == str(tmp_path / "weights.safetensors")


def test_paths_belong_to_the_job_file_not_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, JOB.replace("s3://bucket/berthwatch", "out"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert read_job(Path("../job.yaml")).archive == str(tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("archive:", "archve:", 7, ["archve", "'archive'"]),
        ("max_cloud_cover: 80", "max_clouds: 80", 5, ["max_clouds", "'max_cloud_cover'"]),
        ("end: 2024-11-30", "ende: 2024-11-30", 3, ["ende", "'end'"]),
        ("file: ports/my_port.geojson", "path: p.geojson", 2, ["path", "file"]),
        ("collection: s2-ports, ", "", 6, ["a source lacks collection"]),
        ("model: default", "name: twice", 8, ["'name'", "twice"]),
        ("name: vostochny-2024", "name: Vostochny 2024", 1, ["Vostochny 2024", "a-z"]),
        ("name: vostochny-2024", "name: " + "x" * 54, 1, ["at most 53"]),
        ("name: vostochny-2024", "name: 2024", 1, ["'2024'", "number", "quotes"]),
        ("[RUVYP,", "[no,", 2, ["'no'", "yes or no", "quotes"]),
        ("KPCHO", "RUVYP", 2, ["'RUVYP'", "twice"]),
        ("end: 2024-11-30", "end: 2024-02-29", 3, ["2024-02-29", "before it starts"]),
        ("end: 2024-11-30", "end: 2024-11-31", 3, ["2024-11-31", "expected a day"]),
        ("end: 2024-11-30", "end: 2024-11-30T10:00:00Z", 3, ["expected a day"]),
        ("end: 2024-11-30", "end: [1]", 3, ["list", "expected a day"]),
        ("max_cloud_cover: 80", "max_cloud_cover: 101", 5, ["'101'", "0 to 100"]),
        ("max_cloud_cover: 80", "max_cloud_cover: .nan", 5, ["0 to 100"]),
        ("max_cloud_cover: 80", "max_cloud_cover: much", 5, ["'much'", "0 to 100"]),
        ("sensor: sentinel-2-l2a", "sensor: sentinel-2-12a", 6, ["did you mean 'sentinel-2-l2a'"]),
        ("s3://bucket/berthwatch", "{a: b}", 7, ["archive", "mapping", "expected text"]),
        ("s3://bucket/berthwatch", "", 7, ["archive", "empty"]),
        ("catalog: catalog.json", "catalog: 12", 6, ["catalog", "number"]),
    ],
)
def test_refusals_name_the_line_and_the_repair(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert JOB.count(old) == 1
    message = refusal(tmp_path, JOB.replace(old, new))
    assert f"job.yaml, line {line}:" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("key", ["ports", "sources"])
def test_empty_lists_are_refused(tmp_path: Path, key: str) -> None:
    lists = {"ports": "[RUVYP]", "sources": "[{catalog: c.json, collection: c}]", key: "[]"}
    text = (
        f"name: a\nports: {lists['ports']}\nperiod: {{start: 2024-01-01, end: 2024-01-01}}\n"
        f"sources: {lists['sources']}\narchive: out\n"
    )
    assert f"{key} is empty" in refusal(tmp_path, text)


def test_a_source_listed_twice_is_refused_and_with_another_sensor_is_not(tmp_path: Path) -> None:
    first = "{catalog: c.json, collection: s2, max_cloud_cover: 80}"
    text = (
        "name: a\nports: [RUVYP]\nperiod: {start: 2024-01-01, end: 2024-01-01}\n"
        f"sources:\n  - {first}\n  - {{catalog: c.json, collection: s2}}\narchive: out\n"
    )
    assert "line 6: collection 's2' of " in refusal(tmp_path, text)
    assert "is listed twice; list it once" in refusal(tmp_path, text)
    other = text.replace("s2}", "s2, sensor: sentinel-2-visual}")
    assert len(read_job(write(tmp_path, other)).sources) == 2


def test_a_period_of_one_day_is_allowed(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, JOB.replace("2024-11-30", "2024-03-01")))
    assert job.period.start == job.period.end


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "name: [unclosed"])
def test_what_is_no_job_is_refused(tmp_path: Path, text: str) -> None:
    assert "job.yaml" in refusal(tmp_path, text)


def test_a_missing_job_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        read_job(tmp_path / "nowhere.yaml")


def test_digest_is_of_the_content_not_of_its_layout(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, JOB))
    reordered = "# a comment\nmodel: default\n" + JOB.replace("model: default\n", "")
    assert job_digest(read_job(write(tmp_path, reordered))) == job_digest(job)
    other = JOB.replace("max_cloud_cover: 80", "max_cloud_cover: 81")
    assert job_digest(read_job(write(tmp_path, other))) != job_digest(job)


ESTIMATES = """\
estimates:
  dwell: {median_days: 1.7, low_days: 1.0, high_days: 3, source: "AIS, 2023"}
  draws: 400
  cap_barrels: 250000
"""


@pytest.mark.parametrize("access", Access)
def test_access_is_read_and_asks_the_catalog_anew(tmp_path: Path, access: Access) -> None:
    plain = read_job(write(tmp_path, JOB))
    job = read_job(write(tmp_path, JOB.replace("cover: 80}", f"cover: 80, access: {access}}}")))
    assert [source.access for source in job.sources] == [access, None]
    assert source_json(job.sources[0])["access"] == access.value
    assert job_digest(job) != job_digest(plain)


def test_a_source_without_access_is_written_as_of_old() -> None:
    keys = ["catalog", "collection", "sensor", "max_cloud_cover"]
    assert list(source_json(SourceSpec("https://earth.example/v1", "x"))) == keys


def test_headers_name_variables_and_ask_no_catalog_anew(tmp_path: Path) -> None:
    plain = read_job(write(tmp_path, JOB))
    headers = "headers: {Authorization: OUR_TOKEN, X-Key: OUR_KEY_2}"
    job = read_job(write(tmp_path, JOB.replace("cover: 80}", f"cover: 80, {headers}}}")))
    assert job.sources[0].headers == (("Authorization", "OUR_TOKEN"), ("X-Key", "OUR_KEY_2"))
    assert job_digest(job) == job_digest(plain)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ("{Authorization: Bearer s3cret}", "Authorization is no variable's name in capitals"),
        ("{Authorization: s3cret}", "secrets do not belong"),
        ("{X-Key: 12345}", "no variable's name"),
        ("{X-Key: [s3cret]}", "no variable's name"),
        ("{a b: OUR_TOKEN}", "'a b' can be no header's name"),
        ("{}", "headers is empty"),
        ("OUR_TOKEN", "headers"),
    ],
)
def test_a_secret_in_the_job_file_is_refused_and_not_shown(
    tmp_path: Path, headers: str, words: str
) -> None:
    said = refusal(tmp_path, JOB.replace("cover: 80}", f"cover: 80, headers: {headers}}}"))
    assert "line 5" in said
    assert words in said
    assert "s3cret" not in said
    assert "12345" not in said


OAUTH = "oauth: {token_url: https://id.example/token, client_id: OUR_ID, client_secret: OUR_SECRET}"
PERSON = (
    "oauth: {token_url: https://id.example/token, client_id: OUR_ID, username: ME, password: MINE}"
)


def source_with(keys: str) -> str:
    return JOB.replace("cover: 80}", f"cover: 80, {keys}}}")


def test_oauth_names_variables_and_asks_no_catalog_anew(tmp_path: Path) -> None:
    plain = read_job(write(tmp_path, JOB))
    job = read_job(write(tmp_path, source_with(OAUTH)))
    assert job.sources[0].oauth == OAuth("https://id.example/token", "OUR_ID", "OUR_SECRET")
    assert job.sources[0].file_login is None
    assert job_digest(job) == job_digest(plain)
    person = OAuth("https://id.example/token", "OUR_ID", username="ME", password="MINE")
    assert read_job(write(tmp_path, source_with(PERSON))).sources[0].oauth == person
    words = read_job(write(tmp_path, source_with(OAUTH.replace("}", ", scope: a b, audience: c}"))))
    by_secret = OAuth("https://id.example/token", "OUR_ID", "OUR_SECRET")
    assert words.sources[0].oauth == replace(by_secret, scope="a b", audience="c")


def test_files_name_origins_and_ask_the_catalog_anew(tmp_path: Path) -> None:
    plain = read_job(write(tmp_path, JOB))
    files = "files: [https://Files.example:443/, http://127.0.0.1:8000], headers: {X-Key: OUR_KEY}"
    job = read_job(write(tmp_path, source_with(f"{files}, {OAUTH}")))
    login = job.sources[0].file_login
    assert login is not None
    assert login.origins == ("https://files.example", "http://127.0.0.1:8000")
    assert (login.headers, login.oauth) == (job.sources[0].headers, job.sources[0].oauth)
    assert job_digest(job) != job_digest(plain)
    values = source_json(job.sources[0])
    assert login_from_json(values) == login
    assert values["oauth"] == {
        "token_url": "https://id.example/token",
        "client_id": "OUR_ID",
        "client_secret": "OUR_SECRET",
    }


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("files: [https://a.example]", "neither headers nor oauth say what they get"),
        (f"files: [], {OAUTH}", "files is empty"),
        (f"files: [https://a.example/path], {OAUTH}", "scheme, host and port alone"),
        (f"files: ['https://u:s3cret@a.example'], {OAUTH}", "scheme, host and port alone"),
        (f"files: [a.example], {OAUTH}", "scheme, host and port alone"),
        (f"files: ['https://a.example:99999'], {OAUTH}", "Port out of range"),
        (f"files: [http://a.example], {OAUTH}", "without https: others on the way could read"),
        (f"files: [https://a.example, https://A.example/], {OAUTH}", "example twice"),
        (f"files: [https://a.example], access: anonymous, {OAUTH}", "both files and access"),
        (f"headers: {{authorization: OUR_TOKEN}}, {OAUTH}", "which headers name too"),
        (OAUTH.replace("https:", "http:"), "token_url is at id.example, without https"),
        (OAUTH.replace("id.example", "me:s3cret@id.example"), "not shown here"),
        (
            OAUTH.replace("https://id.example/token", "'https://id.example/token?key=s3cret'"),
            "not shown",
        ),
        (OAUTH.replace("https://id.example/token", "id"), "it is no address on the web"),
        (OAUTH.replace("https://id.example/token", "https:///token"), "names no host"),
        (OAUTH.replace("OUR_SECRET", "s3cret"), "client_secret is no variable's name"),
        (OAUTH.replace("OUR_ID", "[s3cret]"), "client_id is no variable's name"),
        (OAUTH.replace(", client_secret: OUR_SECRET", ""), "names no secret"),
        (PERSON.replace(", password: MINE", ""), "one of username and password"),
        (OAUTH.replace("client_id", "clientid"), "did you mean 'client_id'"),
        ("oauth: OUR_TOKEN", "oauth"),
    ],
)
def test_a_login_that_cannot_be_is_refused_and_not_shown(
    tmp_path: Path, keys: str, words: str
) -> None:
    said = refusal(tmp_path, source_with(keys))
    assert "line 5" in said
    assert words in said
    assert "s3cret" not in said


def test_a_catalog_without_https_gets_no_token(tmp_path: Path) -> None:
    job = source_with(OAUTH).replace("https://earth.example/v1", "http://earth.example/v1")
    assert "catalog is at earth.example, without https" in refusal(tmp_path, job)


def test_an_unknown_access_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    said = refusal(tmp_path, JOB.replace("cover: 80}", "cover: 80, access: planetary}"))
    assert "line 5: access is 'planetary'" in said
    assert "planetary-computer, requester-pays, anonymous" in said
    assert "did you mean 'planetary-computer'?" in said


def test_estimates_are_read_and_ask_no_catalog_anew(tmp_path: Path) -> None:
    plain = read_job(write(tmp_path, JOB))
    job = read_job(write(tmp_path, JOB + ESTIMATES))
    assert job.estimates == EstimateSettings(
        dwell=Dwell(1.7, 1.0, 3.0, "AIS, 2023"), draws=400, cap_barrels=250_000.0
    )
    assert plain.estimates == EstimateSettings()
    assert job_digest(job) == job_digest(plain)


def test_the_comparison_of_sensors_is_left_out_by_a_word(tmp_path: Path) -> None:
    def read(word: str) -> str:
        return JOB + f"estimates: {{without_each_sensor: {word}}}\n"

    assert not read_job(write(tmp_path, read("false"))).estimates.without_each_sensor
    assert read_job(write(tmp_path, read("true"))).estimates == EstimateSettings()
    assert "without_each_sensor is 'never'; expected true or false" in refusal(
        tmp_path, read("never")
    )


DWELL_AT = """\
estimates:
  dwell_at:
    RUVYP/kozmino: {median_days: 1.6, low_days: 1.4, high_days: 1.9, source: "AIS, 20 stays"}
"""


def test_a_berth_may_have_a_length_of_stay_of_its_own(tmp_path: Path) -> None:
    job = read_job(write(tmp_path, JOB + DWELL_AT))
    assert job.estimates.dwell_at == {"RUVYP/kozmino": Dwell(1.6, 1.4, 1.9, "AIS, 20 stays")}
    assert job.estimates.dwell is None
    assert job_digest(job) == job_digest(read_job(write(tmp_path, JOB)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("RUVYP/kozmino:", "kozmino:", ["'kozmino'", "expected PORT/BERTH"]),
        ("RUVYP/kozmino:", "/kozmino:", ["expected PORT/BERTH"]),
        ("low_days: 1.4", "low_days: 2", ["dwell_at RUVYP/kozmino", "low < median < high"]),
        ("low_days: 1.4", "low_days: 0.001", ["dwell_at RUVYP/kozmino", "0.01", "quarter of an"]),
        ("high_days: 1.9", "high_days: 4000", ["dwell_at RUVYP/kozmino", "3650", "ten years"]),
    ],
)
def test_impossible_stays_at_a_berth_are_refused(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    said = refusal(tmp_path, JOB + DWELL_AT.replace(old, new))
    assert "line 1" in said
    assert all(word in said for word in words)


def test_analysts_entries_are_looked_for_beside_the_job(tmp_path: Path) -> None:
    text = JOB + "estimates: {cargo: entries.csv}\n"
    assert "entries.csv is no file" in refusal(tmp_path, text)
    (tmp_path / "entries.csv").write_text("visit_id,what,source\n")
    assert read_job(write(tmp_path, text)).estimates.cargo == str(tmp_path / "entries.csv")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("draws:", "drows:", 11, ["'drows'", "'draws'"]),
        ("draws: 400", "draws: 10", 11, ["10", "whole number from 100"]),
        ("draws: 400", "draws: 400.5", 11, ["whole number"]),
        ("draws: 400", "draws: .inf", 11, ["whole number"]),
        ("draws: 400", "draws: yes", 11, ["whole number"]),
        ("cap_barrels: 250000", "cap_barrels: none", 12, ["'none'", "number"]),
        ("cap_barrels: 250000", "cap_barrels: -1", 12, ["above zero"]),
        ("cap_barrels: 250000", "cap_barrels: 0.5", 12, ["barrels a calendar year", "not thous"]),
        ("low_days: 1.0", "low_days: 2.0", 10, ["low < median < high"]),
        (', source: "AIS, 2023"', "", 10, ["lacks source"]),
    ],
)
def test_impossible_estimate_settings_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert (JOB + ESTIMATES).count(old) == 1
    message = refusal(tmp_path, (JOB + ESTIMATES).replace(old, new))
    assert f"job.yaml, line {line}:" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-03-01", "yesterday", Period(date(2024, 3, 1), date(2024, 6, 29))),
        ("yesterday", "today", Period(date(2024, 6, 29), date(2024, 6, 30))),
    ],
)
def test_a_period_may_end_with_the_day_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, end: str, expected: Period
) -> None:
    monkeypatch.setattr(config, "today_utc", lambda: date(2024, 6, 30))
    text = JOB.replace("2024-03-01", start).replace("2024-11-30", end)
    job = read_job(write(tmp_path, text))
    assert job.period == expected
    written_out = JOB.replace("2024-03-01", str(expected.start))
    again = read_job(write(tmp_path, written_out.replace("2024-11-30", str(expected.end))))
    assert job_digest(job) == job_digest(again)


def test_a_period_that_starts_in_the_future_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "today_utc", lambda: date(2024, 2, 29))
    message = refusal(tmp_path, JOB)
    assert "line 3: the period starts on 2024-03-01, and today is 2024-02-29 (UTC)" in message
    monkeypatch.setattr(config, "today_utc", lambda: date(2024, 3, 1))
    assert read_job(write(tmp_path, JOB)).period.end == date(2024, 11, 30)


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (
            "1924-03-01",
            "2024-11-30",
            "before the first satellite image; .* from 1972",
        ),
        ("0001-01-01", "9999-12-31", "before the first satellite image"),
        ("2024-03-01", "9999-12-31", "years after today .* expected `end: today`"),
        ("2024-03-01", "2025-07-02", "years after today"),
    ],
)
def test_periods_that_nothing_can_fill_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, end: str, why: str
) -> None:
    monkeypatch.setattr(config, "today_utc", lambda: date(2024, 6, 30))
    message = refusal(tmp_path, JOB.replace("2024-03-01", start).replace("2024-11-30", end))
    assert re.search(f"line 3: the period .*{why}", message)
    within = JOB.replace("2024-11-30", "2025-07-01")
    assert read_job(write(tmp_path, within)).period.end == date(2025, 7, 1)


@pytest.mark.parametrize(
    ("day", "why"),
    [("2024-13-01", "month must be in 1..12"), ("2023-02-29", "day is out of range")],
)
def test_days_that_no_calendar_has_are_refused_as_such(tmp_path: Path, day: str, why: str) -> None:
    message = refusal(tmp_path, JOB.replace("2024-03-01", day))
    assert f"line 3: start is {day}, which no calendar has: {why}" in message


@pytest.mark.parametrize("cloud", ["0", "1", "1.5", "100"])
def test_a_largest_cloud_cover_is_in_per_cent(tmp_path: Path, cloud: str) -> None:
    job = read_job(write(tmp_path, JOB.replace("max_cloud_cover: 80", f"max_cloud_cover: {cloud}")))
    assert job.sources[0].max_cloud_cover == float(cloud)


def test_a_largest_cloud_cover_as_a_fraction_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, JOB.replace("max_cloud_cover: 80", "max_cloud_cover: 0.2"))
    assert "line 5: max_cloud_cover is 0.2, less than one per cent" in message
    assert "expected per cent, such as 20" in message


def test_a_period_that_begins_after_today_is_refused(tmp_path: Path) -> None:
    text = JOB.replace("2024-03-01", "today").replace("2024-11-30", "yesterday")
    assert "before it starts" in refusal(tmp_path, text)
    assert "today or yesterday" in refusal(tmp_path, JOB.replace("2024-11-30", "tomorrow"))


def test_an_engine_is_read_and_asks_no_catalog_anew(tmp_path: Path) -> None:
    plain = read_job(write(tmp_path, JOB))
    other = read_job(write(tmp_path, JOB + "engine: openvino-bf16\n"))
    assert (plain.engine, other.engine) == (Engine.TORCH, Engine.OPENVINO_BF16)
    assert job_digest(other) == job_digest(plain)
    said = refusal(tmp_path, JOB + "engine: openvino-bf\n")
    assert "line 9: engine is 'openvino-bf'" in said
    assert "expected one of torch, torch-bf16, openvino, openvino-bf16" in said


def test_what_becomes_of_fixed_structure_is_read_and_asks_no_catalog_anew(tmp_path: Path) -> None:
    plain = read_job(write(tmp_path, JOB))
    kept = read_job(write(tmp_path, JOB + "fixed_structure: keep\n"))
    assert plain.fixed_structure is FixedStructure.REJECT
    assert kept.fixed_structure is FixedStructure.KEEP
    assert job_digest(kept) == job_digest(plain)
    said = refusal(tmp_path, JOB + "fixed_structure: kept\n")
    assert "line 9: fixed_structure is 'kept'" in said
    assert "did you mean 'keep'?" in said
