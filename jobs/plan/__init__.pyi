from .cost import SEGMENT_CPU_S, TILE_CPU_S, Prices, cost_rows, costs, read_prices
from .estimate import BASE_MEMORY, Estimate, estimate_plan, summarise
from .file import read_plan, write_plan
from .inputs import Inputs, items_of
from .left_out import left_out_json, left_out_lines
from .make import make_plan, plan_to_file
from .pinned import is_job, pinned_plan, plan_without_search
from .plan import Plan

__all__ = [
    "BASE_MEMORY",
    "SEGMENT_CPU_S",
    "TILE_CPU_S",
    "Estimate",
    "Inputs",
    "Plan",
    "Prices",
    "cost_rows",
    "costs",
    "estimate_plan",
    "is_job",
    "items_of",
    "left_out_json",
    "left_out_lines",
    "make_plan",
    "pinned_plan",
    "plan_to_file",
    "plan_without_search",
    "read_plan",
    "read_prices",
    "summarise",
    "write_plan",
]
