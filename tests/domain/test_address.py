"""Addresses that can never be valid are told; spellings of one file lead to that file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.address import address_fault, path_beside, path_of_file_uri, web_address
from jobs.errors import InputError


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("htp://files.example/a.tif", "scheme 'htp' is unknown"),
        ("HTTSP://files.example/a.tif", "scheme 'httsp' is unknown"),
        ("http:///a.tif", "names no host"),
        ("https://:443/a.tif", "names no host"),
        ("https://", "names no host"),
        ("s3:///a.tif", "names no host"),
        ("http://a b/x.tif", "names no host"),
        ("https://files.example:port/a.tif", "port"),
        ("https://files.example:99999/a.tif", "port"),
        ("https://files.example:0/a.tif", "port is 0"),
        ("https://[::1/a.tif", "Invalid IPv6"),
        ("https://files.example", "names no file"),
        ("https://files.example/", "names no file"),
        ("https://files.example/a.tif\n", "control character"),
        ("https://files.example/a#b/blue.tif", "%23"),
    ],
)
def test_what_can_never_be_valid(href: str, words: str) -> None:
    assert words in address_fault(href)


@pytest.mark.parametrize(
    "href",
    [
        "https://files.example/a.tif",
        "HTTPS://files.example:8443/with space/ü+%20.tif?sig=a%2Fb",
        "https://user:word@files.example/a.tif",
        "https://[::1]:80/a.tif",
        "http://localhost/a.tif#view",
        "https://files.example/?file=a.tif",
        "s3://bucket_1/with#strange?key%.tif",
        "zip+https://files.example/a.zip!b.tif",
        "gs://bucket/a.tif",
        "/data/a:b/c.tif",
        "/vsizip//data/a.zip/b.tif",
    ],
)
def test_what_may_be_valid(href: str) -> None:
    assert address_fault(href) == ""


@pytest.mark.parametrize(
    ("href", "sent"),
    [
        ("https://h/with space/ü.tif", "https://h/with%20space/%C3%BC.tif"),
        ("https://h/with%20space/%C3%BC.tif", "https://h/with%20space/%C3%BC.tif"),
        ("https://h/100%/50%2.tif", "https://h/100%25/50%252.tif"),
        ("https://h/a%23b%3Fc%2Bd+e.tif", "https://h/a%23b%3Fc%2Bd+e.tif"),
        ("HTTPS://h/a.tif?sig=a%2Fb+c==&x=1", "https://h/a.tif?sig=a%2Fb+c==&x=1"),
        ("https://h/a.tif#part", "https://h/a.tif"),
        ("s3://b/with space/100%#.tif", "s3://b/with space/100%#.tif"),
        ("/data/with space/100%.tif", "/data/with space/100%.tif"),
    ],
)
def test_a_web_address_is_encoded_where_it_has_to_be(href: str, sent: str) -> None:
    assert web_address(href) == sent


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_every_name_arrives_encoded_or_not(name: str) -> None:
    encoded = f"https://h/{quote(name, safe='')}/a.tif"
    assert web_address(encoded) == encoded
    if not set("%#?/[]") & set(name):  # what has a meaning in a URI cannot be told from it
        assert unquote(urlsplit(web_address(f"https://h/{name}/a.tif")).path) == f"/{name}/a.tif"


NAMES = ["with space", "per%20cent", "100%", "a#b", "q?x", "ü", "a+b", "x=1&y"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_on_disk_in_every_spelling(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / f"{name}.tif"
    path.parent.mkdir()
    path.touch()
    base = str(tmp_path / "item.json")
    assert path_beside(base, f"./{name}/{name}.tif") == str(path)
    assert path_beside(base, str(path)) == str(path)
    assert path_beside(base, f"{quote(name)}/{quote(name)}.tif") == str(path)
    assert path_of_file_uri(path.as_uri()) == str(path)
    assert path_of_file_uri(f"file://localhost{quote(str(path))}") == str(path)
    assert path_of_file_uri(f"file:{quote(str(path))}") == str(path)
    assert path_of_file_uri(f"file://{path}") == str(path)


def test_two_files_that_may_be_meant_are_refused(tmp_path: Path) -> None:
    for name in ("a b.tif", "a%20b.tif"):
        (tmp_path / name).touch()
    base = str(tmp_path / "item.json")
    with pytest.raises(InputError, match="both exist"):
        path_beside(base, "a%20b.tif")
    assert path_beside(base, "a b.tif") == str(tmp_path / "a b.tif")
    assert path_beside(base, "a%2520b.tif") == str(tmp_path / "a%20b.tif")


def test_a_file_on_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies on the machine 'server'"):
        path_of_file_uri("file://server/share/a.tif")
    assert path_of_file_uri("https://h/file:/a.tif") is None


def test_a_file_that_is_missing_keeps_its_usual_reading(tmp_path: Path) -> None:
    assert path_beside(str(tmp_path / "i.json"), "a%20b.tif") == str(tmp_path / "a%20b.tif")
    assert path_of_file_uri("file:///none/a%20b.tif") == "/none/a b.tif"
