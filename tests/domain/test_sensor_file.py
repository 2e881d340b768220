"""Sensor files: what they say, and what is refused, by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.domain import TOLD, Quality, Sensor
from jobs.domain.sensor_file import read_sensor, sensor_of_definition
from jobs.errors import InputError

MINE = """\
name: my-camera
title: My camera, surface reflectance
attribution: (c) me
bands: {blue: [B1], green: [B2], red: [B3, red], nir: [B4]}
files: {type: uint16, scale: 2.0e-5, offset: -0.1, nodata: 0}
mask: {assets: [clouds], classes: {clear: [0], cloud: [1, 2], cloud_shadow: [3]}}
"""


def read(tmp_path: Path, text: str = MINE) -> Sensor:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return read_sensor(path)


def test_a_file_of_six_lines_is_a_sensor(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.name, found.family) == ("my-camera", "my-camera")
    assert found.bands == ("blue", "green", "red", "nir")
    assert found.assets["red"] == ("B3", "red")
    assert (found.scale, found.offset, found.nodata) == (2e-5, -0.1, 0.0)
    assert found.dtypes == ("uint16",)
    assert found.encoding.variable == "reflectance"
    assert found.mask is not None
    assert found.mask.flags[:5].tolist() == [
        0,
        Quality.CLOUD,
        Quality.CLOUD,
        Quality.CLOUD_SHADOW,
        Quality.UNSCREENED,
    ]


def test_a_definition_gives_the_sensor_back_whatever_the_file_looked_like(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert sensor_of_definition(found.definition) == found
    other = read(tmp_path, "# a comment\n" + MINE.replace("2.0e-5", "0.00002"))
    assert other.digest == found.digest
    assert read(tmp_path, MINE.replace("2.0e-5", "3.0e-5")).digest != found.digest


def test_bits_are_read_alone_and_in_groups(tmp_path: Path) -> None:
    bits = "bits: {nodata: {0: [1]}, cloud: {3: [1]}, thin_cloud: {8-9: [2, 3]}}"
    mask = read(tmp_path, f"{MINE.rpartition('mask')[0]}mask: {{assets: [qa], {bits}}}\n").mask
    assert mask is not None
    for number in range(1024):
        expected = Quality(0)
        if number & 1:
            expected |= Quality.NODATA
        if number & 8:
            expected |= Quality.CLOUD
        if number >> 8 & 3 >= 2:
            expected |= Quality.THIN_CLOUD
        assert mask.flags[number] == expected
    np.testing.assert_array_equal(mask.flags[1024:2048], mask.flags[:1024])


@pytest.mark.parametrize(
    ("line", "replaced", "words"),
    [
        (1, "name: My Camera", "line 1: the name 'My Camera' will not do"),
        (3, "atribution: me", "line 3: unknown key 'atribution'.*did you mean 'attribution'"),
        (3, "collections: [a]", "line 3: unknown key 'collections'"),
        (4, "bands: {blue: []}", "line 4: band blue is empty; expected one name"),
        (4, "bands: {}", "line 4: bands is empty; expected names"),
        (4, "bands: {blue: [B1, B1]}", "line 4: band blue has 'B1' twice"),
        (5, "files: {type: int12, scale: 1}", "line 5: type is 'int12'; expected one of uint8"),
        (5, "files: {type: uint16}", "line 5: files lacks scale"),
        (5, "files: {type: uint8, scale: 0.1, nodata: 300}", "line 5: nodata is '300'.* 0 to 255"),
        (5, "files: {type: uint8, scale: 0}", "line 5: scale is '0'; expected a number above zero"),
        (5, "files: {type: uint8, scale: 1, offset: by processing baseline}", "offset is"),
        (6, "mask: {assets: [m]}", "line 6: mask has none of classes, bits, bands; expected one"),
        (6, "mask: {assets: [m], classes: {clouds: [1]}}", "did you mean 'cloud'"),
        (6, "mask: {assets: [m], classes: {cloud: [1], clear: [1]}}", "class 1 is listed twice"),
        (6, "mask: {assets: [m], classes: {cloud: [70000]}}", "from 0 to 65535"),
        (6, "mask: {assets: [m], bits: {cloud: {16: [1]}}}", "expected a bit from 0 to 15"),
        (6, "mask: {assets: [m], bits: {cloud: {3: [2]}}}", "from 0 to 1"),
        (6, "mask: {assets: [m], bits: {cloud: {3: []}}}", "values of bits 3 is empty"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_line(
    tmp_path: Path, line: int, replaced: str, words: str
) -> None:
    lines = MINE.splitlines()
    lines[line - 1] = replaced
    with pytest.raises(InputError, match=words):
        read(tmp_path, "\n".join(lines))


def test_a_picture_in_one_file_is_read_in_the_order_of_its_bands(tmp_path: Path) -> None:
    text = """\
