"""CPU time of a task on a worker."""

from __future__ import annotations

import time

from jobs.domain import GPU


class TaskCpu:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._began = time.process_time()

    @property
    def seconds(self) -> float:
        """CPU seconds of the process since then; 0 where they are not those of one task on CPUs
        alone: on a worker with several threads or with a GPU, and outside of a worker.
        """
        return time.process_time() - self._began if _is_one_tasks() else 0.0


def _is_one_tasks() -> bool:
    from distributed import get_worker  # status and its like need no cluster

    try:
        state = get_worker().state
    except ValueError:  # no worker's thread
        return False
    return int(state.nthreads) == 1 and GPU not in state.total_resources
