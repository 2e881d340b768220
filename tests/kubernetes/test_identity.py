import dataclasses
from pathlib import Path
from typing import Any

import pytest

from jobs.domain import EstimateSettings, Period
from jobs.errors import InputError
from jobs.kubernetes.identity import digest, identity_of
from jobs.kubernetes.partitions import WHOLE, make_partitions
from jobs.kubernetes.settings import ClusterSettings, Gpu, Group, Toleration, Workers
from jobs.kubernetes.spec import Identity, run_from_json, run_to_json
from tests.support.kubernetes.values import CUDA_IMAGE, IMAGE, PLAIN, run
from tests.support.plans import make, scene

PLAN = make(scene("a"))


def identified(**change: Any) -> Identity:
    given = {
        "plan": PLAN,
        "settings": PLAIN,
        "partitions": (WHOLE,),
        "verify": None,
        "code": "0.1.0+abc",
        "model_digest": "m" * 16,
    }
    return identity_of(**{**given, **change})


def test_the_same_work_has_the_same_digest() -> None:
    assert digest(identified()) == digest(identified(plan=make(scene("a"))))
    assert len(digest(identified())) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"plan": make(scene("b"))},
        {"plan": make(scene("a"), estimates=EstimateSettings(seed=1))},
        {"code": "0.1.0+def"},
        {"model_digest": "n" * 16},
        {"verify": 3},
        {"verify": 0},
        {"use_reviews": False},
        {"settings": ClusterSettings(IMAGE + "0")},
        {"settings": ClusterSettings(IMAGE, gpu=Gpu(count=1, image=CUDA_IMAGE))},
        {"partitions": make_partitions("2024", "year", PLAN.period)},
        {"partitions": make_partitions("2024", "month", PLAN.period)},
        {"partitions": make_partitions("2024", "month", PLAN.period)[1:]},
        {
            "partitions": make_partitions(
                "2024", "month", Period(PLAN.period.start, PLAN.period.start)
            )
        },
    ],
)
def test_whatever_decides_results_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest(identified(**change)) != digest(identified())


@pytest.mark.parametrize(
    "change",
    [
        {"workers": Workers(count=7, cpu="4", memory="16Gi", threads=4)},
        {"runner": Group(cpu="4", tolerations=(Toleration("a", "Exists"),))},
        {"scheduler": Group(nodes={"a": "b"})},
        {"deadline_s": 100, "keep_finished_s": 100, "retries": 0, "idle_timeout_s": 200},
        {"credentials": ("a",), "environment": {"A": "b"}, "runner_account": "c"},
        {"gpu": Gpu(count=0, image=CUDA_IMAGE, wait_s=1)},
    ],
)
def test_sizes_nodes_and_time_limits_do_not(change: dict[str, Any]) -> None:
    settings = dataclasses.replace(PLAIN, **change)
    assert digest(identified(settings=settings)) == digest(identified())


def test_the_archive_does_not() -> None:
    moved = dataclasses.replace(PLAN, archive="s3://elsewhere/x")
    assert digest(identified(plan=moved)) == digest(identified())


def test_cargo_counts_by_its_content(tmp_path: Path) -> None:
    entries = tmp_path / "cargo.csv"
    plan = make(scene("a"), estimates=EstimateSettings(cargo=str(entries)))
    digests = []
    for content in ("1", "2", "1"):
        entries.write_text(content)
        digests.append(digest(identified(plan=plan)))
    assert digests[0] == digests[2] != digests[1]
    missing = EstimateSettings(cargo=str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="cannot read cargo"):
        identified(plan=make(scene("a"), estimates=missing))


def test_a_run_is_read_as_it_was_recorded() -> None:
    parts = make_partitions("2024", "month", PLAN.period)
    made = run(partitions=parts, verify=2, submitted="2026-01-01T00:00:00+00:00")
    assert run_from_json(run_to_json(made)) == made
