"""The daily increment of infra/: its CronJob submits a run, which finishes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from jobs.storage import storage_at
from tests.support.kubernetes.daily import NAME, daily
from tests.support.kubernetes.runs import CREDENTIALS, Site, seen_from_here, site
from tests.support.servers.files import file_server
from tests.support.servers.s3 import BUCKET

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ARCHIVE = f"s3://{BUCKET}/daily"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, days=(1,)) as made, seen_from_here(made.s3):
        yield made


def job_file(catalog: str, start: str) -> str:
    return f"""
name: daily
ports: [RUVYP]
period: {{start: {start}, end: yesterday}}
sources: [{{catalog: {catalog}, collection: sentinel-2-c1-l2a}}]
archive: {ARCHIVE}
"""


def test_the_cron_job_submits_what_is_new(here: Site, tmp_path: Path) -> None:
    start = (datetime.now(UTC).date() - timedelta(days=3)).isoformat()
    simulated = here.call(
        *("simulate", "-o", "sky", "--port", "RUVYP", "--start", start, "--days", "3"),
        *("--cloud", "0"),
    )
    assert simulated.returncode == 0, simulated.stderr
    world = here.world
    with file_server(tmp_path / "sky") as files:
        world.add_secret(CREDENTIALS, here.s3.environment)  # with the endpoint, since it is not AWS
        world.add_config("berthwatch", {"settings.yaml": yaml.safe_dump(here.settings)})
        world.apply(*daily(job_file(f"{files.url}/catalog.json", start)))
        for day in ("first", "second"):
            world.trigger(NAME, day)
            world.wait_until(lambda name=day: world.job(name)["status"].get("succeeded") == 1, 120)
        storage = storage_at(ARCHIVE)
        names = world.wait_until(
            lambda: [n for n in storage.names("runs/daily") if "/ended-0" in n], 300
        )
    record = json.loads(storage.read(names[0]))
    assert record["exit"] == 0, record
    assert record["done"] > 0
    assert len(world.list("jobs", "berthwatch/job=daily")) == 1  # twice in a day is one run
