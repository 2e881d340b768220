"""Decisions as rows: written once, read back, in force or not; how far reviewers agree."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import InputError
from jobs.review.agreement import agreement_json, agreements
from jobs.review.decision import Decision, Seen, What, identified
from jobs.review.dispute import disputes
from jobs.review.ledger import in_force, of_model
from jobs.review.store import read_decisions, write_decisions
from jobs.storage import storage_at

SEEN = Seen("job", "tag", "model", 0.5, 100.0, False, ((0.0, 0.0), (9.0, 0.0), (9.0, 2.0)))
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def made(
    what: str, vessel: str = "o-001", *, who: str = "anna", at: int = 0, **more: Any
) -> Decision:
    """A decision at a minute after noon, with its id."""
    when = (NOON + timedelta(minutes=at)).isoformat(timespec="microseconds")
    of = Decision(who, when, What(what), "P", "o", "oil", vessel, SEEN, **more)
    return identified(of)


def test_a_row_is_read_as_it_was_written_and_in_the_order_in_which_it_was_made(
    tmp_path: Path,
) -> None:
    root = storage_at(str(tmp_path))
    later = made("cargo", at=5, value={"cargo": "ballast", "source": "the agent, Søren"})
    first = made("hull", at=1, value={"corners": [[0, 0], [100, 0], [100, 20]]}, why="too short")
    assert write_decisions(root, [later]) == (later,)
    write_decisions(root, [first])
    assert read_decisions(root, "P") == (first, later)
    assert read_decisions(root, "Q") == ()


def test_reviewers_may_write_at_the_same_time(tmp_path: Path) -> None:
    root = storage_at(str(tmp_path))
    batches = [[made("ship", f"o-{n:03d}", who=who)] for n in range(20) for who in ("anna", "ben")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda batch: write_decisions(root, batch), batches))
    assert len(read_decisions(root, "P")) == 40
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[0].update(who="ben"), "was changed after it was written"),
        (lambda rows: rows[0].update(what="sunk"), "is no decision"),
        (lambda rows: rows[0].pop("seen"), "is no decision"),
        (lambda rows: rows[0].update(more=1), "is no decision"),
        (lambda rows: rows.append("x"), "no list of decisions"),
    ],
)
def test_a_row_that_was_edited_is_refused_by_its_file(
    tmp_path: Path, change: Any, reason: str
) -> None:
    root = storage_at(str(tmp_path))
    write_decisions(root, [made("ship")])
    (file,) = (tmp_path / "reviews" / "P").iterdir()
    rows = json.loads(file.read_text())
    change(rows)
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=reason) as refused:
        read_decisions(root, "P")
    assert file.name in str(refused.value)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    root = storage_at(str(tmp_path))
    write_decisions(root, [made("ship")])
    (file,) = (tmp_path / "reviews" / "P").iterdir()
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(InputError, match=file.name):
        read_decisions(root, "P")


def test_an_id_that_two_networks_gave_is_not_one_vessel() -> None:
    other = replace(SEEN, model="other")
    ship = made("ship", who="anna", at=1)
    none = identified(replace(made("not_ship", who="ben", at=2), seen=other))
    assert disputes([ship, none]) == ()
    assert agreements([ship, none]) == ()
    assert of_model([ship, none], "other") == (none,)


def undo(*taken: Decision, at: int) -> Decision:
    return made("undo", at=at, supersedes=tuple(each.id for each in taken))


def test_what_was_superseded_holds_again_once_that_is_undone() -> None:
    ship = made("ship", at=1)
    none = made("not_ship", at=2, supersedes=(ship.id,))
    back = undo(none, at=3)
    assert in_force([ship, none]) == (none,)
    assert in_force([ship, none, back]) == (ship,)
    assert in_force([back, none, ship]) == (ship,)  # whatever the order they are read in
    assert in_force([ship, none, back, undo(ship, at=4)]) == ()
    assert in_force([ship, none, back, undo(back, at=4)]) == (none,)


def test_of_two_words_that_one_reviewer_said_in_two_windows_the_last_holds() -> None:
    ship, none = made("ship", at=1), made("not_ship", at=2)
    assert in_force([ship, none]) == (none,)
    assert in_force([ship, none, undo(none, at=3)]) == (ship,)
    other = made("ship", who="ben", at=4)
    ids = {
        each.id for dispute in disputes(in_force([ship, none, other])) for each in dispute.decisions
    }
    assert ids == {none.id, other.id}
    remarks = [made("comment", at=at, why="a remark") for at in (1, 2)]
    assert in_force(remarks) == tuple(remarks)


def verdicts(who: str, said: str) -> list[Decision]:
    words = {"s": "ship", "n": "not_ship", "f": "structure"}
    return [made(words[one], f"o-{n:03d}", who=who) for n, one in enumerate(said)]


def test_kappa_is_that_of_the_textbook() -> None:
    # 50 applications read by two: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: kappa .40
    one = verdicts("anna", "s" * 25 + "n" * 25)
    other = verdicts("ben", "s" * 20 + "n" * 5 + "s" * 10 + "f" * 15)
    (found,) = agreements([*one, *other])
    assert (found.vessels, found.raw) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)


def test_agreement_counts_only_what_both_judged_alone() -> None:
    one = [*verdicts("anna", "ssn"), made("ship", "o-009")]
    other = verdicts("ben", "snn")
    settled = made(
        "ship", "o-001", who="ben", at=9, settles=True, supersedes=(one[1].id, other[1].id)
    )
    (found,) = agreements([*one, *other, settled])
    assert (found.vessels, found.both_ship, found.both_not, found.only_one) == (3, 1, 1, 1)
    assert agreements(one) == ()
    alike = agreements([*verdicts("anna", "ss"), *verdicts("ben", "ss")])
    assert alike[0].kappa is None
    assert agreement_json(alike, ())["reviewers"][0]["agreement"] == 1  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (("ship", {}), ("not_ship", {}), True),
        (("structure", {}), ("not_ship", {}), False),
        (("berth", {"berth": "oil"}), ("berth", {"berth": ""}), True),
        (
            ("cargo", {"cargo": "ballast", "source": "a"}),
            ("cargo", {"cargo": "ballast", "source": "b"}),
            False,
        ),
        (
            ("cargo", {"cargo": "ballast", "source": "a"}),
            ("cargo", {"cargo": "laden_in", "source": "b"}),
            True,
        ),
        (
            ("hull", {"corners": [[0, 0], [99, 0], [99, 20], [0, 20]]}),
            ("hull", {"corners": [[9, 0], [99, 0], [99, 20], [9, 20]]}),
            False,
        ),
        (
            ("hull", {"corners": [[0, 0], [99, 0], [99, 20], [0, 20]]}),
            ("hull", {"corners": [[60, 0], [190, 0], [190, 20], [60, 20]]}),
            True,
        ),
    ],
)
def test_what_is_a_disagreement(one: tuple[str, Any], other: tuple[str, Any], differ: bool) -> None:
    said = [
        made(what, who=who, value=value) for who, (what, value) in (("anna", one), ("ben", other))
    ]
    found = disputes(said)
    assert bool(found) == differ
    if differ:
        assert [each.who for each in found[0].decisions] == ["anna", "ben"]


def test_one_reviewer_who_changes_their_mind_is_no_disagreement() -> None:
    assert disputes([made("ship", at=1), made("not_ship", at=2)]) == ()
    assert disputes([replace(made("ship"), who="ben"), made("comment", why="hm")]) == ()
