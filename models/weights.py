"""Weights files: safetensors with plain metadata, and the digest that plans pin.

A file holds the tensors (the normalisation constants among them) and, as JSON strings, the
contract's version, the network's shape, the bands, the ground pixel, the calibration, the record of
its training and, where they were measured, the detector's error rates. Nothing in it is executable.
This module imports no torch, so that planning a run does not.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from models.config import PIXEL_M, Calibration, DetectorError, ScoreError, UNetConfig
from models.network import BANDS

CONTRACT = "berthwatch-ships-2"
"""Changes with whatever makes older weights give wrong vessels, such as the normalisation or the
meaning of the network's outputs. Version 2: pixels predict the size and centre of their ship."""

_ERRORS = "detector_errors"
"""Key of the metadata."""


class WeightsError(ValueError):
    """A weights file cannot be read, or was written for another contract."""


@dataclass(frozen=True)
class Weights:
    """A trained network with its calibration and records."""

    network: UNetConfig
    calibration: Calibration
    arrays: Mapping[str, NDArray[np.float32]]
    training: Mapping[str, object]
    """Record of the training: data digests, settings, metrics."""
    detector_errors: tuple[DetectorError, ...] = ()
    """One per kind of place; empty where they were not measured."""


def default_path() -> Path:
    """Path of the packaged weights."""
    return Path(str(resources.files("models") / "data" / "default.safetensors"))


def weights_content(weights: Weights) -> bytes:
    """The content of a weights file; equal weights give equal bytes."""
    arrays = {name: np.ascontiguousarray(value) for name, value in weights.arrays.items()}
    return serialise(arrays, metadata=_metadata(weights))


def save_weights(weights: Weights, path: str | Path) -> None:
    """Write a weights file, complete or not at all; WeightsError where it cannot be written."""
    path = Path(path)
    hidden = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        hidden.write_bytes(weights_content(weights))
        hidden.replace(path)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror}); choose another place, or mend its "
            "rights or space"
        ) from error
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def load_weights(path: str | Path | None = None) -> Weights:
    """Read a weights file; None = the packaged default.

    Raises WeightsError where there is no such file, it is no safetensors file, or its contract,
    bands or ground pixel are not the ones this code works with.
    """
    arrays, metadata = _read(path)
    _check(metadata, path)
    try:
        return _with_packaged_steps(_weights(arrays, metadata), _digest(arrays, metadata))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path or default_path()}: its metadata are not what `berthwatch train` writes "
            f"({type(error).__name__}: {error}); train it again, or use another file"
        ) from error


def _with_packaged_steps(weights: Weights, digest: str) -> Weights:
    """The packaged weights with their errors by score, which were measured after they were made: in
    the file they would change its digest, and with it every archive's.
    """
    found = json.loads(_packaged_steps())
    if digest != found["weights"] or any(error.steps for error in weights.detector_errors):
        return weights
    errors = tuple(
        replace(error, steps=_steps(found["steps"].get(error.place, [])))
        for error in weights.detector_errors
    )
    return replace(weights, detector_errors=errors)


def _packaged_steps() -> str:
    return (resources.files("models") / "data" / "default.scores.json").read_text()


def _weights(arrays: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]) -> Weights:
    network = json.loads(metadata["network"])
    return Weights(
        network=UNetConfig(**{**network, "widths": tuple(network["widths"])}),
        calibration=_calibration(json.loads(metadata["calibration"])),
        arrays=arrays,
        training=json.loads(metadata["training"]),
        detector_errors=tuple(
            DetectorError(**{**error, "steps": _steps(error.get("steps", []))})
            for error in json.loads(metadata.get(_ERRORS, "[]"))
        ),
    )


def _steps(values: Iterable[dict[str, Any]]) -> tuple[ScoreError, ...]:
    return tuple(ScoreError(**step) for step in values)


def weights_digest(path: str | Path | None = None) -> str:
    """The sha256 of a weights file's tensors and metadata, in hex; None = the packaged default.

    Independent of the order of tensors in the file. Raises WeightsError like load_weights.
    """
    return _digest(*_read(path))


def _digest(arrays: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _calibration(values: dict[str, Any]) -> Calibration:
    return Calibration(**{**values, "score_weights": tuple(values["score_weights"])})


def _metadata(weights: Weights) -> dict[str, str]:
    # a key that older files do not have is omitted where it would say nothing
    errors = [
        {name: value for name, value in asdict(error).items() if name != "steps" or value}
        for error in weights.detector_errors
    ]
    # omitted where there are none, so that older files keep their digest
    measured = {_ERRORS: json.dumps(errors)} if errors else {}
    return {
        "contract": CONTRACT,
        "bands": json.dumps(BANDS),
        "pixel_m": json.dumps(PIXEL_M),
        "network": json.dumps(asdict(weights.network)),
        "calibration": json.dumps(asdict(weights.calibration)),
        "training": json.dumps(weights.training, sort_keys=True),
        **measured,
    }


def _read(path: str | Path | None) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    path = default_path() if path is None else Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a safetensors file ({error})") from error


def _check(metadata: Mapping[str, str], path: str | Path | None) -> None:
    expected = {
        "contract": CONTRACT,
        "bands": json.dumps(BANDS),
        "pixel_m": json.dumps(PIXEL_M),
    }
    for key, value in expected.items():
        if metadata.get(key) != value:
            raise WeightsError(
                f"{path or default_path()}: made for {key} {metadata.get(key)!r}, this version "
                f"needs {value!r}: train new weights or use the version that made these"
            )
