"""The process in a runner's pod: runs one partition of a run on a Dask cluster that it creates.

Its inputs are the run's record and its pod's environment. However it ends, it writes its logs and
a record of its end to the archive, and a summary to the container's termination message
(``kubectl describe pod``). An evicted runner keeps the cluster for its successor.
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import FrameType

from distributed import Client
from rich.console import Console

from jobs.archive import Archives
from jobs.domain import UnitState, code_version
from jobs.errors import (
    ArchiveInUseError,
    ArchiveTakenOverError,
    ArchiveUnreachableError,
    BerthwatchError,
    ClusterLostError,
    InputError,
    KubernetesError,
    KubernetesLostError,
)
from jobs.kubernetes.absence import ABSENCE_LIMIT_S, Absence
from jobs.kubernetes.api import Api, api_for
from jobs.kubernetes.attachments import Weights, uploaded_names, with_downloaded_files
from jobs.kubernetes.cluster_startup import started_cluster
from jobs.kubernetes.dask_cluster import make_cluster, remove_cluster
from jobs.kubernetes.logs import archive_logs, archiving_logs, wait_for_text
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.records import (
    PartitionRecord,
    now,
    partition_records,
    read_run,
    write_partition_record,
)
from jobs.kubernetes.spec import Run
from jobs.kubernetes.stopping import why_over
from jobs.kubernetes.waiting_partitions import others_wait
from jobs.plan import Plan, read_plan
from jobs.publish import published_doubts
from jobs.review import use_lines
from jobs.run import (
    AGREE,
    FINAL,
    ExitCode,
    Outcome,
    RunOptions,
    count_states,
    run_plan,
    settings_for,
    verify_sample,
    work_items,
)
from jobs.storage import Storage, storage_at

WHOM = "the runner"
"""Whom the API does not answer, in the runner's log, which others show beside their own words."""
REMOVAL_LIMIT_S = 900.0
"""Of an API that is away when a cluster has to be removed: what is left runs on, and costs."""
STOPPING_LIMIT_S = 30.0
"""The same within a pod's grace period."""
OTHER_RUNNER_POLL_S = 5.0
VERIFY_SEED = 0
"""Of the sample of overpasses to recompute."""


@dataclass(frozen=True)
class Pod:
    """The runner's pod, as its environment describes it."""

    name: str
    job_uid: str
    index: int
    termination_log: Path | None
    """File that Kubernetes reads as the container's termination message; None: not written."""


def pod_from(environment: Mapping[str, str]) -> Pod:
    """The pod of an environment; InputError where it is not a runner's."""
    try:
        return Pod(
            name=environment["POD_NAME"],
            job_uid=environment["BERTHWATCH_JOB_UID"],
            index=int(environment["JOB_COMPLETION_INDEX"]),
            termination_log=_path(environment.get("BERTHWATCH_TERMINATION_LOG")),
        )
    except KeyError as error:
        raise InputError(
            f"the environment has no {error}: `berthwatch runner` is the command in the pods of a "
            "submitted run; on a machine of your own use `berthwatch run`, or `berthwatch submit`"
        ) from None


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def run_partition(archive: str, job: str, run_id: str, pod: Pod, console: Console) -> int:
    """Run the pod's partition; returns the exit code, on which the Job's failure policy acts."""
    storage = storage_at(archive)
    run = read_run(storage, job, run_id)
    if run is None:
        raise InputError(f"{archive} has no record of run {run_id} of job {job}; submit it again")
    before = partition_records(storage, run).get(pod.index)
    if before is not None and before.exit in FINAL:
        console.print(f"ended before with exit code {before.exit}", highlight=False)
        return before.exit
    api = api_for(namespace=run.namespace)
    with sigterm_as_interrupt() as stop, archiving_logs(api, storage, run, pod.index):
        runner = _Runner(run, pod, storage, api, console, stop)
        ended = runner.ended()
        summary = _write_summary(ended, pod, console)
        if ended.exit != ExitCode.TERMINATED:
            write_partition_record(storage, run, ended)
        with suppress(KeyboardInterrupt):  # stopped when all is done
            runner.await_api()
            wait_for_text(api, pod.name, summary.partition(";")[0])
    return ended.exit


