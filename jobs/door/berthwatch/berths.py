"""Berths by name: one, all of a port, or several together."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd

from jobs.domain import WGS84, Berth, Port, did_you_mean
from jobs.errors import InputError
from jobs.publish import PublishedResult
from jobs.visits import StayDraws


def full_name(stays: StayDraws) -> str:
    """As the series has it: port/berth."""
    return f"{stays.port}/{stays.berth}"


def stays_of(result: PublishedResult, berths: str | Sequence[str]) -> tuple[StayDraws, ...]:
    """The histories of the named berths, each once.

    A name is ``PORT/berth``, a berth's id alone where no two ports have it, or a port: all its
    berths without its anchorages, where the same ship waits before. InputError for others.
    """
    names = [berths] if isinstance(berths, str) else list(berths)
    if not names:
        raise InputError("no berth is named; expected a name such as 'PORT/berth', or several")
    found = [stays for name in names for stays in _of(result, name)]
    twice = {full_name(stays) for stays in found if found.count(stays) > 1}
    if twice:
        raise InputError(f"{', '.join(sorted(twice))}: named twice, and would be counted twice")
    return tuple(found)


def one_berth(result: PublishedResult, name: str) -> tuple[Port, Berth]:
    """The port and berth of a name; InputError for none, or for several."""
    found = stays_of(result, name)
    if len(found) != 1:
        raise InputError(
            f"{name!r} is a port with {len(found)} berths; expected one of them: "
            f"{', '.join(map(full_name, found))}"
        )
    port = next(port for port in result.ports if port.id == found[0].port)
    return port, next(berth for berth in port.berths if berth.id == found[0].berth)


def _of(result: PublishedResult, name: str) -> tuple[StayDraws, ...]:
    if name in {port.id for port in result.ports}:
        return result.calls(name)
    found = tuple(s for s in result.stays if name in (full_name(s), s.berth))
    if len(found) == 1:
        return found
    known = [full_name(stays) for stays in result.stays]
    if found:
        raise InputError(
            f"{name!r} is a berth of several ports; expected one of "
            f"{', '.join(map(full_name, found))}"
        )
    near = [*known, *(s.berth for s in result.stays), *(port.id for port in result.ports)]
    raise InputError(
        f"no berth {name!r}; {did_you_mean(name, near)} there are: {', '.join(known)}".replace(
            ";  ", "; "
        )
    )


def berth_table(ports: Sequence[Port]) -> gpd.GeoDataFrame:
    """A row a berth: port, berth, name, kind, capacity (empty at an anchorage), outline."""
    rows = [
        {
            "port": port.id,
            "berth": berth.id,
            "name": berth.name,
            "kind": str(berth.kind),
            "capacity": berth.capacity,
            "geometry": berth.polygon,
        }
        for port in ports
        for berth in port.berths
    ]
    columns = ["port", "berth", "name", "kind", "capacity", "geometry"]
    table = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=WGS84)
    return table.astype({"capacity": "Int64"})
