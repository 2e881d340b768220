"""The plan: every overpass pinned to its files, counted and hashed before anything runs.

A plan holds the ports with their grids, and for each overpass its scenes; a run does not search
catalogs again. A plan of millions of overpasses stays in its file and is read port by port.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
