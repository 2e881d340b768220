"""What every test gets: no network but loopback, and the recorded data where it lies beside us."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import hypothesis
import pytest

from tests.support.places import SHARED

# What a shell starts in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# CI draws the same examples every time, so that a red run is the change's; people draw new ones.
# No example is judged by its time: a loaded machine is no fault of the code.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("people", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "people")

# Workers that run side by side share the cores; what they start inherits this. Read when the
# libraries are loaded, hence here.
if WORKERS := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // WORKERS)))


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a socket in the file system
    host = str(address[0])
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.split("%", 1)[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every connection that would leave this machine.

    From the first fixture of any scope to the last: a cluster that a module shares is held to it
    too, and what a test may do does not depend on what an earlier one has kept open or in mind.
    Dask learns this machine's address from a datagram socket that it connects to a public one,
    which sends nothing: here it learns the loopback's.
    """
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            if (self.family, self.type) != (socket.AF_INET, socket.SOCK_DGRAM):
                raise AssertionError(f"a test tried to reach {address}; only loopback is allowed")
            address = ("127.0.0.1", address[1])
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@contextmanager
def _dask_as_before() -> Iterator[None]:
    """Fail where Dask computes elsewhere afterwards.

    A client that is closed twice (``client.close()`` within ``with Client``) stays Dask's default,
    and whoever computes next, in whatever file, finds no client active.
    """
    before = dask.config.get("scheduler", None)
    yield
    after = dask.config.get("scheduler", None)
    if after != before:
        dask.config.set(scheduler=before)  # the tests to come are judged by themselves
        pytest.fail(f"Dask's scheduler was {before} before and is {after}: close a client once")


@pytest.fixture(autouse=True)
def dask_as_before_the_test() -> Iterator[None]:
    with _dask_as_before():
        yield


@pytest.fixture(autouse=True, scope="module")
def dask_as_before_the_module() -> Iterator[None]:
    with _dask_as_before():
        yield


@pytest.fixture
def shared() -> Path:
    """The recorded real data; the test is skipped where it is absent."""
    if not SHARED.exists():
        pytest.skip("the recorded data (../shared/data) is not here")
    return SHARED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files marked ``early`` come first: workers that share the files then end together."""
    items.sort(key=lambda item: item.get_closest_marker("early") is None)