@contextmanager
def sigterm_as_interrupt() -> Iterator[Event]:
    """Raise KeyboardInterrupt at SIGTERM, by which Kubernetes ends a pod, and set the event.

    Finished overpasses are then committed, as after Ctrl-C.
    """
    stop = Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        stop.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _write_summary(ended: PartitionRecord, pod: Pod, console: Console) -> str:
    text = "; ".join(part for part in (_counts_text(ended), ended.reason) if part)
    text = f"exit {ended.exit}: {text}"
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    if pod.termination_log is not None:
        pod.termination_log.write_text(text[:4000])
    return text


def _counts_text(ended: PartitionRecord) -> str:
    """Empty where it was stopped before anything was counted."""
    if ended.exit == ExitCode.TERMINATED and not ended.done + ended.failed + ended.pending:
        return ""
    left = f", {ended.pending} left" if ended.pending else ""
    return f"{ended.done} done, {ended.failed} failed{left}"


class _Runner:
    """One attempt at a partition."""

    def __init__(
        self, run: Run, pod: Pod, storage: Storage, api: Api, console: Console, stop: Event
    ) -> None:
        self.run = run
        self.stop = stop
        self.pod = pod
        self.storage = storage
        self.api = api
        self.console = console
        self.began = now()
        self._absence = Absence(self._say, whom=WHOM)
        """One for all that is asked, so that an absence is told once."""
        self._counted: dict[str, object] = {}
        """What was counted at each port, on whatever cluster."""
        self._may_have_left_one = True
        """Whether an earlier runner may have left a cluster that no one else removes."""

    @property
    def partition(self) -> Partition:
        return self.run.partitions[self.pod.index]

    def ended(self) -> PartitionRecord:
        """Run the partition; errors become the record of its end."""
        ended = self._attempt()
        with suppress(BerthwatchError):  # else it is deleted with the Job, or when idle
            if ended.exit == ExitCode.LOST:
                self._remove_cluster_unless_next()
            elif ended.exit in (ExitCode.DONE, ExitCode.FAILED) and self._may_have_left_one:
                self._remove_cluster()
        return ended

    def _attempt(self) -> PartitionRecord:
        try:
            with TemporaryDirectory(prefix="berthwatch-") as folder:
                return self._do(Path(folder))
        except KeyboardInterrupt:
            return self._stopped(counts=(0, 0, 0))
        except (ClusterLostError, ArchiveUnreachableError) as error:  # another attempt may do
            return self._ended(ExitCode.LOST, reason=str(error))
        except ArchiveTakenOverError as error:  # the cluster and the record are the other runner's
            return self._ended(ExitCode.TERMINATED, reason=str(error))
        except BerthwatchError as error:
            with suppress(KubernetesError):  # else it is deleted with the Job, or when idle
                self._remove_cluster()
            return self._ended(ExitCode.REFUSED, reason=str(error))
        except Exception as error:  # recorded, whatever it is
            traceback.print_exc()
            return self._ended(ExitCode.INTERNAL_ERROR, reason=f"{type(error).__name__}: {error}")

    def _do(self, folder: Path) -> PartitionRecord:
        self._check_code()
        pinned = read_plan(self.storage.local(self.run.plan_name))
        plan = with_downloaded_files(pinned, self.storage, self.run.folder, folder)
        self._check_model(plan)
        if self.run.verify is not None:
            return self._verify(plan, self.run.verify)
        if self._nothing_to_do(plan):
            return self._ended(ExitCode.DONE, counts=self._counts(plan), reason="")
        return self._work(plan)

    def _work(self, plan: Plan) -> PartitionRecord:
        """The partition's work, once no other runner of it is at work any more."""
        told = False
        while True:
            try:
                return self._done(plan)
            except ArchiveInUseError as error:
                if not self._is_mine(error.holder):
                    raise
                if not told:
                    self._say(
                        f"another runner of this partition, {error.holder}, still works although "
                        "its node was declared gone: waiting for its end"
                    )
                    told = True
            time.sleep(OTHER_RUNNER_POLL_S)
            ended = partition_records(self.storage, self.run).get(self.pod.index)
            if ended is not None and ended.exit in FINAL:
                self._may_have_left_one = False  # the other has seen to it
                return ended

    def _is_mine(self, holder: str) -> bool:
        """Whether who holds the archive's lock is a runner of this partition."""
        return holder.startswith(f"pod {self.run.id}-{self.pod.index}-")

    def _done(self, plan: Plan) -> PartitionRecord:
        outcome = self._outcome(plan)
        summary = outcome.summary
        counts = (summary.done, summary.failed, summary.pending)
        if summary.interrupted:
            return self._stopped(counts)
        for line in (*use_lines(outcome.reviews), *self._doubts(outcome.folder)):
            self._say(line)
        reason = summary.lost or "; ".join(f"{n} x {r}" for r, n in summary.reasons.most_common(3))
        return self._ended(outcome.code, counts=counts, reason=reason, published=outcome.folder)

    def _outcome(self, plan: Plan) -> Outcome:
        """A run of the partition. Where its cluster is lost while visits are counted, it goes on
        with what was counted, once the lost scheduler is replaced; a cluster that counts nothing
        is the last.
        """
        while True:
            counted = len(self._counted)
            outcome = run_plan(plan, self._options(), self._cluster(plan), self.console)
            lost = outcome.summary.lost
            if not lost or outcome.summary.interrupted or len(self._counted) == counted:
                return outcome
            self._say(
                f"{lost}; the visits of {len(self._counted)} of {len(plan.ports)} ports are "
                "counted and kept: waiting for the cluster that takes its place"
            )

    def _doubts(self, folder: str | None) -> list[str]:
        """What may be doubted of the results in a folder; nothing where none were published."""
        return [] if folder is None else published_doubts(self.storage, folder)

    def _stopped(self, counts: tuple[int, int, int]) -> PartitionRecord:
        """The end by SIGTERM; the cluster goes too where no other runner will follow."""
        try:
            why = why_over(self.api, self.storage, self.run)
            follows = why or "another runner goes on"
        except BerthwatchError as error:  # a successor may come, and needs the cluster
            why, follows = "", f"whether another runner follows is not known ({error})"
        if why:
            with suppress(KubernetesError):  # else it is deleted with the Job, or when idle
                self._remove_cluster(STOPPING_LIMIT_S)
        reason = f"stopped by SIGTERM; {follows}"
        return self._ended(ExitCode.TERMINATED, counts=counts, reason=reason)

    def _options(self) -> RunOptions:
        return RunOptions(
            retry_failed=self.run.retry_failed,
            without_workers_s=self.run.settings.start_timeout_s,
            within=self.partition.period,
            use_reviews=self.run.use_reviews,
            keep_counts=self._counted,
        )

    @contextmanager
    def _cluster(self, plan: Plan) -> Iterator[Client]:
        """The partition's cluster, created or adopted; removed unless another runner follows."""
        run, index = self.run, self.pod.index
        self._may_have_left_one = False
        self._absence.limit_s = ABSENCE_LIMIT_S
        self._absence.bear(lambda: make_cluster(self.api, run, index, self.pod.job_uid))
        with started_cluster(self.api, run, index, self._say, self._absence) as client:
            self._share_weights(client, plan)
            yield client
            connected = client.status == "running"
        if connected and not self.stop.is_set():
            self._leave_cluster()

    def _leave_cluster(self) -> None:
        """Remove it; what was done on it stays done where the API is away for too long."""
        try:
            self._remove_cluster()
        except KubernetesLostError as error:
            self._say(
                f"the work is done, and the Dask cluster is left: {error}; it goes once it has "
                f"idled for {self.run.settings.idle_timeout_s} s, or with the run's Job"
            )

    def _share_weights(self, client: Client, plan: Plan) -> None:
        """Have every worker download weights that the plan names by path."""
        if plan.model is not None:
            name = uploaded_names(plan, self.storage, self.run.folder)["model"]
            client.register_plugin(Weights(self.storage, name, plan.model))

    def _remove_cluster(self, limit_s: float = REMOVAL_LIMIT_S) -> None:
        """Archive the logs of the cluster's pods, then remove it; an API that is away is borne."""
        self._absence.limit_s = limit_s
        self._absence.bear(self._archive_logs)
        self._absence.bear(lambda: remove_cluster(self.api, self.run, self.pod.index))

    def await_api(self) -> None:
        """Wait until the API answers: from there the archive gets the last words."""
        if self.stop.is_set():  # the time of grace runs
            return
        self._absence.limit_s = REMOVAL_LIMIT_S
        with suppress(KubernetesError):
            self._absence.bear(lambda: self.api.log(self.pod.name))

    def _archive_logs(self) -> None:
        """Of the cluster's pods; KubernetesLostError while the API is away."""
        try:
            archive_logs(self.api, self.storage, self.run, self.pod.index)
        except KubernetesLostError:
            raise
        except BerthwatchError as error:  # most of them may be archived by then
            self._say(f"the cluster's last log lines are not kept: {error}")

    def _remove_cluster_unless_next(self) -> None:
        """Remove a lost cluster where this partition's next runner has to wait for its turn: what
        is left of it would idle meanwhile, and take the room of the one that takes its place.
        """
        if others_wait(self.storage, self.run, self.pod.index):
            self._remove_cluster()

    def _verify(self, plan: Plan, sample: int) -> PartitionRecord:
        with self._cluster(plan) as client:
            rows = verify_sample(plan, self.storage, sample, VERIFY_SEED, client)
        content = json.dumps(rows, indent=2).encode() + b"\n"
        self.storage.write(f"{self.run.folder}/verified.json", content)
        other = [f"{row['overpass']} {row['result']}" for row in rows if row["result"] not in AGREE]
        for text in other:
            self._say(text)
        reason = f"{len(other)} of {len(rows)} are not equal: {other[0]}" if other else ""
        counts = (len(rows) - len(other), len(other), 0)
        code = ExitCode.FAILED if other else ExitCode.DONE
        return self._ended(code, counts=counts, reason=reason)

    # --- before anything is made ----------------------------------------------------------------

    def _check_code(self) -> None:
        here = code_version()
        if here != self.run.identity.code:
            raise InputError(
                f"the image holds Berthwatch {here}, the run was submitted for "
                f"{self.run.identity.code}: submit it with --code {here} if that is what you "
                "want, or give the image made from that version"
            )

    def _check_model(self, plan: Plan) -> None:
        here = settings_for(plan).model_digest
        if here != self.run.identity.model:
            raise InputError(
                f"the weights in the image have the digest {here[:12]}, the run was submitted for "
                f"{self.run.identity.model[:12]}: give the image made from that version"
            )

    def _nothing_to_do(self, plan: Plan) -> bool:
        """Whether a partition is finished while others are not: no cluster is needed then."""
        settings, archives = settings_for(plan), Archives(plan.ports, self.storage)
        if self.partition.period is None:
            return False
        if next(work_items(plan, archives, settings, self._options()), None) is not None:
            return False
        whole = count_states(plan, archives, settings)
        return bool(whole[UnitState.PENDING] or whole[UnitState.STALE])

    def _counts(self, plan: Plan) -> tuple[int, int, int]:
        settings, archives = settings_for(plan), Archives(plan.ports, self.storage)
        states = count_states(plan, archives, settings, self.partition.period)
        done, failed = states[UnitState.DONE], states[UnitState.FAILED]
        return done, failed, states.total() - done - failed

    # --- output ---------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        """A line of the log, however long: who waits for the run knows it again."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _ended(
        self,
        code: ExitCode,
        reason: str,
        counts: tuple[int, int, int] = (0, 0, 0),
        published: str | None = None,
    ) -> PartitionRecord:
        done, failed, pending = counts
        return PartitionRecord(
            index=self.pod.index,
            exit=int(code),
            done=done,
            failed=failed,
            pending=pending,
            reason=reason,
            began=self.began,
            ended=now(),
            code=code_version(),
            pod=self.pod.name,
            submitted=self.run.submitted,
            published=published,
        )


def run_in_pod(archive: str, job: str, run_id: str, console: Console) -> int:
    """``run_partition`` in the pod of this process."""
    return run_partition(archive, job, run_id, pod_from(os.environ), console)
