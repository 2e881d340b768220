"""Evaluation: what a network finds, misses and invents on labelled scenes."""
