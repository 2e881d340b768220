"""The real Dask operator, as a process beside the cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

RESTART_S = 2.0
"""After its own end; the kubelet takes 10 s."""


class Operator:
    """``kopf run`` with the operator's controller, until it is closed; its output is in ``log``.

    It connects to schedulers by their names, which ``site/sitecustomize.py`` resolves. It ends
    itself after a minute without an API server, and is started again, as by its Deployment.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.log = folder / "operator.log"
        self.log.unlink(missing_ok=True)
        self._closing = threading.Event()
        self.process = self._started()
        self._keeper = threading.Thread(target=self._keep, name="operator", daemon=True)
        self._keeper.start()

    def _started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces"),
                    *("-m", "dask_kubernetes.operator.controller"),
                ],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _keep(self) -> None:
        while True:
            self.process.wait()
            if self._closing.wait(RESTART_S):
                return
            self.process = self._started()

    def close(self) -> None:
        """Kill it: it has no state."""
        self._closing.set()
        while self._keeper.is_alive():  # it may just have started another one
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self._keeper.join(0.1)
