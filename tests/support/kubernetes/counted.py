"""Which ports of a run are counted at a moment, as its scheduler keeps their results."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from distributed import Client
from distributed.security import Security

from jobs.kubernetes.tls import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE
from jobs.plan import read_plan, write_plan
from jobs.run.kept_results import PREFIX
from tests.support.kubernetes.runs import Site
from tests.support.scenes import small_port


def at_ports(found: Site, names: tuple[str, ...], most: int) -> Site:
    """The site with a plan of several ports in one place, each with a berth and so many overpasses
    of the plan as it is.
    """
    plan = read_plan(found.plan)
    overpasses = tuple(
        replace(one, id=f"{name}-{one.id}", port=name)
        for name in names
        for one in list(plan.overpasses)[:most]
    )
    ports = tuple(small_port(id=name) for name in names)
    write_plan(replace(plan, ports=ports, overpasses=overpasses), found.plan)
    return found


@contextmanager
def scheduler_of(found: Site, folder: Path) -> Iterator[Client]:
    """A client of the scheduler of a site's run, with the run's key, which is put in a folder."""
    run_id = found.run_id()
    data = found.world.get("secrets", f"{run_id}-tls")["data"]
    for name in (AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE):
        (folder / name).write_bytes(b64decode(data[name]))
    security = Security(
        require_encryption=True,
        tls_ca_file=str(folder / AUTHORITY_FILE),
        tls_client_cert=str(folder / CERTIFICATE_FILE),
        tls_client_key=str(folder / KEY_FILE),
    )
    address = found.world.address(f"{run_id}-0-scheduler", 8786)
    with Client(f"tls://{address}", security=security, timeout=60) as client:
        yield client


def kept_counts(client: Client) -> list[str]:
    """Names under which counts of ports are kept."""
    return [name for name in client.list_datasets() if name.startswith(PREFIX)]
