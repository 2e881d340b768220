"""Processing baselines of Sentinel-2 products: where an item states one, and how they compare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobs.catalog.spellings import BASELINE, PRODUCT, stated
from jobs.errors import InputError

FIRST_OF_TOOLBOXES = (90, 0)
"""From here on baselines are those of products made with a toolbox (99.99 by Sen2Cor stand-alone),
not operational ones: their number orders nothing."""

_FORM = re.compile(r"N?(\d?\d)\.?(\d\d)", re.IGNORECASE)


def baseline_key(text: str) -> tuple[int, int]:
    """A baseline such as ``05.11`` or ``N0511`` as numbers that compare; else InputError.

    A toolbox's baseline comes before every operational one, and before an unknown one, (0, 0).
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise InputError(f"processing baseline {text!r} is not of the form 05.11")
    major, minor = int(match[1]), int(match[2])
    return (-1, minor) if (major, minor) >= FIRST_OF_TOOLBOXES else (major, minor)


def stated_baseline(item: Mapping[str, Any]) -> str | None:
    """The baseline that an item states as ``05.11``, else the one in the product's name.

    ``processing:version`` may hold the version of any software: what is no baseline is passed over.
    None where there is none.
    """
    properties = item.get("properties")
    facts = properties if isinstance(properties, Mapping) else {}
    for text in stated({**facts, **_numbers(facts)}, BASELINE):
        match = _FORM.fullmatch(text)
        if match is not None:
            return f"{int(match[1]):02}.{match[2]}"
    for name in (*stated(facts, PRODUCT), str(item.get("id", ""))):
        match = re.search(r"_N(\d\d)\.?(\d\d)(?=_|$|\.)", name)
        if match is not None:
            return f"{match[1]}.{match[2]}"
    return None


def _numbers(facts: Mapping[str, Any]) -> dict[str, str]:
    """Baselines that were written as numbers, which lost their last zeros: 5.1 was 05.10.

    A version of software is none, whatever its number.
    """
    return {
        key: f"{value:.2f}"
        for key, value in facts.items()
        if key.endswith(":processing_baseline") and type(value) in (int, float) and value < 100
    }
