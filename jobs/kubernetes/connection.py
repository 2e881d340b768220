"""Clients of the API server that a kubeconfig or a pod's own account names, and their login."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from jobs.errors import KubernetesError

if TYPE_CHECKING:
    from kubernetes import client

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""File in a pod with the name of its namespace."""


class Connection:
    """Clients of one API server, made again where their login is no longer accepted."""

    def __init__(
        self, made: client.ApiClient, renewed: Callable[[], client.ApiClient] | None = None
    ) -> None:
        self.renewed = renewed
        """Makes a client from the files and plugins of the login as they are now."""
        self._lock = threading.Lock()
        self._use(made)

    def _use(self, made: client.ApiClient) -> None:
        from kubernetes import client

        self.made = made
        # with raw responses their methods return other types than they declare
        self.core: Any = client.CoreV1Api(made)
        self.grouped: Any = client.CustomObjectsApi(made)  # any kind with a group, Jobs as well

    def renew(self, refused: client.ApiClient) -> bool:
        """Log in anew, unless another thread has since ``refused`` was used; False if impossible.

        A plugin may ask a person, so that only one thread at a time runs it.
        """
        if self.renewed is None:
            return False
        with self._lock:
            if self.made is refused:
                try:
                    self._use(self.renewed())
                except KubernetesError:  # the kubeconfig is being written just now
                    return False
        return True


def client_for(context: str | None) -> client.ApiClient:
    """Client of a kubeconfig's context, or in a pod of the pod's own cluster. Sends no request.

    Raises KubernetesError where there is no usable kubeconfig.
    """
    from kubernetes import client, config  # takes a while, and most statuses need none

    settings = client.Configuration()
    settings.retries = False  # repeated here, where it is known what has been asked
    settings.keep_alive = True  # else a log that is followed is silent for ever behind a lost NAT
    with _refusals():
        if in_a_pod(context):
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(context=context, client_configuration=settings)
    return client.ApiClient(settings)


def own_namespace(context: str | None) -> str | None:
    """The namespace of a pod or of a kubeconfig's context; None where it has none."""
    if in_a_pod(context):
        return POD_NAMESPACE.read_text().strip() if POD_NAMESPACE.exists() else None
    from kubernetes import config

    with _refusals():
        contexts, active = config.list_kube_config_contexts()
    chosen = next((c for c in contexts if c["name"] == context), active)
    found = chosen["context"].get("namespace")
    return None if found is None else str(found)


def in_a_pod(context: str | None) -> bool:
    """Whether this is a pod whose own cluster is meant."""
    return (
        "KUBERNETES_SERVICE_HOST" in os.environ
        and context is None
        and "KUBECONFIG" not in os.environ
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what is wrong with a kubeconfig into a KubernetesError."""
    from kubernetes import config

    try:
        yield
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        raise KubernetesError(
            f"no Kubernetes cluster to talk to: {error}; set KUBECONFIG or ~/.kube/config as for "
            "kubectl, and choose with --context"
        ) from error
