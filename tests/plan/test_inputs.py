"""What a catalog says of inputs: which changes mean other pixels, and which mean nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.domain import Overpass, Scene
from jobs.plan import Inputs
from jobs.plan.grouping import group_overpasses
from tests.support.plans import NEIGHBOUR, PORT, scene, source

SHA = "1220" + "a" * 64
OTHER_SHA = "1220" + "b" * 64
MD5 = "d50110" + "c" * 32


def one(
    *, facts: dict[str, str] | None = None, files: dict[str, Any] | None = None, **change: Any
) -> Scene:
    """A scene whose files have these facts of their own, and that itself has these."""
    made = scene(facts=facts or {}, **change)
    return replace(made, bands={k: replace(v, **(files or {})) for k, v in made.bands.items()})


def overpass(*scenes: Scene) -> Overpass:
    (made,) = group_overpasses(PORT, scenes)
    return made


def differences(then: Scene, now: Scene) -> tuple[str, ...]:
    return Inputs.of(overpass(then)).differences(overpass(now))


ALL = "blue, green, nir, red"
NOON, LATER = "2024-03-07T12:00:00+00:00", "2024-09-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (
            {"facts": {"processing_baseline": "05.09"}},
            {"facts": {"processing_baseline": "05.11"}},
            "processing baseline 05.09 -> 05.11",
        ),
        (
            {"facts": {"produced": NOON}},
            {"facts": {"produced": LATER}},
            "produced 2024-03-07T12:00:00Z -> 2024-09-01T12:00:00Z",
        ),
        ({"files": {"checksum": SHA}}, {"files": {"checksum": OTHER_SHA}}, f"checksum of {ALL}"),
        ({"files": {"etag": "1"}}, {"files": {"etag": "2"}}, f"another ETag of {ALL}"),
        ({"files": {"size_bytes": 7}}, {"files": {"size_bytes": 8}}, f"another size of {ALL}"),
        ({"facts": {"updated": NOON}}, {"facts": {"updated": LATER}}, "updated 2024-03-07T12:00"),
        ({}, {"files": {"href": "/elsewhere.tif"}}, "other addresses"),
        ({}, {"files": {"offset": 0.0}}, "grid, scale, offset or no-data value"),
        # the catalog contradicts itself: the same bytes cannot be of another baseline
        (
            {"facts": {"processing_baseline": "05.09"}, "files": {"checksum": SHA}},
            {"facts": {"processing_baseline": "05.11"}, "files": {"checksum": SHA}},
            "processing baseline 05.09 -> 05.11",
        ),
    ],
)
def test_what_means_other_pixels(then: Any, now: Any, words: str) -> None:
    assert words in ", ".join(differences(one(**then), one(**now)))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({}, {}),
        ({}, {"files": {"checksum": SHA, "etag": "1", "size_bytes": 7}}),  # added in bulk
        ({"files": {"checksum": SHA, "etag": "1", "size_bytes": 7}}, {}),  # and taken away
        # a plan of an early version, which had the time of production under one name only
        ({}, {"facts": {"produced": "2024-03-07T05:00:00+00:00"}}),
        ({"files": {"checksum": SHA}}, {"files": {"checksum": SHA.upper()}}),
        ({"files": {"checksum": SHA}}, {"files": {"checksum": f"f{SHA}"}}),
        ({"files": {"checksum": SHA}}, {"files": {"checksum": MD5}}),  # not to be compared
        ({"facts": {"processing_baseline": "05.09"}}, {"facts": {"processing_baseline": "N0509"}}),
        ({"facts": {"updated": NOON}}, {"facts": {"produced": LATER}}),
        # touched in bulk: the checksums say that the files are the same
        (
            {"facts": {"updated": NOON}, "files": {"checksum": SHA}},
            {"facts": {"updated": LATER}, "files": {"checksum": SHA}},
        ),
        # moved, with its checksums
        (
            {"files": {"checksum": SHA}},
            {"files": {"checksum": SHA, "href": "/elsewhere.tif"}},
        ),
        (
            {"files": {"href": "https://store/blue.tif"}},
            {"files": {"href": "https://store/blue.tif?sig=secret"}},
        ),
        ({}, {"cloud_cover": 12.0, "facts": {"tile": "52TFN"}}),
    ],
)
def test_what_means_nothing(then: Any, now: Any) -> None:
    assert differences(one(**then), one(**now)) == ()


def test_one_file_of_two_is_enough_and_it_is_named() -> None:
    then = one(files={"checksum": SHA})
    now = replace(then, bands={**then.bands, "red": source("/d/a/red.tif", checksum=OTHER_SHA)})
    assert differences(then, now) == ("another checksum of red",)


def test_unknown_inputs_differ_from_nothing() -> None:
    assert Inputs("").differences(overpass(one())) == ()
    assert not Inputs("").same_pass(overpass(one()))


def test_each_of_two_scenes_is_compared_with_its_own() -> None:
    first, second = one(item_id="a"), one(item_id="b", grid={"epsg": 32652, "transform": NEIGHBOUR})
    again = replace(second, facts={**second.facts, "processing_baseline": "05.11"})
    found = Inputs.of(overpass(first, second)).differences(overpass(first, again))
    assert found == ("processing baseline 05.10 -> 05.11",)


def test_another_order_of_the_scenes_gives_other_pixels_where_they_overlap() -> None:
    made = overpass(
        one(item_id="a"), one(item_id="b", grid={"epsg": 32652, "transform": NEIGHBOUR})
    )
    turned = replace(made, scenes=made.scenes[::-1])
    assert Inputs.of(made).differences(turned) == ("its scenes lie in another order",)
    assert Inputs.of(made).same_pass(turned)


def test_the_same_pass_is_of_the_same_items_and_time() -> None:
    before, made = Inputs.of(overpass(one())), overpass(one(files={"checksum": SHA}))
    assert before.same_pass(made)
    assert before.same_pass(replace(made, acquired=made.acquired + timedelta(seconds=1)))
    assert not before.same_pass(replace(made, acquired=made.acquired + timedelta(days=1)))
    for other in ({"item_id": "b"}, {"collection": "c"}, {"catalog": "https://other/v1"}):
        assert not before.same_pass(overpass(one(**other)))


def test_tokens_are_not_kept() -> None:
    signed = one(files={"href": "https://store/blue.tif?sig=secret"})
    assert "secret" not in Inputs.of(overpass(signed)).text


@pytest.mark.parametrize(
    ("then", "now", "newer"),
    [
        ({"produced": LATER}, {"produced": NOON}, True),
        ({"produced": NOON}, {"produced": LATER}, False),
        ({"produced": NOON}, {"produced": NOON}, False),
        # the time of production decides, not the baseline
        (
            {"produced": NOON, "processing_baseline": "05.11"},
            {"produced": LATER, "processing_baseline": "05.09"},
            False,
        ),
    ],
)
def test_which_of_two_versions_is_the_later_one(
    then: dict[str, str], now: dict[str, str], newer: bool
) -> None:
    assert Inputs.of(overpass(one(facts=then))).newer_than(overpass(one(facts=now))) is newer


def test_baselines_order_versions_where_no_time_of_production_is_known() -> None:
    def of(baseline: str) -> Scene:
        made = one()
        return replace(made, facts={"processing_baseline": baseline})

    assert Inputs.of(overpass(of("05.11"))).newer_than(overpass(of("05.09")))
    assert not Inputs.of(overpass(of("05.09"))).newer_than(overpass(of("05.11")))
    assert not Inputs.of(overpass(of("99.99"))).newer_than(overpass(of("05.11")))
    assert not Inputs("").newer_than(overpass(of("05.11")))
