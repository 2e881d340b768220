"""docs/sensors.md says what the program knows, and its example is a sensor."""

from __future__ import annotations

import re
from pathlib import Path

from jobs.domain import BUNDLED, SENSORS, read_sensor
from jobs.domain.sensor_file import WORDS
from tests.support.places import ROOT

PAGE = (ROOT / "docs/sensors.md").read_text(encoding="utf-8")


def test_the_table_has_every_sensor_with_its_group_and_bands() -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*)$", PAGE, re.MULTILINE))
    assert rows.keys() >= BUNDLED
    for name in BUNDLED:
        assert f"`{SENSORS[name].family}`" in rows[name]
        assert ", ".join(SENSORS[name].bands) in rows[name]


def test_the_example_is_a_sensor_of_ten_lines_at_most(tmp_path: Path) -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    assert len(example.splitlines()) <= 10
    path = tmp_path / "my-camera.yaml"
    path.write_text(example, encoding="utf-8")
    found = read_sensor(path)
    assert (found.name, found.bands) == ("my-camera", ("blue", "green", "red", "nir"))


def test_the_words_of_masks_are_all_named() -> None:
    assert all(f"`{word}`" in PAGE for word in WORDS)
