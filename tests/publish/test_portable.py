"""The report apart from its results: one file alone, or a folder with every picture."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from jobs.archive import PortArchive
from jobs.domain import Pixels, Port, StageName, UnitResult, UnitState
from jobs.errors import InputError
from jobs.publish import portable
from jobs.publish.imagery import ArchiveImagery
from jobs.publish.portable import Pictures, one_page, report_folder
from jobs.publish.provenance import renderings_from
from jobs.publish.publication import Publication
from jobs.publish.read import read_published
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from tests.support.browser import browsing, needs_chromium
from tests.support.factories import make_port, make_publication
from tests.support.scenes import noise, overpass, scene

Written: TypeAlias = tuple[Path, dict[str, Pictures], list[tuple[str, int, int]]]
"""The folder, what its writing returned, and the progress that was told."""


@pytest.fixture(scope="module")
def publication() -> Publication:
    return make_publication(ports=[make_port()], days=80)


@pytest.fixture(scope="module")
def root(publication: Publication, tmp_path_factory: pytest.TempPathFactory) -> LocalFolder:
    """An archive with pictures of all looks but the newest, and results in it."""
    found = LocalFolder(tmp_path_factory.mktemp("archive"))
    publish(publication, found)
    return found


def folder_of(publication: Publication) -> str:
    return f"published/{publication.job}/{publication.tag}"


@pytest.fixture(scope="module")
def archives(publication: Publication, root: LocalFolder) -> dict[str, PortArchive]:
    port = publication.ports[0]
    archive = PortArchive.create_or_open(root, port, np.zeros(port.grid.shape, bool))
    names = sorted(publication.tables[port.id].looks["overpass_id"].unique())[:-1]
    archive.ensure([replace(overpass(scene({})), id=name) for name in names])
    fork, steps = archive.fork(), archive.steps()
    for number, name in enumerate(names):
        fork.write_pixels("sentinel-2-l2a", steps[name].index, pixels(port, number))
    done = [(UnitResult(name, StageName.TILE, UnitState.DONE), "key") for name in names]
    archive.commit(done, [fork], "fill", {})
    archive.tag(f"{publication.job}-{publication.tag}")
    later = archive.fork()
    for name in names:  # tiled again since
        later.write_pixels("sentinel-2-l2a", steps[name].index, pixels(port, 99))
    archive.commit(done, [later], "again", {})
    return {port.id: archive}


def pixels(port: Port, number: int) -> Pixels:
    image = np.full((4, *port.grid.shape), 1300 + 20 * number, np.uint16)
    image[:, :50, :50] = noise(seed=number)[:50, :50] % 3000 + 1001
    return Pixels(image, np.zeros(port.grid.shape, np.uint8))


@pytest.fixture(scope="module")
def written(
    publication: Publication,
    root: LocalFolder,
    archives: dict[str, PortArchive],
    tmp_path_factory: pytest.TempPathFactory,
) -> Written:
    target = tmp_path_factory.mktemp("out") / "new" / "report"
    told: list[tuple[str, int, int]] = []
    counts = report_folder(
        root, folder_of(publication), archives, target, lambda *now: told.append(now)
    )
    return target, counts, told


def test_the_one_page_links_to_nothing_outside_it(
    publication: Publication, root: LocalFolder
) -> None:
    page = one_page(root, folder_of(publication)).decode()
    links = re.findall(r'\shref="([^"]*)"', page)
    assert all(link.startswith(("#", "data:")) for link in links)
    ids = set(re.findall(r'\sid="([^"]*)"', page))
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert "histories.parquet" in page
    assert f"in the folder <code>{folder_of(publication)}</code>" in page


def test_tables_in_the_one_page_are_those_of_the_result(
    publication: Publication, root: LocalFolder
) -> None:
    page = one_page(root, folder_of(publication)).decode()
    for name in ("visits.csv", "provenance.json"):
        (content,) = re.findall(rf'download="{name}" href="data:[a-z/]+;base64,([^"]*)"', page)
        assert base64.b64decode(content) == root.read(f"{folder_of(publication)}/{name}")


def test_tables_too_large_for_the_one_page_are_named_not_linked(
    publication: Publication, root: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable, "MOST_FILE", 10)
    page = one_page(root, folder_of(publication)).decode()
    assert "download=" not in page
    assert "In it, to be saved: no table." in page
    assert re.search(r"Not in it, but in the folder .*visits\.csv", page)


def test_the_folder_has_a_picture_of_every_clear_look_that_the_archive_has(
    written: Written,
    publication: Publication,
) -> None:
    target, counts, told = written
    (port,) = publication.ports
    looks = publication.tables[port.id].looks
    clear = sorted(looks.loc[looks["state"] == "clear", "overpass_id"].unique())
    newest = looks["overpass_id"].max()
    with_picture = [name for name in clear if name != newest]
    made = sorted(path.stem for path in (target / "pictures" / port.id).iterdir())
    assert made == with_picture
    assert counts == {port.id: Pictures(len(with_picture), len(clear), tagged=True)}
    assert told[-1] == (port.id, len(with_picture), len(clear))
    page = (target / "index.html").read_text()
    assert page.count(f'"pictures/{port.id}/') + page.count(f'"pictures\\/{port.id}\\/') >= len(
        made
    )
    assert ("no picture in the archive any more" in page) == (newest in clear)


def test_every_file_of_the_result_is_in_the_folder_as_published(
    written: Written, publication: Publication, root: LocalFolder
) -> None:
    published = root.path / folder_of(publication)
    for path in published.rglob("*"):
        if path.is_file():
            assert (written[0] / path.relative_to(published)).read_bytes() == path.read_bytes()


def test_pictures_in_the_folder_are_rendered_as_the_result_says(
    written: Written,
    publication: Publication,
    root: LocalFolder,
    archives: dict[str, PortArchive],
) -> None:
    (port,) = publication.ports
    described = renderings_from(read_published(root.path / folder_of(publication)).provenance)
    assert (
        described[port.id, "sentinel-2-l2a"]
        == publication.imagery.renderings(port.id)["sentinel-2-l2a"]
    )
    picture = min((written[0] / "pictures" / port.id).iterdir())
    pinned = {port.id: archives[port.id].pinned(f"{publication.job}-{publication.tag}")}
    expected = ArchiveImagery(pinned, described).rgb(port.id, picture.stem)
    assert expected is not None
    found = np.asarray(Image.open(picture)).astype(int)
    assert np.abs(found[60:, 60:] - expected[60:, 60:]).max() <= 3


def test_pixels_of_a_result_without_a_tag_are_said_to_be_the_newest(
    publication: Publication, root: LocalFolder, tmp_path: Path
) -> None:
    (port,) = publication.ports
    tables = publication.tables[port.id]
    look = tables.looks.loc[tables.looks["state"] == "clear", "overpass_id"].min()
    elsewhere = LocalFolder(tmp_path / "other")
    archive = PortArchive.create_or_open(elsewhere, port, np.zeros(port.grid.shape, bool))
    archive.ensure([replace(overpass(scene({})), id=look)])
    fork = archive.fork()
    fork.write_pixels("sentinel-2-l2a", 0, pixels(port, 1))
    archive.commit([(UnitResult(look, StageName.TILE, UnitState.DONE), "key")], [fork], "fill", {})
    written = report_folder(
        root, folder_of(publication), {port.id: archive}, tmp_path / "out", lambda *now: None
    )
    assert (written[port.id].number, written[port.id].tagged) == (1, False)
    page = (tmp_path / "out" / "index.html").read_text()
    assert portable.UNTAGGED in page
    assert f"{written[port.id].clear_looks - 1} looks with a clear berth have no picture" in page


@needs_chromium
def test_the_folder_works_from_the_file_system(
    written: Written,
) -> None:
    with browsing((written[0] / "index.html").as_uri()) as browsed:
        choice = browsed.page.locator(".map-choice")
        count = choice.locator("option").count()
        assert count == len(list((written[0] / "pictures").rglob("*.jpg")))
        for number in (0, count - 1):
            choice.select_option(str(number))
            href = browsed.page.locator(".map-layers image").get_attribute("href")
            assert href is not None
            assert (written[0] / href).is_file()
        browsed.page.wait_for_timeout(200)
        assert "is not there" not in (browsed.page.locator(".map-says").text_content() or "")
        browsed.check()


@needs_chromium
def test_a_missing_picture_is_said(written: Written, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text((written[0] / "index.html").read_text())
    with browsing(page.as_uri()) as browsed:
        browsed.page.locator(".map-choice").select_option("0")
        browsed.page.wait_for_function(
            "() => document.querySelector('.map-says').textContent.includes('is not there')"
        )


def test_the_page_of_an_older_version_is_refused(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path)
    storage.write("published/a/b/report.html", b"<!doctype html><p>old")
    with pytest.raises(InputError, match="written by an older version"):
        one_page(storage, "published/a/b")
