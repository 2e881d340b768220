"""Commands that start a run on Kubernetes: submit, resume, and the runner of its pods."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import (
    ContextOption,
    Form,
    JobOrPlan,
    JobOrRun,
    NamespaceOption,
    OutputForm,
    Replan,
    RunOption,
    WithoutReviews,
)
from jobs.cli.output import err, say
from jobs.cli.plan import pinned
from jobs.cli.program import command_app
from jobs.cli.replan import keep_former_inputs
from jobs.cli.submit_view import run_facts, say_state, show_dry_run, show_run
from jobs.domain import Period, code_version, read_text
from jobs.errors import ClusterLostError, InputError, KubernetesLostError
from jobs.kubernetes import (
    CONFIG_MAPS,
    DEFAULT_NAMESPACE,
    WHOLE,
    Api,
    ClusterSettings,
    Partition,
    Run,
    SubmissionState,
    api_for,
    cancel_run,
    checked_image,
    checked_namespace,
    covered,
    find_run,
    make_partitions,
    make_run,
    read_settings,
    resized,
    sliced,
    submit_run,
    wait_for_run,
)
from jobs.plan import Plan, read_plan
from jobs.run import ExitCode, review_lines, settings_for
from jobs.storage import storage_at

CONFIG_MAP = "berthwatch"
SETTINGS_KEY = "settings.yaml"
FORMS = ("text", "json", "yaml")
CANCEL_S = 120.0
"""Limit for the deletion of a run that never started, seconds."""

Output = Annotated[
    str,
    typer.Option("--output", "-o", help="`text`, `json`, or with --dry-run `yaml`: manifests."),
]
Settings = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        help="Settings of the cluster, instead of those in its ConfigMap `berthwatch`.",
    ),
]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Show the run's progress and exit with its code. Ctrl-C leaves."),
]


app = command_app()


@app.command()
def submit(
    source: JobOrPlan,
    backfill: Annotated[
        str | None,
        typer.Option(
            metavar="FROM..TO", help="Do these years, months or days in parts, as 2017..2024."
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="What a part is: year, quarter or month.")] = "year",
    some: Annotated[
        str | None,
        typer.Option(
            "--slice", metavar="A:B:C", help="Only some of the parts, as 1::10: the 2nd, 12th, ..."
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option(min=1, help="Parts at once, each on a cluster of its own.")
    ] = 1,
    verify: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Recompute N overpasses and compare the bytes."),
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Instead of the settings' image, NAME@sha256:...")
    ] = None,
    unpinned: Annotated[
        bool, typer.Option("--unpinned", help="Accept images by tag: not reproducible.")
    ] = False,
    code: Annotated[
        str | None,
        typer.Option(help="Code version that the image holds; this machine's unless given."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="CPU workers, instead of as many as the plan needs.")
    ] = None,
    settings: Settings = None,
    again: Annotated[
        bool, typer.Option("--again", help="Run once more what has ended: what is missing then.")
    ] = False,
    replan: Replan = False,
    without_reviews: WithoutReviews = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be created, and create nothing.")
    ] = False,
    wait: Wait = False,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: Output = "text",
) -> None:
    """Do a job on Kubernetes: one Job, which makes its own Dask cluster and removes it.

    The same plan, settings of the work, code and images are the same run: submitted twice, it runs
    once; when it has finished, nothing is done. Needs the dask-kubernetes operator and
    `kubectl apply -k infra/kubernetes/overlays/...` once (docs/kubernetes.md).

    With --wait the exit code is the run's: 0 all done; 1 some overpasses failed; 2 refused, or it
    could not start; 3 the cluster was lost too often; 130 cancelled, or no longer waited for.
    """
    _check_form(output, dry_run)
    if verify is not None and without_reviews:
        raise InputError(
            "--verify compares the bytes of overpasses, in which no decision of a reviewer counts; "
            "leave --without-reviews out"
        )
    found, parts = _what(source, replan, backfill, by, some, pin=not dry_run)
    api = None if dry_run and settings is not None else _api(context, namespace)
    chosen = _settings(settings, api, image)
    run = make_run(
        found,
        chosen,
        _namespace(api, namespace),
        parts,
        settings_for(found).model_digest,
        code or chosen.code or code_version(),
        parallel=parallel,
        workers=workers,
        verify=verify,
        use_reviews=not without_reviews,
        unpinned=unpinned,
    )
    if dry_run:
        show_dry_run(run, found, output)
        return
    assert api is not None
    _begin(api, found, run, again=again, wait=wait, output=output)


@app.command()
def resume(
    source: JobOrRun,
    run_id: RunOption = None,
    settings: Settings = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="CPU workers, instead of as many as before.")
    ] = None,
    wait: Wait = False,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: OutputForm = Form.TEXT,
) -> None:
    """Resume a run on Kubernetes that ended, failed or was cancelled: only what is missing.

    Overpasses that failed are tried again. The run, its plan and its images stay what they were;
    sizes, limits and nodes are those of the cluster's settings now.
    """
    storage, before = find_run(source, run_id, context, namespace, say)
    api = _api(context, namespace or before.namespace)
    run = resized(before, _settings(settings, api, None), workers)
    found = read_plan(storage.local(run.plan_name))
    _begin(api, found, run, again=True, wait=wait, output=output)


@app.command(hidden=True)
def runner(archive: str, job: str, run_id: str) -> None:
    """Run one partition of a submitted run: the command in the pods of its Job."""
    from jobs.kubernetes import run_in_pod  # with all that computes

    raise typer.Exit(run_in_pod(archive, job, run_id, err))


# --- plan and settings --------------------------------------------------------------------------


def _what(
    source: Path, replan: bool, backfill: str | None, by: str, some: str | None, pin: bool
) -> tuple[Plan, tuple[Partition, ...]]:
    """The pinned plan and its partitions; a backfill's range is the period of the pinned job."""
    if backfill is None:
        if some is not None:
            raise InputError("--slice takes parts of a backfill; add --backfill, as 2017..2024")
        if replan and pin:
            keep_former_inputs(source)
        return pinned(source, replan, pin=pin), (WHOLE,)
    period: Period = covered(backfill)
    found = pinned(source, replan, period, pin=pin)
    parts = make_partitions(backfill, by, found.period)
    return found, parts if some is None else sliced(parts, some)


