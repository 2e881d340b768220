"""The notebooks in docs/, executed: by the tests on a small world, and for readers on demo/.

``make docs`` executes them on ``demo/`` as `make demo` leaves it, and keeps what came out, so that
a reader sees it without running anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.support.places import ROOT

FOLDER = ROOT / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
READER = "/home/you/berthwatch"
"""Stands for the checkout in what is kept."""
CELL_TIMEOUT_S = 180
FORGET = "%reset -f"


@contextmanager
def kernel() -> Iterator[KernelManager]:
    """A kernel for one notebook after the other: imports take longer than all their cells."""
    manager = KernelManager(kernel_name="python3")
    try:
        yield manager
    finally:
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)


def executed(name: str, manager: KernelManager, folder: Path) -> Any:
    """A notebook with what came out of it, run in a folder; CellExecutionError where a cell fails.

    Every name is forgotten first.
    """
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FORGET))
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, km=manager, timeout=CELL_TIMEOUT_S, resources=resources)
    try:
        client.execute(cleanup_kc=False)
    finally:
        client.kc.stop_channels()
    notebook.cells.pop(0)
    return notebook


def for_readers(notebook: Any) -> Any:
    """Without what differs from run to run or machine to machine, such as times and paths."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [_plain(output) for output in cell.outputs]
    notebook.metadata.get("language_info", {}).pop("version", None)
    text = nbformat.writes(notebook).replace(str(ROOT), READER)
    return nbformat.reads(re.sub(r" at 0x[0-9a-f]+", "", text), as_version=4)


def _plain(output: Any) -> Any:
    if "execution_count" in output:
        output.execution_count = None
    return output


def main() -> None:
    """Execute all of them on demo/ and keep what came out."""
    with kernel() as manager:
        for name in NAMES:
            done = for_readers(executed(name, manager, FOLDER))
            nbformat.write(done, FOLDER / f"{name}.ipynb")
            print(name, f"{(FOLDER / f'{name}.ipynb').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
