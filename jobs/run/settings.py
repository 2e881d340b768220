from __future__ import annotations

from jobs.domain import Settings
from jobs.domain.version import code_version
from jobs.plan import Plan
from jobs.visits.occupancy.detector import MeasuredError
from models.weights import load_weights, weights_digest


def settings_for(plan: Plan) -> Settings:
    """The settings of a run of this plan with the code and weights that are here."""
    return Settings(
        code_version=code_version(), model=plan.model, model_digest=weights_digest(plan.model)
    )


def detector_errors(model: str | None) -> tuple[MeasuredError, ...]:
    """How the network errs at each kind of place, as its weights say; empty if nobody knows."""
    return load_weights(model).detector_errors
