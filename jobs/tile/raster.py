"""Opening scene files: checked against the catalog's declaration, failures raised as SceneError."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TypeAlias, TypeVar

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader
from rasterio.session import DummySession

from jobs.domain import FileAccess, Login, Source, address_fault, gdal_settings, web_address
from jobs.errors import SceneError, SetupError, UnreachableError
from jobs.tile.access import address, without_query
from jobs.tile.file_bytes import DiskBytes, FileBytes, GdalBytes
from jobs.tile.gdal_c import reaches_gdal
from jobs.tile.geotiff import BLOCK_LIMIT_BYTES, layout_of
from jobs.tile.http_bytes import HttpBytes
from jobs.tile.login_bytes import GdalReads, LoginBytes
from jobs.tile.setup import local_fault
from jobs.tile.tiled_file import TiledFile
from jobs.tile.whole_file import copied, ignores_range

T = TypeVar("T")

Way: TypeAlias = Callable[["Place"], "_OpenFile"]
"""A way of opening a file."""

GDAL_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no listing of the folder beside each file
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    # A stalled answer is an error, and the whole unit is retried: GDAL's own retries would wait
    # for each request of each file again.
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "GDAL_HTTP_TIMEOUT": "300",
    "GDAL_HTTP_MULTIPLEX": "YES",
    # Closed files are not cached, so that another attempt reads from the server.
    "CPL_VSIL_CURL_NON_CACHED": "/vsis3/",
}

MAX_SHARED = 32
"""Files kept open at once by `sharing_files`: six scenes of four bands and a mask."""

_REMOTE = re.compile(r"(https?|s3|gs|az|abfss?)://|/vsi(curl|s3|gs|az|adls|oss|swift)/", re.I)
_FAULTS = (RasterioError, CPLE_BaseError, CRSError, OSError)
"""What reading a file raises; the second from a file's description, which GDAL reads late."""
_QUOTED = re.compile(r"(\w+://|/vsi)[^\s'\"]+")
"""Addresses in GDAL's messages: what they contain says nothing of the failure."""
_REFUSED = re.compile(r"\b40[13]\b|AccessDenied|Forbidden|Unauthorized|InvalidAccessKeyId", re.I)
_MISSING = re.compile(r"\b404\b|NoSuchKey|NoSuchBucket|specified key does not exist", re.I)
_LASTING = re.compile(
    r"code: 4(05|06|10|14|51)\b|URL rejected|SSL certificate problem|no alternative certificate"
    r"|unsupported protocol",
    re.I,
)
"""Answers that do not pass, and failures before any answer."""


@dataclass(frozen=True)
class Place:
    """A file and its access, the key of open files."""

    href: str
    access: FileAccess | None = None


def settings_of(access: FileAccess | None) -> rasterio.Env:
    """The GDAL environment in which files of this access are opened and read."""
    # Without a session rasterio creates one of boto3 (17 ms each) where there are AWS credentials;
    # GDAL finds these itself.
    return rasterio.Env(DummySession(), **GDAL_SETTINGS, **gdal_settings(access))


def use(
    place: Place,
    sources: Sequence[Source],
    dtypes: Sequence[str],
    read: Callable[[DatasetReader], T],
    read_tiled: Callable[[TiledFile], T] | None = None,
) -> T:
    """The result of `read` on the open file, once it is checked against `sources`.

    `read_tiled` reads in its place a file whose header proves that it is of the common kind (see
    `geotiff`) and all that is checked; outside `by_gdal_alone`.

    A signed address that fails is signed again and retried once: GDAL does not distinguish a
    refusal within a file from other failures. A file whose server ignores Range is copied and read
    from the copy. Raises UnreachableError where another attempt may succeed, SetupError where the
    fault is this machine's, else SceneError.
    """
    fault = address_fault(place.href)
    if fault:
        raise SceneError(f"cannot read {without_query(place.href)}: {fault}")
    way: Way | None = _open
    while way is not None:
        try:
            return _attempt(place, sources, dtypes, read, read_tiled, way)
        except _FAULTS as error:
            failure = unreadable(place.href, error)
            way = _way_after(way, place, error)
    # Raised here, it has no GDAL error as its context, which quotes the signature and cannot be
    # unpickled in another process.
    raise failure


