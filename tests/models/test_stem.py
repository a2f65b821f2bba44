from __future__ import annotations

import pytest
import torch

from clicktrain.models.pixels.stem import FEATURES_PER_SCALE, ScaleSpaceStem, gaussian_kernels

STEM = ScaleSpaceStem(2, (0.7, 1.6, 2.5))


@pytest.mark.parametrize("sigma_px", [0.7, 1.0, 3.5, 10.0])
def test_kernels_answer_exactly_to_polynomials(sigma_px: float) -> None:
    kernels = gaussian_kernels(sigma_px)
    radius = kernels.shape[1] // 2
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    polynomials = torch.stack((torch.ones_like(x), x, x**2 / 2))
    expected = torch.diag(torch.tensor([1, sigma_px, sigma_px**2], dtype=torch.float64))
    expected[0, 2] = (kernels[0] * x**2).sum() / 2
    torch.testing.assert_close(kernels @ polynomials.T, expected, atol=1e-9, rtol=1e-9)


def test_a_patch_gives_the_values_of_the_whole_image() -> None:
    image = torch.rand(1, 2, 60, 50)
    whole = STEM(image)
    side = STEM.exact_fov[0]
    for y, x in [(0, 0), (7, 11), (60 - side, 50 - side)]:
        patch = STEM(image[:, :, y : y + side, x : x + side])
        torch.testing.assert_close(patch[0, :, 0, 0], whole[0, :, y, x], atol=1e-5, rtol=1e-5)


def test_features_of_a_turned_image_are_turned_features() -> None:
    image = torch.rand(1, 2, 48, 48)
    torch.testing.assert_close(STEM(image.rot90(1, (2, 3))), STEM(image).rot90(1, (2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(STEM(image.flip(3)), STEM(image).flip(3), atol=1e-5, rtol=1e-4)


def test_features_are_linear_in_contrast() -> None:
    image = torch.rand(1, 2, 48, 48)
    torch.testing.assert_close(STEM(image * 10), STEM(image) * 10, atol=1e-3, rtol=1e-3)


def test_flat_ground_has_no_features_but_its_value() -> None:
    features = STEM(torch.full((1, 2, 48, 48), 3.0)).unflatten(1, (3, FEATURES_PER_SCALE, 2))
    torch.testing.assert_close(features[:, :, 0], torch.full_like(features[:, :, 0], 3.0))
    assert features[:, :, 1:].abs().max() < 2e-3  # what the roots make of float32 rounding


def test_a_bright_ridge_has_one_large_negative_hessian_eigenvalue() -> None:
    image = torch.zeros(1, 2, 48, 48)
    image[:, :, :, 24] = 1
    features = STEM(image).unflatten(1, (3, FEATURES_PER_SCALE, 2))
    middle = 24 - STEM.margin_px
    larger, smaller = features[0, 1, 3, 0, :, middle], features[0, 1, 4, 0, :, middle]
    assert (smaller < -0.1).all()
    assert larger.abs().max() < 1e-4


def test_weights_of_the_stem_are_fixed_and_not_saved() -> None:
    assert list(STEM.parameters()) == []
    assert STEM.state_dict() == {}
