"""The doors of the program, each with files that are nearly right, and what may come out of it."""

from __future__ import annotations

import json
import re
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from shapely.geometry import box

from jobs.domain import Berth, BerthKind, Port, port_geojson
from jobs.domain.geometry import local_grid
from jobs.plan.estimate import estimate_note
from jobs.plan.header import header_json, plan_hash
from jobs.plan.sections import Section, SectionWriter
from jobs.plan.serialise import REJECTED, overpass_to_json, rejected_to_json
from jobs.publish.write import publish
from jobs.storage import LocalFolder
from tests.support.doors import Outcome, berthwatch
from tests.support.factories import make_publication
from tests.support.mutations import documents, json_files, texts
from tests.support.places import STAC_ITEMS
from tests.support.plans import full_plan

AREA = box(-40.1, -4.7, -39.9, -4.6)  # in the middle of tile 24MUV
QUAY = Berth("quay", "Quay", BerthKind.OIL_TERMINAL, 2, box(-40.0, -4.65, -39.99, -4.64))
PORT = Port("TESTP", "Test", "BR", AREA, (QUAY,), local_grid(AREA), locode="BRTES")

JOB: dict[str, Any] = {
    "name": "fuzz",
    "ports": [{"id": "TESTP", "file": "port.geojson"}],
    "period": {"start": "2025-07-01", "end": "2025-07-31"},
    "sources": [
        {
            "catalog": "items.json",
            "collection": "sentinel-2-c1-l2a",
            "sensor": "sentinel-2-l2a",
            "max_cloud_cover": 90,
        }
    ],
    "archive": "archive",
    "fixed_structure": "keep",
    "engine": "torch-bf16",
    "reviews": {"missed": 0.03, "invented": 0.02},
    "estimates": {
        "dwell": {"median_days": 1.7, "low_days": 1.0, "high_days": 3.0, "source": "AIS"},
        "draws": 300,
        "seed": 1,
        "cap_barrels": 1000.5,
    },
}
AIS = "\n".join(
    (
        "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,Length",
        "538005432,2024-03-03T02:00:00,42.735,133.07,0.1,10.0,511.0,SEA ONE,180",
        "538005432,2024-03-03T03:00:00,42.735,133.07,0.0,10.0,511.0,SEA ONE,180",
        '273345678,2024-03-04T02:00:00,42.730,133.05,7.5,200.5,201.0,"TWO, THE",90',
        "273345678,2024-03-04T02:10:00,42.750,133.05,7.5,200.5,201.0,,",
        "",
    )
)


def recorded_items() -> list[dict[str, Any]]:
    """Three days of the item that a catalog really answered."""
    text = (STAC_ITEMS / "earth-search_v1__sentinel-2-c1-l2a.json").read_text(encoding="utf-8")
    found = []
    for day in (3, 11, 21):
        item = json.loads(text)["features"][0]
        item["id"] = f"S2B_T24MUV_202507{day:02d}T130245_L2A"
        item["properties"]["datetime"] = f"2025-07-{day:02d}T13:03:27.058Z"
        found.append(item)
    return found


