"""Triton convolution of chosen channels against its reference; natively on a GPU, else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch

from clicktrain.kernels.mod_conv import mod_conv
from tests.kernels.cases import FORMATS, HALVES, assert_all_close, noise
from tests.kernels.mod_cases import MOD_CONVOLUTIONS, mod_convolved, mod_inputs


@pytest.mark.parametrize("activation", ["none", "relu"])
@pytest.mark.parametrize(("dtype", "tolerance", "layout"), FORMATS)
@pytest.mark.parametrize("case", MOD_CONVOLUTIONS)
def test_triton_matches_reference_in_output_and_gradients(
    case: str, dtype: torch.dtype, tolerance: float, layout: torch.memory_format, activation: str
) -> None:
    channels, (image, *others), options = mod_inputs(case)
    # Rounded first, so that a value near 0 has the same sign in both.
    inputs = [t.detach().to(dtype) for t in (image.detach().contiguous(memory_format=layout), *others)]
    expected = mod_convolved("reference", channels, inputs, torch.float64, activation=activation, **options)
    got = mod_convolved("triton", channels, inputs, dtype, activation=activation, **options)
    assert_all_close(got, expected, tolerance)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_half_precision_matches_reference_to_its_rounding(dtype: torch.dtype) -> None:
    channels, inputs, options = mod_inputs("B1-C40-k19-9x15-k3-d1-p0")
    inputs = [tensor.detach().to(dtype) for tensor in inputs]
    expected = mod_convolved("reference", channels, inputs, torch.float64, **options)
    # Products with the scores are rounded once more, before they are summed.
    assert_all_close(mod_convolved("triton", channels, inputs, dtype, **options), expected, 4 * torch.finfo(dtype).eps)


def test_triton_without_bias_matches_reference() -> None:
    channels, inputs, options = mod_inputs("B2-C7-k3-5x7-k3-d1-p1")
    expected = mod_convolved("reference", channels, inputs[:3], torch.float64, **options)
    assert_all_close(mod_convolved("triton", channels, inputs[:3], torch.float32, **options), expected, 1e-5)


@pytest.mark.parametrize("wanted", range(4), ids=["image", "scores", "weight", "bias"])
def test_one_wanted_gradient_alone_is_the_same(wanted: int) -> None:
    channels, inputs, options = mod_inputs("B2-C7-k3-5x7-k3-d1-p1")
    expected = mod_convolved("triton", channels, inputs, torch.float64, **options)[1 + wanted]
    image, scores, *others = (t.detach().requires_grad_(number == wanted) for number, t in enumerate(inputs))
    out = mod_conv(image, channels, scores, *others, backend="triton", **options)
    mixture = noise(*out.shape, seed=1).detach()
    found = torch.autograd.grad((out * mixture).sum(), (image, scores, *others)[wanted])[0]
    assert torch.equal(found, expected)


def test_channels_that_were_not_chosen_get_the_gradient_of_their_copies_alone() -> None:
    channels, inputs, options = mod_inputs("B2-C7-k3-5x7-k3-d1-p1")
    image, *others = (tensor.detach().requires_grad_() for tensor in inputs)
    out = mod_conv(image, channels, *others, backend="triton", **options)
    grad = noise(*out.shape, seed=1).detach()
    out.backward(grad)
    for got, given, chosen in zip(image.grad, grad, channels.tolist(), strict=True):
        left = [number for number in range(7) if number not in chosen]
        assert torch.equal(got[left], given[left])
