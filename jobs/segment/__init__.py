"""Segment: the vessels in one overpass, and which of them are fixed structure.

``stage`` is the per-overpass stage. ``background`` and ``fixed_structure`` use many finished
overpasses of one port together and are no stage: their results are not stored in the archive.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
