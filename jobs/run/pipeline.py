"""A whole run: the archive held, the journal kept, the work done, the results published."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from distributed import Client
from rich.console import Console

from jobs.archive.pool import Archives
from jobs.domain import Settings, StageName, UnitState
from jobs.errors import ClusterLostError
from jobs.plan import Plan
from jobs.run.backlog import Options
from jobs.run.cluster import vanishing
from jobs.run.committer import Summary
from jobs.run.events import Event, EventName, Observer, warner
from jobs.run.execute import run_units
from jobs.run.exit_codes import exit_code
from jobs.run.journal import kept_performance, logbook
from jobs.run.progress import display
from jobs.run.prometheus import metrics
from jobs.run.results import collect, publish_run
from jobs.run.settings import settings_for
from jobs.run.unit_state import standing
from jobs.storage import Storage, storage_at


@dataclass(frozen=True)
class Outcome:
    """How a whole run ended."""

    code: int
    """As ``berthwatch run`` exits: see ``codes``."""
    summary: Summary
    folder: str | None
    """Name of the published folder in the archive; None where nothing was published."""


def whole_run(
    plan: Plan,
    options: Options,
    cluster: AbstractContextManager[Client],
    console: Console,
    tell: Observer | None = None,
) -> Outcome:
    """Do what is missing of a plan and publish the results; ``tell`` hears every event too.

    The cluster is entered once the archive is held. A cluster that is lost, be it on the way in,
    and Ctrl-C are told in the outcome. Raises ArchiveError where the archive is held by another run
    or cannot be written, and ClusterError where the cluster cannot do this.
    """
    storage = storage_at(plan.archive)
    with (
        storage.locked(part=options.within is not None),
        logbook(storage, plan.name) as write,
    ):
        run = _Run(plan, options, storage, console, _both(write, tell))
        run.on(cluster)
        code = exit_code(run.summary)
        run.tell(Event(EventName.ENDED, {"exit": code, "done": run.summary.done}))
    return Outcome(code, run.summary, run.folder)


def _both(first: Observer, second: Observer | None) -> Observer:
    def observe(event: Event) -> None:
        first(event)
        if second is not None:
            second(event)

    return observe


class _Run:
    """One run and what comes of it."""

    def __init__(
        self, plan: Plan, options: Options, storage: Storage, console: Console, tell: Observer
    ) -> None:
        self.plan = plan
        self.options = options
        self.storage = storage
        self.console = console
        self.tell = tell
        self.settings: Settings = settings_for(plan)
        self.archives = Archives(plan.ports, storage)
        self.summary = Summary()
        self.folder: str | None = None
        self._worked = self._ended = False

    def on(self, cluster: AbstractContextManager[Client]) -> None:
        """Work and publish on a cluster; one that is lost is told in the summary."""
        try:
            with cluster as client, vanishing(client):
                self.summary = self._work(client)
                self._worked = True
                self._publish(client)
                self._ended = True
        except ClusterLostError as error:
            self._lost(error)

    def _lost(self, error: ClusterLostError) -> None:
        if self._ended:  # there was nothing left to do but to leave it
            warner(self.tell)(str(error))
            return
        if not self._worked:  # the counts of a run that did not come to its end
            self._count()
        self.summary.lost = str(error)
        self.tell(Event(EventName.LOST, {"reason": str(error)}))

    def _count(self) -> None:
        counts = standing(self.plan, self.archives, self.settings, self.options.within)
        self.summary.done = counts[UnitState.DONE]
        self.summary.failed = counts[UnitState.FAILED]
        self.summary.pending = counts.total() - self.summary.done - self.summary.failed

    def _work(self, client: Client) -> Summary:
        """Do what is missing, told to the person, the journal and Prometheus."""
        self.console.print(f"dashboard {client.dashboard_link}", highlight=False)
        with display(self.console) as watch, metrics(client, self.plan.name) as measure:
            observe = _both(_both(self.tell, watch), measure)
            with kept_performance(client, self.storage, self.plan.name, observe):
                return run_units(
                    self.plan, self.archives, self.settings, self.options, client, observe
                )

    def _publish(self, client: Client) -> None:
        """Publish what there is to publish; Ctrl-C meanwhile is told in the summary."""
        if not self._is_to_publish():
            return
        self.console.print("counting visits and estimating those that nobody saw")
        try:
            if self.options.within is None:
                self._collect_and_publish(client)
            else:
                with self.storage.publishing():
                    self._collect_and_publish(client)
        except KeyboardInterrupt:
            self.summary.interrupted = True

    def _is_to_publish(self) -> bool:
        """Whether there are results, and of a part's run whether it was the last of its plan."""
        whole = not (self.summary.interrupted or self.summary.lost)
        if not whole or self.options.last_stage is not StageName.SEGMENT:
            return False
        if self.options.within is None:
            return self.summary.done > 0
        # A fresh look: whoever commits last sees what all others have committed.
        counts = standing(self.plan, self.archives, self.settings)
        missing = counts[UnitState.PENDING] + counts[UnitState.STALE]
        if missing:
            self.console.print(
                f"{missing} overpasses of other parts are missing yet: the last part publishes"
            )
        return not missing and counts[UnitState.DONE] > 0

    def _collect_and_publish(self, client: Client) -> None:
        publication = collect(self.plan, self.archives, self.settings, self.storage, client)
        self.folder = publish_run(publication, self.archives, self.storage)
        self.tell(Event(EventName.PUBLISHED, {"folder": self.folder}))
