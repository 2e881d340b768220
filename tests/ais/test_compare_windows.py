"""Which window a stay counts in, beside the visits that imagery estimates."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from jobs.ais import compare_visits
from jobs.visits.occupancy.draws import StayDraws
from tests.support.ais_messages import NOON


def test_a_stay_counts_in_the_window_whose_first_moment_it_began_in() -> None:
    """As estimated visits do: a window holds its begin and not its end."""
    edges = [NOON + timedelta(days=day) for day in (0, 5, 10)]
    began = [NOON - timedelta(seconds=1), NOON, *edges]
    stays = pd.DataFrame(
        {
            "port": "P",
            "berth": "oil",
            "begin": pd.to_datetime(began),
            "begin_seen": True,
            "confidence": 4,
        }
    )
    arrival = np.array([-1e-5, 0.0, 5.0, 10.0])
    draws = StayDraws(
        port="P",
        berth="oil",
        origin=NOON,
        end=10.0,
        draws=1,
        draw=np.zeros(4, np.int32),
        arrival=arrival,
        departure=arrival + 1,
        length_m=np.full(4, 90.0),
        visit=np.full(4, -1, np.int32),
    )
    found = compare_visits(stays, [draws], edges)
    assert found["ais_visits"].tolist() == [2, 1]
    assert found["visits"].tolist() == [1.0, 1.0]
    assert found["excess_probability"].tolist() == [0.0, 0.0]
