"""A prefix of an S3 bucket. Credentials, region and endpoint come from where AWS tools take them.

That is: the environment, the shared configuration files and profiles, or the role of the machine or
pod. ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` names another S3 server. Nothing of it is kept
in this value, so nothing of it travels to a worker or into a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import ArchiveError

if TYPE_CHECKING:
    from jobs.storage.lease import Lease

REGION = "us-east-1"
"""Where nothing names a region; S3 servers of one's own do not care."""

ATTEMPTS = 8
"""Of one request, with growing waits, before a server counts as out of reach."""

AT_ONCE = 8
"""Files up- or downloaded at the same time."""

REFUSALS = {
    "NoSuchBucket": "there is no such bucket; make it, or correct `archive:`",
    "AccessDenied": "access is denied; expected the right to list, read, write and delete there",
    "403": "access is denied; expected the right to list, read, write and delete there",
    "InvalidAccessKeyId": "the access key is unknown; check the credentials in the environment",
    "SignatureDoesNotMatch": "the secret key is wrong; check the credentials in the environment",
    "ExpiredToken": "the session token has run out; get new credentials",
}


@dataclass(frozen=True)
class Bucket:
    """``s3://bucket/prefix``."""

    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        """The root as an S3 address."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def url_of(self, name: str) -> str:
        """The S3 address of a file or folder."""
        return f"{self.url}/{name}"

    def key(self, name: str) -> str:
        """The object's key in the bucket."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        with self._refusals(name):
            found = next(self._objects(self.key(name), most=1), None)
            return found is not None and found["Key"] == self.key(name)

    def read(self, name: str) -> bytes:
        """The content of an object."""
        with self._refusals(name):
            content = BytesIO()  # by the transfer manager, which reads again what broke off
            self._client().download_fileobj(self.bucket, self.key(name), content)
            return content.getvalue()

    def write(self, name: str, content: bytes) -> None:
        """One PUT: S3 shows the old object or the new one."""
        with self._refusals(name):
            self._client().put_object(Bucket=self.bucket, Key=self.key(name), Body=content)

    def put(self, name: str, path: Path) -> None:
        """Upload a finished file, in parts where it is large; the local one is left alone."""
        with self._refusals(name):
            self._client().upload_file(str(path), self.bucket, self.key(name))

    def names(self, prefix: str) -> Sequence[str]:
        """Objects below a folder."""
        with self._refusals(prefix):
            root = self.key("")
            return sorted(found["Key"].removeprefix(root) for found in self._below(prefix))

    def size_bytes(self, prefix: str) -> int:
        """Of the objects, as S3 lists them."""
        with self._refusals(prefix):
            return sum(found["Size"] for found in self._below(prefix))

    def local(self, name: str) -> Path:
        """A copy in a temporary folder that goes with the process; fetched once."""
        target = _copies() / self.bucket / self.key(name)
        with self._refusals(name):
            parts = self.names(name)
            if not parts and not self.exists(name):
                raise FileNotFoundError(self.url_of(name))
            self._download(parts or [name])
        return target

    def _download(self, names: Sequence[str]) -> None:
        def fetch(name: str) -> None:
            path = _copies() / self.bucket / self.key(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._client().download_file(self.bucket, self.key(name), str(path))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(fetch, names))

    @contextmanager
    def whole_folder(self, name: str, marker: str) -> Iterator[Path]:
        """Upload all but the marker, then the marker: whoever finds it finds the rest."""
        with tempfile.TemporaryDirectory(prefix="berthwatch-") as folder:
            yield Path(folder)
            made = sorted(
                path.relative_to(folder).as_posix()
                for path in Path(folder).rglob("*")
                if path.is_file()
            )
            self._delete([f"{name}/{marker}"])
            wanted = {f"{name}/{part}" for part in made}
            self._delete([old for old in self.names(name) if old not in wanted])
            with ThreadPoolExecutor(AT_ONCE) as pool:
                rest = [part for part in made if part != marker]
                list(pool.map(lambda part: self.put(f"{name}/{part}", Path(folder, part)), rest))
            self.put(f"{name}/{marker}", Path(folder, marker))

    def _delete(self, names: Sequence[str]) -> None:
        with self._refusals(self.url):
            for name in names:
                self._client().delete_object(Bucket=self.bucket, Key=self.key(name))

    @contextmanager
    def locked(self, part: bool = False) -> Iterator[None]:
        """Hold a lease on the prefix, renewed until the end: see ``storage.parts``."""
        from jobs.storage.shared_lock import alone, one_of_many

        holding = one_of_many if part else alone
        with self._refusals(".lock"), holding(self.lease()):
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold a lease of its own kind; wait for a living holder, take a dead one's over."""
        with self._refusals(".lock-publication"), self.lease(".lock-publication").held(True):
            yield

    def lease(self, name: str = ".lock") -> Lease:
        """A lease of this prefix, not yet taken."""
        from jobs.storage.lease import Lease

        return Lease(self._client(), self.bucket, self.key(name), self.url)

    # --- reaching in ----------------------------------------------------------------------------

    def _client(self) -> Any:
        return _client(os.getpid())

    def _below(self, prefix: str) -> Iterator[dict[str, Any]]:
        return self._objects(self.key(f"{prefix}/" if prefix else ""))

    def _objects(self, prefix: str, most: int | None = None) -> Iterator[dict[str, Any]]:
        pages = (
            self._client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=prefix, PaginationConfig={"MaxItems": most})
        )
        for page in pages:
            yield from page.get("Contents", ())

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        """What S3 says, as our own errors: a missing file, or an archive that cannot be reached."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except Boto3Error as error:  # an upload in parts; what the server said lies behind it
            raise self._refusal(name, error.__context__ or error) from error
        except (ClientError, BotoCoreError) as error:
            raise self._refusal(name, error) from error

    def _refusal(self, name: str, error: BaseException) -> Exception:
        from botocore.exceptions import ClientError, NoCredentialsError

        if isinstance(error, NoCredentialsError):
            return ArchiveError(
                f"no credentials for {self.url}; expected AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, a profile, or a role of this machine"
            )
        if not isinstance(error, ClientError):
            return ArchiveError(
                f"{self.url} cannot be reached: {error}; check the network and AWS_ENDPOINT_URL, "
                "and run the same command again"
            )
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404"):
            return FileNotFoundError(self.url_of(name))
        said = REFUSALS.get(code, f"the server says {code}: {error}")
        return ArchiveError(f"{self.url_of(name)}: {said}")


def endpoint() -> str | None:
    """The S3 server that the environment names, or None for Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def region() -> str:
    """The region that the environment or the profile names."""
    import boto3

    return boto3.Session().region_name or REGION


@cache
def _client(_process: int) -> Any:
    """One client a process: a forked child must not share its parent's connections."""
    import boto3
    from botocore.config import Config

    style = "auto" if endpoint() is None else "path"
    return boto3.Session().client(  # not the module's: it keeps the credentials it once had
        "s3",
        region_name=region(),
        config=Config(
            retries={"max_attempts": ATTEMPTS, "mode": "standard"},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=2 * AT_ONCE,
            s3={"addressing_style": style},
        ),
    )


@cache
def _copies() -> Path:
    """The folder of this process's copies; removed when it ends."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="berthwatch-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