def _attempt(
    place: Place,
    sources: Sequence[Source],
    dtypes: Sequence[str],
    read: Callable[[DatasetReader], T],
    read_tiled: Callable[[TiledFile], T] | None,
    way: Way,
) -> T:
    with _opened(place, way) as file:
        if read_tiled is not None and not _shared.by_gdal:
            # A file on disk is read without GDAL, whose settings take longer than the header.
            with nullcontext() if file.is_local else settings_of(place.access):
                tiled = file.tiled()
                if tiled is not None and _agrees(tiled, sources, dtypes):
                    return read_tiled(tiled)
        with settings_of(place.access), file.reads():
            dataset = file.dataset()
            for source in sources:
                _check(dataset, source, dtypes)
            return read(dataset)


def _way_after(way: Way, place: Place, error: Exception) -> Way | None:
    """How to open a file that failed otherwise; None where nothing else may help."""
    if way is not _open_copy and ignores_range(_text(error)):
        return _open_copy
    return _open_signed_anew if way is _open and _is_signed(place) else None


def _is_signed(place: Place) -> bool:
    return address(place.href, place.access) != place.href


# --- open files ---------------------------------------------------------------------------------


class _Shared(threading.local):
    """The files this thread keeps open, least recently used first; None outside `sharing_files`."""

    files: OrderedDict[Place, _OpenFile] | None = None
    copies: int = 0
    """Files that this thread has copied."""
    by_gdal: bool = False
    """Whether this thread is within `by_gdal_alone`."""


_shared = _Shared()


@contextmanager
def sharing_files() -> Iterator[None]:
    """A context in which each file is opened once; all are closed at its end.

    It applies to the current thread. A nested one has no effect.
    """
    if _shared.files is not None:
        yield
        return
    _shared.files = OrderedDict()
    try:
        yield
    finally:
        files, _shared.files = _shared.files, None
        for file in files.values():
            file.close()


def copies_made() -> int:
    """How many files this thread has copied so far, because their server ignores Range."""
    return _shared.copies


@contextmanager
def by_gdal_alone() -> Iterator[None]:
    """A context in which GDAL reads every file, each of its blocks whole, with their checksums.

    It applies to the current thread: a result is proven by another reader than made it.
    """
    before, _shared.by_gdal = _shared.by_gdal, True
    try:
        yield
    finally:
        _shared.by_gdal = before


@contextmanager
def _opened(place: Place, way: Way) -> Iterator[_OpenFile]:
    """An open file, shared within `sharing_files`; a file whose use failed is closed."""
    shared = _shared.files
    if shared is None:
        with closing(way(place)) as file:
            yield file
        return
    file = shared.pop(place) if place in shared else way(place)
    try:
        yield file
    except BaseException:
        file.close()
        raise
    shared[place] = file
    if len(shared) > MAX_SHARED:
        shared.popitem(last=False)[1].close()


def _open(place: Place) -> _OpenFile:
    login = _login_of(place)
    if login is not None:
        return _LoginFile(web_address(place.href), login)
    return _OpenFile(_gdal_name(address(place.href, place.access)))


def _login_of(place: Place) -> Login | None:
    """The login of a file on the web; None where it has none."""
    is_web = re.match(r"https?://", place.href, re.I) is not None
    return place.access if is_web and isinstance(place.access, Login) else None


def _open_signed_anew(place: Place) -> _OpenFile:
    return _OpenFile(_gdal_name(address(place.href, place.access, renew=True)))


def _open_copy(place: Place) -> _OpenFile:
    url = web_address(address(place.href, place.access))
    with settings_of(place.access), copied(url, place.access) as path:
        _shared.copies += 1
        # The name is removed at once; the bytes stay until the dataset is closed.
        return _OpenFile(str(path), rasterio.open(path, sharing=False))


