"""The registry of sensors: bands, encoding, cloud classes and names in catalogs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.domain.nearest import did_you_mean
from jobs.domain.types import Encoding, Quality
from jobs.errors import InputError


@dataclass(frozen=True)
class Sensor:
    """One kind of imagery."""

    name: str
    family: str
    """Group of the port archive that holds its overpasses."""
    bands: tuple[str, ...]
    """In archive order."""
    encoding: Encoding
    """Of the archive's image."""
    mask: Mapping[int, Quality] | None
    """Quality bits by class of the scene classification; classes not listed are clear. None where
    there is no classification."""
    collections: tuple[str, ...]
    """Ids of its collections in catalogs."""
    title: str
    attribution: str
    """Credit line that the data's licence requires."""
    assets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of its assets by band (or ``mask``), the most common first."""
    dtype_bytes: int = 2
    """Bytes of one sample in the source files, uncompressed."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Sample types that its files may have."""
        return (f"uint{8 * self.dtype_bytes}",)


CLASS_DTYPES = ("uint8", "uint16")
"""Sample types of a scene classification."""

SCENE_CLASSES: Mapping[int, Quality] = {
    0: Quality.NODATA,
    1: Quality.DEFECTIVE,
    3: Quality.CLOUD_SHADOW,
    8: Quality.CLOUD,
    9: Quality.CLOUD,
    10: Quality.THIN_CLOUD,
    11: Quality.SNOW_ICE,
    **dict.fromkeys(range(12, 256), Quality.UNSCREENED),
}
"""Sentinel-2 scene classification (SCL). Clear: 2 dark, 4 vegetation, 5 bare, 6 water, 7 unsure.
Numbers beyond 11 are no class: nothing is known of the pixel."""

_COPERNICUS = "Contains modified Copernicus Sentinel data"

_SCL = ("scl", "SCL", "SCL_20m")

SENTINEL_2_L2A = Sensor(
    name="sentinel-2-l2a",
    family="sentinel-2",
    bands=("blue", "green", "red", "nir"),
    # The offset keeps water's slightly negative reflectance, and Collection 1's own numbers as
    # they are: archive number = digital number.
    encoding=Encoding(
        "reflectance",
        1e-4,
        -0.1,
        "bottom-of-atmosphere reflectance",
        values="-0.0999 to 6.4535; water a little above 0",
    ),
    mask=SCENE_CLASSES,
    collections=("sentinel-2-l2a", "sentinel-2-c1-l2a", "sentinel-s2-l2a-cogs"),
    title="Sentinel-2 Level-2A surface reflectance, 10 m",
    attribution=_COPERNICUS,
    assets={
        "blue": ("blue", "B02", "B02_10m"),
        "green": ("green", "B03", "B03_10m"),
        "red": ("red", "B04", "B04_10m"),
        "nir": ("nir", "B08", "B08_10m"),
        "mask": _SCL,
    },
)

SENTINEL_2_VISUAL = Sensor(
    name="sentinel-2-visual",
    family="sentinel-2-visual",
    bands=("blue", "green", "red"),
    encoding=Encoding(
        "true_colour",
        1 / 255,
        0.0,
        "8-bit true colour",
        dtype="uint8",
        values="numbers 1 (dark) to 255 (bright)",
    ),
    mask=SCENE_CLASSES,
    collections=(),
    title="Sentinel-2 true colour, 8 bit, three bands in one file",
    attribution=_COPERNICUS,
    assets={"visual": ("visual", "TCI_10m"), "mask": _SCL},
    dtype_bytes=1,
)

SENSORS: dict[str, Sensor] = {s.name: s for s in (SENTINEL_2_L2A, SENTINEL_2_VISUAL)}
"""By name, in the order in which they are tried on an item that matches several."""


def sensor_named(name: str) -> Sensor:
    """The sensor of that name; InputError with the nearest names otherwise."""
    if name in SENSORS:
        return SENSORS[name]
    hint = did_you_mean(name, SENSORS, "run `berthwatch sensors` for the list")
    raise InputError(f"unknown sensor {name!r}; expected one of {', '.join(SENSORS)}; {hint}")
