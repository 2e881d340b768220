"""How the software and a result are cited."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import yaml

from jobs.publish import citation_text, read_published
from jobs.publish.provenance import provenance_json
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from tests.support.factories import make_publication
from tests.support.places import ROOT

REQUIRED = {"authors", "cff-version", "message", "title"}
"""By version 1.2.0 of the format; each author is a person or has a name."""


def test_a_result_says_how_to_cite_it(tmp_path: Path) -> None:
    publication = make_publication(days=12, empty=True)
    folder = tmp_path / publish(publication, LocalFolder(tmp_path))
    found = json.loads((folder / "provenance.json").read_text())
    text = found["citation"]
    for part in (publication.tag, publication.provenance.plan_hash, "2024-03-01 to 2024-03-12"):
        assert part in text
    for line in publication.provenance.attributions:
        assert line in text
    assert text in " ".join((folder / "README.txt").read_text().split())
    assert read_published(folder).citation == text
    del found["citation"]  # as early versions wrote it
    assert citation_text(found) == text


def test_a_result_that_is_not_complete_is_cited_as_such() -> None:
    assert "not complete" in str(provenance_json(make_publication(days=12))["citation"])
    whole = make_publication(days=12, empty=True)
    assert "not complete" not in str(provenance_json(whole)["citation"])


def test_the_citation_file_has_what_its_format_requires_and_the_project_says() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(found) >= REQUIRED
    assert found["cff-version"] == "1.2.0"
    assert found["authors"]
    assert all("name" in author for author in found["authors"])
    assert (found["version"], found["license"]) == (project["version"], project["license"])
    assert found["keywords"] == [word for word in project["keywords"]]
