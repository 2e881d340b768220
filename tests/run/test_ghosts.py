"""Radar detections left out as ghosts are told: in the journal, and at the end of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from jobs.archive import pool
from jobs.cli import run as command
from jobs.run.summary import Summary
from jobs.segment import stage
from jobs.segment.protocol import Found, View
from tests.support.cluster_here import cluster_here
from tests.support.small_runs import a_plan, go


class SeesGhosts:
    """A detector that leaves out as many detections as the image has bands, and finds nothing."""

    def find(self, view: View) -> Found:
        image = view.pixels.image
        return Found((), np.zeros(image.shape[1:], np.uint8), ghosts=len(image))


def test_they_are_counted_by_overpass_and_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(stage, "detector_for", lambda *_: SeesGhosts())
    with cluster_here() as cluster, Client(cluster) as client:
        summary, events, _ = go(a_plan(tmp_path, 1, 2), client)
    assert (summary.done, summary.vessels, summary.ghosts) == (2, 0, 8)
    told = [e.facts["ghosts"] for e in events if e.facts.get("stage") == "segment"]
    assert told == [4, 4]
    assert not any("ghosts" in e.facts for e in events if e.facts.get("stage") == "tile")


def test_the_end_of_a_run_says_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    def said(ghosts: int, as_json: bool) -> str:
        command._report_run(Summary(done=2, ghosts=ghosts), None, [], None, as_json)
        return " ".join(capsys.readouterr().out.split())

    assert "8 radar detections were left out as ghosts of brighter ones" in said(8, False)
    assert "ghost" not in said(0, False)
    assert json.loads(said(8, True))["ghosts"] == 8
