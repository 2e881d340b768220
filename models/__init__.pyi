from .inference import Detection, Prediction, Predictor
from .weights import weights_digest

__all__ = ["Detection", "Prediction", "Predictor", "weights_digest"]
