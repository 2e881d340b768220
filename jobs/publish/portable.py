"""The report apart from its results: one file with the tables in it, or a folder of pictures."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path
from urllib.parse import quote

from jobs.archive import PortArchive
from jobs.domain import Port
from jobs.errors import InputError
from jobs.publish.html import TEMPLATES, pages
from jobs.publish.imagery import ArchiveImagery
from jobs.publish.latest import read_results
from jobs.publish.number_text import utc
from jobs.publish.port_map import PortMap, clear_looks, whole_map
from jobs.publish.provenance import renderings_from
from jobs.publish.read import PublishedResult
from jobs.storage import Storage, whole_folder

PAGE = "report.html"
MOST_FILE, MOST_FILES = 1_500_000, 3_000_000
"""Bytes of a file, and of all together, that are put into the page."""
KINDS = {".csv": "text/csv", ".json": "application/json"}
"""Media types of what is worth having in a page; the rest stays with the result."""

_LINK = re.compile(r'<a data-beside(="file")? href="([^"]+)">(.*?)</a>', re.DOTALL)
"""A link to a file beside the page; marked where it is the one in the list of files."""
_NOTE = re.compile(r'<p class="note" data-files>.*?</p>', re.DOTALL)

Progress = Callable[[str, int, int], None]
"""Told of the port's id, and of its pictures written and wanted."""


UNTAGGED = (
    "The archive has no tag of this result (it is partial, or the tag was deleted): pixels are "
    "those of the newest commit, and may not be those that the result was made from."
)


@dataclass(frozen=True)
class Pictures:
    """Pictures of a port in a folder."""

    number: int
    clear_looks: int
    tagged: bool
    """Whether their pixels are those at the result's tag; else they are the newest."""


def one_page(storage: Storage, folder: str) -> bytes:
    """The report of a published folder as a file that needs no other: its links to tables lead to
    copies in the page, or are plain words where a table is too large. Raises InputError for a page
    of an older version.
    """
    page = _page(storage.read(f"{folder}/{PAGE}"), folder)
    names = [name for listed, name, _ in _LINK.findall(page) if listed]
    embedded = dict(_embedded(storage, folder, names))

    def stand_in(link: re.Match[str]) -> str:
        listed, name, words = link.groups()
        if name not in embedded:
            return f"<span>{words}</span>"
        if listed:
            return f'<a id="file-{name}" download="{name}" href="{embedded[name]}">{words}</a>'
        return f'<a href="#file-{name}">{words}</a>'

    note = (
        f"This copy stands alone. In it, to be saved: {', '.join(embedded) or 'no table'}. Not in "
        f"it, but in the folder <code>{escape(folder)}</code> of the job’s archive: "
        f"{', '.join(name for name in names if name not in embedded) or 'nothing'}."
    )
    page = _LINK.sub(stand_in, page).replace("Files beside this page", "Files in this page")
    return _NOTE.sub(lambda _: f'<p class="note" data-files>{note}</p>', page).encode()


def _embedded(storage: Storage, folder: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """Name and data URL of the tables that fit, in the order given."""
    left = MOST_FILES
    for name in names:
        kind = KINDS.get(Path(name).suffix)
        if kind is None:
            continue
        content = storage.read(f"{folder}/{name}")
        if len(content) <= min(MOST_FILE, left):
            left -= len(content)
            yield name, f"data:{kind};base64,{base64.b64encode(content).decode()}"


def report_folder(
    storage: Storage,
    folder: str,
    archives: Mapping[str, PortArchive],
    target: Path,
    progress: Progress,
) -> dict[str, Pictures]:
    """Write ``index.html`` with every file of the result beside it, and a picture of every clear
    look under ``pictures/``; returns by port id what was written.

    The published page stays beside it, as the result's checksums cover it. It works from a web
    server and from the file system. Pixels are those at the result's tag of the archive, the newest
    where there is none, rendered as the result says. ``target`` must not exist or be empty; it
    appears whole or not at all. Raises InputError for results of an older version.
    """
    result = read_results(storage, folder)
    tag = f"{result.job}-{result.tag}"
    tagged = {port.id for port in result.ports if tag in _tags(archives, port.id)}
    pinned = {
        port.id: archives[port.id].pinned(tag if port.id in tagged else None)
        for port in result.ports
        if port.id in archives
    }
    imagery = ArchiveImagery(pinned, renderings_from(result.provenance))
    written: dict[str, Pictures] = {}
    with whole_folder(target) as hidden:
        shutil.copytree(storage.local(folder), hidden, dirs_exist_ok=True)
        page = _page((hidden / PAGE).read_bytes(), folder)
        for port in result.ports:
            found = _full_map(result, port, imagery, hidden, page, progress)
            if found is not None:
                page = _with_map(page, found, port.id in tagged)
                written[port.id] = Pictures(len(found.looks), found.clear_looks, port.id in tagged)
        # the policy of the published page allows no picture but those in it
        page = page.replace("img-src data:;", "img-src data: 'self' file:;", 1)
        (hidden / "index.html").write_text(page)
    return written


def _tags(archives: Mapping[str, PortArchive], port_id: str) -> tuple[str, ...]:
    return archives[port_id].tags() if port_id in archives else ()


def _full_map(
    result: PublishedResult,
    port: Port,
    imagery: ArchiveImagery,
    target: Path,
    page: str,
    progress: Progress,
) -> PortMap | None:
    """The port's map with its pictures as files; None where the page has no map of it."""
    figure = _figure(port.id).search(page)
    if figure is None or port.id not in imagery.archives:
        return None
    tables = result.of_port(port.id)
    wanted = len(clear_looks(tables))
    pictures = target / "pictures" / port.id
    pictures.mkdir(parents=True)
    written = count(1)

    def place(overpass_id: str, layer: str, file: bytes) -> str:
        (pictures / f"{overpass_id}.jpg").write_bytes(file)
        progress(port.id, next(written), wanted)
        return f"pictures/{quote(port.id)}/{quote(overpass_id)}.jpg"

    return whole_map(tables, imagery, place, first=figure.group(1))


def _with_map(page: str, found: PortMap, tagged: bool) -> str:
    """The page with that map in the place of the port's."""
    environment = pages(TEMPLATES)
    environment.filters["utc"] = utc
    macros = environment.get_template("port_map.html.j2").module
    if found.left_out:
        note = f"{found.left_out} looks with a clear berth have no picture in the archive any more."
    else:
        note = f"All {found.clear_looks} looks with a clear berth have a picture."
    if not tagged:
        note += f" {UNTAGGED}"
    figure = macros.port_map(found, note)  # type: ignore[attr-defined]
    return _figure(found.port.id).sub(lambda _: figure, page)


def _figure(port_id: str) -> re.Pattern[str]:
    """A port's map in the page; the group is the overpass shown at first."""
    name = re.escape(escape(port_id))
    return re.compile(
        rf'<figure class="map" id="map-{name}" data-look="([^"]*)">.*?</figure>', re.DOTALL
    )


def _page(content: bytes, folder: str) -> str:
    """The text of a published page; InputError for one that an older version wrote."""
    page = content.decode()
    if not _NOTE.search(page) or not _LINK.search(page):
        raise InputError(
            f"{folder}/{PAGE} was written by an older version and cannot be taken apart; "
            "expected a page of this version: remove that folder and run the job again, or copy it "
            "as it is"
        )
    return page
