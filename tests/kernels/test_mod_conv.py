from __future__ import annotations

import pytest
import torch

from clicktrain.errors import ShapeError
from clicktrain.kernels.mod_conv import mod_conv
from tests.kernels.cases import assert_all_close
from tests.kernels.mod_cases import MOD_CONVOLUTIONS, mod_convolved, mod_inputs


@pytest.mark.parametrize("activation", ["none", "relu"])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("case", MOD_CONVOLUTIONS)
def test_aten_matches_reference_in_output_and_gradients(case: str, ndim: int, activation: str) -> None:
    channels, inputs, options = mod_inputs(case, ndim)
    expected = mod_convolved("reference", channels, inputs, torch.float64, activation=activation, **options)
    got = mod_convolved("aten", channels, inputs, torch.float64, activation=activation, **options)
    assert_all_close(got, expected, 1e-12)


@pytest.mark.parametrize("backend", ["aten", "reference"])
def test_channels_behind_the_first_are_the_image(backend: str) -> None:
    channels, (image, scores, weight, bias), _ = mod_inputs("B2-C7-k3-5x7-k3-d1-p1")
    out = mod_conv(image, channels, scores, weight, bias, padding_px=(1, 1), backend=backend)
    assert torch.equal(out[:, 3:], image[:, 3:])
    assert not torch.equal(out[:, :3], image[:, :3])


@pytest.mark.parametrize("backend", ["aten", "reference"])
def test_order_of_the_channels_says_what_is_read_and_not_where_it_is_added(backend: str) -> None:
    channels, (image, scores, weight, bias), _ = mod_inputs("B2-C7-k3-5x7-k3-d1-p1")
    order = torch.tensor([2, 0, 1])
    one = mod_conv(image, channels, scores, weight, bias, backend=backend)
    other = mod_conv(image, channels[:, order], scores, weight[:, order], bias, backend=backend)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("channels", "weight", "options", "message"),
    [
        ((2, 3), (3, 2, 3, 3), {}, "weight of"),
        ((1, 3), (3, 3, 3, 3), {}, "must be of shape"),
        ((2, 8), (8, 8, 3, 3), {}, "k at most"),
        ((2, 3), (3, 3, 2, 2), {}, "Use odd kernels"),
        ((2, 3), (3, 3, 3, 3), {"padding_px": (2, 2)}, "Use odd kernels"),
        ((2, 3), (3, 3, 3, 3), {"dilation": 6}, "image must be larger than"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    channels: tuple[int, int], weight: tuple[int, ...], options: dict[str, object], message: str
) -> None:
    numbers = torch.arange(channels[1]).expand(channels)
    with pytest.raises(ShapeError, match=message):
        mod_conv(torch.zeros(2, 7, 9, 11), numbers, torch.ones(channels), torch.zeros(weight), **options)
