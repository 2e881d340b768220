"""A file server with ranges, and with signatures that run out."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.servers.server import Answer, Server, refusal, running


class Signatures:
    """Signatures (``sig=...``) that are good for some requests or some seconds."""

    def __init__(self, *, requests: int | None = None, seconds: float | None = None) -> None:
        self.requests = requests
        self.seconds = seconds
        self.refused = 0
        self._numbers = count(1)
        self._issued: dict[str, tuple[float, int]] = {}
        """Signature -> (when it was issued, how often it was used)."""
        self._lock = threading.Lock()

    def issue(self) -> str:
        """A new signature."""
        with self._lock:
            signature = f"secret{next(self._numbers)}"
            self._issued[signature] = (time.monotonic(), 0)
        return signature

    def accept(self, query: str) -> bool:
        """Whether a query carries a signature that is still good; uses it once."""
        with self._lock:
            (signature,) = parse_qs(query).get("sig", [""])
            since, used = self._issued.get(signature, (0.0, 0))
            good = (
                signature in self._issued
                and (self.requests is None or used < self.requests)
                and (self.seconds is None or time.monotonic() - since < self.seconds)
            )
            if good:
                self._issued[signature] = (since, used + 1)
            self.refused += not good
        return good

    def revoke(self) -> None:
        """No signature issued so far is good any more."""
        with self._lock:
            self._issued.clear()


class FileServer(Server):
    """The files below a folder; those that match no signature are refused, where one is asked."""

    def __init__(
        self,
        folder: Path,
        *,
        signatures: Signatures | None = None,
        latency_s: float = 0.0,
        bytes_per_s: float | None = None,
        ranges: bool = True,
    ) -> None:
        """Without ``ranges`` every answer is the whole file, whatever part was asked for."""
        super().__init__(latency_s=latency_s, bytes_per_s=bytes_per_s)
        self.folder = folder
        self.signatures = signatures
        self.ranges = ranges

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method not in ("GET", "HEAD"):
            return Answer(405)
        url = urlsplit(target)
        if self.signatures is not None and not self.signatures.accept(url.query):
            return refusal(403)
        path = self.folder / unquote(url.path).lstrip("/")
        if not path.is_file():
            return refusal(404)
        wanted = headers.get("range") if self.ranges else None
        return file_answer(path, wanted, read=method == "GET")


def file_answer(path: Path, wanted: str | None, *, read: bool) -> Answer:
    """A file, or the range of it that a header wants; its headers alone without ``read``."""
    stat = path.stat()
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Last-Modified": formatdate(stat.st_mtime, usegmt=True),
        "ETag": f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"',
    }
    start, stop = (0, stat.st_size) if wanted is None else _range(wanted, stat.st_size)
    if start >= stop:
        return Answer(416, headers={"Content-Range": f"bytes */{stat.st_size}"})
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stat.st_size}"
    status = 200 if wanted is None else 206
    if not read:
        return Answer(status, headers=headers, length=stop - start)
    with path.open("rb") as file:
        file.seek(start)
        return Answer(status, file.read(stop - start), headers)


def _range(wanted: str, size: int) -> tuple[int, int]:
    """First byte and the one after the last; empty where the range lies outside."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if match is None:
        return 0, size
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)


@contextmanager
def file_server(
    folder: Path,
    *,
    signatures: Signatures | None = None,
    latency_s: float = 0.0,
    bytes_per_s: float | None = None,
    ranges: bool = True,
) -> Iterator[FileServer]:
    """A running server of the files below a folder."""
    server = FileServer(
        folder,
        signatures=signatures,
        latency_s=latency_s,
        bytes_per_s=bytes_per_s,
        ranges=ranges,
    )
    with running(server):
        yield server
