"""What is compiled ahead is what a run needs: no loop is compiled anew for real tables."""

from __future__ import annotations

from importlib import import_module

from numba.core.dispatcher import Dispatcher

from jobs.visits.compile_ahead import compile_all
from tests.support.factories import make_berth, make_port, make_publication

MODULES = (
    "occupancy.birth_death",
    "occupancy.bridges",
    "occupancy.jumps",
    "occupancy.open_road",
    "occupancy.berth_hmm",
    "voyages.link_sampler",
    "voyages.flows",
    "voyages.fleet",
)


def compiled() -> dict[str, set[object]]:
    """The compiled signatures of every loop, by name."""
    found = {}
    for name in MODULES:
        module = import_module(f"jobs.visits.{name}")
        for each, value in vars(module).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                found[f"{name}.{each}"] = set(value.signatures)
    return found


def test_a_run_compiles_nothing_more() -> None:
    compile_all()
    ahead = compiled()
    assert any(ahead.values())  # those called from Python; what these call comes with them
    ports = [make_port(), make_port(id="KPCHO", name="Chongjin", berths=(make_berth(id="quay"),))]
    make_publication(ports=ports, days=24)
    assert compiled() == ahead
