"""The pictures of the visit measurements; each is one small SVG or PNG, as its name ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

mpl.use("Agg")
# the same numbers give the same bytes
mpl.rcParams.update({"svg.hashsalt": "berthwatch", "font.size": 8, "axes.grid": True})
mpl.rcParams.update({"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False})


def reliability(
    path: Path, masses: Sequence[float], covered: Mapping[str, NDArray[np.bool_]]
) -> None:
    """How often intervals of each nominal mass held the truth; covered is (year, mass)."""
    figure, axes = plt.subplots(figsize=(3.6, 3.4))
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
    for name, held in covered.items():
        share = held.mean(axis=0)
        error = 2 * np.sqrt(share * (1 - share) / len(held))
        axes.errorbar(masses, share, error, marker="o", markersize=3, linewidth=1, label=name)
    axes.set(xlabel="nominal mass of the interval", ylabel="share that held the truth")
    axes.legend(frameon=False)
    _save(figure, path)


def pit_histograms(path: Path, pits: Mapping[str, Sequence[float]]) -> None:
    """Where the truth fell among the draws; flat is right, a hump too wide, a dish too narrow."""
    figure, panels = plt.subplots(1, len(pits), figsize=(2.0 * len(pits), 2.0), sharey=True)
    for axes, (name, values) in zip(np.atleast_1d(panels), pits.items(), strict=True):
        axes.hist(values, np.linspace(0, 1, 11), density=True, color="#4477aa")
        axes.axhline(1.0, color="black", linewidth=0.8, linestyle="--")
        axes.set(title=name, xlabel="truth's place among draws")
    _save(figure, path)


def widths(path: Path, model: NDArray[np.float64], oracle: NDArray[np.float64]) -> None:
    """Width of the 90 % interval against that of the oracle that knows the rates; a dot a year."""
    figure, axes = plt.subplots(figsize=(3.6, 3.4))
    # a whole-number interval may have no width; it still has a place on a logarithmic axis
    model, oracle = np.maximum(model, 0.5), np.maximum(oracle, 0.5)
    limits = np.array([0.4, max(model.max(), oracle.max()) * 1.3])
    axes.loglog(limits, limits, color="black", linewidth=0.8, linestyle="--")
    axes.loglog(oracle, model, ".", markersize=3, alpha=0.5, color="#4477aa")
    axes.set(xlabel="oracle's width, visits a year", ylabel="model's width, visits a year")
    _save(figure, path)


def estimates(path: Path, truth: NDArray[np.float64], methods: Mapping[str, Any]) -> None:
    """Each method's estimate against the truth; a dot a year."""
    figure, panels = plt.subplots(
        1, len(methods), figsize=(2.1 * len(methods), 2.3), sharex=True, sharey=True
    )
    limits = np.array([0.8, truth.max() * 1.8])
    for axes, (name, mean) in zip(np.atleast_1d(panels), methods.items(), strict=True):
        axes.loglog(limits, limits, color="black", linewidth=0.8, linestyle="--")
        dots = np.maximum(np.asarray(mean, dtype=float), 0.8)
        axes.loglog(np.maximum(truth, 0.8), dots, ".", markersize=2, alpha=0.5, color="#4477aa")
        axes.set(title=name, xlabel="true visits", xlim=limits, ylim=limits)
    np.atleast_1d(panels)[0].set_ylabel("estimated visits")
    _save(figure, path)


def cumulative(
    path: Path,
    days: NDArray[np.float64],
    bands: Mapping[str, NDArray[np.float64]],
    truth: NDArray[np.float64],
    unit: str,
    cap: float | None = None,
) -> None:
    """Running totals with their 50 and 90 % bands, a panel a sensor set.

    Each band is (5, day): the quantiles .05, .25, .5, .75, .95.
    """
    figure, panels = plt.subplots(
        1, len(bands), figsize=(2.6 * len(bands), 2.5), sharex=True, sharey=True
    )
    for axes, (name, band) in zip(np.atleast_1d(panels), bands.items(), strict=True):
        axes.fill_between(days, band[0], band[4], color="#4477aa", alpha=0.2, linewidth=0)
        axes.fill_between(days, band[1], band[3], color="#4477aa", alpha=0.4, linewidth=0)
        axes.plot(days, band[2], color="#4477aa", linewidth=1)
        axes.plot(days, truth, color="black", linewidth=1)
        if cap is not None:
            axes.axhline(cap, color="#aa3377", linewidth=0.8, linestyle="--")
        axes.set(title=name, xlabel="days since the first day")
    np.atleast_1d(panels)[0].set_ylabel(unit)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