name: my-pictures
title: Pictures
attribution: (c) me
values: true_colour
bands: [blue, green, red]
one_file: {assets: [rgb], bands: [red, green, blue]}
files: {type: uint8, nodata: 0}
"""
    found = read(tmp_path, text)
    assert [file.bands for file in found.one_file] == [("red", "green", "blue")]
    assert (found.scale, found.encoding.dtype, found.mask) == (1 / 255, "uint8", None)
    with pytest.raises(InputError, match="bands of one_file lacks blue"):
        read(tmp_path, text.replace("green, blue]}", "green]}"))


RATES = "recall: 0.4, recall_sd: 1, recall_slope: 1.5, false_alarms: 0.01, false_alarms_sd: 2"


def test_error_rates_may_be_told_of_ones_own_sensor(tmp_path: Path) -> None:
    told = f"errors: {{berth: {{{RATES}, ports: 3, ships: 90, measured_at: my ports}}}}\n"
    assert read(tmp_path).errors == ()
    found = read(tmp_path, MINE + told).errors
    assert found is not None
    (error,) = found
    assert (error.sensor, error.place, error.recall, error.ships) == ("my-camera", "berth", 0.4, 90)
    with pytest.raises(InputError, match=r"line 7: recall is '40'; expected a number above 0"):
        read(tmp_path, MINE + told.replace("0.4", "40"))
    with pytest.raises(InputError, match="errors at a berth lacks ports, ships, measured_at"):
        read(tmp_path, f"{MINE}errors: {{berth: {{{RATES}}}}}\n")
    with pytest.raises(InputError, match="errors is 'of the weights'"):
        read(tmp_path, MINE + "errors: of the weights\n")


def test_a_mask_of_many_bands_has_the_flags_of_all_that_tell(tmp_path: Path) -> None:
    bands = (
        "bands: {1: {classes: {clear: [1]}}, 6: {classes: {cloud: [1]}}, "
        "8: {bits: {nodata: {0: [1]}, defective: {2-3: [1, 2, 3]}}}}"
    )
    found = read(tmp_path, f"{MINE.rpartition('mask')[0]}mask: {{assets: [udm2], {bands}}}\n")
    assert found.mask is not None
    told = found.mask.told(1)
    assert list(told) == [1, 6, 8]
    assert told[1][:3].tolist() == [0, TOLD, 0]
    assert told[6][:3].tolist() == [0, TOLD | Quality.CLOUD, 0]
    assert told[8][[0, 1, 2, 4, 13]].tolist() == [
        0,
        TOLD | Quality.NODATA,
        0,
        TOLD | Quality.DEFECTIVE,
        TOLD | Quality.NODATA | Quality.DEFECTIVE,
    ]
    assert sensor_of_definition(found.definition) == found


@pytest.mark.parametrize(
    ("bands", "words"),
    [
        ("{}", "bands is empty; expected bands, each with classes or bits"),
        ("{0: {classes: {clear: [1]}}}", "bands of the mask has '0'; expected a band of the file"),
        ("{1: {}}", "band 1 of the mask has none of classes, bits; expected one of them"),
        ("{1: {clear: [1]}}", "unknown key 'clear' in band 1 of the mask"),
        ("{1: {classes: {clear: [1]}}, 1: {classes: {cloud: [1]}}}", "'1'"),
    ],
)
def test_a_mask_of_many_bands_that_cannot_be_used_is_refused(
    tmp_path: Path, bands: str, words: str
) -> None:
    text = f"{MINE.rpartition('mask')[0]}mask: {{assets: [udm2], bands: {bands}}}\n"
    with pytest.raises(InputError, match=r"mine\.yaml, line 6: ") as refusal:
        read(tmp_path, text)
    assert words in str(refusal.value)


def test_one_of_several_files_may_hold_all_bands(tmp_path: Path) -> None:
    text = MINE.replace(
        "bands: {blue: [B1], green: [B2], red: [B3, red], nir: [B4]}",
        "bands: [red]\n"
        "one_file:\n- {assets: [a], bands: [red]}\n- {assets: [b], bands: [blue, red]}",
    )
    found = read(tmp_path, text)
    assert [file.assets for file in found.one_file] == [("a",), ("b",)]
    with pytest.raises(InputError, match="bands of one_file lacks red"):
        read(tmp_path, text.replace("[blue, red]", "[blue]"))
    with pytest.raises(InputError, match="one_file is empty"):
        read(tmp_path, text.split("one_file")[0] + "one_file: []\n" + MINE.split("]}\n")[1])
