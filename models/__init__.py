"""Ship segmentation: network, training, evaluation. The interface is numpy; torch is internal."""

from models.inference.instances import Prediction
from models.inference.predictor import Predictor
from models.inference.vessels import Detection
from models.weights import weights_digest

__all__ = ["Detection", "Prediction", "Predictor", "weights_digest"]
