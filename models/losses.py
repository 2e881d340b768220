"""What training minimises: cross-entropy and overlap, where the labels can be trusted."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

_BORDER_SHARE = 0.5
_SHIP_WEIGHT = 3.0


def segmentation_loss(logits: Tensor, targets: Tensor, trusted: Tensor) -> Tensor:
    """The loss of a batch, a scalar.

    logits, targets: (n, 2, y, x), ship and border; targets are 0..1 (covered share of the pixel).
    trusted: (n, y, x), 1 where the labels count, 0 where they are to be ignored.
    """
    ship = _cross_entropy(logits[:, 0], targets[:, 0], trusted)
    border = _cross_entropy(logits[:, 1], targets[:, 1], trusted)
    overlap = _dice(torch.sigmoid(logits[:, 0]), targets[:, 0], trusted)
    return ship + overlap + _BORDER_SHARE * border


def _cross_entropy(logits: Tensor, target: Tensor, trusted: Tensor) -> Tensor:
    """Ships cover a few per cent of the pixels, so theirs weigh more."""
    weight = trusted * (1 + (_SHIP_WEIGHT - 1) * target)
    loss = binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum")
    return loss / trusted.sum().clamp(min=1.0) * 10


def _dice(probability: Tensor, target: Tensor, trusted: Tensor) -> Tensor:
    """One minus the soft overlap over the whole batch."""
    both = (trusted * probability * target).sum()
    either = (trusted * (probability**2 + target**2)).sum()
    return 1 - (2 * both + 1) / (either + 1)
