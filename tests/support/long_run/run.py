"""The whole of it: a site with imagery, an undisturbed run, a disturbed one, and what was seen."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jobs.plan import read_plan, write_plan
from jobs.storage import storage_at
from tests.support.kubernetes.runs import (
    CREDENTIALS,
    IMAGE,
    JOB,
    NAMESPACE,
    SECRETS,
    Site,
    rights,
    seen_from_here,
    settings,
)
from tests.support.kubernetes.world import BERTHWATCH, kubernetes_world
from tests.support.long_run.backfill import FIRST, long_plan
from tests.support.long_run.imagery import Front, front, write_scenes
from tests.support.long_run.journals import Work, work_of
from tests.support.long_run.mishaps import Happened, mishaps
from tests.support.long_run.samples import Sample, Sampler, sampling
from tests.support.long_run.schedule import Entry
from tests.support.remote_worlds import COMMAND, environment, published
from tests.support.servers.s3 import BUCKET, KEY_ID, S3, SECRET, s3_server

PARALLEL = 2
START_S = 600
"""On a loaded machine a worker takes minutes to start."""
CALM_S = 30.0
"""Sampled after the end."""


@dataclass(frozen=True)
class Place:
    """A site whose S3 server is reached through a front."""

    site: Site
    front: Front
    aside: Front
    """For a run beside it: nothing befalls it, and it counts for itself."""
    behind: S3
    months: int

    @property
    def parts(self) -> tuple[str, ...]:
        """Arguments of a submission in months."""
        last = f"{FIRST.year + (self.months - 1) // 12}-{(self.months - 1) % 12 + 1:02}"
        backfill = (f"--backfill={FIRST:%Y-%m}..{last}", "--by=month")
        return (*backfill, f"--parallel={PARALLEL}")


@dataclass
class Seen:
    """One run as it was seen."""

    code: int
    said: str
    seconds: float
    samples: list[Sample]
    archive: str
    """The environment must name the S3 server."""
    work: Work
    left: Sequence[str] = ()
    happened: list[Happened] = field(default_factory=list)
    refused: int = 0

    def published(self) -> dict[str, str]:
        """Digest of every published file by its name."""
        return published(storage_at(self.archive))


@contextmanager
def long_site(
    folder: Path, months: int, per_month: int, workers: int, pixels: int = 512
) -> Iterator[Place]:
    """A site with the plan of a backfill: so many months, overpasses of a port in each."""
    scenes = folder / "scenes"
    write_scenes(scenes)
    with (
        s3_server() as behind,
        front(behind.url, scenes) as before,
        front(behind.url, scenes) as aside,
    ):
        s3 = S3(before.url)
        plan = long_plan(scenes, f"s3://{BUCKET}/archive", JOB, months, per_month, pixels)
        write_plan(plan, folder / "archive.jsonl")
        images = {IMAGE: BERTHWATCH}
        with kubernetes_world(
            folder, namespace=NAMESPACE, roles=rights(), images=images, operator=True
        ) as world:
            world.add_secret(CREDENTIALS, dict(zip(SECRETS, (KEY_ID, SECRET), strict=True)))
            chosen = settings(s3, start_timeout_s=START_S)
            chosen["workers"] = {**chosen["workers"], "count": workers}
            with seen_from_here(s3):
                yield Place(Site(folder, world, s3, chosen), before, aside, behind, months)


def planned(place: Place) -> dict[str, Any]:
    """What ``submit --dry-run`` says: estimate and cost."""
    done = place.site.submit(*place.parts, "--dry-run", "-o", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def submitted(place: Place, out: Path, entries: Sequence[Entry] = (), limit_s: float = 600) -> Seen:
    """Submit and wait, while the mishaps befall the run."""
    site = place.site
    with (
        sampling(site, place.front, place.behind, out) as sampler,
        mishaps(site, place.front, entries) as happening,
    ):
        command = [*COMMAND, *site.submission("--wait", *place.parts)]
        code, said, seconds = _followed(command, site.environment, sampler, "submit", limit_s, out)
        happening.stop()
        time.sleep(CALM_S)
    return Seen(
        code=code,
        said=said,
        seconds=seconds,
        samples=sampler.samples,
        archive=site.archive,
        work=work_of(storage_at(site.archive)),
        left=[name for name in site.left() if not name.endswith("-tls")],
        happened=sorted(happening.happened, key=lambda one: one.at_s),
        refused=happening.refused,
    )


def run_here(place: Place, out: Path, workers: int, limit_s: float = 3600) -> Seen:
    """The same plan by ``berthwatch run`` on this machine into another archive in the bucket."""
    site = place.site
    root = f"s3://{BUCKET}/undisturbed"
    plan = site.folder / "undisturbed.jsonl"
    write_plan(replace(read_plan(site.plan), archive=root), plan)
    with sampling(site, place.aside, None, out) as sampler:
        command = [*COMMAND, "run", str(plan), f"--workers={workers}"]
        access = S3(place.aside.url).environment
        code, said, seconds = _followed(command, access, sampler, "local worker", limit_s, out)
    return Seen(code, said, seconds, sampler.samples, root, work_of(storage_at(root)))


def _followed(
    command: Sequence[str],
    access: Mapping[str, str],
    sampler: Sampler,
    role: str,
    limit_s: float,
    out: Path,
) -> tuple[int, str, float]:
    """Exit code, output and seconds of a command that is sampled."""
    began = time.monotonic()
    told = out.with_suffix(".said")
    with told.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=out.parent,
            env=environment(access),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        sampler.others[role] = process.pid
        try:
            code = process.wait(limit_s)
        finally:
            del sampler.others[role]
            process.kill()
    return code, told.read_text(), time.monotonic() - began
