"""The port archive: one Icechunk repository per port, Zarr v3 inside, opened by plain xarray.

Layout of a repository: one group per sensor family (``sentinel-2``, ``sentinel-2-visual``, ...)
with the time axis of that family's overpasses, and ``land(y, x)`` at the root. A chunk never spans
two overpasses, so every unit writes whole chunks of its own. Status and data go into the same
commit.

``time`` is in order of arrival, not of date: an earlier date that comes later is appended, because
moving chunks would touch what tags hold. Readers call ``ds.sortby("time")``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
