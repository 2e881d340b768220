"""Run: a plan's overpasses through the stages on a Dask cluster, committed as they finish."""
