"""A prefix of an S3 bucket. Credentials, region and endpoint come from where AWS tools take them.

That is: the environment, the shared configuration files and profiles, or the role of the machine or
pod. ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` names another S3 server. A Bucket holds none of
them, so none is sent to a worker or written to a file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import ArchiveError, ArchiveUnreachableError

if TYPE_CHECKING:
    from jobs.storage.lease import Lease

REGION = "us-east-1"
"""Used where nothing names a region; S3 servers other than Amazon's ignore it."""

ATTEMPTS = 8
"""Attempts of one request, with growing waits, before a server counts as out of reach."""

AT_ONCE = 8
"""Files uploaded or downloaded at the same time."""

REFUSALS = {
    "NoSuchBucket": "there is no such bucket; make it, or correct `archive:`",
    "AccessDenied": "access is denied; expected the right to list, read, write and delete there",
    "403": "access is denied; expected the right to list, read, write and delete there",
    "InvalidAccessKeyId": "the access key is unknown; check the credentials in the environment",
    "SignatureDoesNotMatch": "the secret key is wrong; check the credentials in the environment",
    "ExpiredToken": "the session token has run out; get new credentials",
}

PASSING = ("InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "500", "502", "503")
"""Error codes that may be gone later, even if not within ATTEMPTS."""


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
        with self._errors(name):
            found = next(self._objects(self.key(name), most=1), None)
            return found is not None and found["Key"] == self.key(name)

    def read(self, name: str) -> bytes:
        """The content of an object."""
        from jobs.storage.reading import whole

        def read() -> bytes:
            content = BytesIO()  # by the transfer manager, which fetches large ones in parts
            self._client().download_fileobj(self.bucket, self.key(name), content)
            return content.getvalue()

        with self._errors(name):
            return whole(read)

    def write(self, name: str, content: bytes) -> None:
        """One PUT: S3 shows the old object or the new one."""
        with self._errors(name):
            self._client().put_object(Bucket=self.bucket, Key=self.key(name), Body=content)

    def put(self, name: str, path: Path) -> None:
        """Upload a finished file, in parts where it is large; the local file stays."""
        with self._errors(name):
            self._client().upload_file(str(path), self.bucket, self.key(name))

    def delete(self, name: str) -> None:
        """Delete an object; S3 says nothing where there is none."""
        with self._errors(name):
            self._client().delete_object(Bucket=self.bucket, Key=self.key(name))

    def names(self, prefix: str) -> Sequence[str]:
        """Objects below a folder."""
        with self._errors(prefix):
            root = self.key("")
            return sorted(found["Key"].removeprefix(root) for found in self._below(prefix))

    def folders(self, prefix: str) -> Sequence[str]:
        """First parts of the keys below a folder; S3 lists them without the rest."""
        with self._errors(prefix):
            home = self.key(f"{prefix}/" if prefix else "")
            pages = (
                self._client()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self.bucket, Prefix=home, Delimiter="/")
            )
            found = (each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ()))
            names = (prefix.removeprefix(home).rstrip("/") for prefix in found)
            return sorted(name for name in names if not name.startswith("."))

    def size_bytes(self, prefix: str) -> int:
        """Total size of the objects, as S3 lists them."""
        with self._errors(prefix):
            return sum(found["Size"] for found in self._below(prefix))

    def local(self, name: str) -> Path:
        """A copy in a temporary folder that is deleted when the process ends; fetched once."""
        target = _copies() / self.bucket / self.key(name)
        with self._errors(name):
            parts = self.names(name)
            if not parts and not self.exists(name):
                raise FileNotFoundError(self.url_of(name))
            self._download(parts or [name])
        return target

    def _download(self, names: Sequence[str]) -> None:
        from jobs.storage.reading import whole

        def fetch(name: str) -> None:
            key = self.key(name)
            path = _copies() / self.bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            whole(lambda: self._client().download_file(self.bucket, key, str(path)))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(fetch, names))

    @contextmanager
    def whole_folder(self, name: str, marker: str) -> Iterator[Path]:
        """Upload all files but the marker, then the marker: where it exists, so do they."""
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
        with self._errors(self.url):
            for name in names:
                self._client().delete_object(Bucket=self.bucket, Key=self.key(name))

    @contextmanager
    def locked(self, part: str = "") -> Iterator[None]:
        """Hold a lease on the prefix, renewed until the end: see ``shared_lock``."""
        from jobs.storage.shared_lock import exclusive, shared

        holding = shared(self.lease(), part) if part else exclusive(self.lease())
        with self._errors(".lock"), holding:
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold a lease of its own; wait for a living holder, take over a dead one's."""
        with self._errors(".lock-publication"), self.lease(".lock-publication").held(wait=True):
            yield

    def lease(self, name: str = ".lock") -> Lease:
        """A lease on this prefix, not yet acquired."""
        from jobs.storage.lease import Lease

        return Lease(self._client(), self.bucket, self.key(name), self.url)

    def _client(self) -> Any:
        return s3_client()

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
    def _errors(self, name: str) -> Iterator[None]:
        """Raise errors of S3 as FileNotFoundError or ArchiveError."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        from jobs.storage.reading import GIVEN_UP

        try:
            yield
        except GIVEN_UP as error:
            raise self._error(name, error.last_exception) from error
        except Boto3Error as error:  # an upload in parts; its context is the server's error
            raise self._error(name, error.__context__ or error) from error
        except (ClientError, BotoCoreError) as error:
            raise self._error(name, error) from error

    def _error(self, name: str, error: BaseException) -> Exception:
        from botocore.exceptions import ClientError, NoCredentialsError

        from jobs.storage.reading import OUT_OF_REACH

        if isinstance(error, NoCredentialsError):
            return ArchiveError(
                f"no credentials for {self.url}; expected AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, a profile, or a role of this machine"
            )
        if not isinstance(error, ClientError):
            lost = isinstance(error, OUT_OF_REACH)
            return (ArchiveUnreachableError if lost else ArchiveError)(
                f"{self.url} cannot be reached: {error}; check the network and AWS_ENDPOINT_URL, "
                "and run the same command again"
            )
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404"):
            return FileNotFoundError(self.url_of(name))
        said = REFUSALS.get(code, f"the server says {code}: {error}")
        kind = ArchiveUnreachableError if code in PASSING else ArchiveError
        return kind(f"{self.url_of(name)}: {said}")


def endpoint() -> str | None:
    """The S3 server that the environment names, or None for Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def region() -> str:
    """The region of the environment or the profile, else REGION."""
    import boto3

    return boto3.Session().region_name or REGION


def s3_client() -> Any:
    """The client of this process for the environment as it is: another server or other credentials,
    set meanwhile, make another client.
    """
    settings = sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))
    return _client(os.getpid(), tuple(settings))


@lru_cache(maxsize=4)
def _client(_process: int, _settings: tuple[tuple[str, str], ...]) -> Any:
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
    """The temporary folder of this process's copies; removed when it ends."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="berthwatch-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
