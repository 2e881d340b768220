"""A backfill on Kubernetes that is disturbed all the time: its end, bytes, remains and requests.

Some minutes of tests/bench/bench_long_run.py, which plays 24 hours in one and measures growth.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.long_run.run import PARALLEL, long_site, planned, run_here, submitted
from tests.support.long_run.schedule import schedule

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

DAY_S = 1200.0
"""Mishaps follow each other as if 24 hours were so many seconds."""


def test_a_backfill_bears_whatever_befalls_it(tmp_path: Path) -> None:
    with long_site(tmp_path / "site", months=3, per_month=2, workers=2) as place:
        plan = {line["what"]: line["amount"] for line in planned(place)["cost"]}
        alone = run_here(place, tmp_path / "alone.jsonl", workers=2)
        assert alone.code == 0, alone.said
        run = submitted(place, tmp_path / "run.jsonl", schedule(1, DAY_S), limit_s=3000)
        assert run.code == 0, run.said + place.site.world.describe()
        assert run.published() == alone.published()
        assert run.left == []
        # one more while a lost one is taken away
        assert max(sample.objects["daskclusters"] for sample in run.samples) <= PARALLEL + 1
        assert any(one.met for one in run.happened)
    requests = alone.samples[-1].requests
    assert requests["imagery GET"] == pytest.approx(plan["read requests"], rel=0.1)
    assert requests["imagery GET bytes"] == pytest.approx(plan["bytes read"] * 1e9, rel=0.1)
