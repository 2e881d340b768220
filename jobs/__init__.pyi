from .ais import (
    AisMatchSettings,
    AisVisitSettings,
    GapSettings,
    ais_gaps,
    ais_visits,
    compare_visits,
    cross_check,
    match_ais,
    read_ais,
)
from .archive import PortArchive
from .domain import Job, Port, bundled_ports, load_port, read_job
from .errors import BerthwatchError
from .kubernetes import find_run, find_status
from .plan import Plan, estimate_plan, pinned_plan, read_plan, write_plan
from .publish import (
    PublishedResult,
    fleet_from_lengths,
    newest_results,
    port_flows,
    read_newest,
    read_published,
    visit_links,
)
from .run import RunOptions, connect, run_plan, status_rows, verify_sample
from .storage import storage_at
from .visits import credible

__all__ = [
    "AisMatchSettings",
    "AisVisitSettings",
    "BerthwatchError",
    "GapSettings",
    "Job",
    "Plan",
    "Port",
    "PortArchive",
    "PublishedResult",
    "RunOptions",
    "ais_gaps",
    "ais_visits",
    "bundled_ports",
    "compare_visits",
    "connect",
    "credible",
    "cross_check",
    "estimate_plan",
    "find_run",
    "find_status",
    "fleet_from_lengths",
    "load_port",
    "match_ais",
    "newest_results",
    "pinned_plan",
    "port_flows",
    "read_ais",
    "read_job",
    "read_newest",
    "read_plan",
    "read_published",
    "run_plan",
    "status_rows",
    "storage_at",
    "verify_sample",
    "visit_links",
    "write_plan",
]
