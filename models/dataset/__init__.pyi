from .boxes import Box
from .chips import Canvas, draw_chip, prepare
from .labels.instance_masks import InstanceMask
from .scenes import LabelledScene, LabelSource, read_scenes
from .targets import (
    BORDER,
    HULL_PLANES,
    REACH_PX,
    SHIP,
    SIZED,
    TRUSTED,
    USUAL_BEAM_M,
    USUAL_LENGTH_M,
    draw_labels,
)

__all__ = [
    "BORDER",
    "HULL_PLANES",
    "REACH_PX",
    "SHIP",
    "SIZED",
    "TRUSTED",
    "USUAL_BEAM_M",
    "USUAL_LENGTH_M",
    "Box",
    "Canvas",
    "InstanceMask",
    "LabelSource",
    "LabelledScene",
    "draw_chip",
    "draw_labels",
    "prepare",
    "read_scenes",
]