def _api(context: str | None, namespace: str | None) -> Api:
    return api_for(context, None if namespace is None else checked_namespace(namespace))


def _namespace(api: Api | None, namespace: str | None) -> str:
    return api.namespace if api is not None else namespace or DEFAULT_NAMESPACE


def _settings(path: Path | None, api: Api | None, image: str | None) -> ClusterSettings:
    if path is not None:
        text = read_text(path, "settings (YAML as in infra/kubernetes/base/settings.yaml)")
        found = read_settings(text, str(path))
    else:
        assert api is not None
        found = read_settings(_config_map(api), f"ConfigMap {CONFIG_MAP}, {SETTINGS_KEY}")
    return found if image is None else replace(found, image=checked_image(image))


def _config_map(api: Api) -> str:
    found = api.patient(say).find(CONFIG_MAPS, CONFIG_MAP)
    text = ((found or {}).get("data") or {}).get(SETTINGS_KEY)
    if text is None:
        raise InputError(
            f"namespace {api.namespace} has no ConfigMap {CONFIG_MAP!r} with {SETTINGS_KEY}; set "
            "it up with `kubectl apply -k infra/kubernetes/overlays/...`, choose another "
            "--namespace, or give --settings FILE"
        )
    return str(text)


def _check_form(output: str, dry_run: bool) -> None:
    if output not in FORMS:
        raise InputError(f"no output {output!r}; expected one of {', '.join(FORMS)}")
    if output == "yaml" and not dry_run:
        raise InputError("-o yaml prints manifests; expected --dry-run with it")


# --- submitting and waiting ---------------------------------------------------------------------


def _begin(api: Api, found: Plan, run: Run, *, again: bool, wait: bool, output: str) -> None:
    """Submit, print the result, and wait with ``wait``; raises typer.Exit with the exit code."""
    pinned_now = None if run.retry_failed else found
    storage = storage_at(run.archive)
    try:
        submitted = submit_run(api.patient(say), storage, pinned_now, run, again)
    except KubernetesLostError as error:
        raise ClusterLostError(f"{error}; the same command goes on where it stopped") from error
    if output == "text":
        show_run(submitted.run, found)
        say_state(submitted)
        if submitted.state is SubmissionState.FINISHED and run.use_reviews:
            for line in review_lines(found, storage):
                say(line)
    facts = {**run_facts(submitted.run, found), "state": submitted.state}
    if wait and submitted.state in (SubmissionState.SUBMITTED, SubmissionState.RUNNING):
        code, reason = _waited(api, submitted.run)
        facts |= {"state": "ended", "exit": code, "reason": reason}
    else:
        failed = submitted.state in (SubmissionState.FAILED, SubmissionState.CANCELLED)
        code = ExitCode.FAILED if failed else ExitCode.DONE
    if output == "json":
        typer.echo(json.dumps(facts, indent=2))
    raise typer.Exit(code)


def _waited(api: Api, run: Run) -> tuple[ExitCode, str]:
    """The run's exit code and its cause; a run that never started is cancelled."""
    storage = storage_at(run.archive)
    try:
        result = wait_for_run(api, storage, run, say)
    except KeyboardInterrupt:
        say(f"stopped waiting; the run goes on: berthwatch status {run.id} -n {run.namespace}")
        return ExitCode.INTERRUPTED, "stopped waiting"
    if result.reason:
        say(result.reason)
    if not result.started:
        cancelled = cancel_run(api.patient(say), storage, run, CANCEL_S, say)
        left = f"still there: {', '.join(cancelled.left)}" if cancelled.left else "nothing is left"
        say("; ".join((f"cancelled: {left}", *cancelled.notes)))
    return result.code, result.reason
