"""What proves visits, written as a ZIP that anyone can check with Python alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

from berthwatch.cards import card, lines
from jobs.evidence import EvidenceOptions, make_evidence, write_zip
from jobs.storage import check_new_file, new_file


@dataclass(frozen=True, repr=False)
class EvidenceFile:
    """A ZIP with the evidence of visits.

    >>> visit = bw.open_result("demo/job.yaml").visits.visit_id[0]
    >>> file = bw.evidence("demo/job.yaml", visit, "one-visit.zip")
    >>> file.visits == (visit,), len(file.manifest_sha256)
    (True, 64)
    """

    path: Path
    """Where it was written."""
    manifest_sha256: str
    """Tell the reader this by another way than the ZIP: a replaced manifest is found by it."""
    visits: tuple[str, ...]
    """Ids of the visits in it."""
    pictures: int
    """How many pictures are in it."""
    doubts: tuple[str, ...]
    """What a reader must know of the whole, a line each."""

    def _facts(self) -> dict[str, object]:
        return {
            "visits": len(self.visits),
            "pictures": self.pictures,
            "manifest sha256": self.manifest_sha256,
            "check it": f"python3 verify.py {self.path.name} --manifest-sha256 ... (in the ZIP)",
        }

    def __repr__(self) -> str:
        return lines(f"Evidence {self.path}", self._facts(), self.doubts)

    def _repr_html_(self) -> str:
        return card(f"Evidence {self.path}", self._facts(), self.doubts)


def evidence(
    job: str | PathLike[str],
    visits: str | Sequence[str],
    to: str | PathLike[str],
    tag: str | None = None,
) -> EvidenceFile:
    """Write what proves visits as a ZIP: pictures, bounds with their reasons, digests, a script.

    ``visits`` are ids of the result's table of visits; ``tag`` names a result other than the
    newest. An existing file is replaced.

    >>> visits = bw.open_result("demo/job.yaml").visits.visit_id[:2]
    >>> bw.evidence("demo/job.yaml", list(visits), "two-visits.zip")
    Evidence two-visits.zip
      visits           2
      pictures         ...

    InputError for visits that the result does not have, and for imagery that was changed since.
    """
    place = Path(fspath(to))
    check_new_file(place)
    wanted = (visits,) if isinstance(visits, str) else tuple(visits)
    found = make_evidence(Path(fspath(job)), EvidenceOptions(tag=tag, visits=wanted))
    with new_file(place) as target:
        write_zip(target, found.files)
    return EvidenceFile(place, found.manifest_sha256, found.visits, found.pictures, found.doubts)