def as_list(items: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": items}).encode()


def as_yaml(document: Any) -> bytes:
    return yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass")


# --- worlds: what lies around a file --------------------------------------------------------------


def catalog_world(folder: Path) -> None:
    """A job, its port and its catalog, all of them right."""
    (folder / "job.yaml").write_bytes(as_yaml(JOB))
    (folder / "port.geojson").write_text(json.dumps(port_geojson(PORT)))
    (folder / "items.json").write_bytes(as_list(recorded_items()))


def published_world(folder: Path) -> None:
    """A job with a published result."""
    publication = make_publication(days=8)
    publish(publication, LocalFolder(folder / "archive"))
    days = {"start": "2024-03-01", "end": "2024-03-08"}
    job = {**JOB, "name": publication.job, "ports": ["RUVYP"], "period": days}
    (folder / "job.yaml").write_bytes(as_yaml(job))


# --- files ----------------------------------------------------------------------------------------


def job_files() -> st.SearchStrategy[bytes]:
    wrong = documents(JOB).map(as_yaml)
    return st.one_of(wrong, wrong, wrong, texts(as_yaml(JOB).decode()))


def item_files() -> st.SearchStrategy[bytes]:
    """The list of items with one of them wrong, or the list itself."""
    first, *others = recorded_items()
    wrong = documents(first).map(lambda item: as_list([item, *others]))
    listed = {"type": "FeatureCollection", "features": recorded_items()}
    return st.one_of(wrong, wrong, wrong, json_files(listed))


def table_files() -> st.SearchStrategy[bytes]:
    """A table with cells, columns or bytes that do not belong there."""
    rows = [row.split(",") for row in AIS.splitlines()]
    wrong = documents(rows).map(_as_csv)
    return st.one_of(wrong, wrong, texts(AIS))


def _as_csv(rows: Any) -> bytes:
    lines = (row if isinstance(row, list) else [row] for row in rows)
    text = "\n".join(",".join(map(str, cells)) for cells in lines)
    return text.encode("utf-8", "surrogatepass")


def plan_files() -> st.SearchStrategy[bytes]:
    """A plan cut off or changed, or written whole with wrong content: its digests fit then."""
    plan = full_plan()
    valid = {
        "header": header_json(plan),
        "overpasses": {p.id: [overpass_to_json(o) for o in plan.of(p.id)] for p in plan.ports},
        "notes": {p.id: estimate_note(p, plan.of(p.id)) for p in plan.ports},
        "rejected": [rejected_to_json(item) for item in plan.rejected],
    }
    sealed = documents(json.loads(json.dumps(valid))).map(_sealed)
    return st.one_of(sealed, sealed, sealed, texts(_sealed(valid).decode()))


def _sealed(content: Any) -> bytes:
    """The file of a plan with this content, as the writer would have written it."""
    file = BytesIO()
    writer = SectionWriter(file, packed=False)
    header = _object(content.get("header"))
    writer.add("header", [_line({"berthwatch_plan": 2, "archive": "/out", **header})])
    notes = _object(content.get("notes"))
    sections = [
        replace(writer.add(port, _lines(found)), note=notes.get(port, {}))
        for port, found in _object(content.get("overpasses")).items()
    ]
    rejected = writer.add(REJECTED, _lines(content.get("rejected")))
    index = {
        "hash": _hash(header, [*sections, rejected]),
        "overpasses": sum(section.digest.lines for section in sections),
        "index": [{**replace(s, note={}).to_json(), "note": s.note} for s in sections],
        "rejected_at": rejected.to_json(),
    }
    writer.end(_line(index))
    return file.getvalue()


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {"x": found}


def _lines(found: Any) -> list[str]:
    return [_line(entry) for entry in (found if isinstance(found, list) else [found])]


def _line(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n"


def _hash(header: Any, sections: Sequence[Section]) -> str:
    try:
        return plan_hash(header, ((section.name, section.digest) for section in sections))
    except ValueError:  # NaN: no plan that was written has such a hash
        return "0" * 64


# --- doors ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """A command, the file that is given to it, and what a success must say."""

    world: Callable[[Path], None]
    file: str
    files: Callable[[], st.SearchStrategy[bytes]]
    command: tuple[str, ...]
    said: str
    """Regular expression that the output of every success matches."""
    cost: int = 1
    """How much longer a call takes than the quickest."""


SEARCH = ("search", "job.yaml")
FOUND = r"TESTP +\S+ +2025-07 +\d|no overpass"

DOORS = {
    "job files": Door(catalog_world, "job.yaml", job_files, SEARCH, FOUND),
    "port files": Door(
        catalog_world, "port.geojson", lambda: json_files(port_geojson(PORT)), SEARCH, FOUND
    ),
    "STAC items": Door(catalog_world, "items.json", item_files, SEARCH, FOUND),
    "plan files": Door(
        lambda _: None,
        "plan.jsonl",
        plan_files,
        ("plan", "plan.jsonl", "--show"),
        r"(RUVYP|KPCHO)-|no overpass",
    ),
    "AIS tables": Door(
        published_world,
        "ais.csv",
        table_files,
        ("ais", "job.yaml", "--ais", "ais.csv", "--output", "out"),
        r"\d+ of \d+ messages",
        cost=10,
    ),
}


@dataclass
class Tally:
    """What came out of a door: how often, and what should not have."""

    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Cases by ``done``, or the message with its particulars left out."""
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def refusals(self) -> int:
        return self.cases - self.outcomes["done"]


def fuzz(door: Door, examples: int, folder: Path, seed: int | None = None) -> Tally:
    """Give a door that many files, from a folder of its own; the caller's folder is that one."""
    door.world(folder)
    tally = Tally()
    usual = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )

    @usual
    @given(door.files())
    def one(content: bytes) -> None:
        (folder / door.file).write_bytes(content)
        tally.cases += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ended = berthwatch(*door.command)
        except BaseException as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            inside = [
                f for f in traceback.extract_tb(error.__traceback__) if "/jobs/" in f.filename
            ]
            at = inside[-1] if inside else at
            place = f"{Path(at.filename).name}:{at.lineno}"
            tally.faults[f"traceback: {type(error).__name__}: {str(error)[:100]} at {place}"] += 1
            keep(folder, content)
            return
        wrong = _wrong(ended, door)
        if wrong:
            tally.faults[wrong] += 1
            keep(folder, content)
        tally.outcomes["done" if ended.code == 0 else kind_of(ended.err)] += 1

    if seed is not None:
        one = with_seed(seed)(one)
    one()
    return tally


def keep(folder: Path, content: bytes) -> None:
    """Keep an input that led to a fault, for whoever mends it."""
    number = len(list(folder.glob("fault-*")))
    if number < 50:
        (folder / f"fault-{number}").write_bytes(content)


def _traceback(error: BaseException) -> str:
    """An error in a line, with the place in our own code where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    at = ([f for f in frames if "/jobs/" in f.filename] or frames)[-1]
    said = f"{type(error).__name__}: {error}"
    return f"traceback: {said[:120]} at {Path(at.filename).name}:{at.lineno}"


def _wrong(ended: Outcome, door: Door) -> str:
    """What is wrong with an outcome; empty where it is a right result or one refusal."""
    if ended.code == 0:
        return (
            "" if re.search(door.said, ended.out) else f"success without a word: {ended.out!r:.200}"
        )
    if ended.code != 2:
        return f"exit code {ended.code}"
    *_, last = ["", *ended.err.splitlines()]
    one = last.startswith("berthwatch: ") and ended.err.count("\nberthwatch: ") <= 1
    return "" if one and last.isprintable() else f"not one message in a line: {ended.err!r:.200}"


def kind_of(said: str) -> str:
    """A message without its particulars: paths, numbers and what stands in quotes."""
    message = said[said.find("berthwatch: ") + len("berthwatch: ") :].split("\n")[0]
    message = re.sub(r"\S*/\S+", "PATH", message)
    message = re.sub(r"\b[0-9a-f]{12}\b", "HASH", message)
    message = re.sub(r"\(.*\)|\[.*\]|\{.*\}", "(...)", message)
    message = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", message)
    return re.sub(r"[-+]?\d[\d.,e+-]*", "N", message)[:110]
