"""AIS as a cross-check of imagery: matched vessels, dark vessels, gaps and visits from AIS alone.

``read_ais`` reads position tables; ``hulls_of`` leaves out stray positions and tells apart the
ships of one MMSI (what follows does so where it was not done); ``match_ais`` matches the vessels of
a port's overpasses with ships or calls them dark; ``ais_gaps`` and ``visit_gaps`` list silences
around visits; ``ais_visits`` is a series of port visits from AIS alone; ``compare_visits`` compares
the two.
``cross_check`` in ``jobs.ais.crosscheck`` does all of it for a published result.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
