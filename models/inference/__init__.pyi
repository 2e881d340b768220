from .engine_choice import (
    EngineError,
    EngineName,
    bfloat16_by,
    package_version,
    require_engine,
    require_package,
)
from .instances import Instance, Prediction, find_instances
from .predictor import Predictor
from .vessels import Detection, evidence, find_vessels, to_vessel

__all__ = [
    "Detection",
    "EngineError",
    "EngineName",
    "Instance",
    "Prediction",
    "Predictor",
    "bfloat16_by",
    "evidence",
    "find_instances",
    "find_vessels",
    "package_version",
    "require_engine",
    "require_package",
    "to_vessel",
]
