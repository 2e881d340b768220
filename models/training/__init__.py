"""Training: losses, the training loop, folds, calibration."""
