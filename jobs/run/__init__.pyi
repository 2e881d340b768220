from .backlog import RunOptions, work_items
from .cluster import (
    WORKER_ENVIRONMENT,
    WorkerCount,
    checked,
    closing_client,
    connect,
    count_workers,
)
from .enough_workers import workers_needed
from .exit_codes import FINAL, ExitCode
from .kept_inputs import keep_inputs
from .pipeline import Outcome, run_plan
from .results import PortResult, voyages_between
from .reviews import review_lines
from .settings import errors_behind, settings_for
from .status import dry_rows, stale_rows, status_rows
from .summary import Summary
from .task import STAGES
from .unit_state import count_states, port_steps, port_units, state_of
from .verify import AGREE, EQUAL, verify_sample

__all__ = [
    "AGREE",
    "EQUAL",
    "FINAL",
    "STAGES",
    "WORKER_ENVIRONMENT",
    "ExitCode",
    "Outcome",
    "PortResult",
    "RunOptions",
    "Summary",
    "WorkerCount",
    "checked",
    "closing_client",
    "connect",
    "count_states",
    "count_workers",
    "dry_rows",
    "errors_behind",
    "keep_inputs",
    "port_steps",
    "port_units",
    "review_lines",
    "run_plan",
    "settings_for",
    "stale_rows",
    "state_of",
    "status_rows",
    "verify_sample",
    "voyages_between",
    "work_items",
    "workers_needed",
]
