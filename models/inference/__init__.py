"""Inference: an image in, a map of probabilities and vessels out."""
