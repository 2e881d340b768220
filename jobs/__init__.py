"""From satellite catalogs to port-visit time series, on a Dask cluster."""
