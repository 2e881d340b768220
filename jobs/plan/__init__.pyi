from .by_sensor import sensor_costs, sensor_rows
from .cost import Prices, Running, cost_rows, costs, read_prices
from .cpu_factor import keep_cpu_factor, kept_cpu_factor
from .estimate import (
    BASE_MEMORY,
    Estimate,
    estimate_overpass,
    estimate_plan,
    estimate_sensors,
    summarise,
)
from .file import read_plan, write_plan
from .inputs import Inputs, items_of
from .left_out import left_out_json, left_out_lines
from .make import make_plan, plan_to_file
from .pinned import is_job, pinned_plan, plan_without_search
from .plan import Plan
from .planet_requests import left_out_of_orders, order_requests
from .rates import BATCH_S, MOST_IN_BATCH, stage_cpu_s
from .together import ports_together

__all__ = [
    "BASE_MEMORY",
    "BATCH_S",
    "MOST_IN_BATCH",
    "Estimate",
    "Inputs",
    "Plan",
    "Prices",
    "Running",
    "cost_rows",
    "costs",
    "estimate_overpass",
    "estimate_plan",
    "estimate_sensors",
    "is_job",
    "items_of",
    "keep_cpu_factor",
    "kept_cpu_factor",
    "left_out_json",
    "left_out_lines",
    "left_out_of_orders",
    "make_plan",
    "order_requests",
    "pinned_plan",
    "plan_to_file",
    "plan_without_search",
    "ports_together",
    "read_plan",
    "read_prices",
    "sensor_costs",
    "sensor_rows",
    "stage_cpu_s",
    "summarise",
    "write_plan",
]
