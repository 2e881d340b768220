from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models import weights
from models.config import Calibration, DetectorError, UNetConfig
from models.network import unet
from models.weights import Weights, WeightsError

NETWORK = UNetConfig(widths=(8, 8, 8))


def some_weights(seed: int = 0) -> Weights:
    arrays = unet.to_arrays(unet.new(NETWORK, seed))
    return Weights(NETWORK, Calibration(grow=0.4), arrays, {"note": "drawn"})


def test_a_round_trip_keeps_everything(tmp_path: Path) -> None:
    written = some_weights()
    weights.save(written, tmp_path / "w.safetensors")
    read = weights.load(tmp_path / "w.safetensors")
    assert replace(read, arrays={}) == replace(written, arrays={})
    assert set(read.arrays) == set(written.arrays)
    for name, array in written.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)


def test_errors_travel_with_the_weights_and_older_files_have_none(tmp_path: Path) -> None:
    error = DetectorError("berth", 0.2, 0.8, 1.2, 0.03, 0.6, 10, 180, 1193.5)
    measured = replace(some_weights(), detector_errors=(error, replace(error, place="anchorage")))
    weights.save(measured, tmp_path / "measured.safetensors")
    assert weights.load(tmp_path / "measured.safetensors").detector_errors == (
        measured.detector_errors
    )
    weights.save(some_weights(), tmp_path / "older.safetensors")
    assert weights.load(tmp_path / "older.safetensors").detector_errors == ()
    _, metadata = weights._read(tmp_path / "older.safetensors")
    assert "detector_errors" not in metadata
    digests = [weights.weights_digest(path) for path in sorted(tmp_path.iterdir())]
    assert len(set(digests)) == 2


def test_the_digest_depends_on_tensors_and_metadata_only(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.safetensors" for k in range(4)]
    weights.save(some_weights(), paths[0])
    weights.save(some_weights(), paths[1])
    weights.save(some_weights(seed=1), paths[2])
    weights.save(replace(some_weights(), calibration=Calibration(grow=0.6)), paths[3])
    digests = [weights.weights_digest(path) for path in paths]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("key", ["contract", "bands", "pixel_m"])
def test_another_contract_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "w.safetensors"
    weights.save(some_weights(), path)
    arrays, metadata = weights._read(path)
    save_file(arrays, path, metadata={**metadata, key: "other"})
    with pytest.raises(WeightsError, match=f"made for {key} 'other'"):
        weights.load(path)


def test_no_file_and_no_safetensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        weights.load(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        weights.load(tmp_path / "text.safetensors")
    save_file({"x": np.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(WeightsError, match="made for contract None"):
        weights.load(tmp_path / "foreign.safetensors")


def test_the_default_weights_are_there_small_and_tell_their_data() -> None:
    path = weights.default_path()
    assert path.stat().st_size < 4e6
    default = weights.load()
    assert default.training["scenes"]
    assert len(weights.weights_digest()) == 64
    assert set(load_file(path)) == set(default.arrays)


def test_the_default_weights_say_how_they_err() -> None:
    berth, anchorage = weights.load().detector_errors
    assert (berth.place, anchorage.place) == ("berth", "anchorage")
    for error in (berth, anchorage):
        assert 0 < error.recall < 1
        assert 0 < error.false_alarms < 1
        assert min(error.recall_sd, error.false_alarms_sd) > 0.3
        assert error.ports >= 10
    assert berth.recall < anchorage.recall
