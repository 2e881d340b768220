"""The parts of the cluster, and the control loop that runs them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from tests.support.places import ROOT
from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.accounts import token_of
from tests.support.servers.kubernetes.admission import Quotas, admissions
from tests.support.servers.kubernetes.certificates import write_certificate
from tests.support.servers.kubernetes.collector import collect
from tests.support.servers.kubernetes.defaults import Defaults
from tests.support.servers.kubernetes.deployments import Deployments
from tests.support.servers.kubernetes.environment import base_environment
from tests.support.servers.kubernetes.events import expire_events
from tests.support.servers.kubernetes.jobs import Jobs
from tests.support.servers.kubernetes.kubelet import Kubelet
from tests.support.servers.kubernetes.network import SITE, Network
from tests.support.servers.kubernetes.operator import Operator
from tests.support.servers.kubernetes.operator_rights import ACCOUNT, NAMESPACE
from tests.support.servers.kubernetes.pods import NodeContext
from tests.support.servers.kubernetes.probes import Probes
from tests.support.servers.kubernetes.quantities import shown
from tests.support.servers.kubernetes.scheduling import schedule
from tests.support.servers.kubernetes.server import ApiServer
from tests.support.servers.kubernetes.store import Store
from tests.support.servers.kubernetes.timing import Timing

_TICK_S = 0.1


class Cluster:
    """Runs from ``start`` to ``close``; ``folder`` has its files."""

    def __init__(
        self,
        folder: Path,
        images: Mapping[str, Sequence[str]],
        variables: Mapping[str, str],
        timing: Timing,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.store = Store()
        self.network = Network(self.store, folder)
        self.probes = Probes(self.network, timing)
        places = (folder, images, variables, self._service_account)
        self.kubelet = Kubelet(NodeContext(self.store, self.network, self.probes, timing, *places))
        defaults = Defaults(self.store, self.network.service_address)
        self.store.admissions = [defaults.fill, *admissions(self.store)]
        self._authority, key = write_certificate(folder)
        self.server = ApiServer(self.store, self.kubelet, str(self._authority), str(key))
        self._steps = self._parts(timing)
        self._threads = [threading.Thread(target=self.server.serve_forever, args=(0.05,))]
        self._threads.append(threading.Thread(target=self._run, name="cluster"))
        self._operator: Operator | None = None
        self.failure: BaseException | None = None
        """Exception that ended the loop."""

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def start_operator(self) -> None:
        """Run Dask's operator on this cluster, with the rights of its chart."""
        home = self.folder / "operator"
        home.mkdir(exist_ok=True)
        environment = {
            **base_environment(home),
            **self.network.environment(),
            "PYTHONPATH": f"{SITE}:{ROOT}",
            "KUBECONFIG": str(self.kubeconfig(ACCOUNT, NAMESPACE)),
        }
        self._operator = Operator(self.folder, environment)

    def stop_operator(self) -> None:
        if self._operator is not None:
            self._operator.close()

    def kubeconfig(self, account: str, namespace: str, issue: str = "") -> Path:
        """Kubeconfig of an account, with a default namespace and a token of that issue."""
        path = self.folder / f"kubeconfig-{account.replace('/', '.')}-{namespace}{issue}"
        server = {"server": self.server.url, "certificate-authority": str(self._authority)}
        context = {"cluster": "world", "user": account, "namespace": namespace}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "world", "cluster": server}],
            "users": [{"name": account, "user": {"token": token_of(account, issue)}}],
            "contexts": [{"name": "world", "context": context}],
            "current-context": "world",
        }
        path.write_text(yaml.safe_dump(content))
        return path

    def close(self) -> None:
        """End everything that was started."""
        self.stop_operator()
        self.store.close()
        self.server.close()
        for thread in self._threads:
            thread.join()
        self.kubelet.close()
        self.probes.close()
        self.network.close()

    def _service_account(self, namespace: str, name: str) -> Path:
        return self.kubeconfig(f"{namespace}/{name}", namespace)

    def _parts(self, timing: Timing) -> list[Callable[[], None]]:
        return [
            lambda: collect(self.store),
            Jobs(self.store, timing).step,
            Deployments(self.store).step,
            lambda: schedule(self.store),
            self.kubelet.step,
            self.network.serve,
            self._account_quotas,
            lambda: expire_events(self.store),
        ]

    def _account_quotas(self) -> None:
        for quota in self.store.list(kinds.QUOTAS):
            hard = quota["spec"].get("hard", {})
            used = Quotas(self.store).used(quota["metadata"]["namespace"])
            shares = {name: shown(used[name]) for name in hard}  # type: ignore[arg-type]
            self.store.set_status(kinds.QUOTAS, quota, {"hard": hard, "used": shares})

    def _run(self) -> None:
        try:
            while not self.store.closing:
                before = self.store.version
                for step in self._steps:
                    step()
                if self.store.version == before:
                    with self.store.changed:
                        if self.store.version == before:
                            self.store.changed.wait(_TICK_S)
                else:
                    time.sleep(0.01)
        except BaseException as error:
            self.failure = error
            raise
