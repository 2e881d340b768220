"""Sensors in YAML files: those that come with Berthwatch, and those of one's own."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jobs.domain.nearest import did_you_mean
from jobs.domain.sensor import (
    BACKSCATTER,
    NUMBERS,
    POLARISATIONS,
    QUANTITIES,
    BitField,
    Bits,
    Classes,
    GroundRange,
    Mask,
    MaskBand,
    OneFile,
    Sensor,
    SensorErrors,
)
from jobs.domain.text_file import read_text
from jobs.domain.types import Encoding, Json, Quality
from jobs.domain.yaml_reader import Fields, YamlReader

BY_BASELINE = "by processing baseline"
"""In place of an offset: Sentinel-2's rule."""

OF_THE_WEIGHTS = "of the weights"
"""In place of error rates: a network is measured on this sensor."""

ON_THE_ELLIPSOID = "radar backscatter gamma nought on the ellipsoid, in decibels"
"""What an archive holds of a product in ground range, which knows no terrain."""

TYPES = ("uint8", "uint16")
"""Sample types of files that are read."""

WORDS: Mapping[str, Quality] = {
    "clear": Quality(0),
    **{str(flag.name).lower(): flag for flag in Quality},
}
"""What a mask's classes and bits may be, by the word in a sensor's file."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_BITS = re.compile(r"(\d\d?)(?:-(\d\d?))?")


def read_sensor(path: Path) -> Sensor:
    """The sensor of a file of one's own; InputError with file and line for what it cannot use."""
    text = read_text(path, "a sensor file (YAML)")
    return _own(text, str(path))


@lru_cache(maxsize=64)
def sensor_of_definition(definition: str) -> Sensor:
    """The sensor of ``Sensor.definition``; InputError where this version cannot use it."""
    content = json.loads(definition)
    text = yaml.safe_dump(content, sort_keys=False)
    return _own(text, f"the definition of sensor {content.get('name')!r}")


def bundled_sensor(text: str, source: str) -> Sensor:
    """The sensor of a file that comes with Berthwatch."""
    return _SensorReader(source, is_own=False).sensor(text)


def _own(text: str, source: str) -> Sensor:
    return _SensorReader(source, is_own=True).sensor(text)


