"""Addresses of files: which can be valid at all, and how each spelling is read.

A web address is a URI: what its grammar does not allow is encoded, what is encoded stays. A key in
a bucket and a path on disk are literal; catalogs on disk hold either paths or encoded URIs.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from jobs.errors import InputError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?=//)")
_SCHEMES = ("http", "https", "s3", "gs", "az", "oss", "ftp", "zip", "tar", "gzip", "file")
"""What GDAL opens; several may be joined, as zip+https."""
_WEB = ("http", "https")
_WITH_HOST = ("http", "https", "s3", "gs", "ftp")
_OF_URIS = "%/:?#[]@!$&'()*+,;=~"
"""Characters that a URI may hold beside letters and digits."""
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_STORE = re.compile(r"\.zarr/[^?#]*[^/?#]")
_FILE_URI = re.compile(r"file:(?://([^/]*))?(/.*)", re.IGNORECASE | re.DOTALL)


def scheme_of(href: str) -> str:
    """The scheme in lower case; empty for a path."""
    match = _SCHEME.match(href)
    return match[1].lower() if match else ""


def is_zarr_array(href: str) -> bool:
    """Whether an address is that of an array, or a group, within a Zarr store."""
    return _IN_STORE.search(href) is not None


def address_fault(href: str) -> str:
    """Why no file can ever lie at an address, with what was expected; empty where one may."""
    if any(ord(character) < 32 or ord(character) == 127 for character in href):
        return "it holds a control character"
    scheme = scheme_of(href)
    if not scheme:
        return ""
    unknown = [part for part in scheme.split("+") if part not in _SCHEMES]
    if unknown:
        return f"its scheme {scheme!r} is unknown; expected https, http, s3, gs, az or a path"
    return _fault_of_parts(href) if scheme in _WITH_HOST else ""


def _fault_of_parts(href: str) -> str:
    """Why host, port, path or fragment of an address cannot be."""
    try:
        parts = urlsplit(href)
        port = parts.port
    except ValueError as error:  # quotes the port
        return f"{error}; expected a host and, if any, a port of 1 to 65535"
    if not parts.hostname or re.search(r"[\s%<>\\^`{|}]", parts.hostname):
        return f"it names no host ({parts.netloc!r}); expected one behind ://"
    if port == 0:
        return "its port is 0; expected one of 1 to 65535"
    if not parts.path.strip("/") and not parts.query:
        return "it names no file"
    web = parts.scheme.lower() in _WEB
    if web and parts.fragment and not PurePosixPath(parts.path).suffix:
        return "a # in it begins a fragment, which is no part of a file's address; expected %23"
    return ""


def web_address(href: str) -> str:
    """A web address with what URIs do not allow encoded, without its fragment; others unchanged.

    ``%20`` stays, a percent sign that begins no such code is encoded.
    """
    scheme = scheme_of(href)
    if scheme not in _WEB:
        return href
    address = scheme + href[len(scheme) :].partition("#")[0]
    return quote(_LONE_PERCENT.sub("%25", address), safe=_OF_URIS)


def path_of_file_uri(href: str) -> str | None:
    """The path of a ``file:`` URI; None for any other address.

    Raises InputError for one on another machine, and where two files could be meant.
    """
    match = _FILE_URI.fullmatch(href)
    if match is None:
        return None
    if match[1] and match[1].lower() != "localhost":
        raise InputError(f"{href} lies on the machine {match[1]!r}; expected file:///path")
    path, decoded = match[2], unquote(match[2])
    return _the_one(path, decoded) or decoded


def path_beside(base: str, href: str) -> str:
    """The path of a relative (or absolute) href in a file at the path ``base``.

    Percent codes are decoded where only that file exists. Raises InputError where both exist, since
    one of them would be the wrong file.
    """
    path, decoded = (os.path.normpath(Path(base).parent / h) for h in (href, unquote(href)))
    return _the_one(path, decoded) or path


def _the_one(path: str, decoded: str) -> str | None:
    """Which of two spellings exists; None where neither does."""
    found = [each for each in dict.fromkeys((path, decoded)) if Path(each).exists()]
    if len(found) == 2:
        raise InputError(
            f"{path} and {decoded} both exist; which one the catalog means is unknown: rename one"
        )
    return found[0] if found else None
