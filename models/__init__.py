"""Ship segmentation: networks, training, evaluation. numpy at the border, torch stays inside."""

from models.inference.instances import Prediction
from models.inference.predictor import Predictor
from models.inference.vessels import Detection
from models.weights import weights_digest

__all__ = ["Detection", "Prediction", "Predictor", "weights_digest"]
