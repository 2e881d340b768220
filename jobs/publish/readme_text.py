"""``README.txt``: what each file of a result is, and how to open it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from jobs.publish.checksums import CHECKSUMS
from jobs.publish.citation import citation_text
from jobs.publish.dictionary import CSV_FILE
from jobs.publish.geopackage import FOOTPRINTS, GEOPACKAGE
from jobs.publish.provenance import PROVENANCE, provenance_json
from jobs.publish.publication import Publication
from jobs.publish.source_items import ITEMS
from jobs.publish.table_files import HISTORIES, SERIES
from jobs.publish.tree_digest import RECIPE
from jobs.visits import HISTORIES_TABLE, PUBLISHED

README = "README.txt"

_OPEN = f"""How to open it

QGIS        drag {GEOPACKAGE} into the map: every table is a layer. Times are UTC: set the time zone
            of a layer's temporal properties to UTC.
R           library(sf); visits <- st_read("{GEOPACKAGE}", "visits")
            arrow::read_parquet("estimates.parquet")
pandas      import pandas as pd; pd.read_parquet("visits.parquet")
GeoPandas   import geopandas as gpd; gpd.read_parquet("visits.parquet")
            gpd.read_file("{GEOPACKAGE}", layer="berths")
DuckDB      SELECT port, berth, visits, visits_low, visits_high FROM 'estimates.parquet';
xarray      import xarray as xr
            xr.open_datatree("{SERIES}", engine="zarr", consolidated=False)
Excel       the .csv files; import them as UTF-8 with a point as the decimal mark
"""

_CARE = f"""What to keep in mind

- visits_seen is what was seen; visits is an estimate that includes what was not, and is quoted with
  its interval (visits_low, visits_high hold 90 %). Intervals of periods or berths do not add up.
- A period without looks (looks = 0) says nothing by its zeros.
- Only vessels with counted = true count as ships elsewhere; fixed = true is taken for a part of the
  port (an inference: place_seen of place_looks looks show the same there), and review says what
  people decided.
- {GEOPACKAGE} has times to a millisecond and no histories; what is NaN elsewhere is NULL there.
- An empty cell has a meaning: the dictionary says which, column by column.
"""


def readme_text(publication: Publication) -> str:
    """The text, at most 100 characters wide."""
    head = f"Port visits seen from space: {publication.job}, result {publication.tag}"
    files = "\n".join(_file(name, what) for name, what in _files())
    return "\n".join(
        (
            head,
            "=" * len(head),
            "",
            f"{publication.period.start} to {publication.period.end}, UTC, both inclusive.",
            fill(_completeness(publication), 96),
            "",
            "Files",
            "",
            files,
            "",
            _OPEN,
            _CARE,
            "Is it what was published?",
            "",
            f"  sha256sum -c {CHECKSUMS}",
            "",
            "collection.json holds the sha256 of every file, that list among them (file:checksum:",
            "1220 and the sha256).",
            f"Of the folder {SERIES} it holds berthwatch:tree_sha256, which inside the folder is",
            f"  {RECIPE}",
            "",
            "How to cite it",
            "",
            fill(citation_text(provenance_json(publication)), 96, break_on_hyphens=False),
            "",
        )
    )


def _completeness(publication: Publication) -> str:
    units = publication.units
    if publication.complete:
        return f"Complete: all {units.done} overpasses of the plan were read."
    return (
        f"Not complete: {units.done} overpasses were read, {units.failed} failed and "
        f"{units.pending} are pending; {PROVENANCE} names the failed ones."
    )


def _file(name: str, what: str) -> str:
    return fill(what, 96, initial_indent=f"{name:<28}", subsequent_indent=" " * 28)


def _files() -> Iterator[tuple[str, str]]:
    yield "report.html", "the report, a page for the browser"
    for name, table in PUBLISHED.items():
        yield f"{name}.parquet, .csv", f"a row is {table.description}"
    yield HISTORIES, f"a row is {HISTORIES_TABLE.description}"
    layers = f"the boxes around the vessels are the layer {FOOTPRINTS}"
    yield GEOPACKAGE, f"the tables above but the histories, as layers; {layers}"
    yield SERIES, "counts and estimates per berth and day, week, month (Zarr v3)"
    yield f"{CSV_FILE}, .json", "every column and variable: meaning, unit, values, source, empty"
    yield PROVENANCE, "what it was made from: plan, code, model, items, digests; how to cite it"
    yield ITEMS, "the catalogs' items that it was made from, with addresses"
    yield CHECKSUMS, "sha256 of every file, for sha256sum -c"
    yield "collection.json", "STAC collection of these files, with their digests"
