"""What a run depends on beyond its plan: the code here and the weights."""

from __future__ import annotations

from jobs.domain import Settings, code_version
from jobs.plan import Plan
from jobs.visits import MeasuredError
from models.weights import load_weights, weights_digest


def settings_for(plan: Plan) -> Settings:
    """The settings of a run of this plan with the installed code and weights."""
    return Settings(
        code_version=code_version(), model=plan.model, model_digest=weights_digest(plan.model)
    )


def detector_errors(model: str | None) -> tuple[MeasuredError, ...]:
    """The network's measured errors at each kind of place, from its weights; may be empty."""
    return load_weights(model).detector_errors
