"""Training loss: cross-entropy and soft overlap of the maps, and regression of the hull planes."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from models.dataset import BORDER, SHIP, SIZED, TRUSTED

_BORDER_SHARE = 0.5
_SHIP_WEIGHT = 3.0
_HULL_SHARE = 0.5
_OFFSET_WEIGHT = 2.0
_ERROR_RANGE = (-4.0, 1.0)
"""Bounds of the predicted logarithm of the length's error."""


def loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """The loss of a batch, a scalar.

    outputs: (n, 9, y, x), logits of ship and border, then HULL_PLANES.
    labels: (n, 10, y, x), as dataset.chips.Chip describes them.
    """
    maps = segmentation_loss(outputs[:, :2], labels[:, [SHIP, BORDER]], labels[:, TRUSTED])
    return maps + _HULL_SHARE * hull_loss(outputs[:, 2:], labels[:, SIZED + 1 :], labels[:, SIZED])


def hull_loss(predicted: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Absolute errors of the hull planes, a weighted mean over the pixels.

    predicted: (n, 7, y, x) in the order of HULL_PLANES; truth: (n, 6, y, x), without the error;
    weight: (n, y, x). To the length's absolute error is added the negative log-likelihood of a
    Laplace distribution whose scale the pixel predicts, so that the predicted error is calibrated.
    """
    length, beam, cosine, sine, error, down, right = predicted.unbind(1)
    scale = error.clamp(*_ERROR_RANGE)
    off = (length - truth[:, 0]).abs()
    wrong = off * torch.exp(-scale) + scale + off
    wrong = wrong + (beam - truth[:, 1]).abs()
    wrong = wrong + (cosine - truth[:, 2]).abs() + (sine - truth[:, 3]).abs()
    wrong = wrong + _OFFSET_WEIGHT * ((down - truth[:, 4]).abs() + (right - truth[:, 5]).abs())
    return (weight * wrong).sum() / weight.sum().clamp(min=1.0)


def segmentation_loss(logits: Tensor, targets: Tensor, trusted: Tensor) -> Tensor:
    """The loss of a batch, a scalar.

    logits, targets: (n, 2, y, x), ship and border; targets are 0..1 (covered share of the pixel).
    trusted: (n, y, x), 1 where the labels count, 0 where they are ignored.
    """
    ship = _cross_entropy(logits[:, 0], targets[:, 0], trusted)
    border = _cross_entropy(logits[:, 1], targets[:, 1], trusted)
    overlap = _dice(torch.sigmoid(logits[:, 0]), targets[:, 0], trusted)
    return ship + overlap + _BORDER_SHARE * border


def _cross_entropy(logits: Tensor, target: Tensor, trusted: Tensor) -> Tensor:
    """Weighted: ships cover a few per cent of the pixels, so theirs weigh more."""
    weight = trusted * (1 + (_SHIP_WEIGHT - 1) * target)
    loss = binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum")
    return loss / trusted.sum().clamp(min=1.0) * 10


def _dice(probability: Tensor, target: Tensor, trusted: Tensor) -> Tensor:
    """One minus the soft Dice coefficient of the whole batch."""
    both = (trusted * probability * target).sum()
    either = (trusted * (probability**2 + target**2)).sum()
    return 1 - (2 * both + 1) / (either + 1)
