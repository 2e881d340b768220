"""Makes the evidence of visits: records, pictures, page and script, as the files of a ZIP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.domain import Json, code_version
from jobs.errors import InputError
from jobs.evidence import verify
from jobs.evidence.candidates import read_ais_witness, read_names_witness
from jobs.evidence.cases import case_of
from jobs.evidence.choose import MARKER, chosen_visits, result_folder
from jobs.evidence.collector import Collector, Progress
from jobs.evidence.index import ResultIndex
from jobs.evidence.measures import ERRORS
from jobs.evidence.package import json_bytes, manifest_of
from jobs.evidence.page import render
from jobs.evidence.pixels import HOW, HOW_READ
from jobs.evidence.records import Witnesses, hull_features
from jobs.evidence.signing import Signer
from jobs.plan import plan_without_search
from jobs.publish import PublishedResult, read_results

MULTIHASH = "1220"
"""Prefix of a sha256 as a multihash."""


@dataclass(frozen=True)
class EvidenceOptions:
    """What evidence is made of, besides the job."""

    tag: str | None = None
    """Of the results; the newest where it is None."""
    visits: tuple[str, ...] = ()
    """Ids; all where there is none."""
    limit: int | None = None
    """At most so many, the newest."""
    ais: tuple[Path, ...] = ()
    names: Path | None = None


@dataclass(frozen=True)
class Evidence:
    """Evidence as files, by their names in the ZIP."""

    files: Mapping[str, bytes]
    """All of them, ``manifest.json`` too."""
    job: str
    tag: str
    visits: tuple[str, ...]
    left_out: int
    """Visits of the results that were not asked for."""
    pictures: int
    doubts: tuple[str, ...]
    """What a reader must know of the whole, a line each."""

    @property
    def manifest_sha256(self) -> str:
        """The digest that a maker tells by another way."""
        return hashlib.sha256(self.files[verify.MANIFEST]).hexdigest()


def make_evidence(
    source: Path,
    options: EvidenceOptions | None = None,
    signer: Signer | None = None,
    progress: Progress = lambda message: None,
) -> Evidence:
    """The evidence of visits of a job or plan file, from its published results and its archive.

    InputError for results, visits or tables that are not there or were changed since.
    """
    wanted = options or EvidenceOptions()
    storage, folder = result_folder(source, wanted.tag)
    progress("reading the results")
    result = read_results(storage, folder)
    digests = checked_files(result.folder)
    visits = chosen_visits(result.visits, wanted.visits, wanted.limit)
    witnesses = _witnesses(result, wanted, progress)
    collected = Collector(result, storage, plan_without_search(source), witnesses, progress)
    index = ResultIndex(result)
    collected.add([case_of(index, visit) for _, visit in visits.iterrows()])
    facts = _facts(collected, digests, len(result.visits) - len(visits))
    return _packed(collected, facts, signer)


def checked_files(folder: Path) -> dict[str, Json]:
    """The sha256 of the published files that evidence rests on, as their collection states.

    InputError where one was changed since it was published.
    """
    assets = json.loads((folder / MARKER).read_bytes())["assets"]
    digests: dict[str, Json] = {}
    for name in ("visits", "vessels", "looks", "estimates", "provenance"):
        path = folder / assets[name]["href"]
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if assets[name]["file:checksum"] != MULTIHASH + found:
            raise InputError(
                f"{path} is not as it was published: its sha256 is not the one in {MARKER}; "
                "evidence of changed results proves nothing: remove the folder and run the job "
                "again"
            )
        digests[path.name] = found
    return digests


def _witnesses(result: PublishedResult, options: EvidenceOptions, progress: Progress) -> Witnesses:
    names = None
    if options.names is not None:
        names = read_names_witness(options.names, list(result.visits["visit_id"]))
    ais = read_ais_witness(result, options.ais, progress) if options.ais else None
    return Witnesses(ais, names)


def _facts(collected: Collector, digests: Mapping[str, Json], left_out: int) -> dict[str, Json]:
    """What all visits of the evidence share."""
    result, origin = collected.result, collected.result.provenance
    ais, names = collected.witnesses.ais, collected.witnesses.names
    plan_hash = None if collected.plan is None else collected.plan.hash
    return {
        "job": result.job,
        "tag": result.tag,
        "complete": bool(origin.get("complete")),
        "units": origin.get("units"),
        "period": {"start": f"{result.period.start}", "end": f"{result.period.end}"},
        "plan_hash": origin.get("plan_hash"),
        "plan_at_hand": plan_hash,
        "code_version": origin.get("code_version"),
        "evidence_code_version": code_version(),
        "model_digest": origin.get("model_digest"),
        "engine": origin.get("engine"),
        "reviews": origin.get("reviews"),
        "attributions": origin.get("attributions"),
        "result_files": dict(digests),
        "archives": dict(collected.snapshots),
        "renderings": origin.get("renderings"),
        "digests_of_pixels": HOW,
        "digests_of_read": HOW_READ,
        "errors_of_measures": ERRORS,
        "ais": None if ais is None else ais.summary,
        "names": None if names is None else names.file,
        "doubts": [*collected.doubts, *(() if ais is None else ais.warnings)],
        "visits_left_out": left_out,
    }


def _packed(collected: Collector, facts: dict[str, Json], signer: Signer | None) -> Evidence:
    """All files: records, pictures, page, script, manifest and signature."""
    files: dict[str, bytes] = {
        "evidence.json": json_bytes(facts),
        "verify.py": Path(verify.__file__).read_bytes(),
    }
    files |= {f"overpasses/{id}.json": json_bytes(each) for id, each in collected.sources.items()}
    hulls: list[Json] = []
    for view in collected.views:
        files[f"visits/{view.case.visit_id}/visit.json"] = json_bytes(view.record)
        hulls += hull_features(view.case)
        for look in view.looks:
            pairs = (("picture", look.png), ("numbers", look.tif))
            files |= {str(look.record[name]): file for name, file in pairs if file is not None}
    files["hulls.geojson"] = json_bytes({"type": "FeatureCollection", "features": hulls})
    if signer is not None:
        files["allowed_signers"] = signer.allowed_signers
    files["index.html"] = render(facts, collected.views, collected.sources, signer).encode()
    visits = tuple(view.case.visit_id for view in collected.views)
    about: dict[str, Json] = {"job": facts["job"], "tag": facts["tag"], "visits": list(visits)}
    files[verify.MANIFEST] = manifest_of(files, about)
    if signer is not None:
        files[verify.SIGNATURE] = signer.sign(files[verify.MANIFEST])
    doubts: Any = facts["doubts"]
    return Evidence(
        files=files,
        job=str(facts["job"]),
        tag=str(facts["tag"]),
        visits=visits,
        left_out=int(str(facts["visits_left_out"])),
        pictures=sum(look.png is not None for view in collected.views for look in view.looks),
        doubts=tuple(doubts),
    )
