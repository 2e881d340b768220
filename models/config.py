"""Settings of the network that a weights file stores: shape, calibration, measured error rates."""

from dataclasses import dataclass

PIXEL_M = 10.0
"""Edge of a ground pixel, in metres, that the network is trained on and applied to."""


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network, stored in the weights file."""

    bands: int = 4
    widths: tuple[int, ...] = (24, 48, 96)
    """Channels at 1/2, 1/4, ... of the input's resolution."""
    fine: int = 16
    """Channels at full resolution, before the last convolution."""
    outputs: int = 9
    """Output planes: ship, border, and the seven of targets.HULL_PLANES."""
    mirrored: bool = False
    """Where a ship may be, the maps are the mean of the image's and its three mirror images'; the
    calibration is that of such maps."""

    @property
    def stride(self) -> int:
        """Sides of the input, in pixels, must be multiples of this."""
        return int(2 ** len(self.widths))

    @property
    def reach_px(self) -> int:
        """Radius of the receptive field, in rows or columns: an upper bound.

        Two 3 x 3 convolutions reach two cells of their level, in the encoder and in the decoder; a
        pixel may lie anywhere in a cell of the coarsest level, which adds less than one such cell.
        The last convolution adds one pixel.
        """
        *finer, coarse = (2 ** (level + 1) for level in range(len(self.widths)))
        return int(sum(4 * cell for cell in finer) + 2 * coarse + (coarse - 1) + 1)


@dataclass(frozen=True)
class ChipSettings:
    """How training chips are sampled. Shares are probabilities, 0..1."""

    size_px: int = 96
    """Edge of a chip."""
    on_ship: float = 0.7
    """Share of chips centred near a ship; the others are centred anywhere in the scene."""
    turned: float = 0.6
    """Share of chips rotated and scaled freely; the others keep the scene's own pixels."""
    scale: float = 0.25
    """Largest absolute logarithm of the scale factor of those."""
    paste: float = 0.6
    """Share of chips into which ships of other scenes are pasted."""
    alongside: float = 0.5
    """Share of those ships that are pasted parallel to a quay or another ship."""


@dataclass(frozen=True)
class Calibration:
    """Turns instances of the probability map into measured vessels; fitted on held-out ports."""

    grow: float = 0.3
    """Pixels with at least this probability of ship form the instances."""
    length_offset_m: float = 0.0
    length_factor: float = 1.0
    beam_offset_m: float = 0.0
    beam_factor: float = 1.0
    length_sd_base_m: float = 5.0
    length_sd_share: float = 1.0
    """The length's standard deviation is length_sd_base_m plus this share of the error that the
    network estimates."""
    score_weights: tuple[float, ...] = (0.0, 1.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    """Coefficients of the logistic regression on vessels.evidence, in its order."""
    least_score: float = 0.3
    """Vessels with a lower score are not reported."""


@dataclass(frozen=True)
class ScoreError:
    """Recall and false alarms of the reports with a score from this on, in the words of
    ``DetectorError``.
    """

    from_score: float
    recall: float
    recall_sd: float
    recall_slope: float
    false_alarms: float
    false_alarms_sd: float


@dataclass(frozen=True)
class DetectorError:
    """Recall and false alarms at one kind of place, fitted on held-out ports."""

    place: str
    """Berth, or anchorage (open water)."""
    recall: float
    """Probability that a ship of 100 m is reported, at the median port."""
    recall_sd: float
    """Standard deviation of its logit at a port not seen before."""
    recall_slope: float
    """Increase of the logit when the length grows e-fold."""
    false_alarms: float
    """Expected vessels reported per look at an empty berth, or at a square kilometre of empty open
    water, at the median berth of the median port."""
    false_alarms_sd: float
    """Standard deviation of its logarithm for a berth (or anchorage) of a port not seen before."""
    ports: int
    """Ports with ships at such places."""
    ships: int
    """Looks at ships from which the recall is estimated."""
    empty: float
    """Empty berths, or square kilometres, from which the false alarms are estimated."""
    steps: tuple[ScoreError, ...] = ()
    """By rising score, above that from which vessels are reported; empty where not measured."""

    @property
    def measured_at(self) -> str:
        """What the ports are, in words."""
        return "ports the network had not seen"

    @property
    def sensor(self) -> str:
        """Empty: of the imagery that networks are measured on."""
        return ""
