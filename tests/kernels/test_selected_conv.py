"""The convolution and the maximum at chosen positions are their definitions, forward and backward."""

from __future__ import annotations

import pytest
import torch

from clicktrain.errors import ShapeError
from clicktrain.kernels.selected_conv import selected_conv
from clicktrain.kernels.selected_pool import selected_max
from clicktrain.kernels.selected_pool.reference import selected_max_reference
from clicktrain.kernels.taps import Taps
from tests.kernels.cases import DEVICE, assert_all_close, noise, outputs_and_gradients

# Rows, positions, channels in and out, groups, kernel.
CASES = {
    "N40-M7-C3-K5-3x3": (40, 7, 3, 5, 1, (3, 3)),
    "N40-M300-C17-K19-2x5": (40, 300, 17, 19, 1, (2, 5)),
    "N9-M1-C1-K1-1x1": (9, 1, 1, 1, 1, (1, 1)),
    "N30-M50-C6-K4-g2-2x2": (30, 50, 6, 4, 2, (2, 2)),
    "N30-M50-C4-K8-g4-1x3": (30, 50, 4, 8, 4, (1, 3)),
    "N50-M20-C2-K3-2x2x2": (50, 20, 2, 3, 1, (2, 2, 2)),
}


def some_taps(rows: int, positions: int, size: tuple[int, ...]) -> Taps:
    count = int(torch.tensor(size).prod())
    generator = torch.Generator().manual_seed(2)
    return Taps.of_index(torch.randint(0, rows, (positions, count), generator=generator).to(DEVICE), size)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gather_and_multiply_equals_the_definition(case, with_bias, dtype, tolerance):
    rows, positions, channels, kernels, groups, size = case
    taps = some_taps(rows, positions, size)
    inputs = [noise(rows, channels, dtype=dtype), noise(kernels, channels // groups, *size, dtype=dtype, seed=1)]
    if with_bias:
        inputs.append(noise(kernels, dtype=dtype, seed=2))

    def run(backend):
        return outputs_and_gradients(
            lambda values, weight, *bias: selected_conv(values, taps, weight, *bias, groups=groups, backend=backend),
            inputs,
        )

    assert_all_close(run("aten"), run("reference"), tolerance)


def test_chunks_of_positions_give_what_one_gives(monkeypatch):
    taps = some_taps(40, 500, (3, 3))
    inputs = noise(40, 3), noise(5, 3, 3, 3, seed=1)

    def run():
        return outputs_and_gradients(lambda values, weight: selected_conv(values, taps, weight, backend="aten"), inputs)

    whole = run()
    monkeypatch.setattr("clicktrain.kernels.selected_conv.aten._CHUNK_BYTES", {})
    monkeypatch.setattr("clicktrain.kernels.selected_conv.aten._LEAST_POSITIONS", 7)
    monkeypatch.setattr("clicktrain.kernels.selected_conv.aten._OTHER_CHUNK_BYTES", 1)
    assert_all_close(run(), whole, 1e-12)


def test_taps_that_do_not_fit_the_kernel_are_refused():
    with pytest.raises(ShapeError, match=r"values must have 3 channels and positions 4 taps .* got 3 and 9"):
        selected_conv(noise(40, 3), some_taps(40, 5, (3, 3)), noise(5, 3, 2, 2))


@pytest.mark.parametrize("kind", ["noise", "ties"])
def test_largest_tap_and_its_gradient_equal_the_definition(kind):
    taps = some_taps(30, 200, (3, 4))
    values = noise(30, 5)
    if kind == "ties":
        values = values.detach().sign().requires_grad_()
    got = outputs_and_gradients(lambda v: selected_max(v, taps), [values])
    assert_all_close(got, outputs_and_gradients(lambda v: selected_max_reference(v, taps), [values]), 1e-12)


def test_largest_tap_of_numbers_and_nan_is_nan():
    taps, values = some_taps(30, 200, (3, 4)), noise(30, 5).detach()
    values[[3, 17]] = float("nan")
    largest = selected_max_reference(values, taps)
    assert largest.isnan().any()
    assert torch.equal(selected_max(values, taps).nan_to_num(9), largest.nan_to_num(9))
    assert torch.equal(largest.isnan(), values[taps.index()].isnan().any(1))


def test_largest_of_more_taps_than_a_byte_counts():
    taps = some_taps(400, 20, (20, 20))
    values = noise(400, 3)
    got = outputs_and_gradients(lambda v: selected_max(v, taps), [values])
    assert_all_close(got, outputs_and_gradients(lambda v: selected_max_reference(v, taps), [values]), 1e-12)
