"""Error responses of the API server, in Kubernetes' wording."""

from __future__ import annotations

from typing import Any

from tests.support.servers.kubernetes.kinds import Resource

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    422: "Invalid",
    503: "ServiceUnavailable",
}


class ProblemError(Exception):
    """A response with a status other than 2xx."""

    def __init__(self, code: int, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or _REASONS[code]

    def status(self) -> dict[str, Any]:
        """As a ``Status`` object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": {},
            "code": self.code,
        }


def not_found(resource: Resource, name: str) -> ProblemError:
    return ProblemError(404, f'{resource.long_name} "{name}" not found')


def already_there(resource: Resource, name: str) -> ProblemError:
    return ProblemError(409, f'{resource.long_name} "{name}" already exists', "AlreadyExists")


def conflict(resource: Resource, name: str) -> ProblemError:
    return ProblemError(
        409,
        f'Operation cannot be fulfilled on {resource.long_name} "{name}": the object has been '
        "modified; please apply your changes to the latest version and try again",
    )


def invalid(resource: Resource, name: str, what: str) -> ProblemError:
    return ProblemError(422, f'{resource.kind_name} "{name}" is invalid: {what}')
