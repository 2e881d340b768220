"""Deadweight from a ship's length and beam, by formulas fitted on registry records.

The formulas are for product, chemical and bunkering tankers of 60 to 130 m (domain page, section 3;
n = 1,252 with length, 1,241 with length and beam). A ship outside that range is still computed, for
leaving her out would be an error in a known direction, but she is flagged, so that her share
of a total can be stated, and her residual is as wide as the registry shows it to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import InputError
from jobs.visits.cargo.settings import VolumeSettings
from jobs.visits.occupancy.draws import StayDraws

Numbers = NDArray[np.float64]

FIT_LENGTH_M = (60.0, 130.0)
OUTSIDE_RESIDUAL_SD = 0.5
"""Sd of ln DWT about the formulas beyond the fit: .52 at 40-60 m (n 123), .45 at 130-150 m (n 414);
beyond 150 m they also read 15 to 33 % too low (registry, tests/bench/bench_deadweight.py)."""


@dataclass(frozen=True)
class Formula:
    """DWT = factor x L^length_power x B^beam_power, in tonnes and metres."""

    factor: float
    length_power: float
    beam_power: float
    residual_sd: float
    """Of ln DWT about the formula: what ships of one size differ by."""


BY_LENGTH = Formula(0.00612024, 2.9628, 0.0, 0.239)
BY_LENGTH_AND_BEAM = Formula(0.0566836, 1.4752, 1.6809, 0.163)
OLD_BY_LENGTH = Formula(0.013407, 2.7753, 0.0, 0.268)
"""Built before 2000."""
OLD_BY_LENGTH_AND_BEAM = Formula(0.194367, 1.0405, 1.9436, 0.184)
"""Built before 2000."""
FORMULAS = ((BY_LENGTH, BY_LENGTH_AND_BEAM), (OLD_BY_LENGTH, OLD_BY_LENGTH_AND_BEAM))
"""[built before 2000][beam known]."""
BEAM_FACTOR, BEAM_POWER, BEAM_SD = 0.2736, 0.8793, 0.099
"""Beam = factor x L^power, with the sd of ln B about it (domain page, section 3)."""


@dataclass(frozen=True)
class BeamMeasure:
    """A ship's beam as measured over all her looks.

    At 10 m a beam is little more than a pixel and has no information; it is measured at 3 m.
    """

    beam_m: float
    sd_m: float


def deadweight_t(
    length_m: float, beam_m: float | None = None, built_before_2000: bool = False
) -> float:
    """The formula's middle value in tonnes: half of the ships of that size carry more."""
    formula = FORMULAS[built_before_2000][beam_m is not None]
    beam = 1.0 if beam_m is None else beam_m
    return float(formula.factor * length_m**formula.length_power * beam**formula.beam_power)


def outside_fit(length_m: Numbers) -> NDArray[np.bool_]:
    """True where the formulas are used beyond the lengths they were fitted on."""
    return (length_m < FIT_LENGTH_M[0]) | (length_m > FIT_LENGTH_M[1])


def draw_deadweight(
    rng: np.random.Generator,
    stays: StayDraws,
    settings: VolumeSettings,
    beams: Mapping[str, BeamMeasure],
) -> Numbers:
    """Tonnes (row,): length as drawn, beam where measured, which tells of the length too, and one
    residual per ship and draw.

    The residual belongs to the ship: it is the same however often she is looked at.
    """
    _check_lengths(stays)
    ship, ships = _ships(rng, stays, settings.ships)
    old = (rng.random(ships) < settings.built_before_2000_share)[ship]
    residual = rng.standard_normal(ships)[ship]
    length_m = with_beam_known(stays, beams)
    beam_m = draw_beam(rng, stays, length_m, beams)
    return deadweight_of(length_m, beam_m, old, residual)


def _check_lengths(stays: StayDraws) -> None:
    if not (stays.length_m > 0).all():
        found = stays.length_m[~(stays.length_m > 0)][0]
        raise InputError(
            f"a stay drawn at {stays.port}/{stays.berth} has length {found} m; expected metres "
            "above 0 in every draw: give its berth model a length prior that has them"
        )


