"""Ship segmentation: networks, training, evaluation. numpy at the border, torch stays inside."""

from models.predictor import Detection, Prediction, Predictor, weights_digest

__all__ = ["Detection", "Prediction", "Predictor", "weights_digest"]
