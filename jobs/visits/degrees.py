"""How exactly published coordinates are given."""

DEGREE_DECIMALS = 7
"""Published coordinates are rounded to this many decimals of a degree: about a centimetre."""
