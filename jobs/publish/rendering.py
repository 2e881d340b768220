"""The one rendering of imagery for the eye: natural colour, fixed for a port and a sensor.

All visible bands share one range, so that colours stay what they are. The range comes from the
port's own clear looks and never from the picture that is shown: the same water, paint or concrete
looks the same in every picture of a port, unless the light of that day was another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.domain import BACKSCATTER, Json

VISIBLE = ("red", "green", "blue")
DARK_PERCENTILE, BRIGHT_PERCENTILE = 1.0, 99.5
"""Of a look's clear pixels: its dark level is the lowest of the bands', its bright level is of all
bands together."""
DARK_SHARE = 0.7
"""Of the dark level, is shown black; not all of it, or dark water would have no colour."""
DARK_QUANTILE = 0.25
"""Quantile over looks of their dark levels: haze lifts it, and some looks may all be hazy."""
HUE_KEPT = 0.5
"""Share of the tone curve that keeps the ratio of the bands, and with it the saturation."""
STRIDE = 3
"""Every third row and column is enough for percentiles."""
FINEST_STEP = 1e-4
"""To which levels are rounded: the description that is published is exactly what was used."""


@dataclass(frozen=True)
class Tone:
    """How one kind of values is shown, whatever the port."""

    least_high: float
    """Lowest value that may be shown white; a port all of water would be shown too bright."""
    most_high: float
    least_range: float
    """Between black and white, so that a uniform haze is not stretched to noise."""
    gamma: float


TONES: Mapping[str, Tone] = {
    "reflectance": Tone(least_high=0.2, most_high=0.35, least_range=0.15, gamma=0.7),
    # Rendered for the eye already: only the range is fitted, a little.
    "true_colour": Tone(least_high=0.7, most_high=1.0, least_range=0.5, gamma=1.0),
    # Amplitude, see `visible_of`: water .05 to .2, land .3, ships above 1.
    BACKSCATTER: Tone(least_high=0.8, most_high=1.2, least_range=0.5, gamma=0.8),
}
"""By variable of a sensor's encoding."""


@dataclass(frozen=True)
class Levels:
    """Dark and bright level of one look, in physical values."""

    dark: float
    bright: float


@dataclass(frozen=True)
class Rendering:
    """From physical values to 8 bits; the same for every picture of a port and sensor."""

    sensor: str
    low: float
    """Value shown black, in every band."""
    high: float
    """Value shown at full brightness, in every band."""
    gamma: float
    hue_kept: float
    looks: tuple[str, ...]
    """Ids of the overpasses that fixed low and high; empty where none had a usable pixel."""

    def describe(self) -> dict[str, Json]:
        """All that is needed to make the same picture, for provenance."""
        return {**asdict(self), "looks": list(self.looks)}

    @property
    def words(self) -> str:
        """The same in a sentence, for a page."""
        by = f"{len(self.looks)} of its clearest looks" if self.looks else "no look: none is usable"
        return (
            f"{self.sensor}: values from {self.low:g} (black) to {self.high:g} (white), the same "
            f"in red, green and blue, gamma {self.gamma:g}, fixed by {by}"
        )

    @classmethod
    def described(cls, facts: Mapping[str, Any]) -> Rendering:
        """From what ``describe`` gave."""
        return cls(**{**facts, "looks": tuple(facts["looks"])})

    def show(self, visible: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(y, x, 3) from red, green and blue (3, y, x); 0 where no band has a value, else 1..255.

        A pixel brighter than white in one band is dimmed as a whole: red paint stays red.
        """
        visible = _filled(visible)
        unit = np.maximum((visible - np.float32(self.low)) / np.float32(self.high - self.low), 0)
        strongest = unit.max(axis=0)
        unit /= np.maximum(strongest, 1)
        strongest = np.minimum(strongest, 1)
        # gamma on the strongest band alone keeps the ratios, on each band alone it greys
        kept = unit * np.maximum(strongest, 1e-6) ** np.float32(self.gamma - 1)
        shown = self.hue_kept * kept + (1 - self.hue_kept) * unit ** np.float32(self.gamma)
        whole = np.nan_to_num(1 + shown * 254, nan=0)
        return np.ascontiguousarray(np.moveaxis(np.rint(whole).astype(np.uint8), 0, -1))


_POLARISED = np.array([1.0, 2.0], np.float32)[:, None, None]
"""VH is some 6 dB weaker than VV."""


def visible_of(image: NDArray[np.float32], bands: Sequence[str]) -> NDArray[np.float32]:
    """Red, green and blue (3, y, x) of an image (band, y, x); grey, the mean of those there are,
    where one of them is missing or empty. Of a radar's decibels red and blue are the amplitude of
    VV, green that of VH, doubled: water is dark violet, land grey, what is built white.
    """
    if tuple(bands) == ("vv", "vh"):
        co, cross = np.power(np.float32(10), image / np.float32(20)) * _POLARISED
        return np.stack([co, cross, co]) if np.isfinite(cross).any() else np.stack([co] * 3)
    planes = [image[bands.index(name)] for name in VISIBLE if name in bands]
    planes = [plane for plane in planes if np.isfinite(plane).any()]
    if not planes:
        return np.full((len(VISIBLE), *image.shape[1:]), np.nan, np.float32)
    if len(planes) < len(VISIBLE):
        planes = [np.mean(planes, axis=0, dtype=np.float32)] * len(VISIBLE)
    return np.stack(planes)


def _filled(visible: NDArray[np.float32]) -> NDArray[np.float32]:
    """A band without a value gets the lowest of the pixel's others: a single zero in dark water is
    no hole.
    """
    return np.where(np.isnan(visible), np.fmin.reduce(visible, axis=0), visible)


def levels_of(
    visible: NDArray[np.float32], clear: NDArray[np.bool_] | None = None
) -> Levels | None:
    """Levels of a look's clear pixels (y, x), of all where none is said to be clear; None where
    no pixel has a value.
    """
    thin = visible[:, ::STRIDE, ::STRIDE]
    usable = np.isfinite(thin).all(axis=0)
    if clear is not None and (usable & clear[::STRIDE, ::STRIDE]).any():
        usable &= clear[::STRIDE, ::STRIDE]
    values = thin[:, usable]
    if not values.size:
        return None
    return Levels(
        dark=float(np.percentile(values, DARK_PERCENTILE, axis=1).min()),
        bright=float(np.percentile(values, BRIGHT_PERCENTILE)),
    )


def fix_rendering(sensor: str, variable: str, looks: Mapping[str, Levels | None]) -> Rendering:
    """The rendering of a sensor's values (``Encoding.variable``) by levels of looks by their id."""
    tone = TONES[variable]
    found = {name: levels for name, levels in looks.items() if levels is not None}
    dark = [levels.dark for levels in found.values()] or [0.0]
    bright = [levels.bright for levels in found.values()] or [tone.least_high]
    low = _rounded(DARK_SHARE * max(float(np.quantile(dark, DARK_QUANTILE)), 0.0))
    high = float(np.clip(np.median(bright), tone.least_high, tone.most_high))
    return Rendering(
        sensor=sensor,
        low=low,
        high=_rounded(max(high, low + tone.least_range)),
        gamma=tone.gamma,
        hue_kept=HUE_KEPT,
        looks=tuple(sorted(found)),
    )


def _rounded(value: float) -> float:
    return round(round(value / FINEST_STEP) * FINEST_STEP, 4)
