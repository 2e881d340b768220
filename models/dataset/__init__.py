"""Data to train on: labelled scenes, boxes, targets, chips."""
