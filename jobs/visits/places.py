"""The tables of places: the berths and the areas of the ports, as polygons."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Polygon

from jobs.domain import Port, geod
from jobs.visits.columns import table
from jobs.visits.degrees import DEGREE_DECIMALS
from jobs.visits.polygon_source import polygon_source
from jobs.visits.schema import BERTH_COLUMNS, PORT_COLUMNS


def berth_table(ports: Iterable[Port]) -> gpd.GeoDataFrame:
    """BERTH_COLUMNS: a row a berth, in the order given and that of the port's file."""
    rows = (
        {
            "port": port.id,
            "berth": berth.id,
            "name": berth.name,
            "kind": berth.kind.value,
            "capacity": berth.capacity,
            "source": polygon_source(port).value,
            **_shape(berth.polygon),
        }
        for port in ports
        for berth in port.berths
    )
    return table(BERTH_COLUMNS, rows)


def port_table(ports: Iterable[Port]) -> gpd.GeoDataFrame:
    """PORT_COLUMNS: a row a port, in the order given."""
    rows = (
        {
            "port": port.id,
            "name": port.name,
            "country": port.country,
            "locode": port.locode or "",
            "source": polygon_source(port).value,
            "berths": len(port.berths),
            "epsg": port.grid.epsg,
            **_shape(port.area),
        }
        for port in ports
    )
    return table(PORT_COLUMNS, rows)


def _shape(polygon: Polygon) -> dict[str, object]:
    """The polygon as published, with the area on the ellipsoid and the centroid of just that."""
    shape = shapely.transform(polygon, lambda xy: np.round(xy, DEGREE_DECIMALS))
    lon, lat = np.round(shape.centroid.coords[0], DEGREE_DECIMALS)
    return {
        "area_m2": round(abs(geod().geometry_area_perimeter(shape)[0]), 1),
        "centroid_lon": float(lon),
        "centroid_lat": float(lat),
        "geometry": shape,
    }
