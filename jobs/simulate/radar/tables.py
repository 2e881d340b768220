"""Tables of calibration and thermal noise, written as XML with the elements of ESA's products."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from jobs.simulate.radar.swath import incidence_deg

Floats = NDArray[np.float64]

BETA = 474.0
"""Amplitude of beta nought 1."""
VECTOR_ROWS, VECTOR_PIXELS = 700, 40
"""Between vectors, and between their values."""
SCALLOPING = 0.12
"""By which noise is stronger between the bursts than within them."""
BURST_ROWS = 2_000


def gamma_of(columns: Floats) -> Floats:
    """Amplitude of gamma nought 1, by column: ESA-EOPG-CSCOP-TN-0002."""
    return np.asarray(BETA / np.sqrt(np.tan(np.radians(incidence_deg(columns)))))


def sigma_of(columns: Floats) -> Floats:
    """Amplitude of sigma nought 1, by column."""
    return np.asarray(BETA / np.sqrt(np.sin(np.radians(incidence_deg(columns)))))


def noise_over(level_db: float, shape: tuple[int, int]) -> Floats:
    """Thermal noise in squared digital numbers, (rows, columns): a trough across the swath."""
    rows, columns = (np.arange(side, dtype=np.float64) for side in shape)
    return _factors(rows)[:, None] * _across(level_db, columns, shape[1])[None]


def _across(level_db: float, columns: Floats, width: int) -> Floats:
    trough = 1 + 0.5 * (2 * columns / width - 1) ** 2
    return np.asarray(10 ** (level_db / 10) * trough * gamma_of(columns) ** 2)


def _factors(rows: Floats) -> Floats:
    return np.asarray(1 + SCALLOPING * np.sin(math.pi * rows / BURST_ROWS) ** 2)


def calibration_xml(polarisation: str, shape: tuple[int, int]) -> str:
    """The table of calibration of an image of (rows, columns)."""
    pixels = _steps(shape[1], VECTOR_PIXELS)
    vectors = "".join(
        f"<calibrationVector><line>{line}</line>{_list('pixel', pixels, '%d')}"
        f"{_list('sigmaNought', sigma_of(pixels))}{_list('betaNought', np.full(len(pixels), BETA))}"
        f"{_list('gamma', gamma_of(pixels))}</calibrationVector>"
        for line in _lines(shape[0])
    )
    body = f'<calibrationVectorList count="{len(_lines(shape[0]))}">{vectors}'
    return _document("calibration", polarisation, f"{body}</calibrationVectorList>")


def noise_xml(polarisation: str, level_db: float, shape: tuple[int, int]) -> str:
    """The table of thermal noise of an image of (rows, columns)."""
    pixels = _steps(shape[1], VECTOR_PIXELS)
    lut = _list("noiseRangeLut", _across(level_db, pixels, shape[1]))
    vectors = "".join(
        f"<noiseRangeVector><line>{line}</line>{_list('pixel', pixels, '%d')}{lut}"
        "</noiseRangeVector>"
        for line in _lines(shape[0])
    )
    rows = _steps(shape[0], 50)
    block = (
        "<noiseAzimuthVector><swath>IW2</swath><firstAzimuthLine>0</firstAzimuthLine>"
        f"<firstRangeSample>0</firstRangeSample><lastAzimuthLine>{shape[0] - 1}</lastAzimuthLine>"
        f"<lastRangeSample>{shape[1] - 1}</lastRangeSample>{_list('line', rows, '%d')}"
        f"{_list('noiseAzimuthLut', _factors(rows))}</noiseAzimuthVector>"
    )
    body = (
        f'<noiseRangeVectorList count="{len(_lines(shape[0]))}">{vectors}</noiseRangeVectorList>'
        f'<noiseAzimuthVectorList count="1">{block}</noiseAzimuthVectorList>'
    )
    return _document("noise", polarisation, body)


def _document(root: str, polarisation: str, body: str) -> str:
    header = (
        "<adsHeader><missionId>S1A</missionId><productType>GRD</productType>"
        f"<polarisation>{polarisation.upper()}</polarisation><mode>IW</mode><swath>IW</swath>"
        "</adsHeader>"
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{header}{body}</{root}>\n'


def _lines(height: int) -> list[int]:
    """From before the image to beyond it, as in products."""
    return list(range(-VECTOR_ROWS // 2, height + VECTOR_ROWS, VECTOR_ROWS))


def _steps(side: int, step: int) -> Floats:
    """Every so many pixels, and the last."""
    return np.unique([*range(0, side, step), side - 1]).astype(np.float64)


def _list(tag: str, values: Iterable[float], form: str = "%.6e") -> str:
    texts = [form % value for value in values]
    return f'<{tag} count="{len(texts)}">{" ".join(texts)}</{tag}>'
