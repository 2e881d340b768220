from .instances import Instance, Prediction, find_instances
from .predictor import Predictor
from .vessels import Detection, evidence, find_vessels, to_vessel

__all__ = [
    "Detection",
    "Instance",
    "Prediction",
    "Predictor",
    "evidence",
    "find_instances",
    "find_vessels",
    "to_vessel",
]
