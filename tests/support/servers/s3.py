"""A real S3 server (moto), and a proxy that breaks what goes through it."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from tests.support.servers.server import Answer, Server, refusal, running

BUCKET = "berthwatch"
KEY_ID = "test-key-id"
SECRET = "test-secret"
"""What must never be found in a log, a plan or an archive."""


@dataclass(frozen=True)
class S3:
    """A running S3 server with a bucket."""

    url: str
    bucket: str = BUCKET

    @property
    def environment(self) -> dict[str, str]:
        """The standard AWS variables by which clients find it."""
        return environment(self.url)

    def client(self) -> Any:
        """boto3's client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def put(self, folder: Path, prefix: str) -> None:
        """Copy the files below a folder into the bucket."""
        client = self.client()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = f"{prefix}/{path.relative_to(folder).as_posix()}"
                client.upload_file(str(path), self.bucket, name)


def environment(endpoint: str) -> dict[str, str]:
    """AWS variables for an endpoint with the tests' own credentials, and no others around."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def s3_server(bucket: str = BUCKET) -> Iterator[S3]:
    """moto's server as a process of its own, with an empty bucket."""
    command = [str(Path(sysconfig.get_path("scripts")) / "moto_server"), "-H", "127.0.0.1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, "-p", "0"], stdout=log, stderr=log)
        try:
            server = S3(f"http://127.0.0.1:{_port(process, log.fileno())}", bucket)
            server.client().create_bucket(Bucket=bucket)
            yield server
        finally:
            process.kill()  # it keeps nothing
            process.wait()


def _port(process: subprocess.Popen[bytes], log: int) -> int:
    """The port that the server was given by the system, which it logs when it listens there."""
    for _ in range(1200):
        text = os.pread(log, 10_000, 0).decode()  # at its end the server goes on writing
        if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", text):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"moto_server did not come up: {text}")


# --- the proxy ----------------------------------------------------------------------------------

_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "server"}
"""Headers of one connection, not of the message."""


class Proxy(Server):
    """Passes requests on to a server behind it, Host and all, and its answers back."""

    def __init__(
        self, upstream: str, *, latency_s: float = 0.0, bytes_per_s: float | None = None
    ) -> None:
        super().__init__(latency_s=latency_s, bytes_per_s=bytes_per_s)
        address = urlsplit(upstream)
        assert address.hostname is not None
        self._address = (address.hostname, address.port or 80)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        kept = {name: value for name, value in headers.items() if name not in _OWN}
        kept["content-length"] = str(len(body))
        try:
            return self._ask(method, target, kept, body)
        except (HTTPException, OSError):
            return refusal(502)

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = HTTPConnection(*self._address, timeout=60)
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
            length = response.getheader("content-length") if method == "HEAD" else None
        finally:
            connection.close()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _OWN}
        return Answer(response.status, content, kept, None if length is None else int(length))


@contextmanager
def faulty_proxy(
    upstream: str, *, latency_s: float = 0.0, bytes_per_s: float | None = None
) -> Iterator[Proxy]:
    """A running proxy in front of a server; give clients its ``url`` as their endpoint."""
    server = Proxy(upstream, latency_s=latency_s, bytes_per_s=bytes_per_s)
    with running(server):
        yield server
