"""Commands on worlds whose truth is known: simulate and demo."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.destinations import folder_to_make
from jobs.cli.options import ClusterOption, WorkersOption
from jobs.cli.output import err, out, say, show
from jobs.cli.plan import pinned
from jobs.cli.program import command_app
from jobs.cli.run import run_and_report
from jobs.run import ExitCode, RunOptions

app = command_app()

RADARS = ("sentinel-1-rtc", "sentinel-1-grd")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; expected one such as 2024-03-01") from error


@app.command()
def simulate(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", parser=folder_to_make, help="Folder to make."
        ),
    ],
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another world.")] = 1,
    port: Annotated[
        list[str] | None, typer.Option("--port", help="Bundled id or GeoJSON; may be repeated.")
    ] = None,
    harbours: Annotated[
        int,
        typer.Option(
            "--harbours",
            min=0,
            help="So many harbours drawn by lot instead of ports: scenes to train on.",
        ),
    ] = 0,
    start: Annotated[
        date | None,
        typer.Option(
            "--start", metavar="YYYY-MM-DD", parser=_day, help="First day; 2024-03-01 unless said."
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1)] = 30,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            "--sensor",
            help="Whose images: sentinel-2-l2a unless said, landsat-c2-l2 every eight days, "
            "planetscope-sr, sentinel-1-rtc or sentinel-1-grd; one of the two of radar may stand "
            "beside another: both see the same ships.",
        ),
    ] = None,
    cloud: Annotated[float, typer.Option("--cloud", help="Mean cloudy share, 0 to 1.")] = 0.35,
) -> None:
    """Make a valid STAC archive of synthetic port scenes, with its truth and a job file."""
    from jobs.simulate import SimulationConfig

    defaults = SimulationConfig()
    first, beside = _sensors(sensor or [defaults.sensor])
    config = SimulationConfig(
        seed=seed,
        sensor=first,
        with_radar=beside is not None,
        beside=beside or defaults.beside,
        revisit_days=(8,) if first == "landsat-c2-l2" else defaults.revisit_days,
        ports=tuple(port) if port else defaults.ports,
        harbours=harbours,
        start=start or defaults.start,
        days=days,
        cloud_share=cloud,
    )
    _simulate(config, output)
    out.print(f"now: berthwatch run {output / 'job.yaml'}", highlight=False)


def _sensors(names: list[str]) -> tuple[str, str | None]:
    """The sensor, and the radar's product that is made beside it."""
    others = [name for name in names if name not in RADARS]
    radars = [name for name in names if name in RADARS]
    if len(others) > 1 or len(radars) > 1:
        raise typer.BadParameter(
            f"--sensor {', '.join(names)}; expected one, or one and {' or '.join(RADARS)} beside it"
        )
    return (others or radars)[0], radars[0] if others and radars else None


def _simulate(config: Any, output: Path) -> None:
    from jobs.simulate import simulate_archive

    with err.status("simulating ...") as status:
        made = simulate_archive(config, output, status.update if err.is_terminal else say)
    err.print(
        f"{made.items} items of {made.overpasses} passes over {made.ports} ports, "
        f"{made.visits} visits, {made.size_bytes / 1e6:.0f} MB in {output}"
    )


@app.command()
def demo(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", parser=folder_to_make, help="Folder for all of it."
        ),
    ] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another world.")] = 1,
    days: Annotated[int, typer.Option("--days", min=1, help="How long to watch.")] = 24,
    cluster: ClusterOption = "local",
    workers: WorkersOption = None,
) -> None:
    """Simulate two ports, run the whole job on them, compare with the truth. Offline.

    Takes a few minutes on two cores; run it again and it goes on, or shows what is there.
    """
    from jobs.publish import newest_results
    from jobs.simulate import SimulationConfig

    if not (output / "catalog.json").exists():
        _simulate(SimulationConfig(seed=seed, days=days), output)
    found = pinned(output / "job.yaml")
    code = run_and_report(found, RunOptions(), cluster, workers, as_json=False)
    if code == ExitCode.DONE:
        storage, newest = newest_results(output / "job.yaml")
        _compare(storage.local(newest), output / "truth")
    raise typer.Exit(code)


def _compare(published: Path, truth: Path) -> None:
    from jobs.simulate import score_results

    score, visits = score_results(published, truth)
    out.print()
    show(visits, False, "no visit in the truth")
    out.print(
        f"vessels: {score.true_positives} found, {score.false_negatives} missed, "
        f"{score.false_positives} false; "
        f"precision {score.precision:.2f}, recall {score.recall:.2f}, "
        f"mean length error {score.length_error_m:.0f} m",
        highlight=False,
        soft_wrap=True,
    )
    out.print(
        "A visit between two passes or under cloud cannot be seen, and the detector misses some of "
        "the rest: the estimate is for all of them, the interval says how sure it is.",
        style="dim",
    )
