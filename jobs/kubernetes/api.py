"""Client of the Kubernetes API for the kinds of objects that runs use, as JSON values.

The rights of each account are in ``infra/kubernetes/base/rights.yaml``; an error names the verb and
the resource that were refused. Only this module and ``connection`` import the package
``kubernetes``.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import urllib3

from jobs.errors import KubernetesLostError, LoginError
from jobs.kubernetes.absence import COMMAND_LIMIT_S, Absence
from jobs.kubernetes.connection import Connection, client_for, own_namespace
from jobs.kubernetes.failures import NotFoundError, refusal, without_answer

if TYPE_CHECKING:
    from kubernetes import client

Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""
Answer = TypeVar("Answer")

TIMEOUT_S = (5.0, 30.0)
"""Connect timeout, and read timeout between two bytes of a response."""
QUIET_LOG_S = 300.0
"""Read timeout of a followed log: then it is opened again, in case its server hangs."""
ATTEMPTS = 4
"""Of a request that gets no answer, or a status of 429, 500 and above."""
FIRST_WAIT_S = 0.5
"""Before the second attempt; doubled before each further one."""
ATTEMPTS_LIMIT_S = 10.0
"""After which no further attempt begins: of a server that hangs, one says enough."""
RETRY_AFTER_S = 1.0
"""An API that wants to be left alone for longer is away; one that is merely busy says 1."""
DEFAULT_NAMESPACE = "berthwatch"


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
    made = client_for(context)
    place = namespace or own_namespace(context) or DEFAULT_NAMESPACE
    return Api(made, place, partial(client_for, context))


class Api:
    """Objects of one namespace.

    A request without an answer, or with a status of 429, 500 and above, is repeated a few times and
    then raises KubernetesLostError; so does a login that is not accepted (LoginError), after it was
    read again. Other refusals raise KubernetesError.
    """

    def __init__(
        self,
        made: client.ApiClient,
        namespace: str,
        renewed: Callable[[], client.ApiClient] | None = None,
    ) -> None:
        """``renewed`` makes the client again, from the login as it is then."""
        self.namespace = namespace
        self._connection = Connection(made, renewed)
        self._absence: Absence | None = None

    def patient(self, say: Callable[[str], None], limit_s: float = COMMAND_LIMIT_S) -> Self:
        """The same API for a command that a person waits for: each request bears an absence.

        ``say`` hears of it once. After ``limit_s``, KubernetesLostError.
        """
        found = copy.copy(self)
        found._absence = Absence(say, limit_s)
        return found

    @property
    def away_s(self) -> float:
        """Seconds that a patient one has spent on absences."""
        return 0.0 if self._absence is None else self._absence.away_s

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object and return it; AlreadyThereError where one of that name exists."""
        kind = KINDS[manifest["kind"]]
        what = f"create {kind.plural} {manifest['metadata']['name']}"
        if kind.group:
            return self._json(
                what,
                lambda: self._connection.grouped.create_namespaced_custom_object(
                    *self._place(kind), manifest, **_RAW
                ),
            )
        name = f"create_namespaced_{kind.name.lower()}"
        return self._json(what, lambda: self._core(name)(self.namespace, manifest, **_RAW))

    def find(self, kind: Kind, name: str) -> Manifest | None:
        """The object of that name, or None."""
        what = f"get {kind.plural} {name}"
        if kind.group:
            return self._json_or_none(
                what,
                lambda: self._connection.grouped.get_namespaced_custom_object(
                    *self._place(kind), name, **_RAW
                ),
            )
        read = f"read_namespaced_{_snake(kind)}"
        return self._json_or_none(what, lambda: self._core(read)(name, self.namespace, **_RAW))

    def list(self, kind: Kind, labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """Every object of a kind that has these labels."""
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        what = f"list {kind.plural}"
        if kind.group:
            found = self._json(
                what,
                lambda: self._connection.grouped.list_namespaced_custom_object(
                    *self._place(kind), label_selector=selector or None, **_RAW
                ),
            )
        else:
            name = f"list_namespaced_{_snake(kind)}"
            found = self._json(
                what,
                lambda: self._core(name)(self.namespace, label_selector=selector or None, **_RAW),
            )
        return list(found["items"])

    def patch(self, kind: Kind, name: str, body: Manifest) -> Manifest:
        """Merge fields into an object of a kind with an API group; returns the result."""
        return self._json(
            f"patch {kind.plural} {name}",
            lambda: self._connection.grouped.patch_namespaced_custom_object(
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
            lambda: self._connection.grouped.delete_namespaced_custom_object(
                *self._place(kind), name, propagation_policy=how, **_RAW
            ),
        )
        return gone is not None

    def log(self, pod: str, previous: bool = False) -> str:
        """Log of a pod's container; KubernetesError where there is none.

        ``previous``: of the container before the last restart.
        """
        return self._answered(
            f"get pods/log {pod}",
            lambda: bytes(
                self._core("read_namespaced_pod_log")(
                    pod, self.namespace, previous=previous, **_RAW
                ).data
            ).decode("utf-8", "replace"),
        )

    def follow(self, pod: str) -> Iterator[tuple[str, str]]:
        """Time (RFC 3339) and text of each line of a pod's log from its start, as they are written.

        Ends with the container, or when the server ends the stream; KubernetesLostError where it
        breaks off.
        """
        response = self._answered(
            f"get pods/log {pod}",
            lambda: self._core("read_namespaced_pod_log")(
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
            raise without_answer(f"the log of {pod}", error) from error
        finally:
            response.close()
        if kept:
            yield _timed_line(kept)

    def _place(self, kind: Kind) -> tuple[str, str, str, str]:
        return kind.group, kind.version, self.namespace, kind.plural

    def _core(self, method: str) -> Any:
        return getattr(self._connection.core, method)

    def _json(self, what: str, call: Callable[[], Any]) -> Manifest:
        return self._answered(what, lambda: dict(json.loads(call().data)))

    def _json_or_none(self, what: str, call: Callable[[], Any]) -> Manifest | None:
        try:
            return self._json(what, call)
        except NotFoundError:
            return None

    def _answered(self, what: str, call: Callable[[], Answer]) -> Answer:
        """The whole answer to a request, whose absences are borne where this one is patient."""
        request = _Request(what, call)
        if self._absence is None:
            return self._with_login(request)
        return self._absence.bear(lambda: self._with_login(request))

    def _with_login(self, request: _Request[Answer]) -> Answer:
        used = self._connection.made
        try:
            return self._attempts(request)
        except LoginError:
            if not self._connection.renew(used):
                raise
        return self._attempts(request)

    def _attempts(self, request: _Request[Answer]) -> Answer:
        began = time.monotonic()
        for pause_s in (FIRST_WAIT_S * 2**number for number in range(ATTEMPTS - 1)):
            try:
                return self._attempt(request)
            except KubernetesLostError as problem:
                late = time.monotonic() - began > ATTEMPTS_LIMIT_S
                if late or not _soon_over(problem, pause_s):
                    raise
                pause_s = max(pause_s, problem.retry_after_s)
            time.sleep(pause_s)
        return self._attempt(request)

    def _attempt(self, request: _Request[Answer]) -> Answer:
        from kubernetes.client.exceptions import ApiException

        try:
            return request.call()
        except ApiException as error:
            problem = refusal(request.what, self.namespace, error, request.unanswered)
            cause: Exception = error
        except (urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
            problem = without_answer(request.what, error)
            cause = error
        request.unanswered |= isinstance(problem, KubernetesLostError)
        raise problem from cause


@dataclass
class _Request(Generic[Answer]):
    """A request over all its attempts."""

    what: str
    """Verb and object, for messages."""
    call: Callable[[], Answer]
    """Sends it."""
    unanswered: bool = False
    """Whether an attempt got no answer, so that it may have been carried out."""


def _soon_over(problem: KubernetesLostError, pause_s: float) -> bool:
    """Whether another attempt after a pause may do."""
    if isinstance(problem, LoginError):
        return False
    return problem.retry_after_s <= max(pause_s, RETRY_AFTER_S)


_RAW: Any = {"_preload_content": False, "_request_timeout": TIMEOUT_S}
"""Responses as JSON: the package's classes drop fields that they do not declare."""


def _timed_line(line: bytes) -> tuple[str, str]:
    stamp, _, text = line.decode("utf-8", "replace").partition(" ")
    return stamp, text


def _snake(kind: Kind) -> str:
    return "config_map" if kind is CONFIG_MAPS else kind.name.lower()
