"""Inference: from an image to maps of probabilities and to vessels."""
