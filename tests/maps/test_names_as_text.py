"""Names of ports and berths that look like HTML are shown as text, and fit on a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.domain import Port
from jobs.evidence import make_evidence
from jobs.maps import map_source, write_map
from jobs.publish import newest_results, read_results
from jobs.review import ReviewSession, review_app
from jobs.serve import served
from tests.support import map_world
from tests.support.browser import PHONE, browsing, needs_chromium

NAME = (
    """<b>&"'</b><img src=x onerror="window.hit=1"></script><script>window.hit=1</script>{{7*7}}"""
)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job whose port and berths have that name."""
    usual = map_world.make_port

    def named(**changed: Any) -> Port:
        port = usual(**changed)
        berths = tuple(replace(berth, name=f"{NAME} {berth.id}") for berth in port.berths)
        return replace(port, name=NAME, berths=berths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_world, "make_port", named)
        patch.setattr(map_world, "lacks_pixels", lambda record: False)
        return map_world.write_world(tmp_path_factory.mktemp("named"))


def check(address: str) -> None:
    """That a page shows the name as it is, runs nothing of it, and is no wider than a phone."""
    with browsing(address, PHONE) as browsed:
        browsed.page.wait_for_function(
            "name => document.body.textContent.replace(/\\s+/g, ' ').includes(name)",
            arg=NAME,
        )
        assert browsed.page.evaluate("window.hit") is None
        assert browsed.page.locator("img[src=x]").count() == 0
        browsed.check()


def test_in_the_report(job: Path) -> None:
    storage, folder = newest_results(job)
    check((Path(storage.url) / folder / "report.html").as_uri())


def test_in_the_map(job: Path, tmp_path: Path) -> None:
    check(write_map(map_source(job, ["RUVYP"]), tmp_path / "one").page.as_uri())
    check(write_map(map_source(job), tmp_path / "two").page.as_uri())


def test_in_evidence(job: Path, tmp_path: Path) -> None:
    for name, content in make_evidence(job).files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    check((tmp_path / "index.html").as_uri())


def test_in_the_review(job: Path) -> None:
    storage, folder = newest_results(job)
    session = ReviewSession(read_results(storage, folder), storage, "<b>anna")
    with served(review_app(session)) as address:
        check(address)
