"""Runs whose plan names another engine: what becomes stale, what is refused, how they compare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from jobs import segment
from jobs.archive import pool
from jobs.domain import Engine, Settings, Unit, Vessel, model_id
from jobs.errors import InputError, SetupError
from jobs.plan import Plan
from jobs.run import common_ground, executor, verify, watchdog
from jobs.run.common_ground import ground_of, stranger
from jobs.run.likeness import Ships, unlike
from jobs.run.results import collect, publish_run
from jobs.run.settings import settings_for
from jobs.run.status import stale_rows
from jobs.run.verify import TO_THE_BYTE, verify_sample
from jobs.segment import network
from models.inference import EngineError, EngineName
from models.inference.engine_choice import bfloat16_by
from tests.models.inference.test_engines import NO_BFLOAT16, needs_openvino
from tests.support.small_runs import a_plan, go, root_of

needs_bfloat16 = pytest.mark.skipif(not bfloat16_by(), reason=NO_BFLOAT16)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Of a worker in this process, so that tests can take something from it."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


def by(plan: Plan, engine: Engine) -> Plan:
    return replace(plan, engine=engine)


def compared(plan: Plan) -> list[tuple[str, str]]:
    rows = verify_sample(plan, root_of(plan), 5, 0)
    return [(row["result"], row["compared"]) for row in rows]


def cannot_run(engine: EngineName) -> None:
    raise EngineError(f"engine {engine} computes in another world: go there")


@needs_openvino
def test_units_of_another_engine_are_stale_and_results_say_which_it_was(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    go(plan, client)
    other = by(plan, Engine.OPENVINO)
    (row,) = stale_rows(other, root_of(plan))
    assert (row["stage"], row["stale"]) == ("segment", 2)
    assert row["because"] == "the engine is openvino, was torch"
    summary, _, archives = go(other, client)
    assert (summary.done, summary.worked) == (2, 2)
    (back,) = stale_rows(plan, root_of(plan))
    assert back["because"] == "the engine is torch, was openvino"

    settings, root = settings_for(other), root_of(plan)
    publication = collect(other, archives, settings, root, client)
    facts = json.loads(
        (
            tmp_path / "archive" / publish_run(publication, archives, root) / "provenance.json"
        ).read_text()
    )
    assert facts["engine"] == {"name": "openvino", "number_format": "float32"}
    assert facts["model_digest"] == settings.model_digest
    assert publication.tag != collect(plan, archives, settings_for(plan), root, client).tag

    archive = archives.existing("TESTP")
    assert archive is not None
    assert next(archive.models()) == f"{settings.model_digest}+openvino"
    (made_by,) = set(archive.made_by(settings.model_id))
    assert made_by.startswith("OpenVINO ")
    assert compared(other) == [("equal", TO_THE_BYTE)] * 2

    # where the engine cannot run, torch does it, and that is said
    monkeypatch.setattr(verify, "require_engine", cannot_run)
    assert {result for result, _ in compared(other)} <= {"equal", "alike"}


@needs_bfloat16
def test_verify_asks_for_likeness_where_the_engine_is_another(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = by(a_plan(tmp_path, 1), Engine.TORCH_BF16)
    go(plan, client)
    assert compared(plan) == [("equal", TO_THE_BYTE)]
    monkeypatch.setattr(verify, "require_engine", cannot_run)
    ((result, how),) = compared(plan)
    assert result == "alike"
    assert how == (
        "within the tolerance of engines: run by torch here, for engine torch-bf16 computes in "
        "another world"
    )
    monkeypatch.setattr(verify, "unlike", lambda kept, again: iter(["by a mile"]))
    assert compared(plan)[0][0] == "differs: by a mile"


def test_verify_names_what_made_an_archive_elsewhere(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch too gives other bytes on another processor; only these may then be merely alike."""
    plan = a_plan(tmp_path, 1)
    go(plan, client)
    assert compared(plan) == [("equal", TO_THE_BYTE)]
    real = network.load_predictor

    class Elsewhere:
        made_by = "torch 9 float32, SSE"

        def __init__(self, *arguments: object) -> None:
            self.real = real(*arguments)

        def predict(self, *arguments: object) -> object:
            found = self.real.predict(*arguments)
            return replace(found, ship=np.minimum(found.ship + 0.01, 1))

        def detect(self, *arguments: object, **named: object) -> object:
            return self.real.detect(*arguments, **named)

    monkeypatch.setattr(network, "load_predictor", Elsewhere)
    ((result, how),) = compared(plan)
    assert result == "alike"
    assert how.startswith("within the tolerance of engines: made by torch ")
    assert how.endswith(", here torch 9 float32, SSE")
    # of the same maker bytes are asked for
    monkeypatch.setattr(Elsewhere, "made_by", how.partition("made by ")[2].partition(", here")[0])
    ((result, how),) = compared(plan)
    assert (result, how) == ("differs: ship_probability", TO_THE_BYTE)


