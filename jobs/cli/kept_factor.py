"""Prices with the CPU factor that a job's last run has measured."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

from jobs.errors import ArchiveError
from jobs.plan import Plan, Prices, kept_cpu_factor
from jobs.storage import storage_at

ANSWER_S = 10.0
"""A plan can be shown without the archive: one that is silent for so long is not waited for."""


def with_kept_factor(found: Plan, prices: Prices) -> tuple[Prices, str]:
    """Prices with the CPU factor that the archive's last run measured, and where it is from."""
    try:
        kept = _kept(found)
    except ArchiveError as error:
        return prices, f"whether a run measured its CPU is not known: {error}"
    if kept is None:
        return prices, (
            "CPU hours are those of a core that was idle otherwise, and may be twice as many on "
            "yours: a run measures it."
        )
    factor, overpasses = kept
    measured = f"CPU hours as the last run took them, {factor:.2g} times our rates, "
    return replace(prices, cpu_factor=factor), f"{measured}in {overpasses} overpasses."


def _kept(found: Plan) -> tuple[float, int] | None:
    answers: list[tuple[float, int] | None] = []
    errors: list[ArchiveError] = []

    def ask() -> None:
        try:
            answers.append(kept_cpu_factor(storage_at(found.archive), found.name))
        except ArchiveError as error:
            errors.append(error)

    asking = Thread(target=ask, daemon=True)  # what it still waits for ends with the command
    asking.start()
    asking.join(ANSWER_S)
    if errors:
        raise errors[0]
    if not answers:
        raise ArchiveError(f"{found.archive} does not answer within {ANSWER_S:.0f} s")
    return answers[0]
