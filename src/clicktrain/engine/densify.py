"""Any patch classifier as an exact dense network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.engine.network import DenseNetwork
from clicktrain.errors import DensifyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

__all__ = ["DenseNetwork", "densify"]


def densify(module: nn.Module, *, ndim: int = 2, fov: int | Sequence[int] | None = None) -> DenseNetwork:
    """Turn a patch classifier into the dense network that gives the same scores for every patch of an image.

    Every layer gets stride 1, and taps as far apart as the product of all strides before it; fully connected layers
    become convolutions.

    Parameters
    ----------
    module : Module
        Patch classifier without padding, from (B, C, *fov) to (B, K) or (B, K, 1, ...).
    ndim : int
        Number of spatial axes, 2 or 3.
    fov : int or sequence of int, optional
        Side of the patches in pixels. Needed only where the module takes patches of any size.

    Returns
    -------
    DenseNetwork
        It shares the parameters of `module`.

    Raises
    ------
    DensifyError
        If a layer has no exact dense form; the text names the layer, the reason and the way out.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 8, 4), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 4, 3))
    >>> dense = densify(net)
    >>> dense.fov
    (11, 11)
    >>> dense(torch.zeros(1, 1, 30, 20)).shape
    torch.Size([1, 3, 20, 10])

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526.
    """
    if ndim not in (2, 3):
        raise DensifyError(f"ndim must be 2 or 3, got {ndim}. Give the number of spatial axes of the patches.")
    sides = None if fov is None else (fov,) * ndim if isinstance(fov, int) else tuple(int(n) for n in fov)
    if sides is not None and (len(sides) != ndim or min(sides) < 1):
        raise DensifyError(f"fov must be one positive whole number, or one per spatial axis ({ndim}), got {fov}.")
    return DenseNetwork(module, ndim, sides)
