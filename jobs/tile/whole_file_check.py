"""Whole files against what the catalog says of them: checksum, ETag and size."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import rasterio.shutil
import requests
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from jobs.domain import FileAccess, Source, read_checksum
from jobs.errors import SceneError, UnreachableError
from jobs.tile.access import address, without_query
from jobs.tile.raster import settings_of, unreadable
from jobs.tile.web_session import web_session

_PIECE_BYTES = 2**20
_TIMEOUT_S = (20.0, 60.0)
_WEB = re.compile(r"https?://", re.I)
_STORE = re.compile(r"[a-z0-9]+://|/vsi", re.I)

Update = Callable[[bytes], object]
"""Takes up the next bytes of a file."""


@dataclass(frozen=True)
class FileFact:
    """One fact of a file: what the catalog says, and what the file has."""

    name: str
    """Such as ``sha2-256 checksum``, ``ETag`` or ``size``."""
    stated: str
    found: str
    is_checksum: bool = False
    """Alone it proves that the file is the one of the catalog."""

    @property
    def agrees(self) -> bool:
        """Whether the file is what the catalog says."""
        return self.stated == self.found


def file_facts(source: Source, access: FileAccess | None) -> tuple[FileFact, ...]:
    """The facts that the catalog states of a file, beside what the file has.

    The whole file is read where a checksum of a known algorithm is stated; else only its size and
    ETag are asked for, where its storage tells them. Raises SceneError, or UnreachableError where
    another attempt may succeed.
    """
    checksum = None if source.checksum is None else read_checksum(source.checksum)
    made = None if checksum is None else checksum.hash()
    if made is None and source.etag is None and source.size_bytes is None:
        return ()
    size, etag = _look(source.href, access, None if made is None else made.update)
    facts: list[FileFact] = []
    if checksum is not None and made is not None:
        name = f"{checksum.algorithm} checksum"
        facts.append(FileFact(name, checksum.digest, made.hexdigest(), is_checksum=True))
    if source.etag is not None and etag is not None:
        facts.append(FileFact("ETag", source.etag, etag))
    if source.size_bytes is not None and size is not None:
        facts.append(FileFact("size", str(source.size_bytes), str(size)))
    return tuple(facts)


def _look(
    href: str, access: FileAccess | None, update: Update | None
) -> tuple[int | None, str | None]:
    """Size and ETag of a file, None where unknown; its bytes go to ``update``."""
    if _WEB.match(href):
        return _on_the_web(address(href, access), access, update)
    if _STORE.match(href):
        return (None, None) if update is None else (_in_a_store(href, access, update), None)
    return _on_disk(href, update), None


def _on_disk(href: str, update: Update | None) -> int:
    path = Path(href)
    try:
        if update is not None:
            _take_up(path, update)
        return path.stat().st_size
    except OSError as error:
        raise unreadable(href, error) from error


def _take_up(path: Path, update: Update) -> None:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            update(piece)


def _on_the_web(
    url: str, access: FileAccess | None, update: Update | None
) -> tuple[int | None, str | None]:
    name = without_query(url)
    method = "HEAD" if update is None else "GET"
    as_stored = {"Accept-Encoding": "identity"}
    try:
        with (
            web_session(access) as session,
            session.request(
                method,
                url,
                stream=True,
                headers=as_stored,
                timeout=_TIMEOUT_S,
                allow_redirects=True,
            ) as answer,
        ):
            _check_status(answer.status_code, name)
            length = answer.headers.get("Content-Length")
            size = None if length is None else int(length)
            if update is not None:
                size = _total(answer.iter_content(_PIECE_BYTES), update)
            return size, _bare(answer.headers.get("ETag"))
    except requests.RequestException as error:
        failure = type(error).__name__
    # Raised here, it has no other error as its context, which quotes the whole address.
    raise UnreachableError(f"cannot read {name}: {failure}; the server may do better later")


def _total(pieces: Iterable[bytes], update: Update) -> int:
    size = 0
    for piece in pieces:
        update(piece)
        size += len(piece)
    return size


def _bare(etag: str | None) -> str | None:
    return None if etag is None else etag.removeprefix("W/").strip('"')


def _check_status(status: int, name: str) -> None:
    if status == 200:
        return
    if status == 429 or status >= 500:
        raise UnreachableError(f"{name} answers {status}; the server may do better later")
    raise SceneError(f"{name} answers {status}; expected the file the catalog names: plan again")


def _in_a_store(href: str, access: FileAccess | None, update: Update) -> int:
    """Size of a file that GDAL alone can reach: copied, as GDAL gives no bytes to Python."""
    with tempfile.TemporaryDirectory(prefix="berthwatch-") as folder:
        copy = Path(folder) / "copy"
        try:
            with settings_of(access):
                rasterio.shutil.copyfiles(re.sub(r"^s3://", "/vsis3/", href), str(copy))
        except (CPLE_BaseError, RasterioError, OSError) as error:
            failure: Exception | None = unreadable(href, error)
        else:
            failure = None
        if failure is not None:
            raise failure
        _take_up(copy, update)
        return copy.stat().st_size
