"""The command line: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_group
from typer.testing import CliRunner

from jobs import cli
from jobs.cli.commands import COMMANDS, CommandGroup
from jobs.cli.program import load_command
from jobs.domain import SENSORS, today_utc
from jobs.domain.ports import bundled_ports, read_port
from jobs.errors import InputError
from jobs.plan import write_plan
from jobs.run.exit_codes import exit_code
from jobs.run.summary import Summary
from tests.catalog.test_planet_items import reflectance
from tests.support.own_sensor import make_world as make_own_sensor
from tests.support.places import STAC_ITEMS
from tests.support.plans import of_two_sensors
from tests.support.remote_worlds import plan_on
from tests.support.small_catalogs import items_on, write_job


def call(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def berthwatch(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from jobs.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_every_command_with_the_first_lines_of_its_own_help(name: str) -> None:
    command = load_command(name)
    first, *_ = str(command.help).split("\n\n")
    assert " ".join(first.split()) == COMMANDS[name].summary
    assert command.hidden == COMMANDS[name].hidden


def test_every_command_of_every_module_is_listed() -> None:
    for module in {entry.module for entry in COMMANDS.values()}:
        found = get_group(import_module(f"jobs.cli.{module}").app).commands
        assert set(found) == {name for name, entry in COMMANDS.items() if entry.module == module}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_the_command_accepts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = " ".join(call(name, "--help").partition("Examples:")[2].split())
    assert COMMANDS[name].examples
    for line, what in COMMANDS[name].examples:
        assert f"berthwatch {line} {what}".replace("`", "") in shown
        command, first, *words = load_command(name), *shlex.split(line.partition(" > ")[0])
        assert first == name
        parse(command, words)


def parse(command: Any, words: list[str]) -> None:
    """Have a command, or the command below it, read its words, and do nothing."""
    context = command.make_context(str(command.name), words)
    if isinstance(command, TyperGroup) and words:
        _, below, rest = command.resolve_command(context, words)
        parse(below, rest)


def test_examples_of_a_command_below_another_are_its_own() -> None:
    shown = call("ports", "show", "--help").partition("Examples:")[2]
    assert shown.count("berthwatch ports") == shown.count("berthwatch ports show") == 2


def test_help_lists_commands_in_groups_in_the_order_of_their_use() -> None:
    shown = call("--help")
    places = [shown.index(f"─ {group} ─") for group in CommandGroup]
    assert places == sorted(places)
    groups = [entry.group for entry in COMMANDS.values()]
    assert groups == sorted(groups, key=list(CommandGroup).index)


def test_help_imports_no_command() -> None:
    asked = "import sys; from jobs.cli import app; app(['--help'], standalone_mode=False)"
    heavy = "sys.exit(bool({'numpy', 'torch', 'distributed', 'pandas'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", f"{asked}; {heavy}"], check=True, capture_output=True)


def test_columns_of_all_tables_of_one_and_of_none() -> None:
    assert "port_visits.zarr" in call("columns")
    one = call("columns", "visits")
    assert "departure_before" in one
    assert "empty: no look found it gone" in one
    assert "datetime64[us, UTC]" in one
    found = json.loads(call("columns", "berths.csv", "--json"))
    assert found["name"] == "berths"
    assert {"name", "dtype", "unit", "meaning"} <= set(found["columns"][0])
    assert len(json.loads(call("columns", "--json"))) > 15
    with pytest.raises(InputError, match="no table 'vissits'; did you mean 'visits'"):
        call("columns", "vissits")


def test_ports_as_a_table_and_as_json() -> None:
    assert "Vostochny" in call("ports")
    rows = json.loads(call("ports", "--json"))
    assert {row["id"] for row in rows} == set(bundled_ports())


def test_ports_show_prints_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "port.geojson"
    path.write_text(call("ports", "show", "RUVYP"))
    assert read_port(path).id == "RUVYP"


def test_ports_show_says_that_a_port_looks_swapped(tmp_path: Path) -> None:
    port = json.loads(call("ports", "show", "RUVYP"))
    shift = (51.97 - 132.99, 4.0 - 42.705)  # Rotterdam, turned round
    for feature in port["features"]:
        for ring in feature["geometry"]["coordinates"]:
            ring[:] = [[lon + shift[0], lat + shift[1]] for lon, lat in ring]
    path = tmp_path / "port.geojson"
    path.write_text(json.dumps(port))
    result = CliRunner().invoke(cli.app, ["ports", "show", str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "port RUVYP: longitude and latitude look swapped" in result.stderr


def test_sensors_name_what_a_job_may_say() -> None:
    rows = json.loads(call("sensors", "--json"))
    assert "sentinel-2-l2a" in {row["name"] for row in rows}


def test_every_command_explains_itself() -> None:
    for command in (
        "search",
        "plan",
        "run",
        "status",
        "report",
        "ais",
        "voyages",
        "verify",
        "export",
        "demo",
        "train",
        "evaluate",
    ):
        assert "Usage" in call(command, "--help")


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "job.yaml"),
        ("search", "job.yaml", "--json"),
        ("plan", "job.yaml"),
        ("plan", "job.yaml", "-o", "plan.jsonl.gz"),
        ("run", "job.yaml"),
        ("run", "job.yaml", "--dry-run"),
        ("run", "job.yaml", "--replan"),
        ("status", "job.yaml"),
    ],
)
def test_a_job_without_overpasses_is_refused_with_the_reason_and_leaves_nothing(
    tmp_path: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_job(tmp_path, items_on(3), more=", max_cloud_cover: 5")
    before = sorted(tmp_path.rglob("*"))
    said = refused(arguments, tmp_path, monkeypatch, capsys)
    assert "1 scene found, each with more cloud than max_cloud_cover 5" in said
    assert sorted(tmp_path.rglob("*")) == before


def refused(
    arguments: tuple[str, ...],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """What a command in a folder says when it ends with exit code 2 and prints nothing else."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["berthwatch", *arguments])
    with pytest.raises(SystemExit) as ended:  # any other error would be a traceback
        cli.main()
    assert ended.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    return " ".join(written.err.split())


