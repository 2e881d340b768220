"""Training data: labelled scenes, boxes, targets, chips."""
