"""The segment stage at its thresholds: the rim of cloud, what a key holds, how much is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs import segment
from jobs.domain import Quality, Settings, Unit
from jobs.segment.fixed_structure import Structure
from jobs.segment.network import away_from_cloud
from tests.support.factories import make_vessel
from tests.support.scenes import GRID, overpass, scene, small_port

CLOUD_RIM_PX = 4


def test_a_vessel_just_a_rims_width_from_cloud_is_not_believed() -> None:
    quality = np.zeros((20, 40), np.uint8)
    quality[:, 10] = Quality.CLOUD_SHADOW
    row = away_from_cloud(quality, 10.0)[5]
    assert not row[10 - CLOUD_RIM_PX : 10 + CLOUD_RIM_PX + 1].any()
    assert row[: 10 - CLOUD_RIM_PX].all()
    assert row[10 + CLOUD_RIM_PX + 1 :].all()
    coarse = away_from_cloud(quality, 20.0)[5]  # the rim is metres, not pixels
    assert coarse[10 + CLOUD_RIM_PX // 2 + 1 :].all()


def test_the_key_follows_inputs_berths_and_model_and_nothing_else() -> None:
    unit = Unit(small_port(), overpass(scene({})), 0)
    settings = Settings("code", None, "model")
    key = segment.key(unit, settings)
    berth = unit.port.berths[0]
    moved = replace(berth, polygon=berth.polygon.buffer(0.001))
    others = [
        segment.key(replace(unit, port=replace(unit.port, berths=(moved,))), settings),
        segment.key(replace(unit, port=replace(unit.port, berths=())), settings),
        segment.key(replace(unit, overpass=replace(unit.overpass, id="another")), settings),
        segment.key(unit, replace(settings, model_digest="another")),
    ]
    assert len({key, *others}) == 5
    renamed = replace(unit.port, name="Other", berths=(replace(berth, name="Other"),))
    assert segment.key(replace(unit, port=renamed, step=7), settings) == key
    assert segment.key(unit, replace(settings, code_version="other")) == key


@pytest.mark.parametrize(("known_columns", "judged"), [(10, True), (9, False)])
def test_a_hull_half_of_which_is_known_is_judged(known_columns: int, judged: bool) -> None:
    """A hull of 20 pixels' length along the row, with the background known under its west."""
    probability = np.full(GRID.shape, np.nan, np.float32)
    left, row = 40, 50
    probability[:, : left + known_columns] = 0.8
    x = GRID.left + 10 * (left + 10)
    y = GRID.top - 10 * (row + 0.5)
    hull = make_vessel(x=x, y=y, length_m=200.0, heading_deg=90.0)
    found = Structure(GRID, probability).probability_under(hull)
    assert (found is not None) == judged
