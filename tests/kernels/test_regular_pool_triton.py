"""Triton max pool against its reference; natively on a GPU, else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from clicktrain.kernels.regular_pool import regular_max_pool
from clicktrain.kernels.regular_pool import triton as kernels
from tests.kernels.cases import HALVES, POOLS, assert_all_close, noise, outputs_and_gradients


def pooled(image: torch.Tensor, size: object, dilation: object, backend: str) -> list[torch.Tensor]:
    leaf = image.detach().clone().requires_grad_()
    return outputs_and_gradients(lambda x: regular_max_pool(x, size, dilation=dilation, backend=backend), [leaf])


TIES = [("10x6-k4x6-d3x1", kind) for kind in ("constant", "saturated", "minus-infinity")]


@pytest.mark.parametrize(("case", "kind"), [*((case, "noise") for case in POOLS), *TIES])
def test_triton_matches_reference_in_output_and_gradients(case: str, kind: str) -> None:
    shape, size, dilation = POOLS[case]
    values = noise(2, 2, *shape, dtype=torch.float32).detach()
    kinds = {
        "noise": values,
        "constant": torch.ones_like(values),
        "saturated": values.sign(),
        "minus-infinity": values.masked_fill(values < 1, -torch.inf),
    }
    got, expected = (pooled(kinds[kind], size, dilation, backend) for backend in ("triton", "reference"))
    assert torch.equal(got[0], expected[0])
    assert_all_close(got[1:], expected[1:], 1e-6)


@settings(max_examples=10)
@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    extra_px=st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_ties_match_reference_for_any_kernel_dilation_and_output_narrower_than_the_dilation(
    size: tuple[int, int], dilation: tuple[int, int], extra_px: tuple[int, int]
) -> None:
    shape = [(k - 1) * d + 1 + more for k, d, more in zip(size, dilation, extra_px, strict=True)]
    image = noise(1, 2, *shape).detach().round()
    assert_all_close(pooled(image, size, dilation, "triton"), pooled(image, size, dilation, "reference"), 1e-12)


def test_nan_is_the_largest_tap_wherever_it_is() -> None:
    image = noise(1, 1, 6, 6).detach()
    image[0, 0, 3, 2] = torch.nan
    expected = F.max_pool2d(image, 2, stride=1, dilation=3)
    got = regular_max_pool(image, 2, dilation=3, backend="triton")
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float64, *HALVES], ids=str)
def test_every_format_finds_the_same_tap_as_the_reference(dtype: torch.dtype) -> None:
    image = noise(1, 2, 9, 10, dtype=dtype).detach()
    got, expected = (regular_max_pool(image, 3, dilation=2, backend=backend) for backend in ("triton", "reference"))
    assert torch.equal(got, expected)


def test_channels_innermost_and_cut_images_match_reference() -> None:
    image = noise(2, 3, 12, 13).detach().contiguous(memory_format=torch.channels_last)[:, 1:, 2:, 3:]
    # A clone of what is cut would lie otherwise.
    got, expected = (
        outputs_and_gradients(
            lambda x, backend=backend: regular_max_pool(x, 3, dilation=2, backend=backend), [image.requires_grad_()]
        )
        for backend in ("triton", "reference")
    )
    assert got[0].stride(1) == 1
    assert_all_close(got, expected, 1e-12)


def test_more_taps_than_a_byte_counts_match_reference() -> None:
    image = noise(1, 1, 1, 262).detach()
    got, expected = (pooled(image, (1, 260), 1, backend) for backend in ("triton", "reference"))
    assert_all_close(got, expected, 1e-12)


def test_places_of_64_bits_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(1, 2, 9, 14).detach()
    near = pooled(image, 3, 2, "triton")
    monkeypatch.setattr(kernels, "reaches_far", lambda *tensors: True)
    assert_all_close(pooled(image, 3, 2, "triton"), near, 0)


def test_gradient_that_is_one_number_for_all_pixels_counts_how_often_a_pixel_is_chosen() -> None:
    image = torch.ones_like(noise(1, 1, 5, 5)).requires_grad_()
    # The gradient of a sum is one number with stride 0.
    regular_max_pool(image, 2, dilation=2, backend="triton").sum().backward()
    expected = torch.zeros_like(image).detach()
    expected[..., :3, :3] = 1
    assert torch.equal(image.grad, expected)