def test_a_period_that_ends_in_the_future_is_said(tmp_path: Path) -> None:
    end = today_utc() + timedelta(days=40)
    job = write_job(tmp_path, items_on(3), end=end.isoformat())
    result = CliRunner().invoke(cli.app, ["status", str(job)], catch_exceptions=False)
    assert result.exit_code == 0
    assert f"the period ends on {end}, in 40 days: estimates cover days" in result.stderr


@pytest.mark.parametrize("days", [("--from", "2025-08-01"), ("--to", "2025-06-30")])
def test_days_outside_the_plan_are_refused(
    tmp_path: Path,
    days: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_job(tmp_path, items_on(3))
    said = refused(("run", "job.yaml", "--dry-run", *days), tmp_path, monkeypatch, capsys)
    assert "whose period is 2025-07-01 to 2025-07-31; expected days of it" in said


def test_status_pins_a_plan_that_the_next_command_keeps_to(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3))
    [row] = json.loads(call("status", str(job), "--json"))[:1]
    (tmp_path / "items.json").unlink()
    assert json.loads(call("status", str(job), "--json"))[0] == row


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere.yaml"), "nowhere.yaml"),
        (("run", "job.yaml", "--stage", "tiles", "--dry-run"), "expected one of tile, segment"),
        (("report", "job.yaml"), "has no results yet"),
        (("export", "job.yaml", "--port", "XX", "-o", "x.zarr"), "it has ceara"),
        (("run", "typo.yaml"), "line 5"),
        (("run", "store.yaml"), "expected a path or s3://bucket/prefix"),
        (("ports", "show", "RUVIP"), "RUVYP"),
        (("train", "--source", "a,b", "-o", "w"), "expected CATALOG,COLLECTION,LABELS"),
        (("evaluate", "--source", "catalog.json,ships,labels"), "there is no labels"),
    ],
)
def test_a_refusal_is_one_message_and_exit_code_2(
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = write_job(tmp_path, items_on(3))
    text = job.read_text()
    (tmp_path / "typo.yaml").write_text(text.replace("collection:", "colection:"))
    (tmp_path / "store.yaml").write_text(text.replace("archive: archive", "archive: gs://b/c"))
    (tmp_path / "catalog.json").write_text("{}")
    assert said in refused(arguments, tmp_path, monkeypatch, capsys)


def test_a_plan_says_what_it_will_cost_at_ones_own_prices(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl.gz"
    write_plan(plan_on(tmp_path, "s3://bucket", "archive", (1, 2), "priced"), path)
    plain, dear = (
        {row["what"]: row["usd"] for row in json.loads(call("plan", str(path), *price))["cost"]}
        for price in (["--show", "--json"], ["--show", "--json", "--price", "cpu_hour=4"])
    )
    assert dear["tile"] == pytest.approx(100 * plain["tile"])
    assert dear["read requests"] == plain["read requests"]
    done = berthwatch("plan", str(path), "--price", "cpu_hours=4", cwd=tmp_path)
    assert done.returncode == 2
    assert "cpu_hour" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_of_several_sensors_says_what_each_costs(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    write_plan(of_two_sensors(), path)
    found = json.loads(call("plan", str(path), "--show", "--json"))["sensors"]
    assert [(each["sensor"], each["overpasses"]) for each in found] == [
        ("sentinel-1-rtc", 1),
        ("sentinel-2-l2a", 2),
    ]
    assert all(0 < each["gb_needed"] <= each["gb_read"] for each in found)
    shown = call("plan", str(path), "--show")
    assert "GB needed" in shown
    assert "sentinel-1-rtc" in shown
    one = plan_on(tmp_path, "s3://bucket", "archive", (1, 2), "alone")
    write_plan(one, path)
    assert "GB needed" not in call("plan", str(path), "--show")


def test_exit_codes_tell_what_happened() -> None:
    assert exit_code(Summary(done=3)) == 0
    assert exit_code(Summary(done=3, pending=2)) == 0
    assert exit_code(Summary(done=3, failed=1)) == 1
    assert exit_code(Summary(done=3, failed=1, lost="the cluster was lost")) == 3
    assert exit_code(Summary(done=3, failed=1, interrupted=True)) == 130


def test_each_band_of_a_mask_of_many_is_listed_with_what_it_tells(tmp_path: Path) -> None:
    item = reflectance(8)
    (tmp_path / "item.json").write_text(json.dumps(item))
    rows = json.loads(call("sensors", "--item", str(tmp_path / "item.json"), "--json"))
    told = {row["index"]: row["band"] for row in rows if row["band"].startswith("mask")}
    assert told == {
        1: "mask 1: clear",
        2: "mask 2: snow_ice",
        3: "mask 3: cloud_shadow",
        4: "mask 4: thin_cloud",
        5: "mask 5: cloud",
        6: "mask 6: cloud",
        8: "mask 8: nodata defective",
    }
    item["assets"] = {n: a for n, a in item["assets"].items() if "udm2" not in n}
    (tmp_path / "item.json").write_text(json.dumps(item))
    result = CliRunner().invoke(cli.app, ["sensors", "--item", str(tmp_path / "item.json")])
    assert "has no mask that planetscope-sr knows: its pixels would be unscreened" in result.stderr


def test_of_an_item_on_control_points_it_is_said_where_its_place_is(tmp_path: Path) -> None:
    recorded = STAC_ITEMS / "planetary-computer__sentinel-1-grd.json"
    item = json.loads(recorded.read_text(encoding="utf-8"))["features"][1]
    (tmp_path / "item.json").write_text(json.dumps(item))
    result = CliRunner().invoke(
        cli.app, ["sensors", "--item", str(tmp_path / "item.json"), "--json"]
    )
    rows = json.loads(result.stdout)
    assert [(row["band"], row["pixel_m"]) for row in rows] == [("vv", 10.0), ("vh", 10.0)]
    assert "in the file's own ground control points" in result.stderr


@pytest.mark.real_data
def test_evaluate_gives_its_figures_as_json(shared: Path) -> None:
    real = shared / "real-imagery"
    source = f"{real / 'catalog.json'},s2-ports,{real / 's2-ports-labels'}"
    figures = json.loads(call("evaluate", "--source", source, "--port", "honolulu", "--json"))
    assert figures["distance"]["ships"] == 15
    assert 0 <= figures["pixel_iou"] <= 1


def test_a_sensor_file_is_tried_on_an_item(tmp_path: Path) -> None:
    make_own_sensor(tmp_path, days=(1,))
    item = json.loads((tmp_path / "items.json").read_text())["features"][0]
    (tmp_path / "item.json").write_text(json.dumps(item))
    sensor, path = str(tmp_path / "eyes/my-camera.yaml"), str(tmp_path / "item.json")
    try:
        rows = json.loads(call("sensors", sensor, "--item", path, "--json"))
        listed = json.loads(call("sensors", sensor, "--json"))
    finally:
        SENSORS.pop("my-camera", None)
    assert [row["band"] for row in rows] == ["blue", "green", "red", "nir", "mask"]
    assert {(row["scale"], row["offset"]) for row in rows[:4]} == {(2e-5, -0.1)}
    assert "my-camera" in {row["name"] for row in listed}
    (tmp_path / "none.json").write_text("[]")
    result = CliRunner().invoke(cli.app, ["sensors", "--item", str(tmp_path / "none.json")])
    assert isinstance(result.exception, InputError)
    assert "not a STAC item" in str(result.exception)
