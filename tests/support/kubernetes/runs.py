"""Small runs on Kubernetes by the command line, with the operator and processes as pods."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.domain import Period
from jobs.plan import read_plan, write_plan
from jobs.storage import Storage, storage_at
from jobs.storage.s3 import _client
from tests.support.kubernetes.world import BERTHWATCH, World, kubernetes_world
from tests.support.places import ROOT
from tests.support.remote_worlds import berthwatch, plan_on, published
from tests.support.servers.s3 import BUCKET, KEY_ID, S3, SECRET, s3_server

NAMESPACE = "berthwatch"
JOB = "on-kubernetes"
IMAGE = f"registry.test/berthwatch@sha256:{'a' * 64}"
GPU_IMAGE = f"registry.test/berthwatch-gpu@sha256:{'b' * 64}"
CREDENTIALS = "berthwatch-s3"
PERIOD = Period(date(2024, 5, 1), date(2024, 6, 30))
"""Day n of a plan is acquired on the (n+1)th of May; from day 31 on in June."""
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass
class Site:
    """A Kubernetes world with the operator, an S3 server with imagery, a plan and settings."""

    folder: Path
    world: World
    s3: S3
    settings: dict[str, Any]
    archive: str = f"s3://{BUCKET}/archive"

    @property
    def plan(self) -> Path:
        """The plan's file, named after its archive."""
        return self.folder / f"{self.archive.rpartition('/')[2]}.jsonl"

    @property
    def storage(self) -> Storage:
        """The archive of the plan; the environment must name the S3 server."""
        return storage_at(self.archive)

    @property
    def environment(self) -> dict[str, str]:
        """A submitting person's: S3 credentials and a kubeconfig with the submitter's rights."""
        config = self.world.kubeconfig(f"{NAMESPACE}/berthwatch-submitter")
        return {**self.s3.environment, "KUBECONFIG": str(config), "COLUMNS": "120"}

    def beside(self, name: str, **settings: Any) -> Site:
        """The same plan with another archive and other settings: another run."""
        other = replace(
            self, archive=f"s3://{BUCKET}/{name}", settings={**self.settings, **settings}
        )
        write_plan(replace(read_plan(self.plan), archive=other.archive), other.plan)
        return other

    def call(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return berthwatch(self.folder, self.environment, *arguments, timeout=timeout)

    def submit(self, *more: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """``submit`` with the settings as they are now."""
        return self.call(*self.submission(*more), timeout=timeout)

    def submission(self, *more: str) -> tuple[str, ...]:
        """Its arguments, the settings written to a file."""
        path = self.plan.with_suffix(".settings.yaml")
        path.write_text(yaml.safe_dump(self.settings))
        return ("submit", str(self.plan), "--settings", str(path), *more)

    def run_id(self) -> str:
        """Id of the one run in the archive."""
        (found,) = self.run_ids()
        return found

    def run_ids(self) -> set[str]:
        """Ids of the runs in the archive."""
        names = self.storage.names(f"runs/{JOB}")
        return {name.split("/")[2] for name in names if name.endswith("run.json")}

    def ended(self) -> dict[int, dict[str, Any]]:
        """Records of the ends of partitions, by index."""
        found = {}
        for name in self.storage.names(f"runs/{JOB}"):
            if "/ended-" in name:
                record = json.loads(self.storage.read(name))
                found[record["index"]] = record
        return found

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Active pods of a component, the oldest first."""
        existing = self.world.pods(f"app.kubernetes.io/component={component},berthwatch/job={JOB}")
        alive = [
            pod
            for pod in existing
            if "deletionTimestamp" not in pod["metadata"]
            and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        return sorted(alive, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def left(self) -> list[str]:
        """Objects of runs in the namespace, except finished Jobs and pods."""
        kinds = ("daskclusters", "daskworkergroups", "deployments", "pods", "services", "secrets")
        found = [
            f"{kind}/{one['metadata']['name']}"
            for kind in kinds
            for one in self.world.list(kind)
            if one["metadata"]["name"] != CREDENTIALS
            and (one.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        return sorted(found)

    def published(self) -> dict[str, str]:
        """Digest of every published file by its name."""
        return published(self.storage)


def settings(s3: S3, **more: Any) -> dict[str, Any]:
    """Small pods that find the S3 server; what is secret comes from the Secret."""
    open_values = {n: v for n, v in s3.environment.items() if n not in SECRETS}
    return {
        "image": IMAGE,
        "credentials": [CREDENTIALS],
        "environment": {**open_values, "PYTHONWARNINGS": "ignore"},
        "start_timeout_s": 120,
        "keep_finished_s": 3600,
        "workers": {"count": 1, "cpu": "250m", "memory": "2Gi"},
        "runner": {"cpu": "250m"},
        "scheduler": {"cpu": "250m"},
        **more,
    }


@contextmanager
def site(folder: Path, days: tuple[int, ...], berths: bool = True, **world: Any) -> Iterator[Site]:
    """A site whose plan has an overpass on each of these days; without berths it is done sooner."""
    with s3_server() as s3:
        found = plan_on(folder, f"s3://{BUCKET}/imagery", f"s3://{BUCKET}/archive", days, JOB)
        ports = found.ports if berths else tuple(replace(p, berths=()) for p in found.ports)
        s3.put(folder, "imagery")
        write_plan(replace(found, period=PERIOD, ports=ports), folder / "archive.jsonl")
        images = {IMAGE: BERTHWATCH, GPU_IMAGE: BERTHWATCH}
        with kubernetes_world(
            folder, namespace=NAMESPACE, roles=rights(), images=images, operator=True, **world
        ) as made:
            values = dict(zip(SECRETS, (KEY_ID, SECRET), strict=True))
            made.add_secret(CREDENTIALS, values)
            yield Site(folder, made, s3, settings(s3))


def rights() -> list[dict[str, Any]]:
    """The accounts and Roles of infra/."""
    base = ROOT / "infra" / "kubernetes" / "base"
    found = []
    for name in ("accounts.yaml", "rights.yaml"):
        for manifest in yaml.safe_load_all((base / name).read_text()):
            found.append({**manifest, "metadata": {**manifest["metadata"], "namespace": NAMESPACE}})
    return found


@contextmanager
def seen_from_here(s3: S3) -> Iterator[None]:
    """Give this process the pods' access to the S3 server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        _client.cache_clear()
        yield
    _client.cache_clear()


def facts(done: subprocess.CompletedProcess[str]) -> Mapping[str, Any]:
    """The JSON that a command printed."""
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found
