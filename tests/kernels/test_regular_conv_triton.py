"""Triton convolution against its reference; natively on a GPU, else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch

from clicktrain.kernels.blocks import ROWS, reaches_far, shares_of
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.regular_conv import triton as kernels
from clicktrain.kernels.regular_conv.triton import regular_conv_bwd_weight
from tests.kernels.cases import (
    CONVOLUTIONS,
    DEVICE,
    FORMATS,
    HALVES,
    PRECISIONS,
    assert_all_close,
    noise,
    outputs_and_gradients,
)


def convolved(inputs: list[torch.Tensor], backend: str, dtype: torch.dtype, **options: object) -> list[torch.Tensor]:
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in inputs]
    results = outputs_and_gradients(lambda *tensors: regular_conv(*tensors, backend=backend, **options), leaves)
    return [result.double() for result in results]


def inputs_of(case: str) -> tuple[list[torch.Tensor], dict[str, object]]:
    batch, channels, classes, groups, shape, size, dilation = CONVOLUTIONS[case]
    tensors = [
        noise(batch, channels, *shape),
        noise(classes, channels // groups, *size, seed=2),
        noise(classes, seed=3),
    ]
    return tensors, {"dilation": dilation, "groups": groups}


@pytest.mark.parametrize(("dtype", "tolerance", "layout"), FORMATS)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_triton_matches_reference_in_output_and_gradients(
    case: str, dtype: torch.dtype, tolerance: float, layout: torch.memory_format
) -> None:
    (image, *others), options = inputs_of(case)
    inputs = [image.detach().contiguous(memory_format=layout), *others]
    expected = convolved(inputs, "reference", torch.float64, **options)
    assert_all_close(convolved(inputs, "triton", dtype, **options), expected, tolerance)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("case", ["B2-C3-K5-9x11-k3-d1", "B1-C4-K6-g2-17x8-k3x2-d4x7"])
def test_fused_activation_matches_reference_in_output_and_gradients(
    case: str, dtype: torch.dtype, tolerance: float, activation: str
) -> None:
    inputs, options = inputs_of(case)
    # Rounded first, so that a score near 0 has the same sign in both.
    inputs = [tensor.detach().to(dtype) for tensor in inputs]
    expected = convolved(inputs, "reference", torch.float64, activation=activation, **options)
    assert_all_close(convolved(inputs, "triton", dtype, activation=activation, **options), expected, tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_fused_tanh_keeps_its_relative_accuracy_from_0_on(dtype: torch.dtype) -> None:
    scores = torch.logspace(-30, 2, 97, dtype=dtype, device=DEVICE)
    scores = torch.cat([-scores, torch.zeros_like(scores[:1]), scores])
    unit = torch.ones_like(scores[:1]).view(1, 1, 1, 1)
    got = regular_conv(scores.view(1, 1, 1, -1), unit, dilation=1, activation="tanh", backend="triton")
    tolerance = 64 * torch.finfo(dtype).eps
    torch.testing.assert_close(got.flatten(), scores.tanh(), rtol=tolerance, atol=0)


def test_fused_rectifier_passes_nan_on_and_gives_0_no_gradient() -> None:
    image = torch.tensor([torch.nan, -1.0, 0.0, 2.0], device=DEVICE).view(1, 1, 1, 4).requires_grad_()
    unit = torch.ones_like(image[..., :1]).detach()
    scores = regular_conv(image, unit, dilation=1, activation="relu", backend="triton")
    scores.sum().backward()
    assert scores.isnan().flatten().tolist() == [True, False, False, False]
    assert scores[..., 1:].flatten().tolist() == [0.0, 0.0, 2.0]
    assert image.grad.flatten().tolist() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_half_precision_matches_reference_to_its_rounding(dtype: torch.dtype) -> None:
    inputs, options = inputs_of("B1-C19-K17-13x21-k3-d3")
    inputs = [tensor.detach().to(dtype) for tensor in inputs]
    expected = convolved(inputs, "reference", torch.float64, **options)
    assert_all_close(convolved(inputs, "triton", dtype, **options), expected, torch.finfo(dtype).eps)


def test_gradient_that_is_one_number_for_all_scores_matches_reference() -> None:
    inputs, options = inputs_of("B2-C3-K5-9x11-k3-d1")
    found = []
    for backend in ("triton", "reference"):
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        # The gradient of a sum is one number with stride 0.
        regular_conv(*leaves, backend=backend, **options).sum().backward()
        found.append([leaf.grad for leaf in leaves])
    assert_all_close(*found, 1e-10)


@pytest.mark.parametrize("case", ["B2-C3-K5-9x11-k3-d1", "B70-C3-K4-3x2-k3x2-d1"])
def test_places_of_64_bits_give_the_same(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, options = inputs_of(case)
    near = convolved(inputs, "triton", torch.float64, **options)
    monkeypatch.setattr(kernels, "reaches_far", lambda *tensors: True)
    assert_all_close(convolved(inputs, "triton", torch.float64, **options), near, 1e-14)


def test_far_places_are_those_that_32_bits_cannot_count() -> None:
    assert not reaches_far(torch.empty(1, 1, 1 << 15, (1 << 15), device="meta"))
    assert reaches_far(torch.empty(1, 2, 1 << 15, (1 << 15), device="meta"))
    # Few values, far apart.
    assert reaches_far(torch.empty(1, device="meta").as_strided((1, 1, 3, 3), (0, 0, 1 << 30, 1)))


def test_channels_lie_innermost_behind_a_grey_image() -> None:
    scores = regular_conv(noise(1, 1, 9, 9).detach(), noise(5, 1, 2, 2).detach(), dilation=2, backend="triton")
    assert scores.stride(1) == 1


def test_partial_sums_of_a_large_weight_are_few() -> None:
    shares, share_rows = shares_of(1 << 20, 1 << 25)
    assert shares == 2
    assert shares * share_rows >= 1 << 20


def test_triton_without_bias_matches_reference() -> None:
    inputs = [noise(1, 2, 9, 9), noise(3, 2, 2, 2)]
    expected = convolved(inputs, "reference", torch.float64, dilation=3)
    assert_all_close(convolved(inputs, "triton", torch.float32, dilation=3), expected, 1e-5)


@pytest.mark.parametrize("wanted", [0, 1, 2], ids=["image", "weight", "bias"])
def test_one_wanted_gradient_alone_is_the_same(wanted: int) -> None:
    inputs, options = inputs_of("B2-C3-K5-9x11-k3-d1")
    expected = convolved(inputs, "triton", torch.float64, **options)[1 + wanted]
    leaves = [tensor.detach().requires_grad_(number == wanted) for number, tensor in enumerate(inputs)]
    scores = regular_conv(*leaves, backend="triton", **options)
    mixture = noise(*scores.shape, seed=1).detach()
    assert torch.equal(torch.autograd.grad((scores * mixture).sum(), leaves[wanted])[0], expected)


def test_weight_gradient_over_several_shares_is_that_of_the_reference() -> None:
    image, weight = noise(1, 1, 66, 67).detach(), noise(1, 1, 2, 1, seed=2)
    scores = regular_conv(image, weight, dilation=1, backend="reference")
    grad = noise(*scores.shape, seed=1).detach()
    shares, share_pixels = shares_of(grad.numel(), weight.numel())
    assert shares == 2
    assert share_pixels % ROWS == 0
    assert shares * share_pixels >= grad.numel()
    expected = torch.autograd.grad(scores, weight, grad)
    assert_all_close([regular_conv_bwd_weight(grad, image, (2, 1), (1, 1))], expected, 1e-10)
