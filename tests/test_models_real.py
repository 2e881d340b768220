"""The packaged weights on recorded imagery they were not trained on; skipped where it is absent."""

from pathlib import Path

import pytest

from models.metrics import Rule, compare, summarise
from models.predictor import Predictor
from models.scenes import Scene, Source, read_scenes

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "real-imagery"

LIKELY = 0.5
"""More likely a ship than not; the shore's doubtful ones are the land mask's to keep out."""

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="no recorded imagery beside the checkout"),
]


@pytest.fixture(scope="module")
def anchorage() -> Scene:
    """English Bay on 2019-03-17 in true colour, one of the two dates looked at while tuning."""
    source = Source(DATA / "catalog.json", "s2-vancouver", DATA / "vancouver_ships.csv")
    return next(read_scenes(source))


def test_an_anchorage_in_true_colour(anchorage: Scene) -> None:
    predictor = Predictor.load()
    found = predictor.detect(predictor.predict(anchorage.image, anchorage.bands))
    found = tuple(vessel for vessel in found if vessel.score >= LIKELY)
    scores = summarise(compare(found, anchorage.boxes, Rule.DISTANCE))
    assert scores.ships == 19
    assert scores.f1 > 0.8
    assert scores.length_mae_m < 30
    assert scores.heading_within_10_deg > 0.9
