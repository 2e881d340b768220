"""Files of items that say nothing by which another version would be known: they are asked.

A file that is replaced under its address is then noticed by another size, or by another ETag where
its server gives a strong one. Times of files are not asked for: each copy has another.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.util import Retry

from jobs.catalog.planet_scenes import is_data_api
from jobs.domain import Access, FileAccess, Login, Scene, Source, is_zarr_array
from jobs.errors import InputError, UnreachableError
from jobs.login import login_session

AT_ONCE = 16
"""Requests at the same time."""

MOST_FAILURES = 3
"""A server that fails so often is not asked again."""

_TIMEOUT_S = (5.0, 10.0)
_ONCE = Retry(0, read=False)


class SilentFiles:
    """Asks the files of silent scenes, each once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int | None, str | None]] = {}
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    def asked(self, scenes: Sequence[Scene]) -> list[Scene]:
        """The scenes, those that are silent with the sizes and ETags of their files as far as these
        can be had: of local files, of those on the open web, and with their login of private ones.
        """
        silent = [scene for scene in scenes if _is_silent(scene)]
        access = {href: scene.access for scene in silent for href in _files(scene)}
        wanted = sorted(access.keys() - self._known.keys())
        if wanted:
            with requests.Session() as session, ThreadPoolExecutor(AT_ONCE) as pool:
                found = pool.map(lambda href: self._ask(session, href, access[href]), wanted)
                self._known.update(zip(wanted, found, strict=True))
        return [self._told(scene) if _is_silent(scene) else scene for scene in scenes]

    def _told(self, scene: Scene) -> Scene:
        bands = {name: self._with_facts(source) for name, source in scene.bands.items()}
        mask = None if scene.mask is None else self._with_facts(scene.mask)
        return replace(scene, bands=bands, mask=mask)

    def _with_facts(self, source: Source) -> Source:
        size, etag = self._known.get(source.href, (None, None))
        return replace(source, size_bytes=size, etag=etag)

    def _ask(
        self, session: requests.Session, href: str, access: FileAccess | None
    ) -> tuple[int | None, str | None]:
        """Size and strong ETag of a file; None for what is unknown."""
        if not href.startswith(("http://", "https://")):
            return _size_on_disk(href), None
        host = urlsplit(href).netloc
        if self._failures[host] >= MOST_FAILURES:
            return None, None
        try:
            if isinstance(access, Login):
                session = login_session(access, _ONCE)
            headers = {"Accept-Encoding": "identity"}
            answer = session.head(href, headers=headers, timeout=_TIMEOUT_S, allow_redirects=True)
            answer.raise_for_status()
            size = answer.headers.get("Content-Length", "")
            etag = answer.headers.get("ETag", "")
        # This machine may lack the variables of a login that workers have.
        except (requests.RequestException, InputError, UnreachableError):
            with self._lock:
                self._failures[host] += 1
            return None, None
        strong = etag.strip('"') if etag.startswith('"') else ""
        return int(size) if size.isdecimal() else None, strong or None


def _is_silent(scene: Scene) -> bool:
    """Whether neither the item nor its assets say anything that a replaced file would change."""
    if "produced" in scene.facts or isinstance(scene.access, Access) or is_data_api(scene.catalog):
        return False
    return not any(s.checksum or s.etag or s.size_bytes is not None for s in _sources(scene))


def _sources(scene: Scene) -> Iterator[Source]:
    yield from scene.bands.values()
    if scene.mask is not None:
        yield scene.mask


def _files(scene: Scene) -> Iterable[str]:
    """Addresses of the scene's files; an array of a Zarr store is many."""
    return (each.href for each in _sources(scene) if not is_zarr_array(each.href))


def _size_on_disk(href: str) -> int | None:
    if "://" in href or href.startswith("/vsi"):
        return None
    try:
        return Path(href).stat().st_size
    except (OSError, ValueError):
        return None
