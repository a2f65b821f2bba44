from __future__ import annotations

import pytest
import torch
from torch import nn

from clicktrain.models.images.encoders import PatchEncoder, build_encoder
from clicktrain.models.layers.blocks import BasicBlock
from clicktrain.models.layers.norm import FrozenBatchNorm, measuring

PRESETS = ["small", "resnet", "mobilenet"]


def patches(n: int, side: int = 32, channels: int = 2):
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", ["group", "frozen_batch"])
@pytest.mark.parametrize("name", PRESETS)
def test_a_patch_gets_the_same_code_whatever_is_beside_it(name: str, norm: str) -> None:
    encoder = build_encoder(name, 2, 5, norm=norm)
    images = patches(4)
    with torch.no_grad():
        training = encoder.train()(images)
        torch.testing.assert_close(encoder(images[:1]), training[:1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(encoder.eval()(images), training, rtol=0, atol=0)


@pytest.mark.parametrize("side", [16, 33])
def test_patches_may_have_any_side(side: int) -> None:
    assert build_encoder("small", 2, 5)(patches(3, side)).shape == (3, 5)


@pytest.mark.parametrize("pools_maximum", [False, True])
def test_only_the_maximum_tells_a_bright_pixel_from_its_light_spread_over_the_patch(pools_maximum: bool) -> None:
    encoder = PatchEncoder(nn.Identity(), 2, 5, pools_maximum=pools_maximum)
    pixel = torch.zeros(1, 2, 8, 8)
    pixel[:, :, 3, 4] = 64
    spread = torch.ones(1, 2, 8, 8)
    assert torch.allclose(encoder(pixel), encoder(spread)) is not pools_maximum


def test_resnet_has_the_weights_of_resnet_50() -> None:
    encoder = build_encoder("resnet", 3, 1000, norm="frozen_batch")
    # torchvision's resnet50, to which the standardisation of the codes adds a scale and a shift.
    assert sum(p.numel() for p in encoder.parameters()) == 25_557_032 + 2 * 1000


def test_mobilenet_has_the_weights_of_mobilenet_v2() -> None:
    encoder = build_encoder("mobilenet", 3, 1000, norm="frozen_batch")
    assert sum(p.numel() for p in encoder.parameters()) == 3_504_872 + 2 * 1000


@pytest.mark.parametrize("name", PRESETS)
def test_every_second_block_of_a_stage_can_be_another(name: str) -> None:
    made: list[tuple[int, int, int]] = []

    def other(in_channels: int, out_channels: int, *, stride: int, norm) -> nn.Module:
        made.append((in_channels, out_channels, stride))
        return nn.Identity()

    assert build_encoder(name, 2, 5, every_second=other)(patches(1)).shape == (1, 5)
    # The second of 3, the second and fourth of 4, and so on.
    assert len(made) == {"small": 0, "resnet": 1 + 2 + 3 + 1, "mobilenet": 1 + 1 + 2 + 1 + 1}[name]
    assert all(into == out and stride == 1 for into, out, stride in made)


def test_measured_statistics_standardise_and_then_stay() -> None:
    encoder = build_encoder("small", 2, 5, norm="frozen_batch")
    images = patches(64) * 30 + 100
    with torch.no_grad(), measuring(encoder):
        encoder(images)
    before = {name: tensor.clone() for name, tensor in encoder.named_buffers()}
    with torch.no_grad():
        codes = encoder(images)
        encoder(images * 2)
    torch.testing.assert_close(codes.mean(dim=0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.std(dim=0, correction=0), torch.ones(5), atol=1e-3, rtol=0)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.named_buffers())


def test_a_channel_without_variation_keeps_its_scale() -> None:
    norm = FrozenBatchNorm(2)
    maps = torch.stack([torch.full((4, 4), 7.0), torch.arange(16.0).reshape(4, 4)]).unsqueeze(0)
    with measuring(norm):
        assert torch.isfinite(norm(maps)).all()
    assert norm.deviation[0] == 1


def test_a_block_halves_the_map_with_stride_2() -> None:
    assert BasicBlock(4, 8, stride=2, norm=FrozenBatchNorm)(torch.zeros(1, 4, 16, 16)).shape == (1, 8, 8, 8)
