"""A result's tables, parted once for all of its visits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import pandas as pd

from jobs.domain import WGS84, Port, Vessel, project, transformer
from jobs.publish import PublishedResult
from jobs.visits import Sighting, Stay


@dataclass(frozen=True)
class ResultIndex:
    """One published result, by berth, overpass and visit."""

    result: PublishedResult

    @cached_property
    def ports(self) -> dict[str, Port]:
        return {port.id: port for port in self.result.ports}

    @cached_property
    def _looks(self) -> dict[tuple[str, str], gpd.GeoDataFrame]:
        ordered = self.result.looks.sort_values(["time", "overpass_id"], kind="stable")
        return dict(tuple(ordered.groupby(["port", "berth"], sort=False)))

    @cached_property
    def _visits(self) -> dict[tuple[str, str], gpd.GeoDataFrame]:
        return dict(tuple(self.result.visits.groupby(["port", "berth"], sort=False)))

    @cached_property
    def _vessels(self) -> dict[str, gpd.GeoDataFrame]:
        return dict(tuple(self.result.vessels.groupby("overpass_id", sort=False)))

    @cached_property
    def _stays(self) -> dict[str, Stay]:
        found = {}
        vessels = self.result.vessels.sort_values("time", kind="stable")
        for visit_id, rows in vessels[vessels["visit_id"] != ""].groupby("visit_id", sort=False):
            port = self.ports[rows["port"].iloc[0]]
            found[str(visit_id)] = Stay(tuple(sighting_of(port, row) for _, row in rows.iterrows()))
        return found

    def looks(self, port: str, berth: str) -> gpd.GeoDataFrame:
        """The looks at a berth, in time order."""
        return self._looks.get((port, berth), self.result.looks.iloc[:0])

    def visits(self, port: str, berth: str) -> gpd.GeoDataFrame:
        """The visits at a berth."""
        return self._visits.get((port, berth), self.result.visits.iloc[:0])

    def vessels(self, overpass_id: str) -> gpd.GeoDataFrame:
        """All that was found in an overpass."""
        return self._vessels.get(overpass_id, self.result.vessels.iloc[:0])

    def stay(self, visit_id: str) -> Stay:
        """The sightings of a visit, as the counting of visits joined them."""
        return self._stays[visit_id]


def sighting_of(port: Port, row: pd.Series) -> Sighting:
    """A row of the vessels table as the sighting that it was made of."""
    x, y = transformer(WGS84, port.grid.epsg).transform(row["geometry"].x, row["geometry"].y)
    corners = project(row["footprint"], port.grid.epsg, densify=False).exterior.coords
    vessel = Vessel(
        x=x,
        y=y,
        length_m=row["length_m"],
        length_sd_m=row["length_sd_m"],
        beam_m=row["beam_m"],
        heading_deg=row["heading_deg"],
        score=row["score"],
        truncated=bool(row["truncated"]),
        corners=tuple((a, b) for a, b, *_ in list(corners)[:4]),
    )
    return Sighting(row["vessel_id"], row["overpass_id"], row["time"].to_pydatetime(), vessel)
