"""The rate of the traffic by month as a figure and in words."""

import numpy as np
import pandas as pd
import pytest

from jobs.publish.traffic_chart import CHANCE_H, MONTH_W, RATE_H, change_words, traffic_of
from tests.support.factories import make_berth

WHOLE = pd.Series({"rate_changed": 0.97, "rate_changed_prior": 0.35})


def months(**changes: list[float]) -> pd.DataFrame:
    none = [np.nan, 0.02, 0.01, 0.03]
    rates = {
        "calls_per_30_days": [0.1, 0.1, 8.0, 8.0],
        "calls_per_30_days_low": [0.0, 0.0, 5.0, 5.0],
        "calls_per_30_days_high": [1.0, 1.0, 16.0, 16.0],
    }
    chances = {name: none for name in ("changed", "began", "ended")}
    priors = {name: [np.nan, 0.05, 0.05, 0.05] for name in ("changed_prior", "began_prior")}
    month = pd.date_range("2024-01-01", periods=4, freq="MS", tz="UTC")
    return pd.DataFrame({"month": month} | rates | chances | priors | changes)


def test_a_beginning_is_named_with_its_month_and_what_was_believed_before() -> None:
    found = months(began=[np.nan, 0.06, 0.93, 0.01], changed=[np.nan, 0.06, 0.93, 0.01])
    assert change_words(WHOLE, found) == (
        "That the rate changed in the period: 0.97 (before any look 0.35). "
        "Traffic began with Mar 2024: 0.93 (before any look 0.05; Feb 2024 0.06). "
        "It changed with Mar 2024: 0.93 (before any look 0.05; Feb 2024 0.06), "
        "from 0.1 to 8.0 ships in 30 days."
    )


def test_where_no_month_stands_out_none_is_named() -> None:
    words = change_words(WHOLE, months())
    assert words == "That the rate changed in the period: 0.97 (before any look 0.35)."


def test_the_band_holds_the_rate_and_the_bars_are_as_long_as_probable() -> None:
    chart = traffic_of(make_berth(), WHOLE, months(changed=[np.nan, 0, 0.5, 0]))
    assert chart is not None
    assert chart.width == 4 * MONTH_W
    paths = dict(chart.paths)
    assert paths["change"] == f"M{2 * MONTH_W - 3} {RATE_H + 2}h6v{CHANCE_H / 2}h-6z"
    assert paths["median"].startswith(f"M0 {RATE_H * (1 - 0.1 / 16):.1f}L{MONTH_W} ")
    # the upper edge to the right, the lower one back
    assert paths["band90"].count("L") == 2 * 2 * 4 - 1
    assert "changed with this month 0.50" in chart.months[2].title
    assert "changed" not in chart.months[0].title


@pytest.mark.parametrize("number", [0, 1])
def test_a_single_month_has_no_figure(number: int) -> None:
    assert traffic_of(make_berth(), WHOLE, months().head(number)) is None