class _SensorReader(YamlReader):
    """Reads one sensor's file."""

    def __init__(self, source: str, is_own: bool) -> None:
        super().__init__(source)
        self.is_own = is_own

    def sensor(self, text: str) -> Sensor:
        root = self.root(text, "a sensor with name, title, bands, ...")
        fields = self.fields(
            root,
            "the sensor",
            required=("name", "title", "attribution", "bands", "files"),
            optional=("group", "values", "one_file", "mask", "errors", *self._of_ours()),
        )
        name = self._word(fields["name"], "name")
        encoding = QUANTITIES["reflectance"]
        if "values" in fields:
            encoding = QUANTITIES[self.one_of(fields["values"], "values", tuple(QUANTITIES))]
        if "ground_range" in fields:
            encoding = replace(encoding, long_name=ON_THE_ELLIPSOID)
        return Sensor(
            name=name,
            family=self._word(fields["group"], "group") if "group" in fields else name,
            encoding=encoding,
            title=self.text(fields["title"], "title"),
            attribution=self.text(fields["attribution"], "attribution"),
            mask=self._mask(fields["mask"], "mask") if "mask" in fields else None,
            **self.given(fields, ("collections", "platforms"), self._texts),
            only_platforms="only_platforms" in fields,
            errors=self._errors(fields["errors"], name) if "errors" in fields else (),
            **self._bands(fields),
            **self._numbers(root, fields, encoding),
            definition=self._definition(text) if self.is_own else "",
        )

    def _of_ours(self) -> tuple[str, ...]:
        """Keys by which items are known: one's own sensor is named in the job's source; and that of
        products whose tables and control points are read.
        """
        known = ("collections", "platforms", "only_platforms", "ground_range")
        return () if self.is_own else known

    def _definition(self, text: str) -> str:
        """Of files that say the same; the order of the bands is that of the archive."""
        content: dict[str, Json] = dict(sorted(yaml.safe_load(text).items()))
        return json.dumps(content, separators=(",", ":"), allow_nan=False)

    def _bands(self, fields: Fields) -> dict[str, Any]:
        """Bands and their assets: a mapping of names to assets, or a list beside ``one_file``."""
        node = fields["bands"]
        if "one_file" in fields:
            bands = self._texts(node, "bands")
            return {"bands": bands, "one_file": self._one_files(fields["one_file"], bands)}
        pairs = self.mapping(node, "bands")
        if not pairs:
            raise self.error(node, "bands is empty; expected names, each with those of its asset")
        assets = {name: self._texts(value, f"band {name}") for name, value in pairs.items()}
        return {"bands": tuple(assets), "assets": assets}

    def _one_files(self, node: yaml.Node, bands: tuple[str, ...]) -> tuple[OneFile, ...]:
        """One file, or a list of those that an item may have."""
        if not isinstance(node, yaml.SequenceNode):
            return (self._one_file(node, bands),)
        nodes = self.entries(node, "one_file")
        if not nodes:
            raise self.error(node, "one_file is empty; expected one file at least")
        return tuple(self._one_file(entry, bands) for entry in nodes)

    def _one_file(self, node: yaml.Node, bands: tuple[str, ...]) -> OneFile:
        fields = self.fields(node, "one_file", required=("assets", "bands"))
        order = self._texts(fields["bands"], "bands of one_file")
        missing = [name for name in bands if name not in order]
        if missing:
            raise self.error(
                fields["bands"],
                f"bands of one_file lacks {', '.join(missing)}; expected the bands of the file in "
                "their order in it, with all that are under bands",
            )
        return OneFile(self._texts(fields["assets"], "assets"), order)

    def _numbers(self, root: yaml.Node, fields: Fields, encoding: Encoding) -> dict[str, Any]:
        """Of the files, by what they hold."""
        if encoding.variable != BACKSCATTER:
            return self._files(fields["files"], "files", encoding.dtype == "uint8")
        if self._bands(fields)["bands"] != POLARISATIONS or "mask" in fields:
            raise self.error(
                root, f"a radar has the bands {' and '.join(POLARISATIONS)} in this order, no mask"
            )
        if "ground_range" not in fields:
            return self._radar_files(fields["files"], "files", "float32")
        return {
            **self._radar_files(fields["files"], "files", "uint16"),
            "ground_range": self._ground_range(fields["ground_range"], "ground_range"),
        }

    def _ground_range(self, node: yaml.Node, what: str) -> GroundRange:
        names = ("mode", "calibration", "noise")
        fields = self.fields(node, what, required=names)
        return GroundRange(**{name: self.text(fields[name], name) for name in names})

    def _radar_files(self, node: yaml.Node, what: str, dtype: str) -> dict[str, Any]:
        """Linear power as it is, or amplitudes to be calibrated: neither scale nor offset, and any
        number for no data.
        """
        fields = self.fields(node, what, required=("type",), optional=("nodata",))
        found: dict[str, Any] = {"dtypes": (self.one_of(fields["type"], "type", (dtype,)),)}
        if "nodata" in fields:
            given = self.number(fields["nodata"], "nodata", "a number", math.isfinite)
            found["nodata"] = float(given)
        return found

    def _files(self, node: yaml.Node, what: str, is_picture: bool) -> dict[str, Any]:
        """Sample type, scale, offset and no-data value; a picture's scale is that of its type."""
        optional = ("nodata",) if is_picture else ("nodata", "offset")
        required = ("type",) if is_picture else ("type", "scale")
        fields = self.fields(node, what, required=required, optional=optional)
        dtype = self.one_of(fields["type"], "type", TYPES)
        found: dict[str, Any] = {"dtypes": (dtype,), "scale": 1 / np.iinfo(dtype).max}
        if not is_picture:
            found |= {"scale": self._positive(fields["scale"], "scale")}
            found |= self._offset(fields)
        if "nodata" in fields:
            most = np.iinfo(dtype).max
            found["nodata"] = float(
                self.number(
                    fields["nodata"],
                    "nodata",
                    f"a whole number from 0 to {most}, which {dtype} samples can have",
                    lambda n: float(n).is_integer() and 0 <= n <= most,
                )
            )
        return found

    def _offset(self, fields: Fields) -> dict[str, Any]:
        node = fields.get("offset")
        if node is None:
            return {}
        if not self.is_own and isinstance(node, yaml.ScalarNode) and node.value == BY_BASELINE:
            return {"by_baseline": True}
        return {"offset": float(self.number(node, "offset", "a number", math.isfinite))}

    def _mask(self, node: yaml.Node, what: str) -> Mask:
        kinds = ("classes", "bits", "bands")
        fields = self.fields(node, what, required=("assets",), optional=kinds)
        self._check_one_of(node, what, fields, kinds)
        return Mask(
            assets=self._texts(fields["assets"], "assets"),
            **self.given(fields, ("classes",), self._classes),
            **self.given(fields, ("bits",), self._bits),
            **self.given(fields, ("bands",), self._mask_bands),
        )

    def _check_one_of(
        self, node: yaml.Node, what: str, fields: Fields, kinds: tuple[str, ...]
    ) -> None:
        found = [kind for kind in kinds if kind in fields]
        if len(found) != 1:
            raise self.error(
                node,
                f"{what} has {' and '.join(found) or 'none'} of {', '.join(kinds)}; expected one "
                "of them",
            )

    def _mask_bands(self, node: yaml.Node, what: str) -> tuple[MaskBand, ...]:
        """Bands as ``1: {classes: {clear: [1]}}``, by their number in the file."""
        found = [self._mask_band(node, *pair) for pair in self.mapping(node, what).items()]
        if not found:
            raise self.error(node, f"{what} is empty; expected bands, each with classes or bits")
        return tuple(sorted(found, key=lambda band: band.number))

    def _mask_band(self, at: yaml.Node, number: str, node: yaml.Node) -> MaskBand:
        if not re.fullmatch(r"[1-9]\d?", number):
            raise self.error(
                at, f"bands of the mask has {number!r}; expected a band of the file from 1 to 99"
            )
        what, kinds = f"band {number} of the mask", ("classes", "bits")
        fields = self.fields(node, what, optional=kinds)
        self._check_one_of(node, what, fields, kinds)
        return MaskBand(
            int(number),
            **self.given(fields, ("classes",), self._classes),
            **self.given(fields, ("bits",), self._bits),
        )

    def _errors(self, node: yaml.Node, sensor: str) -> tuple[SensorErrors, ...] | None:
        """Error rates by kind of place, or that those of a weights file hold."""
        if not self.is_own and isinstance(node, yaml.ScalarNode) and node.value == OF_THE_WEIGHTS:
            return None
        fields = self.fields(node, "errors", optional=("berth", "anchorage"))
        return tuple(self._errors_at(sensor, place, value) for place, value in fields.items())

    def _errors_at(self, sensor: str, place: str, node: yaml.Node) -> SensorErrors:
        rates, counts = ("recall", "false_alarms"), ("ports", "ships")
        spreads = ("recall_sd", "recall_slope", "false_alarms_sd")
        names = (*rates, *spreads, *counts, "measured_at")
        fields = self.fields(node, f"errors at a {place}", required=names)
        expected = "a number above 0 and below 1"
        found: dict[str, Any] = {
            name: float(self.number(fields[name], name, expected, lambda n: 0 < n < 1))
            for name in rates
        }
        found |= {name: self._positive(fields[name], name) for name in spreads}
        found |= {name: self.whole(fields[name], name, 1) for name in counts}
        found["measured_at"] = self.text(fields["measured_at"], "measured_at")
        return SensorErrors(sensor, place, **found)

    def _classes(self, node: yaml.Node, what: str) -> Classes:
        found: dict[int, Quality] = {}
        for word, value in self._by_word(node, what).items():
            for entry in self.entries(value, f"classes of {word}"):
                number = self._below(entry, f"a class of {word}", NUMBERS)
                if number in found:
                    raise self.error(entry, f"class {number} is listed twice; list it once")
                found[number] = WORDS[word]
        if not found:
            raise self.error(node, f"{what} is empty; expected words, each with its numbers")
        return tuple(sorted(found.items()))

    def _bits(self, node: yaml.Node, what: str) -> Bits:
        """Fields as ``cloud: {3: [1], 8-9: [3]}``: bits, and the values that tell of cloud."""
        found = [
            self._bit_field(word, place, values, value)
            for word, value in self._by_word(node, what).items()
            for place, values in self.mapping(value, f"bits of {word}").items()
        ]
        if not found:
            raise self.error(node, f"{what} is empty; expected words, each with its bits")
        return tuple(found)

    def _bit_field(self, word: str, place: str, values: yaml.Node, at: yaml.Node) -> BitField:
        match = _BITS.fullmatch(place)
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if not 0 <= first <= last < 16:
            raise self.error(
                at, f"bits of {word} has {place!r}; expected a bit from 0 to 15, or two as 8-9"
            )
        width = last - first + 1
        told = self.entries(values, f"values of bits {place}")
        what = f"a value of bits {place}"
        numbers = tuple(self._below(entry, what, 2**width) for entry in told)
        if not numbers:
            raise self.error(values, f"values of bits {place} is empty; expected such as [1]")
        return BitField(first, width, numbers, WORDS[word])

    def _by_word(self, node: yaml.Node, what: str) -> Fields:
        """Values by word of Quality."""
        found = self.mapping(node, what)
        for word, value in found.items():
            if word not in WORDS:
                hint = did_you_mean(word, WORDS, f"expected {', '.join(WORDS)}")
                raise self.error(value, f"{what} has {word!r}, which says nothing here; {hint}")
        return found

    # values

    def _texts(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """A list of texts, each once and at least one."""
        nodes = self.entries(node, what)
        if not nodes:
            raise self.error(node, f"{what} is empty; expected one name at least")
        texts = tuple(self.text(entry, f"an entry of {what}") for entry in nodes)
        for number, (entry, text) in enumerate(zip(nodes, texts, strict=True)):
            if text in texts[:number]:
                raise self.error(entry, f"{what} has {text!r} twice; list it once")
        return texts

    def _word(self, node: yaml.Node, what: str) -> str:
        found = self.text(node, what)
        if not _NAME.fullmatch(found):
            raise self.error(
                node,
                f"the {what} {found!r} will not do; expected at most 40 of a-z, 0-9 and '-', not "
                "beginning with '-'",
            )
        return found

    def _below(self, node: yaml.Node, what: str, end: int) -> int:
        expected = f"a whole number from 0 to {end - 1}"
        accepts: Callable[[float], bool] = lambda n: float(n).is_integer() and 0 <= n < end  # noqa: E731
        return int(self.number(node, what, expected, accepts))

    def _positive(self, node: yaml.Node, what: str) -> float:
        return float(self.number(node, what, "a number above zero", lambda n: 0 < n < math.inf))
