"""Engines beside torch in float32: what they give, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import util
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jobs.domain import Engine
from models.config import UNetConfig
from models.geometry import coverage
from models.inference import Detection, engine_choice
from models.inference import tiles as tiles_module
from models.inference.engine import engine
from models.inference.engine_choice import EngineError, EngineName, bfloat16_by, require_engine
from models.inference.predictor import DEVICE, DeviceError, Predictor
from models.inference.tiles import HALO_PX
from models.network import BANDS
from models.network.unet import UNet, new_unet

OPENVINO_IS_HERE = util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(
    not OPENVINO_IS_HERE, reason="OpenVINO is not installed: the extra `openvino`"
)
NO_BFLOAT16 = "this processor has no instructions for bfloat16"

SHIPS = ((60.0, 70.0, 18.0, 3.2, 30.0), (150.0, 90.0, 25.0, 4.0, 100.0))


def others() -> list[object]:
    """The engines beside the default one, each skipped where it cannot run."""
    return [
        pytest.param(
            name,
            marks=[
                *([needs_openvino] if name.package == "openvino" else []),
                pytest.mark.skipif(
                    name.number_format == "bfloat16" and not bfloat16_by(), reason=NO_BFLOAT16
                ),
            ],
        )
        for name in EngineName
        if name is not EngineName.TORCH
    ]


def roads(seed: int = 0, height: int = 220, width: int = 180) -> NDArray[np.float32]:
    """Open water with two bright ships, (4, y, x) reflectance, and a corner without data."""
    random = np.random.default_rng(seed)
    image = (0.04 + random.normal(0, 0.002, (4, height, width))).astype(np.float32)
    for ship in SHIPS:
        window, share = coverage((height, width), *ship)
        image[:, window[0], window[1]] += np.float32(0.15) * share
    image[:, :20, :30] = np.nan
    return image


def content(predictor: Predictor, image: NDArray[np.float32]) -> bytes:
    found = predictor.predict(image, BANDS)
    return found.ship.tobytes() + found.border.tobytes() + found.hull.tobytes()


def trained_like(config: UNetConfig) -> UNet:
    """A network of random weights whose normalisations and constants are none of the defaults."""
    network = new_unet(config, 1).eval()
    random = torch.Generator().manual_seed(2)
    for name, values in network.state_dict().items():
        is_constant = "norm" in name or name in ("mean", "deviation")
        if is_constant and values.is_floating_point():
            values.copy_(0.5 + torch.rand(values.shape, generator=random))
    return network


@needs_openvino
@pytest.mark.parametrize("config", [UNetConfig(), UNetConfig(widths=(8, 16), fine=4)])
def test_the_graph_is_the_network(config: UNetConfig) -> None:
    """Of weights that no symmetry hides: a wrong order of channels or pixels shows."""
    network = trained_like(config)
    random = np.random.default_rng(0)
    sides = [(2 * HALO_PX + 16, 2 * HALO_PX + 48), (2 * HALO_PX + 32, 2 * HALO_PX + 16)]
    tiles = [random.normal(0, 2, (4, *side)).astype(np.float32) for side in sides]
    for tile in tiles:
        tile[:, :60, 60:70] = np.nan
        tile[3] = np.nan
    with torch.inference_mode():
        outputs = [network(torch.from_numpy(tile[None]))[0].numpy() for tile in tiles]
    found = engine(network, name=EngineName.OPENVINO).maps(tiles)
    for maps, expected in zip(found, outputs, strict=True):
        inner = expected[:, HALO_PX:-HALO_PX, HALO_PX:-HALO_PX]
        np.testing.assert_allclose(maps[2:], inner[2:], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(maps[:2], 1 / (1 + np.exp(-inner[:2])), atol=1e-5)


@pytest.mark.parametrize("name", others())
def test_an_engine_gives_the_same_bytes_whatever_runs_beside_it(
    name: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads share a predictor, and torch has more threads than one."""
    monkeypatch.setattr(tiles_module, "_TILE_CELLS", 4)
    predictor, images = Predictor.load(engine=name), [roads(seed) for seed in range(6)]
    alone = [content(predictor, image) for image in images]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(content, repeat(predictor), images))
    finally:
        torch.set_num_threads(threads)
    assert together == alone
    assert [content(Predictor.load(engine=name), images[0])] == alone[:1]


