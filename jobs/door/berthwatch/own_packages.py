"""Makes ``jobs`` and ``models`` Berthwatch's own, whatever bears those names in the folder.

Python looks into a notebook's folder before it looks where packages are installed, so a ``jobs.py``
or a ``models/`` there would take our place, here and in every worker that Dask starts from there.
This module needs neither of them: it is imported first, in the notebook and in each worker.
"""

from __future__ import annotations

import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from multiprocessing import parent_process
from pathlib import Path

PACKAGES = ("jobs", "models")

HERE = Path(__file__).resolve().parent


def ensure() -> None:
    """Import our packages, from beside this one; ImportError with the file that is in the way.

    A file that would have been taken instead is named by a warning: from now on ``import jobs``
    gives Berthwatch's. Where it *has* been taken already, nothing is right: that is the error.
    """
    home = _home()
    for name in PACKAGES:
        ours = home / name / "__init__.py"
        loaded = sys.modules.get(name)
        if loaded is None:
            _warn_of_hidden(name, ours)
            _load(name, home)
        elif _file_of(loaded.__spec__, getattr(loaded, "__file__", None)) != ours:
            raise ImportError(_taken(name, ours), name=name)


def _home() -> Path:
    """The folder of our packages: site-packages, or the root of a checkout."""
    for place in (HERE.parent, HERE.parents[2]):
        if all((place / name / "py.typed").is_file() for name in PACKAGES):
            return place
    raise ImportError(
        f"berthwatch in {HERE} lacks its packages {' and '.join(PACKAGES)}; expected them beside "
        "it: install Berthwatch again"
    )


def _load(name: str, home: Path) -> None:
    spec = PathFinder.find_spec(name, [str(home)])
    assert spec is not None, "_home has seen it"
    assert spec.loader is not None, "a package with an __init__.py has one"
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _warn_of_hidden(name: str, ours: Path) -> None:
    if parent_process() is not None:
        return  # a worker of Dask: the process that started it has said so
    spec = PathFinder.find_spec(name)
    found = None if spec is None else _file_of(spec, spec.origin)
    if found is not None and found != ours:
        warnings.warn(
            f"{found} has the name of a package of Berthwatch's: `import {name}` gives "
            f"Berthwatch's from now on ({ours.parent}). To use both, rename {_short(found)} and "
            "restart the kernel",
            stacklevel=4,  # the line with the import of berthwatch
        )


def _taken(name: str, ours: Path) -> str:
    module = sys.modules[name]
    found = _file_of(module.__spec__, getattr(module, "__file__", None))
    where = str(found or next(iter(getattr(module, "__path__", [])), "something without a file"))
    what = found if found is not None else Path(where)
    return (
        f"`{name}` was imported before berthwatch, from {where}, and berthwatch needs its own "
        f"package of that name ({ours.parent}); rename {_short(what)} and restart the kernel, or "
        "`import berthwatch` first: then `import "
        f"{name}` gives Berthwatch's"
    )


def _short(found: Path) -> str:
    """The file or folder that a person would rename."""
    return f"the folder {found.parent}" if found.name == "__init__.py" else str(found)


def _file_of(spec: ModuleSpec | None, file: str | None) -> Path | None:
    """The file of a module, links resolved; None for a folder without an ``__init__.py``."""
    path = file if file is not None else (None if spec is None else spec.origin)
    return None if path is None or path == "frozen" else Path(path).resolve()
