"""Berthwatch in Python: port visits counted from satellite imagery, from archive to citation.

One import, a dozen names::

    import berthwatch as bw

    result = bw.open_result("demo/job.yaml")        # the newest result of a job, or one at a tag
    result.visits                                   # tables, as GeoDataFrames
    result.count("RUVYP/kozmino", "2024-03-04", "2024-03-17")    # ships that came, seen or not
    result.draw_looks("RUVYP/kozmino")              # the berth through time, in pictures
    print(result.cite())                            # what a reader needs to find it again

    archive = bw.open_archive("demo/archive")       # the pixels, from a folder or s3://...
    archive["RUVYP"].open(tag="demo-...")           # a port as an xarray DataTree

    planned = bw.plan("demo/job.yaml")              # asks the catalogs, pins what they hold
    bw.run(planned, client=my_dask_client)          # does what is missing
    bw.status(planned)

A **look** is what one overpass could see of one berth. A **visit** is one ship's stay, seen or
not. A **history** is one complete course of events at a berth, every stay with its times, that
agrees with the looks; a result holds 200 of them, equally likely, and a count is made in each. Days
are UTC, and the last day of a period belongs to it. Errors are ``bw.BerthwatchError``, nearly
always ``bw.InputError``: they say what was found, what was expected, and what to do.

``help(bw.Result)`` and ``docs/python.md`` have every method with an example. Drawing needs
matplotlib: ``pip install 'berthwatch[notebook]'``.
"""

from berthwatch.own_packages import ensure

ensure()  # before anything else: a jobs.py in the notebook's folder must not take our place

import lazy_loader  # noqa: E402

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
