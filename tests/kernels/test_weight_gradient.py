"""The convolution's own weight gradient: the same numbers as the reference, in blocks of any size, where it pays."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.kernels.regular_conv import weight_gradient as module
from clicktrain.kernels.regular_conv.reference import regular_conv_reference
from clicktrain.kernels.regular_conv.weight_gradient import (
    conv_with_own_weight_gradient,
    gains_by_own_weight_gradient,
    weight_gradient,
)
from tests.kernels.cases import CONVOLUTIONS, assert_all_close, noise, outputs_and_gradients


def plain(image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, dilation: tuple[int, ...]) -> torch.Tensor:
    return regular_conv_reference(image, weight, bias, dilation, 1)


UNGROUPED = [case for case, (_, _, _, groups, *_) in CONVOLUTIONS.items() if groups == 1]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("case", UNGROUPED)
def test_outputs_and_gradients_are_those_of_the_reference(case: str, ndim: int) -> None:
    batch, channels, classes, _, shape, size, dilation = CONVOLUTIONS[case]
    if ndim == 3:
        shape, size, dilation = (4, *shape), (2, *size), (3, *dilation)
    inputs = [noise(batch, channels, *shape), noise(classes, channels, *size, seed=2), noise(classes, seed=3)]
    own = outputs_and_gradients(lambda x, w, b: conv_with_own_weight_gradient(plain, x, w, b, dilation), inputs)
    expected = outputs_and_gradients(lambda x, w, b: regular_conv_reference(x, w, b, dilation, 1), inputs)
    assert_all_close(own, expected, 1e-12)


@given(
    images=st.integers(1, 5),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    block_bytes=st.sampled_from([1, 300, 2000, 1 << 22]),
)
def test_blocks_of_any_size_add_up_to_the_same(
    images: int, kernel: tuple[int, int], dilation: tuple[int, int], block_bytes: int
) -> None:
    grad, image = noise(images, 3, 5, 4).detach(), noise(images, 2, 11, 10, seed=1).detach()
    image = image[:, :, : 5 + dilation[0] * (kernel[0] - 1), : 4 + dilation[1] * (kernel[1] - 1)]
    weight = noise(3, 2, *kernel, seed=2)
    regular_conv_reference(image, weight, None, dilation, 1).backward(grad)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_BYTES", block_bytes)
        torch.testing.assert_close(weight_gradient(grad, image, kernel, dilation), weight.grad)


class TestWhereItPays:
    """The rule is by processor, taps and sizes, so the same call always takes the same way."""

    @pytest.fixture(autouse=True)
    def _old_processor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_lacks_a_fast_one", lambda: True)

    def test_taps_that_lie_apart_in_images(self) -> None:
        assert gains_by_own_weight_gradient(torch.rand(1, 8, 40, 40), (3, 3), (2, 2), 1)

    def test_neighbouring_taps_and_groups_have_fast_ones(self) -> None:
        image = torch.rand(1, 8, 40, 40)
        assert not gains_by_own_weight_gradient(image, (1, 3), (2, 1), 1)
        assert not gains_by_own_weight_gradient(image, (3, 3), (1, 1), 1)
        assert not gains_by_own_weight_gradient(image, (3, 3), (2, 2), 8)

    def test_volumes_only_where_the_taps_would_not_fit_side_by_side(self) -> None:
        assert not gains_by_own_weight_gradient(torch.rand(1, 2, 40, 40, 40), (3, 3, 3), (2, 2, 2), 1)
        assert gains_by_own_weight_gradient(torch.rand(1, 2, 40, 40, 40), (5, 5, 5), (2, 2, 2), 1)

    def test_never_with_a_processor_or_numbers_that_it_is_not_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        image = torch.rand(1, 8, 40, 40)
        assert not gains_by_own_weight_gradient(image.double(), (3, 3), (2, 2), 1)
        monkeypatch.setattr(module, "_lacks_a_fast_one", lambda: False)
        assert not gains_by_own_weight_gradient(image, (3, 3), (2, 2), 1)
