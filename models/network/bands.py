"""The bands of the network, apart from what computes with them: planning needs their names."""

BANDS: tuple[str, ...] = ("blue", "green", "red", "nir")
"""The input planes, in order."""