class _OpenFile:
    """A file open by GDAL, by its bytes, or both; each is opened when it is first asked for."""

    def __init__(self, name: str, dataset: DatasetReader | None = None) -> None:
        self._name = name
        self.is_local = _is_local(name)
        self._dataset = dataset
        self._tiled: TiledFile | None = None
        self._bytes: FileBytes | None = None
        self._is_tested = dataset is not None
        self.closed = False

    def tiled(self) -> TiledFile | None:
        """The file by its bytes; None where its header does not prove it to be of the common kind.

        Raises OSError where a remote file cannot be read: to ask again would only take longer. Of
        a file on disk GDAL says what is wrong.
        """
        if not self._is_tested:
            self._is_tested = True
            if _may_be_tiled(self._name):
                with nullcontext() if self.is_local else _settings_to_open(self._name):
                    self._open_bytes()
        return self._tiled

    def _open_bytes(self) -> None:
        try:
            self._bytes = self._new_bytes()
            layout = layout_of(self._bytes)
        except OSError:
            if self.is_local:
                return
            raise
        if layout is not None:
            self._tiled = TiledFile(layout, self._bytes)

    def _new_bytes(self) -> FileBytes:
        return _bytes_of(self._name)

    @contextmanager
    def reads(self) -> Iterator[None]:
        """A context of reading by GDAL."""
        yield

    def dataset(self) -> DatasetReader:
        """The file open by GDAL."""
        if self._dataset is None:
            with _settings_to_open(self._name):
                # As a string, a path might be a URL.
                name = Path(self._name) if self.is_local else self._name
                self._dataset = rasterio.open(name, sharing=False)
        return self._dataset

    def close(self) -> None:
        """Close what is open."""
        self.closed = True
        for one in (self._dataset, self._bytes):
            if one is not None:
                one.close()


class _LoginFile(_OpenFile):
    """A file on a server that wants a login, which GDAL is not given."""

    def __init__(self, href: str, login: Login) -> None:
        super().__init__(_gdal_name(href))
        self._href, self._login = href, login
        self._by_gdal: GdalReads | None = None

    def _new_bytes(self) -> FileBytes:
        return LoginBytes(self._href, self._login)

    @contextmanager
    def reads(self) -> Iterator[None]:
        """A context of reading by GDAL, at whose end is raised what failed meanwhile."""
        # Threads of GDAL's own find no file of rasterio's opener, and JPEG 2000 is then read as
        # zeros without a word (seen in GDAL 3.10.3).
        with rasterio.Env(GDAL_NUM_THREADS="1"):
            try:
                yield
            finally:
                if self._by_gdal is not None:
                    self._by_gdal.raise_failure()

    def dataset(self) -> DatasetReader:
        """The file open by GDAL."""
        if self._dataset is None:
            if self._bytes is None:
                self._bytes = self._new_bytes()
            name = f"{next(_openings)}{_suffix(self._href)}"
            self._by_gdal = GdalReads(self._bytes, name)
            self._dataset = rasterio.open(name, sharing=False, opener=self._by_gdal.open)
        return self._dataset


def _gdal_name(href: str) -> str:
    """The name by which GDAL opens an address."""
    # GDAL caches S3 credentials; rasterio would request them from boto3 for each file.
    href = re.sub(r"^s3://", "/vsis3/", web_address(href), flags=re.I)
    if re.match(r"https?://", href):
        # A fragment is not sent to the server. As each opening has its own, GDAL reuses no cached
        # state of one that failed; the setting for that costs another request for each file. It
        # requires EMPTY_DIR above: with a fragment a sidecar's address would be the file's own.
        return f"/vsicurl/{href}#{next(_openings)}{_suffix(href)}"
    return href


def _suffix(href: str) -> str:
    return PurePosixPath(re.split(r"[?#]", href)[0]).suffix


def _is_local(name: str) -> bool:
    return name.startswith("/") and not name.startswith("/vsi")


def _settings_to_open(name: str) -> rasterio.Env:
    """The GDAL environment in which a name is opened, beside that of its access."""
    if _is_local(name):
        # Masks and no-data values may lie in files beside it (.msk, .aux.xml); looking is cheap.
        return rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE")
    # A list of extensions in the environment, meant for other programs, would hide other files.
    ending = "." + name.rpartition("/")[2].rpartition(".")[2]  # of .zarray too, as GDAL takes it
    allowed = ",".join({_suffix(name), PurePosixPath(name).suffix, ending, "{noext}"})
    return rasterio.Env(CPL_VSIL_CURL_ALLOWED_EXTENSIONS=allowed)


def _bytes_of(name: str) -> FileBytes:
    return DiskBytes(Path(name)) if _is_local(name) else HttpBytes.open(name) or GdalBytes(name)


def _may_be_tiled(name: str) -> bool:
    """Whether a file may be of the common kind, by its name and by what lies beside it."""
    is_tiff = _suffix(name).lower() in ("", ".tif", ".tiff")
    if not is_tiff or not name.startswith("/"):
        return False
    return not _has_sidecar(name) if _is_local(name) else reaches_gdal()


def _has_sidecar(name: str) -> bool:
    """Whether a file lies beside one on disk from which GDAL would take something."""
    stem = name.removesuffix(_suffix(name))
    beside = [name + end for end in (".aux.xml", ".msk", ".MSK", ".aux", ".AUX")]
    beside += [stem + end for end in (".aux", ".AUX")]
    return "GDAL_PAM_PROXY_DIR" in os.environ or any(map(os.path.exists, beside))


