"""A lock in a bucket: an object that its holder keeps changing while it lives.

Clocks are never compared, for they jump and differ between machines. A holder renews the object
every BEAT_S seconds. Whoever finds one watches it: an object that changes has a living holder, and
the newcomer is refused; one that stays the same for DEAD_S seconds of the newcomer's own monotonic
clock belonged to a run that died, and is taken over. Every step is a conditional write, so that of
two who try one gets it. The lease keeps runs apart that would do work twice; the archive's bytes do
not hang on it, as commits to S3 are themselves conditional. How an ordinary run and the parts of a
backfill keep clear of each other is told in ``parts``.
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

from jobs.errors import ArchiveError
from jobs.storage.local import being_written

BEAT_S = 10.0
DEAD_S = 45.0
"""Four beats missed: a holder that is only slow keeps its lease."""

LOST = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "409", "412")
"""What S3 answers when somebody else was quicker, or took the object away."""


class Lease:
    """The lease on one archive; see ``held``."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        key: str,
        url: str,
        beat_s: float = BEAT_S,
        dead_s: float = DEAD_S,
    ) -> None:
        self.client = client
        self.bucket = bucket
        self.key = key
        self.url = url
        self.beat_s = beat_s
        self.dead_s = dead_s
        self.holder = f"process {os.getpid()} on {socket.gethostname()}"
        self.run = uuid4().hex
        self.asking = False
        """Whether its holder still looks if it may go on; told in the object."""
        self._etag: str | None = None
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self.lost = False

    @contextmanager
    def held(self, patient: bool = False) -> Iterator[None]:
        """Hold it; ArchiveError where a living run does, or where it was lost on the way.

        The patient wait for a living holder to let go.
        """
        while (other := self._take()) is not None:
            if not patient:
                raise being_written(self.url, other)
        beating = threading.Thread(target=self._beat, name="lease", daemon=True)
        beating.start()
        try:
            yield
        finally:
            self._ended.set()
            beating.join()
            if not self.lost:
                self._let_go()
        if self.lost:
            raise ArchiveError(
                f"another run took {self.url} over while this one was out of reach for more than "
                f"{self.dead_s:.0f} s; nothing is damaged: see `berthwatch status`, run it again"
            )

    def confirm(self) -> None:
        """Say that the holder goes on; ArchiveError where the lease is another's by now."""
        self.asking = False
        with self._writing:
            if not self._write(IfMatch=self._etag or "") and not self._still_ours():
                raise being_written(self.url, _holder(self._read()[1]))

    def look(self) -> tuple[str | None, dict[str, Any]]:
        """The mark and the content of the object as it is now; (None, {}) where there is none."""
        return self._read()

    def sweep(self, mark: str) -> None:
        """Delete the object of a dead holder, unless somebody was quicker and it has another mark.

        Not every S3 server deletes under a condition, so it is made one's own first.
        """
        self.asking = True
        if self._write(IfMatch=mark):
            self._let_go()

    def _take(self) -> str | None:
        """Get it, or the name of the living run that holds it."""
        if self._write(IfNoneMatch="*"):
            return None
        dead, other = self._watch()
        if other is not None:
            return other
        if self._write(**({"IfNoneMatch": "*"} if dead is None else {"IfMatch": dead})):
            return None
        return _holder(self._read()[1])

    def _watch(self) -> tuple[str | None, str | None]:
        """The mark of a dead holder, or None where it gave the lease back; and who lives."""
        first, _ = self._read()
        until = time.monotonic() + self.dead_s
        while time.monotonic() < until and first is not None:
            time.sleep(min(1.0, self.dead_s / 10))
            now, content = self._read()
            if now is None:
                return None, None
            if now != first:
                return now, _holder(content)
        return first, None

    def _read(self) -> tuple[str | None, dict[str, Any]]:
        """The mark and the content of the object; (None, {}) where there is none."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as error:
            if _code(error) in LOST:
                return None, {}
            raise
        return str(answer["ETag"]), json.loads(answer["Body"].read() or b"{}")

    def _write(self, **condition: str) -> bool:
        """Put the object under a condition; False where that does not hold."""
        content = {
            "holder": self.holder,
            "run": self.run,
            "asking": self.asking,
            "beat": uuid4().hex,
        }
        body = json.dumps(content).encode()
        try:
            answer = self.client.put_object(
                Bucket=self.bucket, Key=self.key, Body=body, **condition
            )
        except ClientError as error:
            if _code(error) in LOST:
                return False
            raise
        self._etag = str(answer["ETag"])
        return True

    def _beat(self) -> None:
        """Renew until the end. Errors that may pass are borne: only a taken lease is lost."""
        while not self._ended.wait(self.beat_s):
            with self._writing:
                kept = _borne(lambda: self._write(IfMatch=self._etag or ""))
                if kept is False and not self._still_ours():
                    self.lost = True
                    return

    def _still_ours(self) -> bool:
        """A renewal whose answer got lost looks like a refusal, yet the object is ours."""
        found = _borne(self._read)
        if found is None:
            return True  # out of reach just now: the next beat will tell
        self._etag, content = found
        return bool(content.get("run") == self.run)

    def _let_go(self) -> None:
        """Give it back; where that fails, the next run finds it dead."""
        _borne(lambda: self.client.delete_object(Bucket=self.bucket, Key=self.key))


def _holder(content: dict[str, Any]) -> str:
    return str(content.get("holder", ""))


def _borne(call: Callable[[], Any]) -> Any:
    """What a call gives; None where the server cannot be reached just now."""
    try:
        return call()
    except (ClientError, BotoCoreError):
        return None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
