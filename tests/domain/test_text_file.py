"""Texts that no reader takes: one refusal each, that names the text and what was expected."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from jobs.domain import json_value, load_port, read_job, read_text
from jobs.errors import InputError

WRONG_JSON = {
    "cut off": ('{"a": [1, 2', "line 1"),
    "a second value": ('{"a": 1} {"b": 2}', "Extra data"),
    "a number of 5,000 digits": ("1" * 5000, "digits"),
    "another encoding": ('"é"'.encode("cp1250"), "utf-8"),
    "a lone byte": (b"\xff", "utf-8"),
    "nothing": ("", "line 1"),
}


@pytest.mark.parametrize("name", WRONG_JSON)
def test_what_is_no_json_is_refused(name: str) -> None:
    content, said = WRONG_JSON[name]
    with pytest.raises(InputError, match=rf"^x: not JSON .*{said}.*; expected an object$"):
        json_value(content, "x", "an object")


def test_deeply_nested_json_is_a_value_or_refused() -> None:
    with suppress(InputError):  # by the Python that cannot read it
        assert isinstance(json_value("[" * 3000 + "]" * 3000, "x", "an object"), list)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_in_every_encoding_of_unicode(encoding: str) -> None:
    assert json_value('{"a": "Владивосток"}'.encode(encoding), "x", "") == {"a": "Владивосток"}


@pytest.mark.parametrize(
    "features",
    [
        "[1]",
        "[null]",
        '["port"]',
        "[[]]",
        '[{"properties": 1}]',
        '[{"properties": ["role"]}]',
        '[{"properties": {"role": ["port"]}}]',
        '[{"properties": {"role": {"a": 1}}}]',
        '[{"properties": {"role": "port", "id": "A", "name": "A", "country": "A"},'
        ' "geometry": [1]}]',
        '[{"properties": {"role": "port", "id": "A", "name": "A", "country": "A"},'
        ' "geometry": {"type": "Polygon", "coordinates": {"a": 1}}}]',
        '[{"properties": {"role": "port", "id": "A", "name": "A", "country": "A"},'
        f' "geometry": {{"type": "Polygon", "coordinates": [[[1{"0" * 400}, 1]]]}}}}]',
    ],
)
def test_features_that_are_none_are_refused(features: str, tmp_path: Path) -> None:
    path = tmp_path / "port.geojson"
    path.write_text(f'{{"type": "FeatureCollection", "features": {features}}}')
    with pytest.raises(InputError, match=r"port\.geojson: "):
        load_port(path)


@pytest.mark.parametrize("content", ["a: " + "[" * 2000, "1" * 5000, "!!int '", "\x00", "a: *b"])
def test_what_is_no_yaml_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"job\.yaml"):
        read_job(path)


@pytest.mark.parametrize("place", ["", "folder", "file/x", "a\0b", "x" * 300])
def test_what_cannot_be_read_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be read .*; give a table"):
        read_text(tmp_path / place, "a table")
