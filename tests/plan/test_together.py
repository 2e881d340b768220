"""Ports whose overpasses come from the same scenes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.plan.together import ports_together
from tests.support.plans import make, scene
from tests.support.small_runs import a_plan


def test_ports_that_share_every_scene_are_together(tmp_path: Path) -> None:
    assert ports_together(a_plan(tmp_path, 1, 2, ports=("A", "B", "C"))) == 3


def test_overpasses_of_one_port_are_not() -> None:
    assert ports_together(make(scene("a"), scene("b", 86400))) == 1


def test_a_plan_without_overpasses(tmp_path: Path) -> None:
    assert ports_together(a_plan(tmp_path)) == pytest.approx(1)
