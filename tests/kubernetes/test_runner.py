"""Runs on Kubernetes from command to results, with the real operator and processes as pods.

Accounts have exactly the rights of infra/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.support.kubernetes.runs import JOB, NAMESPACE, Site, facts, seen_from_here, site

pytestmark = [pytest.mark.early, pytest.mark.timeout(900)]
PARTS = ("--backfill", "2024-05..2024-06", "--by", "month")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose job was run once, in two partitions, one after the other."""
    folder = tmp_path_factory.mktemp("site")
    # without berths nothing is compiled; test_daily has them
    with site(folder, days=(1, 3, 35), berths=False) as made, seen_from_here(made.s3):
        done = made.submit(*PARTS, "--wait", "-o", "json", timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr + made.world.describe()
        (made.folder / "said").write_text(done.stdout)
        (made.folder / "shown").write_text(done.stderr)
        yield made


def test_a_backfill_is_done_part_by_part_and_the_last_one_publishes(here: Site) -> None:
    said = json.loads((here.folder / "said").read_text())
    assert (said["state"], said["exit"], said["partitions"]) == ("ended", 0, ["2024-05", "2024-06"])
    first, last = here.ended()[0], here.ended()[1]
    assert (first["done"], last["done"]) == (2, 1)
    assert first["published"] is None
    latest = json.loads(here.storage.read(f"published/{JOB}/latest.json"))
    assert last["published"] == f"published/{JOB}/{latest['tag']}"


def test_waiting_shows_the_progress_of_every_part(here: Site) -> None:
    shown = (here.folder / "shown").read_text()
    assert "2024-05: 2/2 overpasses" in shown
    assert "2024-06: 1/1 overpasses" in shown


def test_submitted_again_nothing_is_done(here: Site) -> None:
    before = here.world.list("jobs")
    again = here.submit(*PARTS, "-o", "json")
    assert again.returncode == 0, again.stderr
    assert facts(again)["state"] == "finished"
    after = here.world.list("jobs")
    assert [job["metadata"]["uid"] for job in after] == [job["metadata"]["uid"] for job in before]


def test_the_results_are_those_of_a_run_without_kubernetes(here: Site) -> None:
    desk = here.beside("desk")
    done = desk.call("run", str(desk.plan), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert desk.published() == here.published()


def test_logs_are_read_after_the_pods_are_gone(here: Site) -> None:
    def kept(component: str) -> list[dict[str, str]]:
        found = here.call(
            "logs", str(here.plan), "--component", component, "--archived", "-o", "json"
        )
        assert found.returncode == 0, found.stderr
        logs: list[dict[str, str]] = json.loads(found.stdout)
        return logs

    assert all("exit 0" in log["text"] for log in kept("runner"))
    assert all("Scheduler at:" in log["text"] for log in kept("scheduler"))
    assert [log["index"] for log in kept("worker")] == [0, 1]


def test_status_is_a_tree_of_run_parts_and_stages(here: Site) -> None:
    text = here.call("status", str(here.plan))
    assert text.returncode == 0, text.stderr
    assert here.run_id() in text.stdout
    for word in ("2024-05", "2024-06", "finished", "segment"):
        assert word in text.stdout
    (row,) = json.loads(here.call("runs", str(here.plan), "-o", "json").stdout)
    assert row["state"] == "finished"


def test_nothing_is_left_but_the_finished_job(here: Site) -> None:
    secret = f"secrets/{here.run_id()}-tls"
    here.world.wait_until(lambda: here.left() == [secret], 60)
    here.world.delete("jobs", here.run_id())  # as its time to live does
    here.world.wait_until(lambda: here.left() == [], 30)


@pytest.mark.slow
def test_a_run_is_verified_where_it_ran(here: Site) -> None:
    done = here.submit("--verify", "2", "--wait", timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    (name,) = [n for n in here.storage.names(f"runs/{JOB}") if n.endswith("verified.json")]
    rows = json.loads(here.storage.read(name))
    assert [row["result"] for row in rows] == ["equal", "equal"]


def test_a_dry_run_prints_the_objects_and_creates_none(here: Site) -> None:
    before = len(here.world.list("jobs"))
    done = here.submit("--dry-run", "-o", "yaml", "-n", NAMESPACE)
    assert done.returncode == 0, done.stderr
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
    assert kinds == ["Job", "Secret", "DaskCluster"]
    assert "PRIVATE KEY" not in done.stdout
    assert len(here.world.list("jobs")) == before


def test_images_by_tag_are_refused(here: Site) -> None:
    refused = here.submit("--image", "registry.test/berthwatch:latest")
    assert refused.returncode == 2
    assert "--unpinned" in refused.stderr


@pytest.mark.slow
def test_an_image_with_other_code_is_refused_before_anything_is_made(here: Site) -> None:
    def made() -> int:
        asked = [verb for _, verb, path in here.world.requests if "daskclusters" in path]
        return asked.count("create")

    before = made()
    refused = here.submit("--code", "0.0.0+other", "--wait")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "the run was submitted for 0.0.0+other" in " ".join(refused.stderr.split())
    assert made() == before
