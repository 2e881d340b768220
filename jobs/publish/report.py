"""The report of a run: one self-contained HTML page, the same text for the same publication."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from markupsafe import Markup

from jobs.domain import Berth, Port
from jobs.publish import charts, traffic_chart
from jobs.publish.charts import Block, Chart, calendar, chart
from jobs.publish.html import pages
from jobs.publish.number_text import EstimateText, share_text, utc
from jobs.publish.pictures import Chip, chips
from jobs.publish.port_map import PortMap, embedded_map
from jobs.publish.publication import Publication
from jobs.publish.rendering import Rendering
from jobs.publish.report_rows import (
    AnchorageRow,
    Basis,
    BerthRow,
    CapReading,
    VisitRow,
    anchorage_row,
    basis,
    berth_rows,
    cap_readings,
    is_anchorage,
    rows_of,
    sources_of,
    visit_rows,
    visits_at_berths,
    voyage_rows,
)
from jobs.publish.sensor_places import SensorPlace, sensor_places
from jobs.publish.traffic_chart import TrafficChart, traffic_of
from jobs.visits import (
    FIT_LENGTH_M,
    CrowdedBerth,
    PortEstimate,
    crowded_berths,
    outside_fit_share,
)

TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"
SCRIPT = TEMPLATE.parent / "port_map.js"
MAX_FAILURES = 60
MAX_CHIPS, MAX_CHIPS_OF_ALL = 12, 60
"""Chips of a port and of all ports; one takes about 12 kB."""
MAP_BYTES = 5_000_000
"""Pictures in the maps of all ports together; a port has at least one."""
WEEKS_AS_BARS = 17
"""Up to this the bars are weeks; beyond, months."""


@dataclass(frozen=True)
class PortPage:
    """The part of the page about one port."""

    port: Port
    map: PortMap | None
    renderings: tuple[Rendering, ...]
    """How the imagery of each sensor is shown, in all pictures of the port."""
    visits: EstimateText | None
    """At all berths together; None where there is no berth but anchorages."""
    seen_at_berths: int
    seen_at_anchorages: int
    anchorages: tuple[AnchorageRow, ...]
    blind_berths: int
    """Places without any usable look."""
    berths: tuple[BerthRow, ...]
    crowded: tuple[CrowdedBerth, ...]
    bases: tuple[Basis, ...]
    sensors: tuple[SensorPlace, ...]
    """Empty where one sensor alone looked."""
    sources: tuple[str, ...]
    caps: tuple[CapReading, ...]
    outside_fit: str
    blocks: tuple[Block, ...]
    charts: tuple[Chart, ...]
    frequency: str
    traffic: tuple[TrafficChart, ...]
    visit_rows: tuple[VisitRow, ...]
    visits_of_all: int
    vessels_at_berths: int
    vessels_elsewhere: int
    fixed: int
    """Detections in all looks that count nowhere as the port's own background accounts for them."""
    fixed_untold: int
    """Detections of radar that count nowhere as no background is known and they are not sure."""
    fixed_seen: str
    """In how many of how many clear looks the same was seen there: "10 of 10", or a range."""
    like_structure: int
    """Detections that count, although the port's own background looks like a hull there."""
    rejected: int
    """Detections in all looks that count nowhere because reviewers say so."""
    background_known: bool
    """Whether fixed structure could be detected for any vessel."""
    unscreened_looks: int
    chips: tuple[Chip, ...]


def render(publication: Publication) -> str:
    """The page as HTML; the same publication gives the same text."""
    environment = pages(TEMPLATE.parent)
    environment.filters["utc"] = utc
    environment.filters["words"] = lambda text: text.replace("_", " ")
    script = SCRIPT.read_text()
    estimates = [publication.estimates[port.id] for port in publication.ports]
    return environment.get_template(TEMPLATE.name).render(
        publication=publication,
        pages=[port_page(publication, port) for port in publication.ports],
        visits=visits_at_berths(estimates),
        voyages=voyage_rows(publication),
        failures=publication.failures[:MAX_FAILURES],
        attributions=publication.provenance.attributions,
        fit_m=FIT_LENGTH_M,
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        shapes=charts,
        traffic=traffic_chart,
    )


