"""Ship types and navigational states of ITU-R M.1371 in words, and checked IMO numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

STATUSES: Mapping[int, str] = {
    0: "under way using engine",
    1: "at anchor",
    2: "not under command",
    3: "restricted manoeuvrability",
    4: "constrained by her draught",
    5: "moored",
    6: "aground",
    7: "engaged in fishing",
    8: "under way sailing",
    14: "ais-sart",
}
SHIP_TYPES: Mapping[int, str] = {
    30: "fishing",
    31: "towing",
    32: "towing",
    33: "dredging",
    34: "diving",
    35: "military",
    36: "sailing",
    37: "pleasure",
    50: "pilot",
    51: "search and rescue",
    52: "tug",
    53: "port tender",
    54: "anti-pollution",
    55: "law enforcement",
    58: "medical",
}
SHIP_TYPE_TENS: Mapping[int, str] = {
    2: "wing in ground",
    4: "high-speed craft",
    6: "passenger",
    7: "cargo",
    8: "tanker",
    9: "other",
}
OTHER_SPELLINGS: Mapping[str, str] = {
    "hsc": "high-speed craft",
    "wig": "wing in ground",
    "sar": "search and rescue",
    "towing long/wide": "towing",
    "restricted maneuverability": "restricted manoeuvrability",
}
IMO_WEIGHTS = (7, 6, 5, 4, 3, 2)


def ship_type(text: str) -> str:
    """Words for a code (81, "81.0") or for the Danish tables' own words; "" for no type."""
    code = _code(text)
    if code is None:
        return _plain(text)
    if code == 0:
        return ""
    return SHIP_TYPES.get(code) or SHIP_TYPE_TENS.get(code // 10) or f"code {code}"


def status(text: str) -> str:
    """Words for a navigational state; "" for 15, "not defined"."""
    code = _code(text)
    return _plain(text) if code is None else STATUSES.get(code, "")


def imo_number(text: str) -> str:
    """The seven digits of an IMO number with a valid check digit, else ""."""
    digits = re.sub(r"\.0$|\D", "", text)
    if len(digits) != 7:
        return ""
    total = sum(w * int(digit) for w, digit in zip(IMO_WEIGHTS, digits, strict=False))
    return digits if total % 10 == int(digits[-1]) and int(digits) else ""


def _code(text: str) -> int | None:
    try:
        return int(float(text))
    except (ValueError, OverflowError):  # infinity
        return None


def _plain(text: str) -> str:
    word = text.casefold()
    return OTHER_SPELLINGS.get(word, word)
