"""One container of a pod: its process, its runs, its state as Kubernetes reports it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.logs import Log
from tests.support.servers.kubernetes.store import now
from tests.support.servers.kubernetes.timing import Timing

_MESSAGE_BYTES = 4096


class Container:
    """A container, whose process may be started several times; ``folder`` is its home."""

    def __init__(self, spec: Manifest, folder: Path, timing: Timing) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.spec = spec
        self.folder = folder
        self.timing = timing
        self.process: subprocess.Popen[bytes] | None = None
        self.run_logs: list[Log] = []
        self.state: Manifest = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Manifest = {}
        self.restarts = 0
        self.ready = False
        self.not_before = 0.0
        self.out_of_memory = False
        self._reader: threading.Thread | None = None

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def message_file(self) -> Path:
        """File at the container's terminationMessagePath."""
        return self.folder / "termination-log"

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def exit_code(self) -> int | None:
        """None unless it has ended."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def wait_for(self, reason: str, message: str = "") -> None:
        """Set the state waiting, until ``retry_s`` later."""
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self.not_before = time.monotonic() + self.timing.retry_s

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start the process."""
        self.message_file.write_bytes(b"")
        log = Log()
        self.run_logs.append(log)
        try:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            log.end()
            self._end(128, now(), f"failed to start: {error}", "StartError")
            return
        assert self.process.stdout is not None
        self._reader = log.read_from(self.process.stdout)
        self.state = {"running": {"startedAt": now()}}

    def poll(self) -> bool:
        """Update the state; returns whether the process has ended since the last poll."""
        if self.process is None or not self.running or self.process.poll() is None:
            return False
        self._kill_group()
        if self._reader is not None:
            self._reader.join(2)
        code = self.process.returncode
        code = 128 - code if code < 0 else code
        reason = "OOMKilled" if self.out_of_memory else "Error" if code else "Completed"
        self._end(code, self.state["running"]["startedAt"], self._message(code), reason)
        return True

    def restart(self) -> None:
        """Schedule a restart: the first at once, later ones with back-off."""
        self.last_state = self.state
        self.restarts += 1
        if self.restarts == 1:
            self.not_before = 0.0
            return
        pause = min(self.timing.crash_backoff_s * 2 ** (self.restarts - 2), 300.0)
        text = f"back-off {pause:g}s restarting failed container={self.name}"
        self.wait_for("CrashLoopBackOff", text)
        self.not_before = time.monotonic() + pause

    def send(self, number: signal.Signals, whole_group: bool = False) -> None:
        """Send a signal to the first process, or to all of the container's."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            (os.killpg if whole_group else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            return  # it has ended

    def kill_all(self) -> None:
        """Kill all processes and wait for their end."""
        self.send(signal.SIGKILL, whole_group=True)
        if self.process is not None:
            self.process.wait()
            self._kill_group()
        if self._reader is not None:
            self._reader.join(2)

    def status(self) -> Manifest:
        """As in a pod's containerStatuses."""
        return {
            "name": self.name,
            "image": self.spec.get("image", ""),
            "imageID": "",
            "state": self.state,
            "lastState": self.last_state,
            "restartCount": self.restarts,
            "ready": self.ready and self.running,
            "started": self.running,
        }

    def _end(self, code: int, began: str, message: str, reason: str) -> None:
        self.ready = False
        ended = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now()}
        self.state = {"terminated": ended | ({"message": message} if message else {})}

    def _message(self, code: int) -> str:
        written = self.message_file.read_bytes()[-_MESSAGE_BYTES:].decode(errors="replace")
        fall_back = self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if not written and code and fall_back:
            return self.run_logs[-1].text()[-2048:]
        return written

    def _kill_group(self) -> None:
        """Kill the children of a first process that has ended."""
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # no process is left
