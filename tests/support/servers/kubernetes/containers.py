"""One container of a pod: its process, its lives, its state in Kubernetes' words."""

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
from tests.support.servers.kubernetes.pace import Pace
from tests.support.servers.kubernetes.store import now

_MESSAGE_BYTES = 4096


class Container:
    """Waits, runs and ends, perhaps several times; ``folder`` is its home."""

    def __init__(self, spec: Manifest, folder: Path, pace: Pace) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.spec = spec
        self.folder = folder
        self.pace = pace
        self.process: subprocess.Popen[bytes] | None = None
        self.lives: list[Log] = []
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
        """What the container sees as its terminationMessagePath."""
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
        """It cannot start now."""
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self.not_before = time.monotonic() + self.pace.retry_s

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Begin a life."""
        self.message_file.write_bytes(b"")
        log = Log()
        self.lives.append(log)
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

    def look(self) -> bool:
        """Take note where the process has ended; whether it has just now."""
        if self.process is None or not self.running or self.process.poll() is None:
            return False
        self._sweep()
        if self._reader is not None:
            self._reader.join(2)
        code = self.process.returncode
        code = 128 - code if code < 0 else code
        reason = "OOMKilled" if self.out_of_memory else "Error" if code else "Completed"
        self._end(code, self.state["running"]["startedAt"], self._message(code), reason)
        return True

    def again(self) -> None:
        """It is to start again, at once for the first time and later for the others."""
        self.last_state = self.state
        self.restarts += 1
        if self.restarts == 1:
            self.not_before = 0.0
            return
        pause = min(self.pace.crash_backoff_s * 2 ** (self.restarts - 2), 300.0)
        text = f"back-off {pause:g}s restarting failed container={self.name}"
        self.wait_for("CrashLoopBackOff", text)
        self.not_before = time.monotonic() + pause

    def send(self, number: signal.Signals, everybody: bool = False) -> None:
        """A signal to the first process, or to all of the container's."""
        if self.process is None or self.process.poll() is not None:
            return
        try:
            (os.killpg if everybody else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            return  # it ended meanwhile

    def vanish(self) -> None:
        """Kill all of it, and wait until it is gone."""
        self.send(signal.SIGKILL, everybody=True)
        if self.process is not None:
            self.process.wait()
            self._sweep()
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
            return self.lives[-1].text()[-2048:]
        return written

    def _sweep(self) -> None:
        """Children die with the first process of a container."""
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # nobody was left
