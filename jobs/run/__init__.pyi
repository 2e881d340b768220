from .backlog import RunOptions, work_items
from .cluster import WORKER_ENVIRONMENT, WorkerCount, connect, count_workers
from .exit_codes import FINAL, ExitCode
from .kept_inputs import keep_inputs
from .pipeline import run_plan
from .settings import settings_for
from .status import dry_rows, stale_rows, status_rows
from .summary import Summary
from .task import STAGES
from .unit_state import count_states, port_steps, port_units, state_of
from .verify import EQUAL, verify_sample

__all__ = [
    "EQUAL",
    "FINAL",
    "STAGES",
    "WORKER_ENVIRONMENT",
    "ExitCode",
    "RunOptions",
    "Summary",
    "WorkerCount",
    "connect",
    "count_states",
    "count_workers",
    "dry_rows",
    "keep_inputs",
    "port_steps",
    "port_units",
    "run_plan",
    "settings_for",
    "stale_rows",
    "state_of",
    "status_rows",
    "verify_sample",
    "work_items",
]
