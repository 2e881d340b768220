"""Client of the Kubernetes API for the kinds of objects that runs use, as JSON values.

The only importer of the ``kubernetes`` package. The rights of each account are in
``infra/kubernetes/base/rights.yaml``; an error names the verb and the resource that were refused.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from jobs.errors import AlreadyThereError, KubernetesError, KubernetesLostError

if TYPE_CHECKING:
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""

TIMEOUT_S = (5.0, 30.0)
"""Connect timeout, and read timeout between two bytes of a response."""
QUIET_LOG_S = 3600.0
"""Read timeout of a followed log."""
ATTEMPTS = 4
"""Of a request that gets no response or a status of 500 and above."""
FIRST_WAIT_S = 0.5
"""Before the second attempt; doubled before each further one."""
DEFAULT_NAMESPACE = "berthwatch"
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""File in a pod with the name of its namespace."""


@dataclass(frozen=True)
class Kind:
    """A kind of object and its place in the API."""

    api_version: str
    name: str
    plural: str

    @property
    def group(self) -> str:
        """API group; empty for the core kinds."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """API version, such as v1."""
        return self.api_version.rpartition("/")[2]


JOBS = Kind("batch/v1", "Job", "jobs")
SECRETS = Kind("v1", "Secret", "secrets")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
PODS = Kind("v1", "Pod", "pods")
EVENTS = Kind("v1", "Event", "events")
CLUSTERS = Kind("kubernetes.dask.org/v1", "DaskCluster", "daskclusters")
WORKER_GROUPS = Kind("kubernetes.dask.org/v1", "DaskWorkerGroup", "daskworkergroups")
KINDS = {
    kind.name: kind for kind in (JOBS, SECRETS, CONFIG_MAPS, PODS, EVENTS, CLUSTERS, WORKER_GROUPS)
}


def api_for(context: str | None = None, namespace: str | None = None) -> Api:
    """Client for a kubeconfig's context, or in a pod for the pod's own cluster. Sends no request.

    The namespace is the one given, else the context's or the pod's own, else ``berthwatch``.
    Raises KubernetesError outside a pod where no kubeconfig is found.
    """
    from kubernetes import client, config  # takes a while, and most statuses need none

    if _in_a_pod() and context is None and "KUBECONFIG" not in os.environ:
        settings = client.Configuration()
        config.load_incluster_config(client_configuration=settings)
        own = POD_NAMESPACE.read_text().strip() if POD_NAMESPACE.exists() else None
        return Api(client.ApiClient(settings), namespace or own or DEFAULT_NAMESPACE)
    try:
        made = config.new_client_from_config(context=context)
        own = None if namespace else _context_namespace(context)
    except (config.ConfigException, OSError) as error:
        raise KubernetesError(
            f"no Kubernetes cluster to talk to: {error}; set KUBECONFIG or ~/.kube/config as for "
            "kubectl, and choose with --context"
        ) from error
    return Api(made, namespace or own or DEFAULT_NAMESPACE)


def _in_a_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ


def _context_namespace(context: str | None) -> str | None:
    from kubernetes import config

    contexts, active = config.list_kube_config_contexts()
    chosen = next((c for c in contexts if c["name"] == context), active)
    found = chosen["context"].get("namespace")
    return None if found is None else str(found)


class Api:
    """Objects of one namespace.

    A request without a response, or with a status of 500 and above, is repeated up to ATTEMPTS
    times and then raises KubernetesLostError. Other refusals raise KubernetesError.
    """

    def __init__(self, made: client.ApiClient, namespace: str) -> None:
        self.namespace = namespace
        # with _RAW their methods return other types than they declare
        from kubernetes import client

        self._core: Any = client.CoreV1Api(made)
        self._grouped: Any = client.CustomObjectsApi(made)  # any kind with a group, Jobs as well

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object and return it; AlreadyThereError where one of that name exists."""
        kind = KINDS[manifest["kind"]]
        what = f"create {kind.plural} {manifest['metadata']['name']}"
        if kind.group:
            return self._json(
                what,
                lambda: self._grouped.create_namespaced_custom_object(
                    *self._place(kind), manifest, **_RAW
                ),
            )
        call = getattr(self._core, f"create_namespaced_{kind.name.lower()}")
        return self._json(what, lambda: call(self.namespace, manifest, **_RAW))

    def find(self, kind: Kind, name: str) -> Manifest | None:
        """The object of that name, or None."""
        what = f"get {kind.plural} {name}"
        if kind.group:
            return self._json_or_none(
                what,
                lambda: self._grouped.get_namespaced_custom_object(
                    *self._place(kind), name, **_RAW
                ),
            )
        call = getattr(self._core, f"read_namespaced_{_snake(kind)}")
        return self._json_or_none(what, lambda: call(name, self.namespace, **_RAW))

    def list(self, kind: Kind, labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """Every object of a kind that has these labels."""
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        what = f"list {kind.plural}"
        if kind.group:
            found = self._json(
                what,
                lambda: self._grouped.list_namespaced_custom_object(
                    *self._place(kind), label_selector=selector or None, **_RAW
                ),
            )
        else:
            call = getattr(self._core, f"list_namespaced_{_snake(kind)}")
            found = self._json(
                what, lambda: call(self.namespace, label_selector=selector or None, **_RAW)
            )
        return list(found["items"])

    def patch(self, kind: Kind, name: str, body: Manifest) -> Manifest:
        """Merge fields into an object of a kind with an API group; returns the result."""
        return self._json(
            f"patch {kind.plural} {name}",
            lambda: self._grouped.patch_namespaced_custom_object(
                *self._place(kind), name, body, _content_type="application/merge-patch+json", **_RAW
            ),
        )

    def delete(self, kind: Kind, name: str, foreground: bool = False) -> bool:
        """Delete an object of a kind with an API group, and what it owns; False if there is none.

        ``foreground``: the object stays visible until what it owns is gone.
        """
        how = "Foreground" if foreground else "Background"
        gone = self._json_or_none(
            f"delete {kind.plural} {name}",
            lambda: self._grouped.delete_namespaced_custom_object(
                *self._place(kind), name, propagation_policy=how, **_RAW
            ),
        )
        return gone is not None

    def log(self, pod: str, previous: bool = False) -> str:
        """Log of a pod's container; KubernetesError where there is none.

        ``previous``: of the container before the last restart.
        """
        response = self._response(
            f"get pods/log {pod}",
            lambda: self._core.read_namespaced_pod_log(
                pod, self.namespace, previous=previous, **_RAW
            ),
        )
        return bytes(response.data).decode("utf-8", "replace")

    def follow(self, pod: str) -> Iterator[tuple[str, str]]:
        """Time (RFC 3339) and text of each line of a pod's log from its start, as they are written.

        Ends with the container, or when the server ends the stream; KubernetesLostError where it
        breaks off.
        """
        response = self._response(
            f"get pods/log {pod}",
            lambda: self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                follow=True,
                timestamps=True,
                _preload_content=False,
                _request_timeout=(TIMEOUT_S[0], QUIET_LOG_S),
            ),
        )
        kept = b""
        try:
            for chunk in response.stream(4096):
                *lines, kept = (kept + chunk).split(b"\n")
                yield from map(_timed_line, lines)
        except urllib3.exceptions.HTTPError as error:
            raise KubernetesLostError(f"the log of {pod} broke off: {error}") from error
        finally:
            response.close()
        if kept:
            yield _timed_line(kept)

    def _place(self, kind: Kind) -> tuple[str, str, str, str]:
        return kind.group, kind.version, self.namespace, kind.plural

    def _json(self, what: str, call: Callable[[], Any]) -> Manifest:
        return dict(json.loads(self._response(what, call).data))

    def _json_or_none(self, what: str, call: Callable[[], Any]) -> Manifest | None:
        try:
            return self._json(what, call)
        except _NotFoundError:
            return None

    def _response(self, what: str, call: Callable[[], Any]) -> Any:
        from kubernetes.client.exceptions import ApiException

        for attempt in range(ATTEMPTS):
            try:
                return call()
            except ApiException as error:
                if error.status < 500 or attempt == ATTEMPTS - 1:
                    raise self._error(what, error) from error
            except urllib3.exceptions.HTTPError as error:
                if attempt == ATTEMPTS - 1:
                    raise KubernetesLostError(
                        f"the Kubernetes API does not answer ({what}: {error}); check the network, "
                        "--context, and whether `kubectl get pods` works"
                    ) from error
            time.sleep(FIRST_WAIT_S * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _error(self, what: str, error: ApiException) -> KubernetesError:
        message = _message(error)
        where = f"namespace {self.namespace}"
        if error.status >= 500:
            return KubernetesLostError(
                f"the Kubernetes API answers {error.status} to: {what} in {where} ({message})"
            )
        if error.status == 404:
            return _NotFoundError(f"not found: {what} in {where} ({message})")
        if error.status == 409 and "AlreadyExists" in (error.body or ""):
            return AlreadyThereError(f"{what}: exists already in {where}")
        if error.status == 401:
            return KubernetesError(
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


class _NotFoundError(KubernetesError):
    """There is no such object, or no such kind (HTTP status 404)."""


_RAW: Any = {"_preload_content": False, "_request_timeout": TIMEOUT_S}
"""Responses as JSON: the package's classes drop fields that they do not declare."""


def _timed_line(line: bytes) -> tuple[str, str]:
    stamp, _, text = line.decode("utf-8", "replace").partition(" ")
    return stamp, text


def _snake(kind: Kind) -> str:
    return "config_map" if kind is CONFIG_MAPS else kind.name.lower()


def _message(error: ApiException) -> str:
    """The message in the server's response, or its HTTP status."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"