_openings = count()


def whole_file(place: Place, most: int) -> bytes | None:
    """All bytes of a file; None where its server says that there is none.

    A signed address that fails is signed again and retried once, as in `use`. Raises OSError where
    the file cannot be read, or has more bytes than ``most``.
    """
    try:
        return _whole_file(address(place.href, place.access), place, most)
    except OSError:
        if not _is_signed(place):
            raise
        return _whole_file(address(place.href, place.access, renew=True), place, most)


def _whole_file(href: str, place: Place, most: int) -> bytes | None:
    name = _gdal_name(href)
    with settings_of(place.access), _settings_to_open(name):
        try:
            login = _login_of(place)
            file = _bytes_of(name) if login is None else LoginBytes(web_address(href), login)
        except FileNotFoundError:
            return None
        except OSError as error:
            if _MISSING.search(_QUOTED.sub("", str(error))):
                return None
            raise
        with closing(file):
            if file.size > most:
                raise OSError(f"it has {file.size} bytes, expected at most {most}")
            return bytes(file.ranges([(0, file.size)])[0])


# --- checks against the catalog -----------------------------------------------------------------


def _agrees(file: TiledFile, sources: Sequence[Source], dtypes: Sequence[str]) -> bool:
    """Whether a file is all that `_check` demands; where it is not, GDAL says what differs."""
    layout = file.layout
    own = _possible(layout.dtype, layout.nodata)
    return layout.dtype in dtypes and all(
        (layout.height, layout.width) == tuple(source.shape)
        and _is_transform(layout.transform, source)
        and layout.epsg == source.epsg
        and 1 <= source.index <= layout.samples
        and (
            not _declares_nodata(source)
            or (own in (None, source.nodata) and _holds(layout.dtype, source.nodata))
        )
        for source in sources
    )


def _is_transform(transform: Sequence[float], source: Source) -> bool:
    tolerance = 1e-3 * abs(source.transform[0])
    pairs = zip(transform, source.transform, strict=True)
    return all(abs(one - other) <= tolerance for one, other in pairs)


def _check(file: DatasetReader, source: Source, dtypes: Sequence[str]) -> None:
    """Raise SceneError for a file that differs from its declaration."""
    if source.on_points:
        _check_points(file, source)
    else:
        _check_grid(file, source)
    if source.index > file.count:
        raise SceneError(
            f"{without_query(source.href)} has {file.count} bands, expected at least "
            f"{source.index}: the job's source names another sensor than the catalog's files are of"
        )
    _check_nodata(file, source)
    _check_samples(file, source, dtypes)


def _check_points(file: DatasetReader, source: Source) -> None:
    """Of a file without a grid; items differ in which of rows and columns they name first."""
    name, (points, crs) = without_query(source.href), file.gcps
    if sorted(file.shape) != sorted(source.shape):
        raise SceneError(
            f"{name} has shape {file.shape}, the catalog declares {tuple(source.shape)}: report it "
            "to the catalog's keeper"
        )
    if not points or not _is_crs(crs, source.epsg):
        raise SceneError(
            f"{name} has {len(points)} ground control points in {_crs_name(crs)}; expected those "
            f"of a product in ground range, in EPSG:{source.epsg}: the job's source names another "
            "sensor than the catalog's files are of"
        )


def _check_grid(file: DatasetReader, source: Source) -> None:
    name = without_query(source.href)
    transform = tuple(file.transform)[:6]
    if file.shape != tuple(source.shape) or not _is_transform(transform, source):
        raise SceneError(
            f"{name} has shape {file.shape} and transform {transform}, the catalog declares "
            f"{tuple(source.shape)} and {source.transform}: report it to the catalog's keeper"
        )
    if not _is_crs(file.crs, source.epsg):
        raise SceneError(
            f"{name} has the projection {_crs_name(file.crs)}, the catalog declares "
            f"EPSG:{source.epsg}: report it to the catalog's keeper"
        )


