from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from clicktrain.errors import ShapeError
from clicktrain.kernels.regular_conv import regular_conv
from tests.kernels.cases import CONVOLUTIONS, assert_all_close, noise, outputs_and_gradients


def in_two_or_three_dimensions(case: str, ndim: int) -> tuple[list[torch.Tensor], tuple[int, ...], int]:
    batch, channels, classes, groups, shape, size, dilation = CONVOLUTIONS[case]
    if ndim == 3:
        shape, size, dilation = (4, *shape), (2, *size), (3, *dilation)
    inputs = [noise(batch, channels, *shape), noise(classes, channels // groups, *size, seed=2), noise(classes, seed=3)]
    return inputs, dilation, groups


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_aten_matches_reference_in_output_and_gradients(case: str, ndim: int) -> None:
    inputs, dilation, groups = in_two_or_three_dimensions(case, ndim)

    def convolve(backend: str) -> list[torch.Tensor]:
        return outputs_and_gradients(
            lambda x, w, b: regular_conv(x, w, b, dilation=dilation, groups=groups, backend=backend), inputs
        )

    assert_all_close(convolve("aten"), convolve("reference"), 1e-12)


@pytest.mark.parametrize(("groups", "dilation"), [(1, 1), (1, (2, 1, 3)), (2, 2)])
def test_one_volume_is_convolved_as_it_is_among_others(groups: int, dilation: int | tuple[int, ...]) -> None:
    inputs = [noise(2, 4, 9, 8, 10), noise(6, 4 // groups, 3, 2, 3, seed=2), noise(6, seed=3)]
    volumes, *parameters = (t.detach().float().requires_grad_() for t in inputs)

    def convolve(number: int) -> list[torch.Tensor]:
        def last(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return regular_conv(x[-number:], w, b, dilation=dilation, groups=groups)[-1:]

        return outputs_and_gradients(last, [volumes, *parameters])

    assert_all_close(convolve(1), convolve(2), 1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("backend", ["aten", "reference"])
def test_activation_follows_the_convolution(backend: str, activation: str) -> None:
    inputs = [noise(2, 4, 9, 8), noise(6, 2, 3, 2, seed=2), noise(6, seed=3)]
    got = outputs_and_gradients(
        lambda x, w, b: regular_conv(x, w, b, dilation=2, groups=2, activation=activation, backend=backend), inputs
    )
    after = getattr(torch, activation)
    expected = outputs_and_gradients(lambda x, w, b: after(F.conv2d(x, w, b, dilation=2, groups=2)), inputs)
    assert_all_close(got, expected, 1e-12)


def test_reference_with_dilation_1_is_an_ordinary_convolution() -> None:
    image, weight = noise(2, 3, 9, 8), noise(4, 3, 3, 2, seed=2)
    assert_all_close([regular_conv(image, weight, dilation=1, backend="reference")], [F.conv2d(image, weight)], 1e-12)


def test_spaced_taps_are_a_kernel_with_zeros_between() -> None:
    image, weight = noise(1, 2, 14, 15), noise(3, 2, 3, 3, seed=2)
    stretched = weight.new_zeros(3, 2, 9, 5)
    stretched[:, :, ::4, ::2] = weight
    assert_all_close([regular_conv(image, weight, dilation=(4, 2))], [F.conv2d(image, stretched)], 1e-12)


@pytest.mark.parametrize("backend", ["aten", "reference"])
def test_kernel_beyond_the_image_is_refused(backend: str) -> None:
    with pytest.raises(ShapeError, match=r"image must be at least \(9, 33\) px for dilation=\(8, 8\).*got \(9, 20\)"):
        regular_conv(torch.zeros(1, 1, 9, 20), torch.zeros(1, 1, 2, 5), dilation=8, backend=backend)


def test_wrong_channels_are_refused() -> None:
    with pytest.raises(ShapeError, match="image must have 4 channels"):
        regular_conv(torch.zeros(1, 3, 9, 9), torch.zeros(2, 2, 2, 2), dilation=1, groups=2)


def test_wrong_axes_are_refused() -> None:
    with pytest.raises(ShapeError, match="both have 2 or both 3 spatial axes"):
        regular_conv(torch.zeros(1, 3, 9), torch.zeros(2, 3, 2, 2), dilation=1)


@pytest.mark.parametrize("dilation", [0, (1, 0), (1, 1, 1)])
def test_malformed_dilation_is_refused(dilation: object) -> None:
    with pytest.raises(ShapeError, match="dilation must be one positive whole number, or one per spatial axis"):
        regular_conv(torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, 2, 2), dilation=dilation)
