"""Names of images: the lawful ones pass, the others are refused with what is wrong."""

from __future__ import annotations

import pytest

from jobs.errors import InputError
from jobs.kubernetes.image_reference import LONGEST_NAME, checked_image, content_name

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "image",
    [
        "berthwatch",
        "berthwatch:1.0",
        f"registry.example:5000/team/bw:1.0@{DIGEST}",
        f"localhost:5001/bw@{DIGEST}",
        f"Registry.Example/bw@{DIGEST}",
        "registry.example/a_b/c__d/e-f/g.h:V1_0",
        "registry.example/bw@sha512:" + "0" * 128,
        f"[::1]:5000/bw@{DIGEST}",
    ],
)
def test_lawful_names_pass(image: str) -> None:
    assert checked_image(image) == image


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        (f"https://registry.example/bw@{DIGEST}", "scheme"),
        (f"registry.example/Berthwatch@{DIGEST}", "upper-case"),
        (f"registry.example/bw:@{DIGEST}", "tag is empty"),
        (f"registry.example/team//bw@{DIGEST}", "empty"),
        ("registry.example/bw@sha256:abc", "digest"),
        ("registry.example/bw@sha512:" + "a" * 64, "digest"),
        (f"registry.example/bw@{DIGEST.upper()}", "digest"),
        ("registry.example/bw bw", "form"),
        ("", "form"),
        ("a" * (LONGEST_NAME + 1), "longer"),
        ("registry.example/-bw", "form"),
        (f"registry.example:99999/bw@{DIGEST}", "port is 99999"),
        ("[::1]:0/bw", "port is 0"),
    ],
)
def test_others_are_refused_with_what_is_wrong(image: str, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        checked_image(image)


def test_content_is_named_by_the_digest_alone_where_there_is_one() -> None:
    names = (f"a.example/bw:1@{DIGEST}", f"a.example/bw:2@{DIGEST}", f"b.example/bw@{DIGEST}")
    assert {content_name(name) for name in names} == {DIGEST}
    assert content_name("a.example/bw:1") == "a.example/bw:1"
