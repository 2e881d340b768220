"""What ``--cluster`` names: ``local``, the address of a scheduler, or the file that one wrote."""

from __future__ import annotations

import json
import time
from pathlib import Path

from distributed.comm.addressing import parse_address, parse_host_port

from jobs.errors import ClusterError, InputError

LOCAL = "local"
ADDRESSES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")
FILE_ENDING = ".json"
APPEARS_WITHIN_S = 20.0
"""A scheduler that is started beside a run, in one batch script, writes its file a little later."""

EXPECTED = (
    "expected 'local', an address such as tcp://host:8786 or tls://host:8786, or the .json file "
    "that 'dask scheduler --scheduler-file' writes"
)


def scheduler_address(cluster: str) -> str:
    """The address of the scheduler that a ``--cluster`` other than ``local`` names.

    A file that is not there yet is waited for. InputError for what is neither address nor file,
    ClusterError for a file that does not come.
    """
    if cluster.startswith("gateway://"):
        raise InputError(
            f"cluster {cluster!r}: the keys of such a cluster are with its gateway; expected a run "
            "from Python, bw.run(job, Gateway().connect(name).get_client()): see docs/clusters.md"
        )
    address = _in_file(Path(cluster)) if cluster.endswith(FILE_ENDING) else cluster
    if not address.startswith(ADDRESSES):
        raise InputError(f"cluster {cluster!r} is not known; {EXPECTED}")
    _check(address)
    return address


def _check(address: str) -> None:
    """Raise InputError for what is no host and port, before a client starts its event loop."""
    protocol, place = parse_address(address)
    try:
        parse_host_port(place)
    except ValueError as error:
        raise InputError(
            f"cluster {address!r} ({error}); expected an address such as {protocol}://host:8786"
        ) from error


def _in_file(file: Path) -> str:
    until = time.monotonic() + APPEARS_WITHIN_S
    while True:
        try:
            return _address_in(file.read_text(encoding="utf-8"), file)
        except FileNotFoundError:
            if time.monotonic() > until:
                raise ClusterError(
                    f"no scheduler has written {file} within {APPEARS_WITHIN_S:.0f} s; expected "
                    f"'dask scheduler --scheduler-file {file}' to run already, on a folder that "
                    "both machines see under this path"
                ) from None
        except json.JSONDecodeError:  # it is being written
            if time.monotonic() > until:
                raise InputError(f"{file} is no JSON; {EXPECTED}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read ({error}); {EXPECTED}") from error
        time.sleep(0.2)


def _address_in(text: str, file: Path) -> str:
    found = json.loads(text)
    address = found.get("address") if isinstance(found, dict) else None
    if not isinstance(address, str):
        raise InputError(f"{file} names no scheduler's address; {EXPECTED}")
    return address
