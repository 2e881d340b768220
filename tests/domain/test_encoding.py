"""How physical values are kept as numbers: 0 stands for no data and for nothing else."""

from __future__ import annotations

import numpy as np

from jobs.domain.types import Encoding

REFLECTANCE = Encoding("reflectance", 1e-4, -0.1, "reflectance")


def test_a_measured_value_is_never_kept_as_no_data() -> None:
    lowest = REFLECTANCE.encode(np.array([-0.1, -0.10001, -7.0]))
    assert lowest.tolist() == [1, 1, 1]
    assert np.isfinite(REFLECTANCE.decode(lowest)).all()
    assert REFLECTANCE.encode(np.array([np.nan, 1e9])).tolist() == [0, 65535]


def test_no_data_comes_back_as_nan_and_every_other_number_as_its_value() -> None:
    numbers = np.array([0, 1, 1000, 65535], np.uint16)
    found = REFLECTANCE.decode(numbers)
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], [-0.0999, 0.0, 6.4535], atol=1e-6)
    np.testing.assert_array_equal(REFLECTANCE.encode(found), numbers)
