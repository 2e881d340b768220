"""Evaluation of a network on labelled scenes."""
