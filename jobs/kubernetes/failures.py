"""What a failed request to the API of Kubernetes means, as one of our errors."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING

from urllib3 import exceptions

from jobs.errors import AlreadyThereError, KubernetesError, KubernetesLostError, LoginError

if TYPE_CHECKING:
    from kubernetes.client.exceptions import ApiException

BUSY = 429
"""As API priority and fairness refuses: worth another attempt."""
WITHOUT_STATUS = 0
"""Status that the client invents where TLS failed."""


class NotFoundError(KubernetesError):
    """There is no such object, or no such kind (HTTP status 404)."""


class UntrustedError(KubernetesError):
    """Another server is at the API's address."""


def without_answer(what: str, error: BaseException) -> KubernetesError:
    """The error for a request that got no whole answer."""
    causes = list(_causes(error))
    untrusted = next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        return UntrustedError(
            f"the server at the address of the Kubernetes API is not the one expected ({what}: "
            f"{untrusted.verify_message or untrusted}); renew the certificate-authority of the "
            "kubeconfig, or choose another --context"
        )
    cause = next(filter(None, map(_words, causes)), str(error))
    return KubernetesLostError(
        f"the Kubernetes API does not answer ({what}: {cause}); check the network, --context, and "
        "whether `kubectl get pods` works",
        cause,
    )


def refusal(
    what: str, namespace: str, error: ApiException, repeated: bool = False
) -> KubernetesError:
    """The error for an answer with a status of 400 or above.

    ``repeated``: the same request got no answer before.
    """
    if error.status == WITHOUT_STATUS:
        return without_answer(what, error)
    message = _message(error)
    where = f"namespace {namespace}"
    if error.status >= 500 or error.status == BUSY:
        return KubernetesLostError(
            f"the Kubernetes API answers {error.status} to: {what} in {where} ({message})",
            f"{error.status}: {message}",
            _retry_after_s(error),
        )
    if error.status == 404:
        return NotFoundError(f"not found: {what} in {where} ({message})")
    if error.status == 409 and "AlreadyExists" in (error.body or ""):
        return AlreadyThereError(f"{what}: exists already in {where}", repeated)
    # a kubeconfig whose plugin fails sends no login at all
    if error.status == 401 or (error.status == 403 and "system:anonymous" in message):
        return LoginError(
            f"Kubernetes does not accept this login: {what} in {where} ({message}); it has "
            "expired or is of another cluster: log in again as for kubectl, or choose another "
            "--context"
        )
    if error.status == 403 and "quota" not in message:
        return KubernetesError(
            f"Kubernetes does not allow: {what} in {where} ({message}); "
            "request the role in infra/kubernetes/base/rights.yaml, or choose another "
            "--context or --namespace"
        )
    return KubernetesError(f"Kubernetes refuses: {what} in {where} ({message})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it, the outermost first."""
    yield error
    inner = [getattr(error, "reason", None), error.__cause__ or error.__context__, *error.args]
    for one in inner:
        if isinstance(one, BaseException):
            yield from _causes(one)
            return


def _words(error: BaseException) -> str:
    """A cause in a few words; empty where others say more."""
    match error:
        case exceptions.NameResolutionError() | socket.gaierror():
            return "the name of its server cannot be resolved"
        case exceptions.NewConnectionError():  # a ConnectTimeoutError in name; its cause says more
            return ""
        case exceptions.ConnectTimeoutError():
            return "no connection in time"
        case exceptions.TimeoutError() | TimeoutError():
            return "no answer in time"
        case ssl.SSLError() | ConnectionResetError() | HTTPException():
            return "the connection broke off"
        case exceptions.ProxyError():
            return f"the proxy fails: {error}"
        case OSError():
            return str(error.strerror or error).lower()
        case json.JSONDecodeError():
            return "what answers is no API of Kubernetes"
        case _:
            return ""


def _message(error: ApiException) -> str:
    """The message in the server's response, or its HTTP status."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"


def _retry_after_s(error: ApiException) -> float:
    """Seconds that the server asks to wait; 0 where it does not."""
    given = str((error.headers or {}).get("Retry-After", ""))
    return float(given) if given.isdecimal() else 0.0
