"""The identity of a run: all that its results depend on, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jobs.domain import Json, content_id, period_json
from jobs.errors import InputError
from jobs.kubernetes.image_reference import content_name
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.settings import ClusterSettings
from jobs.kubernetes.spec import Identity
from jobs.plan import Plan


def identity_of(
    plan: Plan,
    settings: ClusterSettings,
    partitions: Sequence[Partition],
    verify: int | None,
    code: str,
    model_digest: str,
    use_reviews: bool = True,
) -> Identity:
    """Identity of a run; its namespace, sizes, nodes and time limits are no part of it.

    ``verify``: number of overpasses to recompute, or None. Raises InputError where the CSV of
    cargo entries cannot be read: the identity covers its content.
    """
    work: dict[str, Json] = {
        "partitions": [_partition(part) for part in partitions],
        "cargo": _cargo(plan),
        "verify": verify,
        **({} if use_reviews else {"reviews": False}),
    }
    return Identity(
        plan=plan.hash,
        code=code,
        model=model_digest,
        images=tuple(content_name(image) for image in settings.images),
        work=content_id(work),
    )


def digest(identity: Identity) -> str:
    """16 hex characters, equal for equal identities."""
    return content_id(asdict(identity))


def _partition(part: Partition) -> Json:
    return [part.name, period_json(part.period) if part.period else None]


def _cargo(plan: Plan) -> str | None:
    """SHA-256 of the analysts' entries: the plan's hash covers only their path."""
    cargo = plan.estimates.cargo
    return None if cargo is None else _file_digest(Path(cargo))


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read cargo {path}: {error}; expected the CSV that the plan's estimates name"
        ) from error