def _ships(
    rng: np.random.Generator, stays: StayDraws, ships: int | None
) -> tuple[NDArray[np.intp], int]:
    """(row,) number of the ship behind each stay, different in every draw, and how many there are.

    With a known number of ships it is not known which made which stay: that is drawn as well.
    """
    rows = len(stays.draw)
    if ships is None:
        return np.arange(rows), rows
    return stays.draw.astype(np.intp) * ships + rng.integers(ships, size=rows), stays.draws * ships


def deadweight_of(
    length_m: Numbers, beam_m: Numbers, old: NDArray[np.bool_], residual: Numbers
) -> Numbers:
    """Tonnes (row,); beam NaN where unknown, residual in standard deviations of ln DWT."""
    with_beam = np.isfinite(beam_m)
    table = np.array([[_logarithmic(formula) for formula in pair] for pair in FORMULAS])
    constant, length_power, beam_power, sd = table[old.astype(int), with_beam.astype(int)].T
    wide = np.where(outside_fit(length_m), OUTSIDE_RESIDUAL_SD, sd)
    beam_term = beam_power * np.log(np.where(with_beam, beam_m, 1.0))
    return np.asarray(
        np.exp(constant + length_power * np.log(length_m) + beam_term + wide * residual)
    )


def _logarithmic(formula: Formula) -> tuple[float, float, float, float]:
    constant = float(np.log(formula.factor))
    return constant, formula.length_power, formula.beam_power, formula.residual_sd


def with_beam_known(stays: StayDraws, beams: Mapping[str, BeamMeasure]) -> Numbers:
    """Lengths (row,) in metres, those of visits with a measured beam as beam and length together
    tell.

    A beam tells of the length too, more than a length at 10 m does of itself: with all normal in
    the logarithm, the draws of such a visit are moved and drawn together.
    """
    length_m = stays.length_m.copy()
    for number, visit in enumerate(stays.visit_ids):
        mine = stays.visit == number
        if visit in beams and mine.sum() > 1:
            length_m[mine] = _given_beam(length_m[mine], beams[visit])
    return length_m


def _given_beam(length_m: Numbers, beam: BeamMeasure) -> Numbers:
    """Draws of a length, given also that the ship's beam was measured: Bayes' rule for normals."""
    ln = np.log(length_m)
    mean, var = float(ln.mean()), float(ln.var())
    by_beam = (np.log(beam.beam_m) - np.log(BEAM_FACTOR)) / BEAM_POWER
    by_beam_var = (BEAM_SD**2 + (beam.sd_m / beam.beam_m) ** 2) / BEAM_POWER**2
    weight = var / (var + by_beam_var)
    return np.asarray(np.exp(mean + weight * (by_beam - mean) + (ln - mean) * np.sqrt(1 - weight)))


def draw_beam(
    rng: np.random.Generator,
    stays: StayDraws,
    length_m: Numbers,
    beams: Mapping[str, BeamMeasure],
) -> Numbers:
    """Metres (row,), NaN for stays without a measured beam; ``length_m``: of each row.

    The measurement is weighed against what the drawn length leads to expect, both normal in ln B:
    a beam with a large error falls back to the length, and no threshold is needed.
    """
    measured = by_visit(stays, {visit: beam.beam_m for visit, beam in beams.items()})
    error = by_visit(stays, {visit: beam.sd_m / beam.beam_m for visit, beam in beams.items()})
    expected = np.log(BEAM_FACTOR) + BEAM_POWER * np.log(length_m)
    weight = BEAM_SD**2 / (BEAM_SD**2 + error**2)
    mean = expected + weight * (np.log(measured) - expected)
    sd = BEAM_SD * np.sqrt(1 - weight)
    return np.asarray(np.exp(mean + sd * rng.standard_normal(len(mean))))


def by_visit(stays: StayDraws, values: Mapping[str, float]) -> Numbers:
    """(row,), the value of the seen visit a stay is; NaN for the unseen and for visits without."""
    known = [values.get(visit, np.nan) for visit in stays.visit_ids]
    return np.array([*known, np.nan])[stays.visit]  # -1, the unseen, finds the last
