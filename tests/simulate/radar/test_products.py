"""Which product of the radar a simulation makes."""

from __future__ import annotations

import pytest

from jobs.errors import InputError
from jobs.simulate import SimulationConfig


def test_a_product_beside_must_be_one_of_radar():
    with pytest.raises(InputError, match="beside 'sentinel-2-l2a'; expected one of sentinel-1-rtc"):
        SimulationConfig(with_radar=True, beside="sentinel-2-l2a")
    beside = SimulationConfig(with_radar=True, beside="sentinel-1-grd")
    assert (beside.optical, beside.radar_product) == ("sentinel-2-l2a", "sentinel-1-grd")
    alone = SimulationConfig(sensor="sentinel-1-grd")
    assert (alone.optical, alone.radar, alone.radar_product) == (None, True, "sentinel-1-grd")
