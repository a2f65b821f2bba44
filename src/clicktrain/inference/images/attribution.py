"""Which patches speak for a class, and which against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from clicktrain.inference.images.predict import encode_image, inspected_for
from clicktrain.progress import Progress, as_progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clicktrain.images.source import ImageSource
    from clicktrain.inference.images.codes import CodeGrids
    from clicktrain.models.images.fitted import FittedImageModel
    from clicktrain.models.images.image_net import ImageNet
    from clicktrain.types import FloatArray

__all__ = ["HeatMethod", "heat", "log_odds"]

HeatMethod = Literal["gradient", "leave_one_out"]

# Cells of all grids that the head answers together.
_CELLS_AT_ONCE = 2**16
# Points on the way from the mean code at which the gradient is taken.
_PATH_POINTS = 32


def heat(
    model: FittedImageModel, image: ImageSource, target: int | None, *, method: HeatMethod, chunk_patches: int
) -> Generator[Progress, None, FloatArray]:
    """Say of every patch how it changes the log-odds of a class against all others.

    Parameters
    ----------
    model : FittedImageModel
    image : ImageSource
    target : int or None
        Class index; None for the most probable class.
    method : {"gradient", "leave_one_out"}
        Integrated gradients: what sets a patch's code apart from the image's mean code, times the mean gradient on the
        way from there, so that all patches together make up the change of the log-odds on that way. Or the log-odds
        with all patches less those without this one.
    chunk_patches : int

    Yields
    ------
    Progress

    Returns
    -------
    ndarray of shape (m, n), float32
        Positive where a patch speaks for the class.

    References
    ----------
    Sundararajan, Taly, Yan 2017, arXiv 1703.01365: integrated gradients.
    """
    now = Progress("predicting", 0, 1)
    yield now
    inspected = yield from as_progress(now, inspected_for(model, image))
    scale = model.scale_for(inspected.own)
    codes = yield from as_progress(now, encode_image(model.net, inspected, scale, chunk_patches=chunk_patches))
    if target is None:
        with torch.no_grad():
            target = int(model.net.score(codes.values, codes.mask).argmax())
    if method == "gradient":
        found = _by_gradient(model.net, codes, target)
    else:
        found = yield from _by_leaving_out(model.net, codes, target)
    yield Progress("predicting", 1, 1)
    answer: FloatArray = found.float().cpu().numpy()
    return answer


def log_odds(scores: Tensor, target: int) -> Tensor:
    """Log-odds of a class against all others together.

    Unlike the probability it does not saturate where the answer is certain.

    Parameters
    ----------
    scores : Tensor of shape (B, K)
    target : int

    Returns
    -------
    Tensor of shape (B,)
    """
    others = [k for k in range(scores.shape[1]) if k != target]
    return scores[:, target] - scores[:, others].logsumexp(dim=1)


def _by_gradient(net: ImageNet, codes: CodeGrids, target: int) -> Tensor:
    mean = codes.values.mean(dim=(2, 3), keepdim=True)
    apart = codes.values - mean
    gradients = torch.zeros_like(apart)
    for i in range(_PATH_POINTS):
        values = (mean + apart * (i + 0.5) / _PATH_POINTS).requires_grad_()
        with torch.enable_grad():
            odds = log_odds(net.score(values, codes.mask), target)
        gradients += torch.autograd.grad(odds.sum(), values)[0]
    return (apart * gradients / _PATH_POINTS).sum(dim=1)[0]


def _by_leaving_out(net: ImageNet, codes: CodeGrids, target: int) -> Generator[Progress, None, Tensor]:
    rows, columns = codes.mask.shape[1:]
    n_cells = rows * columns
    at_once = max(1, _CELLS_AT_ONCE // n_cells)
    found = torch.empty(n_cells, dtype=codes.values.dtype, device=codes.values.device)
    with torch.no_grad():
        whole = log_odds(net.score(codes.values, codes.mask), target)
    for start in range(0, n_cells, at_once):
        yield Progress("predicting", start, n_cells)
        cells = torch.arange(start, min(start + at_once, n_cells), device=codes.values.device)
        mask = codes.mask.repeat(len(cells), 1, 1)
        mask.view(len(cells), -1)[torch.arange(len(cells)), cells] = False
        with torch.no_grad():
            without = log_odds(net.score(codes.values.expand(len(cells), -1, -1, -1), mask), target)
        found[cells] = whole - without
    return found.reshape(rows, columns)
