"""The packaged weights on recorded imagery they were not trained on; skipped where it is absent."""

import pytest

from models.dataset.scenes import LabelledScene, LabelSource, read_scenes
from models.evaluation.metrics import Rule, compare, summarise
from models.inference.predictor import Predictor
from tests.support.places import REAL_IMAGERY

LIKELY = 0.5
"""More likely a ship than not; without a land mask the shore has false alarms of lower score."""

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not REAL_IMAGERY.is_dir(), reason="no recorded imagery beside the checkout"),
]


@pytest.fixture(scope="module")
def anchorage() -> LabelledScene:
    """English Bay on 2019-03-17 in true colour, one of the two dates used for tuning."""
    source = LabelSource(
        REAL_IMAGERY / "catalog.json", "s2-vancouver", REAL_IMAGERY / "vancouver_ships.csv"
    )
    return next(read_scenes(source))


def test_an_anchorage_in_true_colour(anchorage: LabelledScene) -> None:
    predictor = Predictor.load()
    found = predictor.detect(predictor.predict(anchorage.image, anchorage.bands))
    found = tuple(vessel for vessel in found if vessel.score >= LIKELY)
    scores = summarise(compare(found, anchorage.boxes, Rule.DISTANCE))
    assert scores.ships == 19
    assert scores.f1 > 0.8
    assert scores.length_mae_m < 30
    assert scores.heading_within_10_deg > 0.9
