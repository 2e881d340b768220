"""A threaded HTTP/1.1 server that is as slow, as thin and as broken as a test wants it."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from tests.support.servers.faults import Fault, Faults, Kind

PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What a server has to say."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    length: int | None = None
    """Content-Length where it is not that of the body, as for HEAD."""


@dataclass
class Request:
    """One request as it came, and what was made of it; listed before the answer is sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    status: int = 0
    """0 where the connection broke."""
    sent_bytes: int = 0


class Link:
    """The wire all connections of a server share: a delay and a rate."""

    def __init__(self, latency_s: float, bytes_per_s: float | None) -> None:
        self.latency_s = latency_s
        self.bytes_per_s = bytes_per_s
        self._free_at = 0.0
        self._lock = threading.Lock()

    def delay(self) -> None:
        """The way there and back."""
        if self.latency_s:
            time.sleep(self.latency_s)

    def carry(self, size: int) -> None:
        """Wait until that many bytes are through."""
        if self.bytes_per_s is None:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + size / self.bytes_per_s
            wait = self._free_at - time.monotonic()
        if wait > 0:
            time.sleep(wait)


class Server(ThreadingHTTPServer):
    """Counts what it is asked, and fails as it is told; a subclass says what it answers."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *, latency_s: float = 0.0, bytes_per_s: float | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.connections = 0
        self.link = Link(latency_s, bytes_per_s)
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def bytes_sent(self) -> int:
        return sum(request.sent_bytes for request in self.requests)

    def counts(self) -> Counter[str]:
        """Requests by path."""
        return Counter(request.path for request in self.requests)

    def forget(self) -> None:
        """Count from zero."""
        self.requests.clear()
        self.connections = 0

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What to say to a request; target is the path with its query, as it came."""
        raise NotImplementedError

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence: a client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection, for as many requests as come over it."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.server.link.delay()  # the handshake

    def serve(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        self.server.link.delay()
        self.record = Request(self.command, unquote(url.path), url.query, headers)
        self.server.requests.append(self.record)
        fault = self.server.faults.next(self.command, unquote(url.path))
        if fault is None:
            self._send(self.server.answer(self.command, self.path, headers, body))
        else:
            self._fail(fault, headers, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve  # noqa: N815

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.rfile.read(int(headers.get("content-length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(pieces)

    def _fail(self, fault: Fault, headers: Mapping[str, str], body: bytes) -> None:
        answer = refusal(fault.status, fault.headers)
        if fault.late or fault.kind in (Kind.TRUNCATE, Kind.EMPTY):
            done = self.server.answer(self.command, self.path, headers, body)
            answer = answer if fault.kind is Kind.STATUS else done
        if fault.kind is Kind.STATUS:
            self._send(answer)
            return
        if fault.kind is Kind.EMPTY:
            self._send(replace(answer, body=b""))
            return
        if fault.kind is Kind.TRUNCATE:
            self._send(answer, len(answer.body) // 2)
            self.record.status = 0
        if fault.kind is Kind.HANG:
            self.server.closing.wait(fault.seconds)
        self._break_off(reset=fault.kind is Kind.RESET)

    def _send(self, answer: Answer, upto: int | None = None) -> None:
        self.record.status = answer.status
        self.send_response(answer.status)
        for name, value in (answer.headers or {}).items():
            self.send_header(name, value)
        length = len(answer.body) if answer.length is None else answer.length
        if answer.status >= 200 and answer.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        body = b"" if self.command == "HEAD" else answer.body[:upto]
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            self.server.link.carry(len(piece))
            self.wfile.write(piece)
            self.record.sent_bytes += len(piece)
        self.wfile.flush()

    def _break_off(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:  # lingering for zero seconds makes the kernel send RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        pass


_CODES = {
    403: "AccessDenied",
    404: "NoSuchKey",
    416: "InvalidRange",
    429: "TooManyRequests",
    500: "InternalError",
    503: "SlowDown",
}


def refusal(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal in the words of S3."""
    code = _CODES.get(status, "Error")
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Answer(status, text.encode(), {"Content-Type": "application/xml", **(headers or {})})


AServer = TypeVar("AServer", bound=Server)


@contextmanager
def running(server: AServer) -> Iterator[AServer]:
    """The server, answering for as long as the context lasts."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
