"""A long backfill on Kubernetes, disturbed all the time, with what is measured of it."""
