"""A GDAL or PROJ that a variable misleads is told by that variable, before any file is read."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jobs.errors import SetupError, UnreachableError
from jobs.tile.raster import unreadable
from jobs.tile.setup import check_setup, local_fault
from tests.support.places import ROOT

TRIAL = """
from jobs.errors import SetupError
from jobs.tile import check_setup
try:
    check_setup()
except SetupError as error:
    print(error)
"""


def said_with(name: str, value: str) -> str:
    """What a process of its own says of its set-up with a variable set; empty where it works."""
    ran = subprocess.run(
        [sys.executable, "-c", TRIAL],
        env={**os.environ, name: value, "GDAL_HTTP_USERPWD": "me:hidden"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return ran.stdout


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a PROJ database of an old layout, as another program brings it."""
    folder = tmp_path_factory.mktemp("foreign")
    layout = "DATABASE.LAYOUT.VERSION"
    with closing(sqlite3.connect(folder / "proj.db")) as opened, opened as database:
        database.execute("create table metadata (key text, value text)")
        rows = [(f"{layout}.MAJOR", "1"), (f"{layout}.MINOR", "0")]
        database.executemany("insert into metadata values (?, ?)", rows)
    return folder


@pytest.mark.parametrize("name", ["PROJ_DATA", "PROJ_LIB"])
@pytest.mark.parametrize("kind", ["foreign", "empty", "missing"])
def test_a_database_of_another_installation_is_named(
    foreign: Path, tmp_path: Path, name: str, kind: str
) -> None:
    value = str({"foreign": foreign, "empty": tmp_path, "missing": tmp_path / "no"}[kind])
    said = said_with(name, value)
    assert f"{name}={value!r}" in said
    assert "unset what does not belong to this installation" in said
    assert "no overpass is marked as failed" in said


def test_a_driver_that_is_switched_off_is_named_and_no_secret_is() -> None:
    said = said_with("GDAL_SKIP", "GTiff PNG")
    assert "GDAL_SKIP='GTiff PNG'" in said
    assert "GDAL_HTTP_USERPWD=(not shown)" in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GDAL_DATA", "/nonexistent"),
        ("GDAL_DRIVER_PATH", "/nonexistent"),
        ("GDAL_CACHEMAX", "none"),
        ("GDAL_SKIP", "PNG"),
        ("PROJ_NETWORK", "ON"),
    ],
)
def test_what_does_no_harm_is_not_refused(name: str, value: str) -> None:
    assert said_with(name, value) == ""


def test_this_machine_works() -> None:
    check_setup()


@pytest.mark.parametrize(
    "words",
    [
        "PROJ: proj_create_from_database: Cannot find proj.db",
        "/x/proj.db contains DATABASE.LAYOUT.VERSION.MINOR = 0 whereas a number >= 6 is expected",
        "CURL error: error setting certificate verify locations: CAfile: /no/ca.pem CApath: none",
        "CURL error: error setting certificate file: /no/ca.pem",
        "CURL error: Could not resolve proxy: proxy.example",
    ],
)
def test_gdals_words_for_a_local_fault_blame_no_file(words: str) -> None:
    assert isinstance(unreadable("https://files.example/a.tif", OSError(words)), SetupError)


def test_a_servers_own_fault_is_not_this_machines() -> None:
    assert local_fault("HTTP response code: 503") is None
    fault = unreadable("https://files.example/proj/a.tif", OSError("response code: 503"))
    assert isinstance(fault, UnreachableError)


def test_a_server_that_is_not_trusted_for_want_of_the_named_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "CURL error: SSL certificate problem: unable to get local issuer certificate"
    assert local_fault(words) is None
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    assert "SSL_CERT_FILE=" in str(local_fault(words))


def test_a_proxy_that_nobody_knows_is_named_without_its_password() -> None:
    """A real request through GDAL in a process of its own."""
    trial = """
from jobs.errors import SetupError
from jobs.tile.raster import Place, use
try:
    use(Place("http://files.example/a.tif"), [], [], bool)
except SetupError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", trial],
        env={**os.environ, "http_proxy": "http://me:hidden@nobody.invalid:1", "no_proxy": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "http_proxy=(not shown)" in ran.stdout
    assert "hidden" not in ran.stdout
