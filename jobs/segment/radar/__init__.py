"""Ships in radar images: contrast to the sea, shapes, ghosts, and what always stands there."""
