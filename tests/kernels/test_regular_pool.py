from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.errors import ShapeError
from clicktrain.kernels.regular_pool import regular_avg_pool, regular_max_pool
from tests.kernels.cases import POOLS, VOLUME_POOLS, assert_all_close, noise, outputs_and_gradients

ALL_POOLS = {**POOLS, **VOLUME_POOLS}


@pytest.mark.parametrize("pool", [regular_max_pool, regular_avg_pool])
@pytest.mark.parametrize("case", ALL_POOLS)
def test_aten_matches_reference_in_output_and_gradients(case: str, pool: object) -> None:
    shape, size, dilation = ALL_POOLS[case]
    image = noise(2, 3, *shape)

    def pooled(backend: str) -> list[torch.Tensor]:
        return outputs_and_gradients(lambda x: pool(x, size, dilation=dilation, backend=backend), [image])

    assert_all_close(pooled("aten"), pooled("reference"), 1e-12)


@pytest.mark.parametrize("backend", ["aten", "reference"])
@pytest.mark.parametrize("kind", ["constant", "saturated"])
@pytest.mark.parametrize("case", ALL_POOLS)
def test_gradient_of_equals_goes_to_the_first_in_row_major_order(case: str, kind: str, backend: str) -> None:
    shape, size, dilation = ALL_POOLS[case]
    values = noise(1, 2, *shape).detach()
    image = (torch.ones_like(values) if kind == "constant" else values.sign()).requires_grad_()
    torch_pool = F.max_pool2d if len(shape) == 2 else F.max_pool3d
    # On the CPU: PyTorch's own pools add gradients up in no fixed order on a GPU.
    on_cpu = image.detach().cpu().requires_grad_()
    expected = outputs_and_gradients(lambda x: torch_pool(x, size, stride=1, dilation=dilation), [on_cpu])
    got = outputs_and_gradients(lambda x: regular_max_pool(x, size, dilation=dilation, backend=backend), [image])
    assert_all_close([tensor.cpu() for tensor in got], expected, 1e-12)


@pytest.mark.parametrize("backend", ["aten", "reference"])
def test_nan_is_the_largest_tap_wherever_it_is(backend: str) -> None:
    image = noise(1, 1, 6, 6).detach()
    image[0, 0, 3, 2] = torch.nan
    expected = F.max_pool2d(image, 2, stride=1, dilation=3)
    got = regular_max_pool(image, 2, dilation=3, backend=backend)
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


@given(st.integers(1, 17), st.integers(1, 3), st.integers(0, 5))
def test_doubling_without_gradient_finds_the_largest_tap_of_any_size(size: int, dilation: int, extra_px: int) -> None:
    image = noise(1, 2, 1, (size - 1) * dilation + 1 + extra_px).detach()
    doubled = regular_max_pool(image, (1, size), dilation=dilation)
    assert torch.equal(doubled, regular_max_pool(image, (1, size), dilation=dilation, backend="reference"))


@given(st.integers(1, 17), st.integers(1, 3), st.integers(0, 5))
def test_doubling_takes_the_mean_of_any_size(size: int, dilation: int, extra_px: int) -> None:
    image = noise(1, 2, (size - 1) * dilation + 1 + extra_px, 2).detach()
    expected = regular_avg_pool(image, (size, 1), dilation=dilation, backend="reference")
    assert_all_close([regular_avg_pool(image, (size, 1), dilation=dilation)], [expected], 1e-12)


@pytest.mark.parametrize("pool", [regular_max_pool, regular_avg_pool])
def test_taps_beyond_the_image_are_refused(pool: object) -> None:
    with pytest.raises(ShapeError, match=r"image must be at least \(5, 5\) px for dilation=\(4, 4\)"):
        pool(torch.zeros(1, 1, 4, 9), 2, dilation=4)


def test_image_without_batch_and_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"image must be \(B, C, \[Z,\] Y, X\), got shape \(9, 9\)"):
        regular_max_pool(torch.zeros(9, 9), 2, dilation=1)