def port_page(publication: Publication, port: Port) -> PortPage:
    """The part of the page about one port."""
    tables, estimate = publication.tables[port.id], publication.estimates[port.id]
    series, frequency = _bars_of(publication, port)
    ships = tables.ships
    at_berths = int((ships["berth"] != "").sum())
    per_port = max(1, min(MAX_CHIPS, MAX_CHIPS_OF_ALL // len(publication.tables)))
    struck = tables.vessels[tables.vessels["fixed"] & (tables.vessels["review"] == "")]
    told = struck[struck["background"].notna()]
    rows = list(zip(port.berths, rows_of(estimate.berths), strict=True))
    sources = sources_of(row for _, row in rows)
    return PortPage(
        port=port,
        map=embedded_map(tables, publication.imagery, MAP_BYTES // len(publication.tables)),
        renderings=tuple(publication.imagery.renderings(port.id).values()),
        visits=visits_at_berths([estimate]),
        seen_at_berths=_visits_seen(rows, anchorages=False),
        seen_at_anchorages=_visits_seen(rows, anchorages=True),
        anchorages=tuple(anchorage_row(berth, row) for berth, row in rows if is_anchorage(berth)),
        blind_berths=sum(row["usable_looks"] == 0 for _, row in rows),
        berths=berth_rows(tables, estimate),
        crowded=tuple(crowded_berths([port], tables.looks)),
        bases=tuple(basis(berth, row, sources, estimate) for berth, row in rows),
        sensors=sensor_places(port, estimate.sensors),
        sources=sources,
        caps=cap_readings(estimate.volumes, publication.settings),
        outside_fit=share_text(outside_fit_share(estimate.volumes)),
        blocks=calendar(tables, publication.period),
        charts=tuple(
            chart(series.isel(port_berth=n), frequency) for n in range(series.sizes["port_berth"])
        ),
        frequency=frequency,
        traffic=_traffic(rows, estimate),
        visit_rows=visit_rows(tables),
        visits_of_all=len(tables.visits),
        vessels_at_berths=at_berths,
        vessels_elsewhere=len(ships) - at_berths,
        fixed=len(told),
        fixed_untold=len(struck) - len(told),
        fixed_seen=seen_text(told),
        like_structure=int(ships["place_looks"].notna().sum()),
        rejected=len(tables.vessels) - len(ships) - len(struck),
        background_known=bool(tables.vessels["background"].notna().any()),
        unscreened_looks=int((~tables.looks["screened"]).sum()),
        chips=chips(tables, publication.imagery, per_port),
    )


def seen_text(struck: pd.DataFrame) -> str:
    """In how many of how many clear looks the same was seen where vessels are struck out; of the
    least and the most looks where they differ.
    """
    counted = struck.dropna(subset=["place_seen", "place_looks"])
    pairs = sorted(
        {(int(of), int(seen)) for seen, of in counted[["place_seen", "place_looks"]].to_numpy()}
    )
    texts = [f"{seen} of {of}" for of, seen in pairs]
    return " to ".join(dict.fromkeys((texts[0], texts[-1]))) if texts else "an unknown number of"


def _traffic(
    rows: Sequence[tuple[Berth, pd.Series]], estimate: PortEstimate
) -> tuple[TrafficChart, ...]:
    """A chart of each berth whose period has more than one month."""
    found = (
        traffic_of(
            berth,
            row,
            estimate.traffic[estimate.traffic["berth"] == berth.id].reset_index(drop=True),
        )
        for berth, row in rows
    )
    return tuple(chart for chart in found if chart is not None)


def _visits_seen(rows: Sequence[tuple[Berth, pd.Series]], anchorages: bool) -> int:
    """Seen visits of all anchorages, or of all other berths."""
    return sum(int(row["visits_seen"]) for berth, row in rows if is_anchorage(berth) == anchorages)


def _bars_of(publication: Publication, port: Port) -> tuple[xr.Dataset, str]:
    """The port's series in the frequency that can be read, and that frequency."""
    weekly = publication.series["week"].sizes["period"] <= WEEKS_AS_BARS
    frequency = "week" if weekly else "month"
    series = publication.series[frequency]
    return series.isel(port_berth=np.flatnonzero(series["port"].values == port.id)), frequency
