"""Checksums of catalogs: multihashes are read by the table of multiformats, other text is kept."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.checksum import ALGORITHMS, read_checksum

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("text", "algorithm", "digest"),
    [
        (f"1220{EMPTY_SHA256}", "sha2-256", EMPTY_SHA256),
        (f"F1220{EMPTY_SHA256.upper()}", "sha2-256", EMPTY_SHA256),
        # Copernicus Data Space, sentinel-2-l2a
        ("d50110d41d8cd98f00b204e9800998ecf8427e", "md5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("1114da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha1", hashlib.sha1(b"").hexdigest()),
        (EMPTY_SHA256, "unknown", EMPTY_SHA256),  # without its algorithm
        (f"1220{EMPTY_SHA256[:-2]}", "unknown", f"1220{EMPTY_SHA256[:-2]}"),  # cut off
        ("QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "unknown", None),  # base58
        ("", "unknown", ""),
    ],
)
def test_spellings(text: str, algorithm: str, digest: str | None) -> None:
    found = read_checksum(text)
    assert found.algorithm == algorithm
    assert found.digest == (text if digest is None else digest)
    assert (found.hash() is None) == (algorithm == "unknown")


@pytest.mark.parametrize("code", ALGORITHMS)
def test_every_algorithm_makes_digests_of_its_length(code: int) -> None:
    name, size, make = ALGORITHMS[code]
    made = make()
    made.update(b"pixels")
    assert len(made.hexdigest()) == 2 * size, name


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    assert read_checksum(text).comparable(read_checksum(text))


def test_digests_of_two_algorithms_say_nothing_about_each_other() -> None:
    one, other = read_checksum(f"1220{EMPTY_SHA256}"), read_checksum(f"1620{EMPTY_SHA256}")
    assert not one.comparable(other)
