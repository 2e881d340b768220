"""What a weights file carries besides the tensors: shape, calibration and errors of the network."""

from dataclasses import dataclass

PIXEL_M = 10.0
"""The ground pixel the network is trained on and for."""


@dataclass(frozen=True)
class UNetConfig:
    """The network's shape; the weights file carries it."""

    bands: int = 4
    widths: tuple[int, ...] = (24, 48, 96)
    """channels at a half, a quarter, ... of the resolution"""
    fine: int = 16
    """channels at full resolution, before the last convolution"""
    outputs: int = 9
    """ship, border, and what each pixel says of its ship: targets.HULL_PLANES"""

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return int(2 ** len(self.widths))

    @property
    def reach_px(self) -> int:
        """No output pixel depends on an input pixel farther away than this (rows or columns).

        Two 3 x 3 convolutions reach two cells of their level, on the way down and up; a pixel may
        lie anywhere in a cell of the coarsest level, which adds less than one such cell. The last
        convolution reaches one pixel more.
        """
        *finer, coarse = (2 ** (level + 1) for level in range(len(self.widths)))
        return int(sum(4 * cell for cell in finer) + 2 * coarse + (coarse - 1) + 1)


@dataclass(frozen=True)
class ChipSettings:
    """How training chips are drawn."""

    size_px: int = 96
    on_ship: float = 0.7
    """share of chips that hold a given ship; the others are anywhere"""
    turned: float = 0.6
    """share of chips turned and scaled freely; the others keep the scene's own pixels"""
    scale: float = 0.25
    """those are scaled by up to this power of e, either way"""
    paste: float = 0.6
    """share of chips that foreign ships are set down on"""


@dataclass(frozen=True)
class Calibration:
    """How instances of the probability map become measured vessels; fitted on held-out ports."""

    grow: float = 0.3
    """pixels are asked for their ship where they are ship with this probability"""
    length_offset_m: float = 0.0
    length_factor: float = 1.0
    beam_offset_m: float = 0.0
    beam_factor: float = 1.0
    length_sd_base_m: float = 5.0
    length_sd_share: float = 1.0
    """the length's standard deviation is the base and this share of what the network expects"""
    score_weights: tuple[float, ...] = (0.0, 1.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    """of instances.evidence, in its order"""
    least_score: float = 0.3
    """fainter vessels are not reported"""


@dataclass(frozen=True)
class DetectorError:
    """How often vessels are missed and invented at one kind of place, fitted on held-out ports."""

    place: str
    """berth, or anchorage (open water)"""
    recall: float
    """chance to report a ship of 100 m that is there, at the middle one of ports"""
    recall_sd: float
    """standard deviation of its logit for a port not seen before"""
    recall_slope: float
    """growth of the logit when the length grows e-fold"""
    false_alarms: float
    """vessels reported in a look at an empty berth, or at a square kilometre of empty open water,
    at the middle one of berths and ports"""
    false_alarms_sd: float
    """standard deviation of its logarithm for a berth (or anchorage) of a port not seen before"""
    ports: int
    ships: int
    """looks at ships on which the recall rests"""
    empty: float
    """empty berths, or square kilometres, looked at"""
