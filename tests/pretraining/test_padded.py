from __future__ import annotations

import torch

from clicktrain.engine.densify import densify
from clicktrain.models.pixels.trunk import Trunk
from pretraining.padded import embed
from tests.engine.comparing import assert_same


def noise(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_padded_trunk_equals_patch_scan_inside_the_border() -> None:
    trunk = Trunk(width=4, levels=3, out_channels=5).double()
    dense = densify(trunk, ndim=2, fov=trunk.fov_px)
    image = noise(2, 1, trunk.fov_px + 4, trunk.fov_px + 2)
    half_px = trunk.fov_px // 2
    whole = embed(trunk, image)
    assert whole.shape == (2, 5, *image.shape[2:])
    inside = whole[..., half_px:-half_px, half_px:-half_px]
    assert_same(inside, dense(image, strategy="patches"), 1e-9)
    assert_same(inside, dense(image, strategy="dense"), 1e-9)
