"""What a run depends on beyond its plan: the code here and the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.domain import SENSORS, Settings, code_version
from jobs.errors import InputError
from jobs.plan import Plan
from models.weights import load_weights, weights_digest

if TYPE_CHECKING:
    from jobs.visits import MeasuredError


def settings_for(plan: Plan) -> Settings:
    """The settings of a run of this plan with the installed code and weights."""
    return Settings(
        code_version=code_version(),
        model=plan.model,
        model_digest=weights_digest(plan.model),
        sensors=tuple(own.definition for own in plan.sensors),
        engine=plan.engine,
    )


def errors_behind(digest: str, model: str | None) -> tuple[MeasuredError, ...]:
    """The measured errors of the network with that digest, from the weights file given, or from
    the packaged one; InputError where those are other weights.
    """
    found = weights_digest(model)
    if found != digest:
        raise InputError(
            f"{model or 'the packaged weights file'} has the digest {found[:12]}, but the vessels "
            f"were found by the network {digest[:12]}; name its weights file (model=...)"
        )
    return detector_errors(model)


def detector_errors(model: str | None) -> tuple[MeasuredError, ...]:
    """The measured errors at each kind of place: the network's, from its weights and, where they
    were measured for this network, from the files of sensors; of a radar, which needs no network,
    always from its file.
    """
    others = (
        error
        for sensor in SENSORS.values()
        # those in our files are of the packaged network
        if model is None or sensor.definition or sensor.is_radar
        for error in sensor.errors or ()
    )
    return (*load_weights(model).detector_errors, *others)