@pytest.mark.parametrize("name", others())
def test_an_engine_finds_what_the_default_one_finds(name: EngineName) -> None:
    default, other, image = Predictor.load(), Predictor.load(engine=name), roads()
    expected, found = default.predict(image, BANDS), other.predict(image, BANDS)
    most = np.abs(found.ship - expected.ship).max()
    if name.number_format == "float32":
        assert most < 1e-5
    else:
        assert 1e-5 < most < 0.05, "rounded to bfloat16, and no more"
    assert (found.ship == 0).tolist() == (expected.ship == 0).tolist()
    one, another = (p.detect(maps) for p, maps in ((default, expected), (other, found)))
    assert len(one) == len(another) == len(SHIPS)
    assert all(alike(*pair) for pair in zip(one, another, strict=True))


def alike(one: Detection, other: Detection) -> bool:
    return (
        np.hypot(one.row - other.row, one.col - other.col) < 0.3
        and abs(one.length_m - other.length_m) < 5
        and abs(one.score - other.score) < 0.03
    )


def test_made_by_names_library_format_and_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    version = torch.__version__.partition("+")[0]
    said = Predictor.load().made_by
    assert said.startswith(f"torch {version} float32, ")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert Predictor.load().made_by == f"{said}, at most AVX2"


@needs_openvino
def test_openvino_says_what_it_computes_with() -> None:
    from models.inference.openvino_engine import _require_format

    said = Predictor.load(engine=EngineName.OPENVINO).made_by
    assert said.startswith("OpenVINO 20")
    assert " float32, " in said
    assert "_f32" in said
    _require_format(EngineName.OPENVINO_BF16, {"brgconv_avx512_amx_bf16"})
    with pytest.raises(EngineError, match=r"would run brgconv_avx512_f32 on this processor"):
        _require_format(EngineName.OPENVINO_BF16, {"brgconv_avx512_amx_bf16", "brgconv_avx512_f32"})
    with pytest.raises(EngineError, match="no convolution"):
        _require_format(EngineName.OPENVINO_BF16, set())


def on_a_processor_with(flags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr(engine_choice, "_CPUINFO", cpuinfo)
    monkeypatch.setattr(engine_choice, "bfloat16_by", bfloat16_by.__wrapped__)


def test_bfloat16_is_refused_where_it_would_be_emulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_processor_with("avx512f avx512_vnni amx_int8", tmp_path, monkeypatch)
    require_engine(EngineName.TORCH)
    with pytest.raises(EngineError, match=r"none of the instructions amx_bf16, avx512_bf16;.*"):
        require_engine(EngineName.TORCH_BF16)
    with pytest.raises(EngineError, match=r"give the job `engine: torch`"):
        Predictor.load(engine=EngineName.TORCH_BF16)
    on_a_processor_with("avx512f avx512_bf16", tmp_path, monkeypatch)
    require_engine(EngineName.TORCH_BF16)
    assert engine_choice.bfloat16_by() == "avx512_bf16"
    on_a_processor_with("avx512_bf16 amx_bf16", tmp_path, monkeypatch)
    assert engine_choice.bfloat16_by() == "amx_bf16"
    monkeypatch.setattr(engine_choice, "_CPUINFO", tmp_path / "none")
    assert engine_choice.bfloat16_by() == ""


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_choice.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r'pip install "berthwatch\[openvino\]"'):
        Predictor.load(engine=EngineName.OPENVINO)


def test_an_engine_of_cpus_and_a_gpu_that_is_asked_for_contradict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DEVICE, "cuda")
    with pytest.raises(DeviceError, match="the engine is openvino, which runs on CPUs"):
        Predictor.load(engine=EngineName.OPENVINO)


def test_job_files_and_the_network_name_engines_alike() -> None:
    assert list(map(str, Engine)) == list(map(str, EngineName))
