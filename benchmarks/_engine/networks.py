"""The networks that are timed, each with an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import nn

from clicktrain.config import preset
from clicktrain.engine.cost import dense_macs, patch_macs
from clicktrain.engine.densify import DenseNetwork, densify
from clicktrain.models.pixels.nets import build_network

if TYPE_CHECKING:
    from torch import Tensor

    from _engine.bench import Bench


def plain_cnn_1() -> nn.Sequential:
    """The network that Li, Zhao and Wang timed; field of view 133."""
    return nn.Sequential(
        nn.Conv2d(3, 50, 6), nn.MaxPool2d(8), nn.Tanh(),
        nn.Conv2d(50, 50, 3), nn.MaxPool2d(2), nn.Tanh(),
        nn.Conv2d(50, 32, 7),
    )  # fmt: skip


def n4() -> nn.Sequential:
    """The layers of the N4 network of Ciresan et al. 2012 (NIPS); field of view 95."""
    return nn.Sequential(
        nn.Conv2d(1, 48, 4), nn.MaxPool2d(2),
        nn.Conv2d(48, 48, 5), nn.MaxPool2d(2),
        nn.Conv2d(48, 48, 4), nn.MaxPool2d(2),
        nn.Conv2d(48, 48, 4), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(432, 200), nn.Linear(200, 2),
    )  # fmt: skip


def net_3d() -> nn.Sequential:
    """A small network on volumes; field of view 18."""
    return nn.Sequential(
        nn.Conv3d(1, 16, 3), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(16, 24, 3), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(24, 2, 3),
    )  # fmt: skip


def default() -> nn.Module:
    """ClickTrain's own network with its default settings, for RGB images."""
    return build_network(preset("auto").network, in_channels=3, n_classes=2)


MAKERS = {"plain_cnn_1": plain_cnn_1, "n4": n4, "default": default, "net_3d": net_3d}
FOV_PX = {"plain_cnn_1": 133, "n4": 95, "net_3d": 18}
CHANNELS = {"plain_cnn_1": 3, "n4": 1, "default": 3, "net_3d": 1}
SCORES_PX = {"plain_cnn_1": 512, "n4": 512, "default": 512, "net_3d": 47}
QUICK_SCORES_PX = {"plain_cnn_1": 128, "n4": 128, "default": 128, "net_3d": 23}


@dataclass(frozen=True, eq=False)
class Case:
    """A network and the image that it scores.

    Parameters
    ----------
    name : str
    module : Module
    dense : DenseNetwork
    image : Tensor of shape (1, C, *spatial)
    """

    name: str
    module: nn.Module
    dense: DenseNetwork
    image: Tensor

    @property
    def scores_px(self) -> tuple[int, ...]:
        return tuple(n - f + 1 for n, f in zip(self.image.shape[2:], self.dense.fov, strict=True))

    @property
    def patches(self) -> int:
        return prod(self.scores_px)

    @property
    def dense_macs(self) -> int:
        return dense_macs(self.dense.program, self.scores_px)

    @property
    def patch_macs(self) -> int:
        return patch_macs(self.dense.program)

    def step(self, scores: Tensor) -> None:
        """Gradient of all parameters of the mean score."""
        backward(self.module, scores.mean())


def backward(module: nn.Module, loss: Tensor) -> None:
    """Run the backward pass into fresh gradients."""
    module.zero_grad(set_to_none=True)
    loss.backward()


def make_case(name: str, bench: Bench, scores_px: int | None = None) -> Case:
    """Network of a name, and an image of noise that gives so many scores per axis."""
    torch.manual_seed(0)
    module = MAKERS[name]().to(bench.device).eval()
    ndim = 3 if name == "net_3d" else 2
    dense = densify(module, ndim=ndim, fov=getattr(module, "fov_px", FOV_PX.get(name)))
    side_px = scores_px or (QUICK_SCORES_PX if bench.quick else SCORES_PX)[name]
    image = bench.noise(1, CHANNELS[name], *(side_px + f - 1 for f in dense.fov))
    return Case(name, module, dense, image)
