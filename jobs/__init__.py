"""From satellite catalogs to port-visit time series, on a Dask cluster.

What notebooks and scripts import from here is listed in ``__init__.pyi`` and stays. A name is
imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
