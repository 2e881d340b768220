"""The slope that a long run tells of its processes is the one they have."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.long_run.growth import growth
from tests.support.long_run.samples import Process, Sample


def sample(at_s: float, **memory: float) -> Sample:
    processes = [
        Process("runner", pod, number, at_s + 100, value, 1, 1, 0)
        for number, (pod, value) in enumerate(memory.items())
    ]
    return Sample(at_s, processes, {}, {}, {})


def test_processes_of_different_size_have_one_slope() -> None:
    found = growth([sample(s, a=500 + s / 60, b=900 + s / 60) for s in range(0, 600, 5)], "runner")
    assert found is not None
    assert found.per_hour == pytest.approx(60)
    assert found.error == pytest.approx(0, abs=1e-6)
    assert (found.least, found.processes) == (500, 2)


def test_a_larger_process_after_a_smaller_one_is_no_growth() -> None:
    first = [sample(s, a=500) for s in range(0, 300, 5)]
    then = [sample(s, b=900) for s in range(300, 600, 5)]
    found = growth([*first, *then], "runner")
    assert found is not None
    assert found.per_hour == pytest.approx(0)


def test_the_error_is_that_of_the_scatter() -> None:
    random = np.random.default_rng(1)
    found = growth([sample(s, a=random.normal(500, 5)) for s in range(0, 3600, 5)], "runner")
    assert found is not None
    assert abs(found.per_hour) < 3 * found.error
    assert 0.3 < found.error < 1.5


def test_who_imports_tells_nothing() -> None:
    young = [Process("runner", "a", 1, age, 100 * age, 1, 1, 0) for age in range(50)]
    samples = [Sample(one.age_s, [one], {}, {}, {}) for one in young]
    assert growth(samples, "runner") is None
