from .score import score_results
from .settings import SimulationConfig
from .simulation import simulate_archive

__all__ = [
    "SimulationConfig",
    "score_results",
    "simulate_archive",
]
