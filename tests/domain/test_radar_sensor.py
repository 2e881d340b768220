"""A radar of one's own in a file: what it must have, and what it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.domain import read_sensor
from jobs.errors import InputError

TEXT = """
name: my-radar
title: My radar
attribution: me
values: backscatter_db
bands: {vv: [co], vh: [cross]}
files: {type: float32, nodata: -9999}
"""


def read(folder: Path, text: str):
    path = folder / "radar.yaml"
    path.write_text(text)
    return read_sensor(path)


def test_it_is_read_as_it_stands(tmp_path):
    sensor = read(tmp_path, TEXT)
    assert sensor.is_radar
    assert sensor.bands == ("vv", "vh")
    assert (sensor.dtypes, sensor.scale, sensor.offset) == (("float32",), 1.0, 0.0)
    assert sensor.nodata == -9999
    assert sensor.sample_bytes == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{vv: [co], vh: [cross]}", "{vh: [cross], vv: [co]}", "bands vv and vh in this order"),
        ("{vv: [co], vh: [cross]}", "{vv: [co]}", "bands vv and vh in this order"),
        ("float32", "uint16", "expected one of float32"),
        ("nodata: -9999", "scale: 2", "scale"),
        ("-9999", ".nan", "expected a number"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, old, new, said):
    with pytest.raises(InputError, match=said):
        read(tmp_path, TEXT.replace(old, new))


def test_its_numbers_are_decibels_to_a_hundredth(tmp_path):
    encoding = read(tmp_path, TEXT).encoding
    level = np.array([-59.0, -22.5, 0.0, 35.0])
    assert encoding.decode(encoding.encode(level)) == pytest.approx(level, abs=0.006)
