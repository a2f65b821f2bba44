from __future__ import annotations

import torch

from clicktrain.models.pixels.trunk import Trunk
from pretraining.padded import embed
from tests.engine.comparing import assert_same


def test_padded_trunk_equals_the_trunk_patch_by_patch_inside_the_border() -> None:
    trunk = Trunk(width=4, levels=3, out_channels=5).double()
    fov_px, half_px = trunk.fov_px, trunk.fov_px // 2
    shape = (2, 1, fov_px + 4, fov_px + 2)
    image = torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.double)
    whole = embed(trunk, image)
    assert whole.shape == (2, 5, *shape[2:])
    patches = image.unfold(2, fov_px, 1).unfold(3, fov_px, 1)
    embedded = trunk(patches.reshape(-1, 1, fov_px, fov_px)).reshape(2, 5, 3, 5)
    inside = whole[..., half_px:-half_px, half_px:-half_px]
    assert_same(inside, embedded.movedim(3, 1), 1e-9)
