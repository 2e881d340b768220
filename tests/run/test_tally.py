"""Failures that differ by their file alone are one kind, counted together."""

from __future__ import annotations

import pytest

from jobs.run import committer
from jobs.run.committer import OTHER_REASONS, Tally


def test_one_fault_of_a_whole_catalog_is_said_once() -> None:
    tally = Tally()
    for place in ("/data/a/blue.tif", "https://h/b%20c/red.tif", "s3://bucket/key.tif"):
        tally.add_reason(f"SceneError: {place} holds float32 samples, expected uint16")
    tally.add_reason("SceneError: /data/a/blue.tif holds int16 samples, expected uint16")
    assert tally.reasons == {
        "SceneError: /data/a/blue.tif holds float32 samples, expected uint16": 3,
        "SceneError: /data/a/blue.tif holds int16 samples, expected uint16": 1,
    }


def test_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "MOST_REASONS", 2)
    tally = Tally()
    for number in (1, 2, 3, 4, 1):
        tally.add_reason(f"reason {number}")
    assert tally.reasons == {"reason 1": 2, "reason 2": 1, OTHER_REASONS: 2}
