"""The network as a graph of OpenVINO, for tiles of any size.

Built from the network's own layers: a conversion by tracing would give the same operations, in an
order that is slower on tiles of changing sizes.
"""

import numpy as np
from openvino import Model, Node, PartialShape
from openvino import opset13 as ops
from torch import Tensor, nn

from models.network import ConvBlock, UNet, UpBlock


def graph(network: UNet) -> Model:
    """A fused network (fuse.fused): planes (1, band, y, x) to outputs (1, output, y, x), float32.

    Equal to UNet.forward but for rounding.
    """
    planes = ops.parameter(PartialShape([1, network.config.bands, -1, -1]), np.float32)
    pixels = _inputs(planes, network)
    x = ops.space_to_depth(pixels, "depth_first", 2)
    skips: list[Node] = []
    for level, block in enumerate(network.down):
        x = _block(_halved(x) if level else x, block)
        skips.append(x)
    for level, up in enumerate(network.up):
        assert isinstance(up, UpBlock)
        x = _doubled(_convolved(x, up.reduce))
        x = _block(ops.add(x, skips[-2 - level]), up.block)
    x = ops.depth_to_space(ops.relu(_convolved(x, network.spread)), "depth_first", 2)
    outputs = _convolved(ops.concat([x, pixels], 1), network.head)
    return Model([ops.result(outputs)], [planes], "ships")


def _inputs(planes: Node, network: UNet) -> Node:
    known = ops.is_finite(planes)
    centred = ops.divide(
        ops.subtract(planes, _by_channel(network.mean)), _by_channel(network.deviation)
    )
    standardised = ops.select(known, centred, ops.constant(np.float32(0)))
    return ops.concat([standardised, ops.convert(known, "f32")], 1)


def _block(x: Node, block: nn.Module) -> Node:
    assert isinstance(block, ConvBlock)
    return ops.relu(_convolved(ops.relu(_convolved(x, block.conv1)), block.conv2))


def _convolved(x: Node, layer: nn.Module) -> Node:
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    around = [int(side) for side in layer.padding]
    kernel = ops.constant(layer.weight.detach().numpy())
    convolved = ops.convolution(x, kernel, [1, 1], around, around, [1, 1])
    return ops.add(convolved, _by_channel(layer.bias))


def _by_channel(values: Tensor) -> Node:
    return ops.constant(values.detach().numpy()[None, :, None, None])


def _halved(x: Node) -> Node:
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)


def _doubled(x: Node) -> Node:
    scales, axes = np.array([2, 2], np.float32), np.array([2, 3], np.int64)
    return ops.interpolate(
        x,
        ops.constant(scales),
        "nearest",
        "scales",
        axes=ops.constant(axes),
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
