"""The port archive: one Icechunk repository per port, Zarr v3 inside, opened by plain xarray.

Layout of a repository: one group per sensor family (``sentinel-2``, ``sentinel-2-visual``, ...)
with the time axis of that family's overpasses, and ``land(y, x)`` at the root. A chunk never spans
two overpasses, so every unit writes whole chunks of its own. Status and data go into the same
commit.

``time`` is in order of arrival, not of date: an earlier date that comes later is appended, because
moving chunks would touch what tags hold. Readers call ``ds.sortby("time")``.
"""

from jobs.archive.fork import ForkStore
from jobs.archive.repository import PortArchive, port_name
from jobs.archive.schema import VESSELS
from jobs.archive.steps import Step, pending_step

__all__ = ["VESSELS", "ForkStore", "PortArchive", "Step", "pending_step", "port_name"]
