"""What the radar makes of a point and of a rough surface: impulse response and speckle.

The spectrum of a band-limited, Hamming-weighted system is drawn once, turned into the axes of the
flight; its inverse transform is the impulse response, side lobes included, and noise filtered by it
is speckle whose pixels are correlated as those of a ground-range product.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

RESOLUTION_M = (22.0, 20.0)
"""Along the flight and across it, full width at half power: IW GRD at full resolution."""
HAMMING = 0.75
"""Of the processor's weighting in both directions; side lobes of -21 dB and below."""
BAND = 1.03
"""Bandwidth times resolution: full width at half power of that weighting is 1.03 / bandwidth."""
LOOK_WEIGHTS = (1.0, 1.0, 0.55, 0.5, 0.4)
"""Of the looks that are added: an equivalent number of 4.4, as the products state."""
KERNEL_M = 300.0
"""Reach of the impulse response that is kept."""

Plane = NDArray[np.float32]
Flight = tuple[float, float]
"""Unit vector (east, north)."""


def spectrum(shape: tuple[int, int], step_m: float, flight: Flight) -> Plane:
    """Amplitude by spatial frequency, (y, x) of a full transform with pixels of that step."""
    down, across = np.meshgrid(*(fft.fftfreq(n, step_m) for n in shape), indexing="ij")
    east, north = flight
    azimuth, ground = east * across - north * down, north * across + east * down
    found = np.ones(shape, np.float32)
    for frequency, resolution_m in zip((azimuth, ground), RESOLUTION_M, strict=True):
        unit = frequency * resolution_m / BAND  # -0.5..0.5 within the band
        weight = HAMMING + (1 - HAMMING) * np.cos(2 * np.pi * unit)
        found *= np.where(np.abs(unit) <= 0.5, weight, 0).astype(np.float32)
    return found


@lru_cache(maxsize=4)
def impulse_response(step_m: float, flight: Flight) -> Plane:
    """Power of a point, (y, x) of odd size, sum 1."""
    half = round(KERNEL_M / step_m)
    size = 2 * half + 1
    amplitude = fft.fftshift(fft.ifft2(spectrum((size, size), step_m, flight)).real)
    power: Plane = (amplitude**2 / (amplitude**2).sum()).astype(np.float32)
    return power


def speckle(
    shape: tuple[int, int], step_m: float, flight: Flight, rng: np.random.Generator
) -> Plane:
    """Intensity of a uniform rough surface, (y, x), mean 1, of 4.4 equivalent looks."""
    gain = spectrum(shape, step_m, flight)
    gain /= np.sqrt(np.mean(gain**2))
    total = np.zeros(shape, np.float32)
    for weight in LOOK_WEIGHTS:
        real, imaginary = rng.standard_normal((2, *shape), dtype=np.float32)
        field = fft.ifft2(fft.fft2(real + 1j * imaginary) * gain)
        total += np.float32(weight / 2) * (field.real**2 + field.imag**2).astype(np.float32)
    return total / np.float32(sum(LOOK_WEIGHTS))


def spread(points: Plane, step_m: float, flight: Flight) -> Plane:
    """Points (y, x), their power in each cell, as the radar images them."""
    kernel = impulse_response(step_m, flight)
    size = [
        fft.next_fast_len(a + b - 1, real=True)
        for a, b in zip(points.shape, kernel.shape, strict=True)
    ]
    product = fft.rfft2(points, size) * fft.rfft2(kernel, size)
    whole = fft.irfft2(product, size).astype(np.float32)
    rows, cols = ((k - 1) // 2 for k in kernel.shape)
    image: Plane = whole[rows : rows + points.shape[0], cols : cols + points.shape[1]]
    return np.maximum(image, 0)
