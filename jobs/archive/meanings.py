"""What every variable of a port archive means: the registry that the archive's own attributes, the
data dictionary and its page are made from.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobs.domain import SENSORS, Meaning, Quality, Sensor

_NO_VESSEL = "NaN, no vessel: the axis is padded"
_PLACE = "of the port's grid, in its UTM zone"
_NETWORK = "the detector named by `segment_key`: the network, or that of radar images"
_STATES = "0 pending, 1 done, 2 failed"

GRID: Mapping[str, Meaning] = {
    "x": Meaning(f"easting of the pixels' centres, {_PLACE}", "m"),
    "y": Meaning(f"northing of the pixels' centres, {_PLACE}", "m"),
    "spatial_ref": Meaning("coordinate system and transform, as CF and GDAL read them"),
    "land": Meaning("land mask", values="0 water, 1 land", source="roaring-landmask, GSHHG"),
}
"""Of the root group, and of every family but for the land mask."""


def image_meaning(sensor: Sensor) -> Meaning:
    """The meaning of the image of a sensor family, packed or as it is."""
    encoding = sensor.encoding
    how = "value = number * scale_factor + add_offset"
    if encoding.dtype == "uint8":
        how = "brightness = number / 255; archives of early versions: 16 bits with that scale"
    return Meaning(
        encoding.long_name,
        encoding.units,
        values=encoding.values,
        source=f"{sensor.title}; {how}",
        missing="number 0, no data",
    )


IMAGES: Mapping[str, Meaning] = {
    sensor.encoding.variable: image_meaning(sensor) for sensor in SENSORS.values()
}
"""An image of each kind; what one of a sensor is, ``image_meaning`` says."""

PIXELS: Mapping[str, Meaning] = {
    **IMAGES,
    "quality": Meaning(
        "what is wrong with the pixel, 0 = clear",
        values="sum of " + ", ".join(f"{int(flag)} {str(flag.name).lower()}" for flag in Quality),
        source="the scene classification and no data of the source's files; of a radar no data "
        "and border noise",
    ),
    "ship_probability": Meaning(
        "probability that the pixel is part of a ship",
        "1",
        values="0 to 1; also 0 where nothing was segmented",
        source=_NETWORK,
    ),
}
"""Arrays of the grid's pixels."""

VESSELS_TABLE: Mapping[str, Meaning] = {
    "x": Meaning("easting of the vessel's centre", "m", missing=_NO_VESSEL),
    "y": Meaning("northing of the vessel's centre", "m", missing=_NO_VESSEL),
    "length_m": Meaning("length", "m", source=_NETWORK, missing=_NO_VESSEL),
    "length_sd_m": Meaning("standard deviation of the length", "m", missing=_NO_VESSEL),
    "beam_m": Meaning(
        "beam", "m", source=_NETWORK, missing=f"{_NO_VESSEL}; of a radar's vessel: not measured"
    ),
    "beam_sd_m": Meaning(
        "standard deviation of a beam measured at the file's own pixels",
        "m",
        missing=f"{_NO_VESSEL}; or its beam is not measured so",
    ),
    "heading_deg": Meaning(
        "heading clockwise from grid north, modulo 180",
        "degree",
        values="0 to 180",
        missing=_NO_VESSEL,
    ),
    "score": Meaning("probability that this is a ship", "1", values="0 to 1", missing=_NO_VESSEL),
    "truncated": Meaning(
        "1 where the vessel is cut by the image's edge or by cloud",
        "1",
        values="0, 1",
        missing=_NO_VESSEL,
    ),
    "corners": Meaning("corners of the vessel's rotated box (x, y)", "m", missing=_NO_VESSEL),
}
"""The padded table of vessels, without ``vessel_`` before the names."""

TEXTS: Mapping[str, Meaning] = {
    "overpass_id": Meaning("id of the overpass"),
    "item_ids": Meaning(
        "ids of the catalog's items that the overpass is made of, as JSON; collection/id "
        "where the id alone stands for another one"
    ),
    "platform": Meaning("satellite"),
    "sensor": Meaning("sensor and level of its product"),
    "orbit": Meaning(
        "direction of flight, relative orbit and side of looking of a radar",
        values="such as 'descending 80 right'",
        source="sat:orbit_state, sat:relative_orbit and sar:observation_direction of the item",
        missing="not a radar, or the item does not tell",
    ),
    "reason": Meaning("why the stage failed that failed last", missing="none failed"),
    "tile_key": Meaning("digest of all that the pixels depend on", missing="not tiled"),
    "segment_key": Meaning("digest of all that the vessels depend on", missing="not segmented"),
    "inputs": Meaning(
        "what the catalogs said of the items when the overpass was tiled, as JSON",
        missing="not tiled, or by an early version",
    ),
    "read": Meaning(
        "sha256 of the pixels that were read of each file, as JSON",
        missing="not tiled, or by an early version",
    ),
}
"""Texts of every overpass."""

STEPS: Mapping[str, Meaning] = {
    "time": Meaning("moment of acquisition, UTC", values="in order of arrival, not of time"),
    "tile_status": Meaning("whether the pixels are there", values=_STATES),
    "segment_status": Meaning("whether the vessels are there", values=_STATES),
    "band": Meaning("name of the band"),
}
"""The rest of a family's variables."""

VARIABLES: Mapping[str, Meaning] = {
    **GRID,
    **PIXELS,
    **{f"vessel_{name}": meaning for name, meaning in VESSELS_TABLE.items()},
    **TEXTS,
    **STEPS,
}
"""Every variable of an archive, by name."""
