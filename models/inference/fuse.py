"""A trained network made ready for use, whatever it then runs on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.inference.tiles import HALO_PX
from models.network.unet import ConvBlock, UNet


def fused(network: UNet) -> UNet:
    """Work the batch normalisations, constant once trained, into the convolutions before them."""
    for block in (module for module in network.modules() if isinstance(module, ConvBlock)):
        block.conv1, block.norm1 = _fuse(block.conv1, block.norm1)
        block.conv2, block.norm2 = _fuse(block.conv2, block.norm2)
    return network


def _fuse(convolution: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm), nn.Identity()


def inside(logits: Tensor) -> Tensor:
    """UNet.maps within the halo, from the network's logits of whole tiles (n, output, y, x)."""
    maps = logits[:, :, HALO_PX:-HALO_PX, HALO_PX:-HALO_PX].float().contiguous()
    maps[:, :2].sigmoid_()
    return maps


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, then as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
