from __future__ import annotations

import pytest
import torch

from clicktrain.engine.densify import densify
from clicktrain.models.pixels.pretrained import EmbeddedHead, Embedding
from clicktrain.models.pixels.trunk import Inlet, Trunk
from tests.engine.comparing import assert_same


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.double)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_dense_pass_equals_patch_scan(levels: int) -> None:
    trunk = Trunk(width=4, levels=levels, out_channels=5).double()
    dense = densify(trunk, ndim=2, fov=trunk.fov_px)
    image = noise(2, 1, trunk.fov_px + 4, trunk.fov_px + 2)
    assert_same(dense(image, strategy="dense"), dense(image, strategy="patches"), 1e-9)


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("shape_px", [(1, 1), (4, 7), (9, 6)])
def test_every_second_pixel_is_embedded_as_among_all(levels: int, shape_px: tuple[int, int]) -> None:
    embedding = Embedding(Trunk(width=4, levels=levels, out_channels=6)).double()
    head = EmbeddedHead.of(embedding, torch.empty(0))
    image = noise(1, 1, *(n + fov - 1 for n, fov in zip(shape_px, head.fov, strict=True)))
    every, second = head.embed(image), head.embed(image, output_stride=2)
    assert every.shape[2:] == shape_px
    assert_same(second, every[:, :, ::2, ::2], 1e-9)


@pytest.mark.parametrize("levels", [1, 3, 5])
def test_a_patch_of_the_field_of_view_has_one_embedding(levels: int) -> None:
    trunk = Trunk(width=2, levels=levels, out_channels=3)
    assert trunk(torch.zeros(1, 1, trunk.fov_px, trunk.fov_px)).shape == (1, 3, 1, 1)


def test_every_level_looks_at_the_centre_of_the_patch() -> None:
    trunk = Trunk(width=4, levels=3, out_channels=5).double()
    for parameter in trunk.parameters():
        # All weights alike: what the network computes is then as symmetric as its geometry.
        torch.nn.init.constant_(parameter, 0.05)
    image = noise(1, 1, trunk.fov_px, trunk.fov_px)
    assert_same(trunk(image.flip(2)), trunk(image), 1e-9)
    assert_same(trunk(image.transpose(2, 3)), trunk(image), 1e-9)


def test_views_are_those_of_a_patch_around_the_pixel() -> None:
    inlet = Inlet(sigma_px=1.5).double()
    side_px = inlet.exact_fov[0]
    image = noise(1, 1, side_px + 6, side_px + 3)
    views = inlet(image)
    assert views.shape == (1, 3, 7, 4)
    assert_same(inlet(image[..., 5 : 5 + side_px, 2 : 2 + side_px]), views[..., 5:6, 2:3], 1e-9)


def test_local_view_does_not_care_for_a_constant() -> None:
    inlet = Inlet(sigma_px=1.5).double()
    # In the range where the compressed values of the inlet are about linear, a constant is a constant there as well.
    image = 0.01 * noise(1, 1, 30, 30)
    local, shifted = (inlet(values)[:, 2] for values in (image, image + 0.01))
    assert float((local - shifted).abs().max()) < 0.01 * float(local.abs().max())


def test_views_stay_finite_and_bounded_on_extreme_values() -> None:
    inlet = Inlet(sigma_px=1.5)
    image = torch.zeros(1, 1, 40, 40)
    image[..., 20, 20] = 1e6
    views = inlet(image)
    assert torch.isfinite(views).all()
    assert float(views.abs().max()) < 30
