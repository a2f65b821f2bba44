"""Small images, networks and readers that the tests of whole images share."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from clicktrain.config.images import ImagePreset, image_preset
from clicktrain.geometry.patch_grid import plan_patch_grid
from clicktrain.images.source import open_image
from clicktrain.inference.images.patches import PatchReader
from clicktrain.models.images.image_net import ImageNet, build_image_network
from clicktrain.models.pixels.normalise import ChannelStatistics

PATCH_PX = 16


def settings(**changes: object) -> ImagePreset:
    """Smallest settings that still do everything."""
    small = {"patch_px": PATCH_PX, "code_channels": 6, "head_width": 8, "head_levels": 2, "epochs": 2}
    return image_preset("small").with_changes(**(small | changes))


def network(n_classes: int = 3, *, channels: int = 1, **changes: object) -> ImageNet:
    net = build_image_network(settings(**changes).network, in_channels=channels, n_classes=n_classes, seed=1)
    return net.double()


def noise(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def blobs(n: int, shape: tuple[int, int] = (48, 64), seed: int = 0):
    """Images of noise, every second one with a bright square, and what they are."""
    rng = np.random.default_rng(seed)
    images = [rng.normal(100, 10, shape).astype(np.float32) for _ in range(n)]
    for image in images[1::2]:
        y, x = rng.integers(0, shape[0] - 12), rng.integers(0, shape[1] - 12)
        image[y : y + 12, x : x + 12] += 100
    return images, ["square" if i % 2 else "nothing" for i in range(n)]


def reader_of(*images, stride_px: int = PATCH_PX, axes: str | None = None) -> PatchReader:
    """A reader of unscaled patches."""
    sources = [open_image(image, axes=axes) for image in images]
    grids = [plan_patch_grid(each.shape_px, PATCH_PX, stride_px) for each in sources]
    scales = [ChannelStatistics((0.0,) * each.n_channels, (1.0,) * each.n_channels) for each in sources]
    return PatchReader(sources, grids, scales)


def run(steps):
    """Run a generator to its end; what it yielded and what it returned."""
    yielded = []
    while True:
        try:
            yielded.append(next(steps))
        except StopIteration as stop:
            return yielded, stop.value


class MeanEncoder(nn.Module):
    """A patch's code is its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, patches):
        return patches.mean(dim=(1, 2, 3)).unsqueeze(1) * self.factor
