"""Size, deadweight and barrels of posterior draws of stays, and a cap on the barrels.

``volumes_of`` gives every stay of every draw a deadweight and a cargo, ``barrels_in`` counts them
per window, ``cap_years`` finds in each draw when a calendar year's cap was crossed. Sources of the
formulas and numbers: Berthwatch's domain page, sections 1 and 3.
"""

from jobs.visits.cargo.barrels import (
    StayVolumes,
    band,
    barrels_in,
    counted_stays,
    outside_fit_share,
    scenario_in,
    volumes_of,
)
from jobs.visits.cargo.cap import CapYear, cap_years, year_to_date
from jobs.visits.cargo.deadweight import BeamMeasure, deadweight_t
from jobs.visits.cargo.entries import Cargo, CargoEntry, read_entries
from jobs.visits.cargo.settings import OFFICIAL_LOADS, VolumeSettings

__all__ = [
    "OFFICIAL_LOADS",
    "BeamMeasure",
    "CapYear",
    "Cargo",
    "CargoEntry",
    "StayVolumes",
    "VolumeSettings",
    "band",
    "barrels_in",
    "cap_years",
    "counted_stays",
    "deadweight_t",
    "outside_fit_share",
    "read_entries",
    "scenario_in",
    "volumes_of",
    "year_to_date",
]
