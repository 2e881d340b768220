"""A whole run: lock the archive, keep the journal, do the work, publish the results."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from time import process_time

from distributed import Client
from rich.console import Console

from jobs.archive import Archives
from jobs.domain import Json, Settings, StageName, UnitState
from jobs.errors import ArchiveError, ClusterLostError
from jobs.plan import Plan, keep_cpu_factor
from jobs.publish import published_units
from jobs.run.backlog import RunOptions, work_items
from jobs.run.cluster import raising_cluster_lost, workers_memory
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.execute import count_units, run_units
from jobs.run.exit_codes import ExitCode, exit_code
from jobs.run.identity import JobState, job_state
from jobs.run.journal import kept_performance, run_journal
from jobs.run.progress import display
from jobs.run.prometheus import metrics
from jobs.run.results import cargo_entries, collect, publish_run, published_before
from jobs.run.reviews import decisions_of, published_use
from jobs.run.settings import settings_for
from jobs.run.summary import Summary
from jobs.run.unit_state import count_states
from jobs.storage import Storage, storage_at


@dataclass(frozen=True)
class Outcome:
    """How a whole run ended."""

    code: ExitCode
    """The exit code of ``berthwatch run``."""
    summary: Summary
    folder: str | None
    """Name of the published folder in the archive; None where nothing was published."""
    reviews: Mapping[str, Json] | None = None
    """Decisions of reviewers that the published numbers use, and that they do not; None without."""


def run_plan(
    plan: Plan,
    options: RunOptions,
    cluster: AbstractContextManager[Client],
    console: Console | None = None,
    observe: Observer | None = None,
) -> Outcome:
    """Do what is missing of a plan and publish the results; every event goes to the journal and to
    ``observe``.

    ``cluster`` is what ``connect`` returns, or ``nullcontext(client)`` for a Dask client of one's
    own; it is entered once the archive is locked. Progress goes to ``console``, standard error
    where there is none. The outcome says whether the cluster was
    lost, even on entering it, or Ctrl-C pressed. Raises ArchiveError where the archive is locked by
    another run or cannot be written, and ClusterError where the cluster cannot do this.
    """
    storage = storage_at(plan.archive)
    with (
        storage.locked(_part(options)),
        run_journal(storage, plan.name) as write,
    ):
        run = _Run(plan, options, storage, console or Console(stderr=True), _both(write, observe))
        run.on(cluster)
        summary = run.summary()
        code = exit_code(summary)
        run.observe(_ended(code, summary))
    return Outcome(code, summary, run.folder, run.reviews)


def _ended(code: ExitCode, summary: Summary) -> Event:
    facts: Facts = {"exit": int(code), "done": summary.done, "cpu_s": round(process_time(), 3)}
    if summary.cpu_factor is not None:
        facts["cpu_factor"] = round(summary.cpu_factor, 3)
    return Event(EventName.ENDED, facts)


def _part(options: RunOptions) -> str:
    """Name of the part of a backfill that a run does; empty where it does all of the plan."""
    within = options.within
    return "" if within is None else f"{within.start}..{within.end}"


def _both(first: Observer, second: Observer | None) -> Observer:
    def observe(event: Event) -> None:
        first(event)
        if second is not None:
            second(event)

    return observe


class _Run:
    """One run of a plan."""

    def __init__(
        self, plan: Plan, options: RunOptions, storage: Storage, console: Console, observe: Observer
    ) -> None:
        self.plan = plan
        self.options = options
        self.storage = storage
        self.console = console
        self.observe = observe
        self.settings: Settings = settings_for(plan)
        self.archives = Archives(plan.ports, storage)
        self.folder: str | None = None
        self.reviews: Mapping[str, Json] | None = None
        self._units: Summary | None = None
        """Of the work on units; None until that has come to its end."""
        self._interrupted = False
        """By Ctrl-C, while publishing."""
        self._lost = ""
        """Why the cluster counts as lost, outside the work on units."""

    def on(self, cluster: AbstractContextManager[Client]) -> None:
        """Work and publish on a cluster; its loss is reported and goes into the summary.

        The cluster is not entered where nothing is to do.
        """
        if self._has_nothing_to_do():
            return
        ended = False
        try:
            with cluster as client, raising_cluster_lost(client):
                self._units = self._work(client)
                self._keep_cpu_factor(self._units)
                self._publish(client, self._units)
                ended = True
        except ClusterLostError as error:
            if ended:  # only leaving the cluster failed
                warner(self.observe)(str(error))
                return
            self._lost = str(error)
            self.observe(Event(EventName.LOST, {"reason": str(error)}))

    def _has_nothing_to_do(self) -> bool:
        """Whether every unit is at its end and the results are published, whole and unharmed."""
        if self.options.last_stage is not StageName.SEGMENT:
            return False
        newest = published_units(self.storage, self.plan.name)
        if newest is None or newest.pending:  # a hint alone, that spares a look at every unit
            return False
        if any(work_items(self.plan, self.archives, self.settings, self.options)):
            return False
        self.folder = self._published_before(self._state())
        if self.folder is None:
            return False
        with display(self.console) as show:
            count_units(
                self.plan, self.archives, self.settings, self.options, _both(self.observe, show)
            )
        self.console.print(f"nothing to do: {self.folder.rpartition('/')[2]}", highlight=False)
        return True

    def summary(self) -> Summary:
        """What the run did and what is left, the archive counted where the work was cut off."""
        units = self._units or self._counted()
        return replace(
            units,
            interrupted=units.interrupted or self._interrupted,
            lost=self._lost or units.lost,
        )

    def _counted(self) -> Summary:
        counts = count_states(self.plan, self.archives, self.settings, self.options.within)
        done, failed = counts[UnitState.DONE], counts[UnitState.FAILED]
        return Summary(done=done, failed=failed, pending=counts.total() - done - failed)

    def _work(self, client: Client) -> Summary:
        """Do what is missing; events also go to the console and to Prometheus."""
        self.console.print(f"dashboard {client.dashboard_link}", highlight=False)
        memory = partial(workers_memory, client)
        with display(self.console, memory) as show, metrics(client, self.plan.name) as measure:
            observe = _both(_both(self.observe, show), measure)
            with kept_performance(client, self.storage, self.plan.name, observe):
                return run_units(
                    self.plan, self.archives, self.settings, self.options, client, observe
                )

    def _keep_cpu_factor(self, units: Summary) -> None:
        if units.cpu_factor is None:
            return
        try:
            keep_cpu_factor(self.storage, self.plan.name, units.cpu_factor, units.cpu_measured)
        except ArchiveError as error:  # the next plan does without
            warner(self.observe)(str(error))

    def _publish(self, client: Client, units: Summary) -> None:
        """Publish the results where there are any; Ctrl-C meanwhile marks the run interrupted."""
        if not self._is_to_publish(units):
            return
        try:
            if self.options.within is None:
                self._collect_and_publish(client)
            else:
                with self.storage.publishing():
                    self._collect_and_publish(client)
        except KeyboardInterrupt:
            self._interrupted = True

    def _is_to_publish(self, units: Summary) -> bool:
        """Whether there are results, and of a part's run whether it was the last of its plan."""
        if units.interrupted or units.lost or self.options.last_stage is not StageName.SEGMENT:
            return False
        if self.options.within is None:
            return units.done > 0
        # Counted anew: the part that commits last finds the commits of all others.
        counts = count_states(self.plan, self.archives, self.settings)
        missing = counts[UnitState.PENDING] + counts[UnitState.STALE]
        if missing:
            self.console.print(
                f"{missing} overpasses of other parts are missing yet: the last part publishes"
            )
        return not missing and counts[UnitState.DONE] > 0

    def _collect_and_publish(self, client: Client) -> None:
        state = self._state()
        self.folder = self._published_before(state)
        if self.folder is not None:
            self.console.print(f"results {state.tag} are there already", highlight=False)
            return
        with display(self.console, partial(workers_memory, client)) as show:
            self._count_and_publish(client, state, show)

    def _count_and_publish(self, client: Client, state: JobState, show: Observer) -> None:
        # what workers tell comes from another thread, and is for the display alone
        def observe(event: Event) -> None:
            show(event)
            if event.name is not EventName.COUNTING:
                self.observe(event)

        publication = collect(
            self.plan,
            self.archives,
            self.settings,
            self.storage,
            client,
            state,
            observe,
            without_workers_s=self.options.without_workers_s,
            keep_counts=self.options.keep_counts,
        )
        self.reviews = publication.reviews
        observe(Event(EventName.STAGE, {"stage": "writing results"}))
        self.folder = publish_run(publication, self.archives, self.storage)
        observe(Event(EventName.PUBLISHED, {"folder": self.folder}))

    def _state(self) -> JobState:
        use_reviews = self.options.use_reviews and self.plan.reviews.use
        said = decisions_of(self.plan, self.storage, use_reviews)
        return job_state(self.plan, self.archives, self.settings, cargo_entries(self.plan), said)

    def _published_before(self, state: JobState) -> str | None:
        folder = published_before(self.plan, state, self.archives, self.storage, self._warn)
        if folder is not None:
            self.reviews = published_use(self.storage, folder)
        return folder

    def _warn(self, reason: str) -> None:
        warner(self.observe)(reason)
        self.console.print(f"warning: {reason}", markup=False, highlight=False, soft_wrap=True)
