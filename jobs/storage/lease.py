"""A lease in a bucket: an object that its holder rewrites as long as it lives.

Clocks are never compared: they jump, and differ between machines. A holder renews the object every
RENEW_S seconds. A run that finds one watches it: an object that changes has a living holder, and
the run is refused; one that stays the same for DEAD_S seconds of the run's own monotonic clock
belonged to a run that died, and is taken over. Every step is a conditional write, so that of two
runs that try one succeeds. The lease prevents two runs from doing the same work; the archive's
integrity does not depend on it, as commits to S3 are themselves conditional. How an ordinary run
and the parts of a backfill exclude each other is in ``shared_lock``.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from jobs.errors import ArchiveTakenOverError
from jobs.storage.local import archive_in_use
from jobs.storage.reading import whole

RENEW_S = 10.0
DEAD_S = 45.0
"""Four renewals missed: a holder that is only slow keeps its lease."""

CONDITION_FAILED = (
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "NoSuchKey",
    "404",
    "409",
    "412",
)
"""Error codes of S3 where another run has written or deleted the object first."""


class Lease:
    """The lease on one archive."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        key: str,
        url: str,
        renew_s: float = RENEW_S,
        dead_s: float = DEAD_S,
    ) -> None:
        self.client = client
        self.bucket = bucket
        self.key = key
        self.url = url
        self.renew_s = renew_s
        self.dead_s = dead_s
        self.holder = _own_name()
        self.run = uuid4().hex
        self.acquiring = False
        """Whether its holder still checks for parts of a backfill; written into the object."""
        self._etag: str | None = None
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self.lost = False

    @contextmanager
    def held(self, wait: bool = False) -> Iterator[None]:
        """Hold it; ArchiveInUseError where a living run does, ArchiveTakenOverError where it was
        lost meanwhile.

        ``wait``: wait for a living holder to release it.
        """
        while (other := self._take()) is not None:
            if not wait:
                raise archive_in_use(self.url, other)
        renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            self._ended.set()
            renewing.join()
            if not self.lost:
                self._release()
        if self.lost:
            raise ArchiveTakenOverError(
                f"another run took {self.url} over while this one was out of reach for more than "
                f"{self.dead_s:.0f} s; nothing is damaged: see `berthwatch status`, run it again"
            )

    def confirm(self) -> None:
        """End ``acquiring``; ArchiveInUseError where another run holds the lease by now."""
        self.acquiring = False
        with self._writing:
            if not self._write(IfMatch=self._etag or "") and not self._still_ours():
                raise archive_in_use(self.url, _holder(self.read()[1]))

    def read(self) -> tuple[str | None, dict[str, Any]]:
        """The ETag and the content of the object; (None, {}) where there is none."""
        try:
            return whole(self._read)
        except ClientError as error:
            if _code(error) in CONDITION_FAILED:
                return None, {}
            raise

    def _read(self) -> tuple[str, dict[str, Any]]:
        answer = self.client.get_object(Bucket=self.bucket, Key=self.key)
        return str(answer["ETag"]), json.loads(answer["Body"].read() or b"{}")

    def delete_dead(self, etag: str) -> None:
        """Delete the object of a dead holder, unless its ETag is another one by now.

        Not every S3 server deletes under a condition, so the object is taken over first.
        """
        self.acquiring = True
        if self._write(IfMatch=etag):
            self._release()

    def _take(self) -> str | None:
        """Acquire it and return None, or return the name of the living run that holds it."""
        if self._write(IfNoneMatch="*"):
            return None
        dead, other = self._watch()
        if other is not None:
            return other
        if self._write(**({"IfNoneMatch": "*"} if dead is None else {"IfMatch": dead})):
            return None
        return _holder(self.read()[1])

    def _watch(self) -> tuple[str | None, str | None]:
        """The ETag of a dead holder, None where the lease was released; and the living holder."""
        first, _ = self.read()
        until = time.monotonic() + self.dead_s
        while time.monotonic() < until and first is not None:
            time.sleep(min(1.0, self.dead_s / 10))
            now, content = self.read()
            if now is None:
                return None, None
            if now != first:
                return now, _holder(content)
        return first, None

    def _write(self, **condition: str) -> bool:
        """Put the object under a condition; False where that does not hold."""
        content = {
            "holder": self.holder,
            "run": self.run,
            "asking": self.acquiring,
            "beat": uuid4().hex,
        }
        body = json.dumps(content).encode()
        try:
            answer = self.client.put_object(
                Bucket=self.bucket, Key=self.key, Body=body, **condition
            )
        except ClientError as error:
            if _code(error) in CONDITION_FAILED:
                return False
            raise
        self._etag = str(answer["ETag"])
        return True

    def _renew(self) -> None:
        """Renew until the end. Errors of the connection are ignored: only a taken lease is lost."""
        while not self._ended.wait(self.renew_s):
            with self._writing:
                kept = _or_none(lambda: self._write(IfMatch=self._etag or ""))
                if kept is False and not self._still_ours():
                    self.lost = True
                    return

    def _still_ours(self) -> bool:
        """Whether the object is this run's: a lost answer to a renewal looks like a refusal."""
        found = _or_none(self.read)
        if found is None:
            return True  # out of reach just now: the next renewal decides
        self._etag, content = found
        return bool(content.get("run") == self.run)

    def _release(self) -> None:
        """Delete the object; where that fails, the next run takes it over as dead."""
        _or_none(lambda: self.client.delete_object(Bucket=self.bucket, Key=self.key))


def _own_name() -> str:
    """Names this process to a person: by its pod, where the variable usual in pods is set."""
    pod = os.environ.get("POD_NAME")
    return f"pod {pod}" if pod else f"process {os.getpid()} on {socket.gethostname()}"


def _holder(content: dict[str, Any]) -> str:
    return str(content.get("holder", ""))


def _or_none(call: Callable[[], Any]) -> Any:
    """The result of a call; None where the server cannot be reached just now."""
    try:
        return call()
    except (ClientError, BotoCoreError):
        return None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
