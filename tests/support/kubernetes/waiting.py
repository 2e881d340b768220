"""``submit --wait`` in the background, for tests that cause something meanwhile, and its table."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.plan import read_plan
from tests.support.kubernetes.runs import NAMESPACE, Site, seen_from_here, site
from tests.support.remote_worlds import COMMAND, environment

INTO_THE_WORK_S = 2.0
LIMIT_S = 1200.0
"""For what may take long on a machine that is busy."""

_STARTED: list[subprocess.Popen[str]] = []


@dataclass
class Waiting:
    """``submit --wait`` of one site, or another command on it, in the background."""

    site: Site
    process: subprocess.Popen[str]

    def runner(self) -> str:
        """Name of the runner's pod, once some of its overpasses are done and others are not."""
        world, begun, over = self.site.world, begun_line(self.site), over_line(self.site)
        pods = world.wait_until(lambda: self.site.pods("runner"), 60)
        name = str(pods[0]["metadata"]["name"])
        world.wait_until(lambda: begun in world.pod_log(name), 240)
        time.sleep(INTO_THE_WORK_S)
        assert over not in world.pod_log(name), "the work was finished before the fault"
        return name

    def end(self, limit_s: float = 400) -> tuple[int, str]:
        """Exit code and output."""
        said, _ = self.process.communicate(timeout=limit_s)
        return self.process.returncode, said


def begun_line(site: Site) -> str:
    """What a runner's log says before the first overpass."""
    return f"{len(read_plan(site.plan).overpasses)} overpasses to do"


def over_line(site: Site) -> str:
    """What it says once all of them are done."""
    number = len(read_plan(site.plan).overpasses)
    return f"{number}/{number} overpasses"


def waiting(site: Site, *more: str) -> Waiting:
    """Submit and wait."""
    return _started(site, *site.submission("--wait", *more))


def resuming(site: Site) -> Waiting:
    """Resume and wait."""
    settings = str(site.plan.with_suffix(".settings.yaml"))
    return _started(site, "resume", str(site.plan), "--settings", settings, "--wait")


def cancelling(site: Site) -> Waiting:
    """Cancel, and wait until all is gone."""
    return _started(site, "cancel", str(site.plan), "--yes")


def _started(site: Site, *arguments: str) -> Waiting:
    account = f"{NAMESPACE}/berthwatch-submitter"
    own = site.world.kubeconfig(account, issue=f"{len(_STARTED)}")
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=site.folder,
        env=environment({**site.environment, "KUBECONFIG": str(own)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _STARTED.append(process)
    return Waiting(site, process)


@contextmanager
def run_once(folder: Path, days: tuple[int, ...]) -> Iterator[Site]:
    """A site whose job was run once, undisturbed."""
    with site(folder, days, berths=False) as made, seen_from_here(made.s3):
        done = made.submit("--wait", timeout=LIMIT_S)
        assert done.returncode == 0, done.stdout + done.stderr + made.world.describe()
        yield made


def end_waiting() -> None:
    """Kill whatever still waits."""
    for process in _STARTED:
        process.kill()
        process.communicate()
    _STARTED.clear()


def end_jobs(site: Site) -> None:
    """Delete the site's Jobs and wait until nothing of them is left."""
    for job in site.world.list("jobs"):
        site.world.delete("jobs", job["metadata"]["name"])
    site.world.wait_until(lambda: site.left() == [], 90)


def only_secret(found: Site) -> list[str]:
    """Objects left, without the Secret of a finished Job, which is deleted with the Job."""
    return [name for name in found.left() if not name.endswith("-tls")]


def row(event: str, code: int, recovered: bool, left: list[str], seen: str) -> None:
    """Print a line of the table."""
    nothing = "nothing" if not left else f"{len(left)}: {', '.join(left)}"
    print(f"\n{event} | {code} | {'yes' if recovered else 'no'} | {nothing} | {seen}")
