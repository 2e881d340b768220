"""A simulation's score from its files: which ships count, and which visits began in the period."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from jobs.simulate.score import score_results

DAY = "2024-05-02"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Published results, and the truth: a ship found, and three that nobody need find."""
    published, truth = tmp_path / "published", tmp_path / "truth"
    published.mkdir()
    truth.mkdir()
    there = [
        # lon, length, visible share, berth, ship
        (133.00, 90.0, 1.0, "oil", "found"),
        (133.01, 90.0, 0.4, "oil", "clouded"),
        (133.02, 30.0, 1.0, "roads", "small"),
        (133.03, 90.0, 0.5, "oil", "half seen, missed"),
    ]
    pd.DataFrame(
        [
            {
                "port": "P",
                "overpass_utc": f"{DAY}T02:10:13Z",
                "lon": lon,
                "lat": 42.7,
                "length_m": length_m,
                "visible": visible,
                "berth": berth,
                "ship_id": ship,
            }
            for lon, length_m, visible, berth, ship in there
        ]
    ).to_csv(truth / "vessels.csv", index=False)
    pd.DataFrame(
        [
            {"port": "P", "time": f"{DAY}T02:10:05Z", "lon": lon, "lat": 42.7, "length_m": 95.0}
            | {"fixed": fixed, "counted": not fixed}
            for lon, fixed in ((133.0, False), (133.02, False), (133.2, False), (133.3, True))
        ]
    ).to_csv(published / "vessels.csv", index=False)
    arrivals = ("2024-04-30T23:59:00Z", "2024-05-01T00:00:00Z", "2024-05-31T23:59:00Z")
    pd.DataFrame(
        [
            {"port": "P", "berth": "oil", "ship_id": ship, "arrival": arrival}
            for ship, arrival in zip(
                ("before", "found", "half seen, missed"), arrivals, strict=True
            )
        ]
    ).to_csv(truth / "visits.csv", index=False)
    period = {"start": "2024-05-01", "end": "2024-05-31"}
    (published / "provenance.json").write_text(json.dumps({"period": period}))
    estimates = {"port": "P", "berth": "oil", "visits_low": 1.6, "visits_high": 3.2}
    pd.DataFrame([estimates | {"visits": 2.4, "visits_seen": 1}]).to_csv(
        published / "estimates.csv", index=False
    )
    return published, truth


def test_ships_that_are_small_or_hidden_are_in_no_count(folders: tuple[Path, Path]) -> None:
    matches, _ = score_results(*folders)
    assert (matches.true_positives, matches.false_positives, matches.false_negatives) == (1, 1, 1)
    assert matches.length_error_m == pytest.approx(5.0)


def test_visits_count_from_the_first_day_to_the_last(folders: tuple[Path, Path]) -> None:
    _, rows = score_results(*folders)
    assert rows == [
        {
            "port": "P",
            "berth": "oil",
            "true_visits": 2,
            "under_a_clear_pass": 2,
            "seen": 1,
            "estimated": 2,
            "90_%_between": "2 and 3",
            "holds": "yes",
        }
    ]