def _check_nodata(file: DatasetReader, source: Source) -> None:
    """Two no-data values would leave pixels without data taken for measured ones, as would one that
    no sample can have.
    """
    if not _declares_nodata(source):
        return
    name, own = without_query(source.href), _own_nodata(file, source)
    if own is not None and own != source.nodata:
        raise SceneError(
            f"{name} has the no-data value {own:g} in its tag, the catalog declares "
            f"{source.nodata:g}: which pixels were not measured is unknown; report it to the "
            "catalog's keeper"
        )
    dtype = file.dtypes[source.index - 1]
    if not _holds(dtype, source.nodata):
        raise SceneError(
            f"{name} holds {dtype} samples, none of which can be the no-data value "
            f"{source.nodata:g} that the catalog declares: which pixels were not measured is "
            "unknown; report it to the catalog's keeper"
        )


def _check_samples(file: DatasetReader, source: Source, dtypes: Sequence[str]) -> None:
    dtype = file.dtypes[source.index - 1]
    if dtype not in dtypes:
        raise SceneError(
            f"{without_query(source.href)} holds {dtype} samples, expected {' or '.join(dtypes)}: "
            "the job's source names another sensor than the catalog's files are of"
        )
    rows, columns = file.block_shapes[source.index - 1]
    samples = rows * columns * (file.count if file.interleaving is _PIXEL else 1)
    size = samples * np.dtype(dtype).itemsize
    if size > BLOCK_LIMIT_BYTES:
        raise SceneError(
            f"{without_query(source.href)} has blocks of {rows} x {columns} pixels, "
            f"{size / 2**20:.0f} MB each; expected at most {BLOCK_LIMIT_BYTES / 2**20:.0f}: "
            "write it anew as a COG with tiles of 512 or 1024"
        )


_PIXEL = rasterio.enums.Interleaving.pixel


def _is_crs(crs: CRS | None, epsg: int) -> bool:
    if crs is None:
        return False
    return bool(crs == _crs(epsg) or crs.to_epsg() == epsg)


@lru_cache(maxsize=128)
def _crs(epsg: int) -> CRS:
    return CRS.from_epsg(epsg)


def _crs_name(crs: CRS | None) -> str:
    return "none" if crs is None else str(crs.to_string())[:80]


def with_nodata(file: DatasetReader | TiledFile, source: Source) -> Source:
    """The source with the file's own no-data value where the catalog declares none."""
    own = _own_nodata(file, source)
    if own is None or _declares_nodata(source):
        return source
    return replace(source, nodata=own)


def _own_nodata(file: DatasetReader | TiledFile, source: Source) -> float | None:
    """The no-data value in the file's tag; None for one that no sample of it can have."""
    if isinstance(file, TiledFile):
        return _possible(file.layout.dtype, file.layout.nodata)
    return _possible(file.dtypes[source.index - 1], file.nodatavals[source.index - 1])


def _possible(dtype: str, nodata: float | None) -> float | None:
    return float(nodata) if nodata is not None and _holds(dtype, nodata) else None


def _holds(dtype: str, value: float | None) -> bool:
    """Whether samples of a type can have a value; true for types that are no unsigned integers."""
    if value is None or not dtype.startswith("uint"):
        return True
    return float(value).is_integer() and 0 <= value <= np.iinfo(dtype).max


def _declares_nodata(source: Source) -> bool:
    return source.nodata is not None and not source.nodata_assumed


# --- failures -----------------------------------------------------------------------------------


def unreadable(href: str, error: Exception) -> SceneError | SetupError:
    """The error for a file that could not be read, with GDAL's message and without signatures.

    UnreachableError for a remote file unless access was refused or the file is missing; SetupError
    where the fault is this machine's.
    """
    text = _text(error)
    message = f"cannot read {without_query(href)}: {without_query(text)}"
    text = _QUOTED.sub("", text.replace(href, "").replace(web_address(href), ""))
    fault = local_fault(without_query(text))
    if fault is not None:
        return fault
    if not _REMOTE.match(href):
        return SceneError(f"{message}; expected a whole, readable raster: fetch it again")
    if _REFUSED.search(text):
        return SceneError(
            f"{message}; expected to be let in: check the credentials, and "
            "`access` or `files` of the source"
        )
    if _MISSING.search(text):
        return SceneError(f"{message}; expected the file the catalog names: plan again")
    if _LASTING.search(text):
        return SceneError(f"{message}; another attempt would end alike: check the address")
    return UnreachableError(f"{message}; the server may do better later: try again")


def _text(error: BaseException) -> str:
    """The messages of an error and of its causes, the first cause last."""
    said: list[str] = []
    current: BaseException | None = error
    while current is not None:
        said.append(str(current).strip() or type(current).__name__)
        current = current.__cause__ or current.__context__
    return ": ".join(dict.fromkeys(said))
