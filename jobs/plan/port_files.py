"""The ports of a job's files, beside those of a plan that was made before."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.domain import Job, Port, PortRef, load_port, port_geojson
from jobs.errors import InputError
from jobs.plan.plan import Plan


def changed_ports(job: Job, plan: Plan) -> Iterator[str]:
    """A line for each of the job's port files that is another now than in a plan made before."""
    pinned = {port.id: port for port in plan.ports}
    for ref in job.ports:
        if ref.file is None or ref.id not in pinned:
            continue
        try:
            if port_geojson(port_of(ref)) == port_geojson(pinned[ref.id]):
                continue
            problem = f"port {ref.id} has changed since the plan was pinned"
        except InputError as error:
            problem = f"{error}; the plan was pinned before that"
        yield f"{problem}: the port as it was then is used; --replan takes it as it is now"


def port_of(ref: PortRef) -> Port:
    port = load_port(ref.id if ref.file is None else ref.file)
    if ref.file is not None and port.id != ref.id:
        raise InputError(
            f"the job calls the port of {ref.file} {ref.id!r}, the file calls it {port.id!r}; "
            "make the two ids the same"
        )
    return port
