"""Account and rights of Dask's operator, as its Helm chart sets them up."""

from __future__ import annotations

import re
from importlib.resources import files

import yaml

from tests.support.servers.kubernetes.kinds import Manifest

NAME = NAMESPACE = "dask-operator"
ACCOUNT = f"{NAMESPACE}/{NAME}"
_CHART = "operator/deployment/helm/dask-kubernetes-operator/templates"
_VALUES = {
    'include "dask_kubernetes_operator.serviceAccountName" .': NAME,
    ".Release.Namespace": NAMESPACE,
}


def operator_rights() -> list[Manifest]:
    """Its namespace, ServiceAccount, ClusterRole and binding, from the chart in its wheel."""
    about = {"name": NAME, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        _rendered("clusterrole.yaml"),
        _rendered("clusterrolebinding.yaml"),
    ]


def _rendered(name: str) -> Manifest:
    """A template of the chart whose only conditions are about the whole file."""
    text = (files("dask_kubernetes") / _CHART / name).read_text()
    text = re.sub(r"\{\{-? *(if|end)\b.*?\}\}", "", text)
    text = re.sub(r"\{\{ *(.*?) *\}\}", lambda found: _VALUES[found[1]], text)
    return dict(yaml.safe_load(text))
