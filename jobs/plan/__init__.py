"""The plan: every overpass pinned to its files, counted and hashed before anything runs.

A plan holds the ports with their grids, and for each overpass its scenes; a run does not search
catalogs again. A plan of millions of overpasses stays in its file and is read port by port.
"""

from jobs.plan.estimate import (
    BASE_MEMORY,
    Estimate,
    bytes_in,
    estimate_plan,
    estimate_port,
    summarise,
    summary_rows,
)
from jobs.plan.file import FORMAT, read_plan, write_plan
from jobs.plan.grouping import SAME_PASS, group_overpasses
from jobs.plan.make import make_plan, plan_to_file
from jobs.plan.plan import Plan
from jobs.plan.serialise import overpass_from_json, overpass_to_json

__all__ = [
    "BASE_MEMORY",
    "FORMAT",
    "SAME_PASS",
    "Estimate",
    "Plan",
    "bytes_in",
    "estimate_plan",
    "estimate_port",
    "group_overpasses",
    "make_plan",
    "overpass_from_json",
    "overpass_to_json",
    "plan_to_file",
    "read_plan",
    "summarise",
    "summary_rows",
    "write_plan",
]