def test_a_worker_that_cannot_run_the_engine_is_refused(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = by(a_plan(tmp_path, 1), Engine.TORCH_BF16)
    ground = ground_of(settings_for(plan))
    monkeypatch.setattr(common_ground, "require_engine", cannot_run)
    assert "engine torch-bf16 computes in another world: go there" in stranger(ground)
    with pytest.raises(SetupError, match=r"worker .* engine torch-bf16 computes in another world"):
        go(plan, client)
    assert compared(plan) == [], "nothing was done, by no engine"
    monkeypatch.setattr(common_ground, "require_engine", lambda engine: None)
    elsewhere = replace(ground, engine_version="9.9")
    assert "not 9.9, to run the network: install the same version" in stranger(elsewhere)


def test_a_client_without_the_package_is_refused_before_any_worker_is_asked(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(engine: EngineName) -> None:
        raise EngineError("engine openvino needs the package openvino")

    monkeypatch.setattr(common_ground, "require_package", missing)
    with pytest.raises(InputError, match="needs the package openvino"):
        go(by(a_plan(tmp_path, 1), Engine.OPENVINO), client)


def test_gpu_workers_get_no_work_of_an_engine_of_cpus(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    count = executor.Watchdog(client, 60).workers
    with_gpu = replace(count, gpus=1, without_gpu=1)
    monkeypatch.setattr(watchdog, "count_workers", lambda *arguments: with_gpu)
    for engine, wanted in ((Engine.TORCH, True), (Engine.TORCH_BF16, False)):
        settings = settings_for(by(plan, engine))
        made = executor.Executor(client, settings, ground_of(settings), "archive", 60)
        assert made.wants_gpus is wanted


def test_the_id_of_a_model_is_its_digest_alone_by_default() -> None:
    assert model_id("ab" * 32, "torch") == "ab" * 32
    assert Settings("x", None, "ab", engine=Engine.OPENVINO_BF16).model_id == "ab+openvino-bf16"


# --- likeness -----------------------------------------------------------------------------------


def vessel(x: float, length_m: float = 100.0, score: float = 0.8) -> Vessel:
    return Vessel(x, 0.0, length_m, 10.0, 20.0, 45.0, score, False, ((x, 0.0),) * 4)


def ships(*vessels: Vessel, probability: int = 100) -> Ships:
    return Ships(vessels, np.full((4, 4), probability, np.uint8))


def test_what_two_engines_may_find_in_the_same_pixels() -> None:
    many = [vessel(100.0 * number) for number in range(40)]
    kept = ships(*many)
    assert list(unlike(kept, ships(*many, probability=116))) == []
    assert list(unlike(kept, ships(*many[1:], vessel(9_000.0)))) == [], "two of forty"
    near = [replace(each, x=each.x + 9, length_m=104.0, score=0.75) for each in many]
    assert list(unlike(kept, ships(*near))) == []
    assert list(unlike(ships(), ships(many[0]))) == [], "one of one"


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (ships(vessel(0), vessel(100), probability=117), "by up to 17/255, more than 16/255"),
        (ships(vessel(0), vessel(100), probability=0), "by up to 100/255"),
        (ships(vessel(0), vessel(111)), "vessels: 2 are found by one alone, of 2 at most 1 may be"),
        (ships(vessel(0, length_m=106), vessel(100)), "vessels: score or length of 1 of 2"),
        (ships(vessel(0, score=0.69), vessel(100)), "vessels: score or length of 1 of 2"),
        (Ships((), np.zeros((4, 5), np.uint8)), "another shape"),
    ],
)
def test_what_they_may_not(again: Ships, said: str) -> None:
    assert any(said in each for each in unlike(ships(vessel(0), vessel(100)), again))


def test_keys_of_a_radar_know_no_engine(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1)
    optical = Unit(plan.ports[0], plan.overpasses[0], 0)
    radar = replace(optical, overpass=replace(optical.overpass, sensor="sentinel-1-rtc"))
    torch, other = (settings_for(by(plan, e)) for e in (Engine.TORCH, Engine.OPENVINO_BF16))
    assert segment.key(optical, torch) != segment.key(optical, other)
    assert segment.key(radar, torch) == segment.key(radar, other)
