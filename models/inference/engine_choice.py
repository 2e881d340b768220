"""The engines that run the network on a CPU, and whether this machine has what one of them needs.

Imports neither torch nor OpenVINO.
"""

import platform
from enum import StrEnum
from functools import cache
from importlib import metadata, util
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")

BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""Instructions that multiply bfloat16, the fastest first, by the names of Linux. Without them
libraries emulate it, slower than float32."""


class EngineError(ValueError):
    """What an engine needs is not on this machine."""


class EngineName(StrEnum):
    """A library and the number format that it computes in; job files have these names."""

    TORCH = "torch"
    TORCH_BF16 = "torch-bf16"
    OPENVINO = "openvino"
    OPENVINO_BF16 = "openvino-bf16"

    @property
    def number_format(self) -> str:
        """Of the convolutions: float32 or bfloat16; maps are float32 always."""
        return "bfloat16" if self in (self.TORCH_BF16, self.OPENVINO_BF16) else "float32"

    @property
    def package(self) -> str:
        """The package that runs it: torch or openvino."""
        return self.value.partition("-")[0]


def require_engine(engine: EngineName) -> None:
    """Raise EngineError, with what was found, expected, and to do, where it cannot run here."""
    require_package(engine)
    if engine.number_format == "bfloat16" and not bfloat16_by():
        raise EngineError(
            f"engine {engine} computes in bfloat16, and this processor ({_processor()}) has none "
            f"of the instructions {', '.join(BFLOAT16)}; expected one of them: take a machine that "
            f"has it, or give the job `engine: {engine.package}`, which finds every vessel anew"
        )


def require_package(engine: EngineName) -> None:
    """Raise EngineError where its package is not installed here."""
    if util.find_spec(engine.package) is None:
        raise EngineError(
            f"engine {engine} needs the package {engine.package}, which is not installed here: "
            f'pip install "berthwatch[{engine.package}]", on every worker alike, or give the job '
            "another engine, which finds every vessel anew"
        )


def package_version(engine: EngineName) -> str:
    """The version of its package, without local parts such as ``+cpu``; 'none' where it is not."""
    try:
        return metadata.version(engine.package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"


@cache
def bfloat16_by() -> str:
    """The fastest of BFLOAT16 that the processor has; empty for none, and where it is unknown."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:  # no Linux
        return ""
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return next((name for name in BFLOAT16 if name in flags), "")


def _processor() -> str:
    return f"{platform.system()} {platform.machine()}"
