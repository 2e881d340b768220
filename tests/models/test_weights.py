from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from models.config import Calibration, DetectorError, ScoreError, UNetConfig
from models.network.unet import new_unet, unet_to_arrays
from models.weights import (
    Weights,
    WeightsError,
    default_path,
    load_weights,
    save_weights,
    weights_digest,
)

NETWORK = UNetConfig(widths=(8, 8, 8))


def some_weights(seed: int = 0) -> Weights:
    arrays = unet_to_arrays(new_unet(NETWORK, seed))
    return Weights(NETWORK, Calibration(grow=0.4), arrays, {"note": "drawn"})


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="np") as file:
        return dict(file.metadata())


def test_a_round_trip_keeps_everything(tmp_path: Path) -> None:
    written = some_weights()
    save_weights(written, tmp_path / "w.safetensors")
    read = load_weights(tmp_path / "w.safetensors")
    assert replace(read, arrays={}) == replace(written, arrays={})
    assert set(read.arrays) == set(written.arrays)
    for name, array in written.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)


def test_errors_travel_with_the_weights_and_older_files_have_none(tmp_path: Path) -> None:
    error = DetectorError("berth", 0.2, 0.8, 1.2, 0.03, 0.6, 10, 180, 1193.5)
    measured = replace(some_weights(), detector_errors=(error, replace(error, place="anchorage")))
    save_weights(measured, tmp_path / "measured.safetensors")
    assert load_weights(tmp_path / "measured.safetensors").detector_errors == (
        measured.detector_errors
    )
    save_weights(some_weights(), tmp_path / "older.safetensors")
    assert load_weights(tmp_path / "older.safetensors").detector_errors == ()
    assert "detector_errors" not in metadata_of(tmp_path / "older.safetensors")
    digests = [weights_digest(path) for path in sorted(tmp_path.iterdir())]
    assert len(set(digests)) == 2


def test_errors_by_score_travel_too_and_add_nothing_where_there_are_none(tmp_path: Path) -> None:
    step = ScoreError(0.5, 0.1, 0.8, 1.5, 0.01, 0.7)
    error = DetectorError("berth", 0.2, 0.8, 1.2, 0.03, 0.6, 10, 180, 1193.5, (step,))
    path = tmp_path / "scored.safetensors"
    save_weights(replace(some_weights(), detector_errors=(error,)), path)
    assert load_weights(path).detector_errors == (error,)
    save_weights(replace(some_weights(), detector_errors=(replace(error, steps=()),)), path)
    assert "steps" not in metadata_of(path)["detector_errors"]


def test_the_digest_depends_on_tensors_and_metadata_only(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.safetensors" for k in range(4)]
    save_weights(some_weights(), paths[0])
    save_weights(some_weights(), paths[1])
    save_weights(some_weights(seed=1), paths[2])
    save_weights(replace(some_weights(), calibration=Calibration(grow=0.6)), paths[3])
    digests = [weights_digest(path) for path in paths]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("key", ["contract", "bands", "pixel_m"])
def test_another_contract_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(some_weights(), path)
    save_file(load_file(path), path, metadata={**metadata_of(path), key: "other"})
    with pytest.raises(WeightsError, match=f"made for {key} 'other'"):
        load_weights(path)


def test_no_file_and_no_safetensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        load_weights(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(tmp_path / "text.safetensors")
    save_file({"x": np.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(WeightsError, match="made for contract None"):
        load_weights(tmp_path / "foreign.safetensors")


def test_the_default_weights_are_there_small_and_record_their_data() -> None:
    path = default_path()
    assert path.stat().st_size < 4e6
    default = load_weights()
    assert default.training["scenes"]
    assert len(weights_digest()) == 64
    assert set(load_file(path)) == set(default.arrays)


def test_the_default_weights_hold_their_error_rates() -> None:
    berth, anchorage = load_weights().detector_errors
    assert (berth.place, anchorage.place) == ("berth", "anchorage")
    for error in (berth, anchorage):
        assert 0 < error.recall < 1
        assert 0 < error.false_alarms < 1
        assert min(error.recall_sd, error.false_alarms_sd) > 0.3
        assert error.ports >= 10
    assert berth.recall < anchorage.recall
