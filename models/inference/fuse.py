"""A trained network prepared for inference on any device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.inference.tiles import HALO_PX
from models.network import ConvBlock, UNet


def fused(network: UNet) -> UNet:
    """Fold the batch normalisations, constant after training, into the convolutions before them."""
    for block in (module for module in network.modules() if isinstance(module, ConvBlock)):
        block.conv1, block.norm1 = _fuse(block.conv1, block.norm1)
        block.conv2, block.norm2 = _fuse(block.conv2, block.norm2)
    return network


def _fuse(convolution: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm), nn.Identity()


def inside(logits: Tensor) -> Tensor:
    """The maps (n, output, y, x) inside the halo, from the network's outputs of whole tiles.

    Planes 0 and 1, ship and border, become probabilities; targets.HULL_PLANES stay as they are.
    """
    maps = logits[:, :, HALO_PX:-HALO_PX, HALO_PX:-HALO_PX].float().contiguous()
    maps[:, :2].sigmoid_()
    return maps


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one thread, then restore the former number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
