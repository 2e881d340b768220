"""The two commands of SLURM that dask-jobqueue calls, for jobs that are processes of this machine.

``sbatch`` really starts the job script, which the walltime ends as SLURM does: SIGTERM, then
SIGKILL; ``scancel`` ends it likewise.
"""

from __future__ import annotations

from pathlib import Path

SBATCH = """#!/bin/sh
limit=$(sed -n 's/^#SBATCH -t 00:\\([0-9]*\\):\\([0-9]*\\)$/\\1 \\2/p' "$1")
set -- "$1" $limit
cp "$1" "{folder}/job-$$.sh"
setsid timeout --kill-after=5 $((${{2#0}} * 60 + ${{3#0}})) sh "{folder}/job-$$.sh" \\
    >"{folder}/job-$$.out" 2>&1 &
echo $! >>"{folder}/jobs"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -TERM -- "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null || true
"""


def jobs(folder: Path) -> list[str]:
    """The numbers of all jobs that were started, in order."""
    file = folder / "jobs"
    return file.read_text().split() if file.exists() else []


def install(folder: Path) -> Path:
    """Both commands in a folder for PATH, where also the jobs' scripts and outputs are kept."""
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        path = folder / name
        path.write_text(text.format(folder=folder))
        path.chmod(0o755)
    return folder
