"""The real Dask operator, as a process beside the cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class Operator:
    """``kopf run`` with the operator's controller, until it is closed; its output is in ``log``.

    It connects to schedulers by their names, which ``site/sitecustomize.py`` resolves.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.log = folder / "operator.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces"),
                    *("-m", "dask_kubernetes.operator.controller"),
                ],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def close(self) -> None:
        """Kill it: it has no state."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
