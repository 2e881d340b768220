"""The picture of a long run: memory of its processes and objects of the namespace over time."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

mpl.use("Agg")
ROLES = {"runner": "#4477aa", "scheduler": "#ee6677", "worker": "#bbbbbb"}
OBJECTS = {"pods": "#4477aa", "deployments": "#ee6677", "daskclusters": "#228833"}
MARKS = {
    "worker lost": "#888888",
    "worker evicted": "#ccbb44",
    "runner evicted": "#4477aa",
    "scheduler lost": "#ee6677",
    "API away": "black",
}


def draw(out: Path, path: Path) -> None:
    """From the samples and the summary in a folder."""
    samples = [json.loads(line) for line in (out / "run.jsonl").read_text().splitlines()]
    summary = json.loads((out / "summary.json").read_text())
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure, panels = plt.subplots(
            3, 1, figsize=(7, 5), sharex=True, height_ratios=(3, 1.5, 1), layout="constrained"
        )
        _memory(panels[0], samples)
        _objects(panels[1], samples)
        began = next(sample["at_s"] for sample in samples if sample["objects"]["jobs"])
        _events(panels[2], began, summary["run"]["happened"])
        panels[2].set_xlabel("minutes")
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _memory(axes: Any, samples: list[dict[str, Any]]) -> None:
    lives: defaultdict[tuple[str, str, int], list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        for one in sample["processes"]:
            if one["role"] in ROLES:
                key = (one["role"], one["pod"], one["pid"])
                lives[key].append((sample["at_s"] / 60, one["memory"]))
    for (role, _, _), life in sorted(lives.items(), reverse=True):
        axes.plot(*np.array(life).T, color=ROLES[role], linewidth=0.7)
    for role, colour in ROLES.items():
        axes.plot([], [], color=colour, label=f"{role}s, one line each")
    axes.set(ylabel="memory, MB", ylim=(0, None))
    axes.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, 1.15))


def _objects(axes: Any, samples: list[dict[str, Any]]) -> None:
    minutes = [sample["at_s"] / 60 for sample in samples]
    for kind, colour in OBJECTS.items():
        counts = [sample["objects"][kind] for sample in samples]
        axes.plot(minutes, counts, color=colour, linewidth=0.9, label=kind, drawstyle="steps-post")
    axes.set(ylabel="objects", ylim=(0, None))
    axes.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, 1.25))


def _events(axes: Any, began: float, happened: list[dict[str, Any]]) -> None:
    """``began``: when the Job was made, from which mishaps are timed."""
    for row, (what, colour) in enumerate(MARKS.items()):
        times = [
            (began + one["at_s"]) / 60 for one in happened if one["what"] == what and one["met"]
        ]
        axes.plot(times, [row] * len(times), "|", color=colour, markersize=7)
    axes.set(yticks=range(len(MARKS)), yticklabels=list(MARKS), ylim=(len(MARKS) - 0.5, -0.5))
