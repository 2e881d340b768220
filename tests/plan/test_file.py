"""The plan file: exact round trips, whole or not at all, damage refused, one port at a time."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from jobs.catalog import Rejected
from jobs.domain import (
    Access,
    Dwell,
    Engine,
    EstimateSettings,
    FixedStructure,
    Grid,
    OAuth,
    Overpass,
    Period,
    Superseded,
)
from jobs.domain.job import SourceSpec
from jobs.errors import InputError, PlanError
from jobs.plan import Plan, estimate_plan, lazy_overpasses, read_plan, summarise, write_plan
from jobs.plan import estimate as estimates
from jobs.plan.grouping import group_overpasses
from jobs.plan.header import header_json
from jobs.plan.serialise import made, overpass_from_json, overpass_to_json
from tests.support.plans import ESTIMATES, PORT, full_plan, make, overpasses, scene

FULL_HASH = "ec9866f349935c51dd6345be87d711e9a77cc45142eba4e5ebb53b0721af5c53"
"""Of ``full_plan``; archives and published results are named by such hashes."""

NAMES = ("p.jsonl", "p.jsonl.gz")
either_name = pytest.mark.parametrize("name", NAMES)


def three_ports() -> Plan:
    """Three overpasses at one port, none at the next, two at the last."""
    ports = tuple(dataclasses.replace(PORT, id=name) for name in ("A", "B", "C"))
    days = {"A": (0, 1, 2), "C": (3, 4)}
    found = [
        overpass
        for port in ports
        for overpass in group_overpasses(
            port, [scene(f"{port.id}{day}", day * 86400.0) for day in days.get(port.id, ())]
        )
    ]
    return make(ports=ports, overpasses=tuple(found))


# --- round trips --------------------------------------------------------------------------------


@given(overpasses)
@settings(max_examples=40)
def test_overpasses_round_trip_exactly(overpass: Overpass) -> None:
    text = json.dumps(overpass_to_json(overpass), allow_nan=False)
    back = overpass_from_json(json.loads(text))
    assert back == overpass
    assert [s.geometry for s in back.scenes] == [s.geometry for s in overpass.scenes]
    assert [s.access for s in back.scenes] == [s.access for s in overpass.scenes]
    assert json.dumps(overpass_to_json(back)) == text


@either_name
def test_plans_round_trip_exactly(tmp_path: Path, name: str) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    plan = full_plan()
    write_plan(plan, tmp_path / "a" / name)
    back = read_plan(tmp_path / "a" / name)
    assert back == plan
    assert plan == back
    assert back.hash == plan.hash
    assert back.ports[0].grid == PORT.grid
    write_plan(back, tmp_path / "b" / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert [p.name for p in (tmp_path / "a").iterdir()] == [name]


@either_name
def test_an_empty_plan_round_trips(tmp_path: Path, name: str) -> None:
    write_plan(make(), tmp_path / name)
    back = read_plan(tmp_path / name)
    assert back == make()
    assert (list(back.overpasses), len(back.overpasses)) == ([], 0)


def test_how_files_are_reached_is_kept_and_left_out_where_it_is_not_said(tmp_path: Path) -> None:
    bare = make(scene())
    assert "access" not in overpass_to_json(bare.overpasses[0])["scenes"][0]  # type: ignore
    spec = SourceSpec("https://pc.example/v1", "c", access=Access.PLANETARY_COMPUTER)
    signed = make(scene(access=Access.PLANETARY_COMPUTER), sources=(spec,))
    write_plan(signed, tmp_path / "p.jsonl")
    back = read_plan(tmp_path / "p.jsonl")
    assert back.sources[0].access is Access.PLANETARY_COMPUTER
    assert back.overpasses[0].scenes[0].access is Access.PLANETARY_COMPUTER
    assert signed.hash != bare.hash
    assert signed.overpasses[0].id == bare.overpasses[0].id


@either_name
def test_the_login_of_files_is_kept_and_changes_no_overpass(tmp_path: Path, name: str) -> None:
    oauth = OAuth("https://id.example/token", "OUR_ID", "OUR_SECRET", scope="read")
    headers = (("X-Key", "OUR_KEY"), ("X-Other", "OTHER"))
    spec = SourceSpec(
        "https://a.example/v1", "c", headers=headers, oauth=oauth, files=("https://b.example",)
    )
    bare, private = make(scene()), make(scene(access=spec.file_login), sources=(spec,))
    write_plan(private, tmp_path / name)
    back = read_plan(tmp_path / name)
    assert back == private
    assert back.sources == (spec,)
    assert back.overpasses[0].scenes[0].access == spec.file_login
    assert private.hash != bare.hash
    assert private.overpasses[0].id == bare.overpasses[0].id


@either_name
def test_an_engine_is_kept_and_left_out_by_default(tmp_path: Path, name: str) -> None:
    plain = full_plan()
    other = dataclasses.replace(plain, engine=Engine.OPENVINO_BF16)
    assert "engine" not in header_json(plain)
    assert other.hash != plain.hash
    write_plan(other, tmp_path / name)
    assert read_plan(tmp_path / name) == other


@either_name
def test_what_becomes_of_fixed_structure_is_kept_and_left_out_by_default(
    tmp_path: Path, name: str
) -> None:
    plain = full_plan()
    kept = dataclasses.replace(plain, fixed_structure=FixedStructure.KEEP)
    assert "fixed_structure" not in header_json(plain)
    assert kept.hash != plain.hash
    write_plan(kept, tmp_path / name)
    assert read_plan(tmp_path / name) == kept


def test_one_line_is_one_overpass_and_packing_changes_no_line(tmp_path: Path) -> None:
    plan = full_plan()
    for name in NAMES:
        write_plan(plan, tmp_path / name)
    lines = (tmp_path / "p.jsonl").read_text().splitlines()
    header, *middle, rejected, index, _where = map(json.loads, lines)
    assert header["berthwatch_plan"] == 2
    assert [line["id"] for line in middle] == [o.id for o in plan.overpasses]
    assert rejected["rejected"]["item_id"] == "broken"
    assert (index["hash"], index["overpasses"]) == (plan.hash, len(plan.overpasses))
    unpacked = gzip.decompress((tmp_path / "p.jsonl.gz").read_bytes()).decode().splitlines()
    assert unpacked[:-2] == lines[:-2]  # the last two say where lines lie


def test_the_hash_is_of_the_work_not_of_where_results_go() -> None:
    plan = full_plan()
    assert dataclasses.replace(plan, archive="s3://elsewhere").hash == plan.hash
    assert plan.hash == FULL_HASH
    assert dataclasses.replace(plan, overpasses=plan.overpasses[:1]).hash != plan.hash
    assert dataclasses.replace(plan, model=None).hash != plan.hash
    assert dataclasses.replace(plan, rejected=()).hash != plan.hash
    assert dataclasses.replace(plan, estimates=ESTIMATES).hash != plan.hash
    assert dataclasses.replace(plan, model="/other.safetensors").hash != plan.hash
    later = Period(plan.period.start, date(2024, 12, 1))
    assert dataclasses.replace(plan, period=later).hash != plan.hash


def test_a_local_copy_of_a_file_that_the_plan_names_changes_neither_hash_nor_file(
    tmp_path: Path,
) -> None:
    plan = dataclasses.replace(full_plan(), estimates=ESTIMATES)
    copied = dataclasses.replace(
        plan,
        model="/copy.safetensors",
        estimates=dataclasses.replace(ESTIMATES, cargo="/copy.csv"),
        original_paths={"/copy.safetensors": str(plan.model), "/copy.csv": str(ESTIMATES.cargo)},
    )
    assert copied.hash == plan.hash
    assert dataclasses.replace(copied, estimates=EstimateSettings()).hash == full_plan().hash
    write_plan(copied, tmp_path / "p.jsonl")
    assert read_plan(tmp_path / "p.jsonl") == plan


def test_a_plan_file_keeps_the_estimate_settings(tmp_path: Path) -> None:
    plan = dataclasses.replace(make(), estimates=ESTIMATES)
    write_plan(plan, tmp_path / "plan.jsonl")
    assert read_plan(tmp_path / "plan.jsonl") == plan


def test_a_plan_from_before_there_was_a_choice_still_stands(tmp_path: Path) -> None:
    write_plan(make(), tmp_path / "plan.jsonl")
    header = json.loads((tmp_path / "plan.jsonl").read_text().splitlines()[0])
    assert "estimates" not in header
    assert read_plan(tmp_path / "plan.jsonl").estimates == EstimateSettings()


def test_a_plan_whose_sensors_are_compared_does_not_say_so(tmp_path: Path) -> None:
    apart = dataclasses.replace(ESTIMATES, without_each_sensor=False)
    for chosen, said in ((ESTIMATES, False), (apart, True)):
        plan = dataclasses.replace(make(), estimates=chosen)
        write_plan(plan, tmp_path / "plan.jsonl")
        header = json.loads((tmp_path / "plan.jsonl").read_text().splitlines()[0])
        # as in plans from before there was a choice, whose hashes rest on it
        assert ("without_each_sensor" in header["estimates"]) == said
        assert read_plan(tmp_path / "plan.jsonl") == plan


def test_a_plan_says_lengths_of_stay_at_berths_where_there_are_some(tmp_path: Path) -> None:
    at = {"RUVYP/kozmino": Dwell(1.6, 1.4, 1.9, "AIS")}
    for chosen in (ESTIMATES, dataclasses.replace(ESTIMATES, dwell_at=at)):
        plan = dataclasses.replace(make(), estimates=chosen)
        write_plan(plan, tmp_path / "plan.jsonl")
        header = json.loads((tmp_path / "plan.jsonl").read_text().splitlines()[0])
        # hashes of plans from before there was a choice rest on its absence
        assert ("dwell_at" in header["estimates"]) == bool(chosen.dwell_at)
        assert read_plan(tmp_path / "plan.jsonl") == plan


# --- one port at a time -------------------------------------------------------------------------


@either_name
def test_a_port_is_read_without_the_others(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = three_ports()
    write_plan(plan, tmp_path / name)
    read: list[str] = []

    def noting(content: Any) -> Overpass:
        read.append(content["port"])
        return overpass_from_json(content)

    monkeypatch.setattr(lazy_overpasses, "overpass_from_json", noting)
    back = read_plan(tmp_path / name)
    assert (len(back.overpasses), back.hash, read) == (5, plan.hash, [])
    assert list(back.of("C")) == list(plan.of("C"))
    assert read == ["C", "C"]
    assert [len(back.of(port)) for port in ("B", "nowhere")] == [0, 0]
    assert read == ["C", "C"]
    assert list(back.overpasses) == list(plan.overpasses)


def test_overpasses_in_a_file_behave_as_a_tuple_does(tmp_path: Path) -> None:
    plan = three_ports()
    write_plan(plan, tmp_path / "p.jsonl")
    lazy = read_plan(tmp_path / "p.jsonl").overpasses
    assert [lazy[i] for i in range(-5, 5)] == [plan.overpasses[i] for i in range(-5, 5)]
    assert lazy[1:4] == plan.overpasses[1:4]
    assert lazy[::-1] == plan.overpasses[::-1]
    assert plan.overpasses[3] in lazy
    assert lazy != plan.overpasses[:4]
    with pytest.raises(IndexError):
        lazy[5]


def test_estimates_and_summaries_of_a_file_are_those_of_the_plan(tmp_path: Path) -> None:
    plan = three_ports()
    write_plan(plan, tmp_path / "p.jsonl.gz")
    back = read_plan(tmp_path / "p.jsonl.gz")
    assert estimate_plan(back) == estimate_plan(plan)
    assert summarise(back) == summarise(plan)
    assert [row["port"] for row in summarise(back)] == ["A", "C"]


def test_an_estimate_of_a_file_reads_no_overpass_unless_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, path = three_ports(), tmp_path / "p.jsonl"
    write_plan(plan, path)
    back = read_plan(path)
    assert [back.count(port) for port in ("A", "B", "C", "nowhere")] == [3, 0, 2, 0]
    with monkeypatch.context() as patch:
        patch.setattr(lazy_overpasses, "overpass_from_json", lambda _: pytest.fail("read"))
        assert estimate_plan(back) == estimate_plan(plan)
    monkeypatch.setattr(estimates, "VERSION", estimates.VERSION + 1)
    monkeypatch.setattr(estimates, "_bytes_out", lambda *_: 7)
    assert estimate_plan(read_plan(path)).bytes_out == 7 * 5


def test_other_estimate_settings_keep_the_overpasses_in_the_file(tmp_path: Path) -> None:
    write_plan(three_ports(), tmp_path / "p.jsonl")
    back = dataclasses.replace(read_plan(tmp_path / "p.jsonl"), estimates=ESTIMATES)
    assert back.hash == dataclasses.replace(three_ports(), estimates=ESTIMATES).hash
    assert len(back.of("A")) == 3


def test_an_open_plan_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    write_plan(three_ports(), path)
    back = read_plan(path)
    write_plan(make(), path)
    assert back == three_ports()


def test_a_plan_in_a_file_is_not_pickled(tmp_path: Path) -> None:
    write_plan(three_ports(), tmp_path / "p.jsonl")
    with pytest.raises(TypeError, match="its units, or the file's path"):
        pickle.dumps(read_plan(tmp_path / "p.jsonl"))
    assert pickle.loads(pickle.dumps(three_ports())) == three_ports()


# --- whole or not at all ------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.jsonl"
    write_plan(make(), path)
    full = OSError("disk full")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(full))
    with pytest.raises(InputError, match=r"cannot be written \(disk full"):
        write_plan(full_plan(), path)
    monkeypatch.undo()
    assert read_plan(path) == make()
    assert list(tmp_path.iterdir()) == [path]


def test_an_overpass_of_a_port_that_the_plan_lacks_is_not_lost(tmp_path: Path) -> None:
    stray = dataclasses.replace(three_ports(), ports=(PORT,))
    with pytest.raises(PlanError, match="overpasses of A, C"):
        write_plan(stray, tmp_path / "p.jsonl")
    assert not list(tmp_path.iterdir())


# --- damage -------------------------------------------------------------------------------------


def message_of(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(PlanError) as caught:
        list(read_plan(path).overpasses)
    return str(caught.value)


Lines = list[str]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "cut short or changed"),
        (lambda lines: [*lines[:-1], lines[-1][:5]], "cut short or changed"),
        (lambda lines: [lines[0], *lines[2:]], "cut short or changed"),
        (lambda lines: [lines[0], lines[1].replace("-0.1", "-0.2"), *lines[2:]], "lines 2 to 3"),
        (lambda lines: [lines[0], lines[1].replace("-0.1", "-0,1"), *lines[2:]], "line 2:"),
        (lambda lines: [lines[0], "[]".ljust(len(lines[1]) - 1) + "\n", *lines[2:]], "line 2:"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "lines 2 to 3"),
        (lambda lines: [*lines[:3], lines[3].replace("broken", "brOken"), *lines[4:]], "line"),
        (lambda lines: [lines[0].replace('"job"', '"bob"'), *lines[1:]], "has been changed"),
        (lambda lines: [lines[0].replace('plan":2', 'plan":3'), *lines[1:]], "expected format 2"),
        (lambda lines: [lines[0].replace('plan":2', 'plan":1'), *lines[1:]], "has format 1"),
        (lambda lines: [*lines[:4], lines[4].replace('ash":"', 'ash":"0'), *lines[5:]], "changed"),
        (lambda lines: [*lines[:4], lines[4].replace("units", "Units"), *lines[5:]], "changed"),
        (lambda lines: lines[1:], "line 1"),
        (lambda lines: ["{}\n"], "line 1"),
        (lambda lines: ["[]\n"], "line 1"),
        (
            lambda lines: [
                lines[0],
                lines[1].replace('"sentinel-2-l2a"', '"no-such-sensor"'),
                *lines[2:],
            ],
            "line 2: sensor 'no-such-sensor' is not known",
        ),
        (lambda lines: [], "line 1"),
    ],
)
def test_damaged_plans_are_refused(
    tmp_path: Path, change: Callable[[Lines], Lines], words: str
) -> None:
    path = tmp_path / "p.jsonl"
    write_plan(full_plan(), path)
    lines = path.read_text().splitlines(keepends=True)
    message = message_of(path, "".join(change(lines)).encode())
    assert words in message
    assert message.count("p.jsonl") == 1


def test_any_cut_or_changed_byte_of_a_packed_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    write_plan(full_plan(), path)
    content = path.read_bytes()
    for at in range(10, len(content), 97):
        assert "p.jsonl.gz" in message_of(path, content[:at])
        changed = content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]
        path.write_bytes(changed)
        with suppress(PlanError):  # or it was a byte of gzip's own that means nothing
            assert read_plan(path) == full_plan()


def test_a_missing_plan_is_refused_with_the_way_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="berthwatch plan"):
        read_plan(tmp_path / "none.jsonl")
    with pytest.raises(PlanError, match="cannot read the plan"):
        read_plan(tmp_path)


def test_a_port_the_plan_does_not_have() -> None:
    assert make().port("RUVYP") is PORT
    with pytest.raises(PlanError, match=r"no port 'X'.*RUVYP"):
        make().port("X")


def test_three_days_are_three_overpasses() -> None:
    """The synthetic plan of these tests is as its docstring describes it."""
    plan = three_ports()
    assert [len(plan.of(port.id)) for port in plan.ports] == [3, 0, 2]
    first, second, _ = plan.of("A")
    assert second.acquired - first.acquired == timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Rejected, {"item_id": "a", "catalog": "c", "collection": "s", "reason": 0.5}),
        (Superseded, {"item_id": "a", "kept": None, "reason": "r"}),
        (Grid, {"epsg": True, "left": 0, "top": 0.0, "width": 1, "height": 1}),
        (Grid, {"epsg": 32653, "left": "0", "top": 0.0, "width": 1, "height": 1}),
    ],
)
def test_a_value_of_another_kind_is_no_value(kind: type[Any], values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r" is (0\.5|None|True|'0')$"):
        made(kind, values)
