from .cross_validation import cross_validate, evaluate_folds, with_cross_validation
from .train import TrainConfig, train_network

__all__ = [
    "TrainConfig",
    "cross_validate",
    "evaluate_folds",
    "train_network",
    "with_cross_validation",
]
