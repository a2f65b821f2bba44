"""Triton convolution at chosen positions against its reference; natively on a GPU, else in Triton's interpreter."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from clicktrain.kernels.selected_conv.autograd import selected_conv_triton
from clicktrain.kernels.selected_conv.readers import readers_of
from clicktrain.kernels.selected_conv.reference import selected_conv_reference
from tests.kernels.cases import DEVICE, HALVES, PRECISIONS, SELECTIONS, assert_all_close, noise, outputs_and_gradients


def inputs_of(case: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Index and tensors; the last third of the rows is read by nobody, and the first position comes twice."""
    positions, rows, channels, kernels, size = SELECTIONS[case]
    taps = torch.Size(size).numel()
    index = torch.randint(max(1, rows * 2 // 3), (positions, taps), generator=torch.Generator().manual_seed(4))
    index[positions // 2] = index[0]
    tensors = [noise(rows, channels), noise(kernels, channels, *size, seed=2), noise(kernels, seed=3)]
    return index.to(DEVICE), tensors


def convolved(
    implementation: object, index: torch.Tensor, inputs: list[torch.Tensor], dtype: torch.dtype
) -> list[torch.Tensor]:
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in inputs]
    results = outputs_and_gradients(
        lambda values, weight, *bias: implementation(values, index, weight, *(bias or [None])), leaves
    )
    return [result.double() for result in results]


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("case", SELECTIONS)
def test_triton_matches_reference_in_output_and_gradients(case: str, dtype: torch.dtype, tolerance: float) -> None:
    index, inputs = inputs_of(case)
    expected = convolved(selected_conv_reference, index, inputs, torch.float64)
    assert_all_close(convolved(selected_conv_triton, index, inputs, dtype), expected, tolerance)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_half_precision_matches_reference_to_its_rounding(dtype: torch.dtype) -> None:
    index, inputs = inputs_of("M37-N23-C19-K17-k3x3")
    inputs = [tensor.detach().to(dtype) for tensor in inputs]
    expected = convolved(selected_conv_reference, index, inputs, torch.float64)
    # Gradients of a row that many positions read round once more, to the format of the scores' gradients.
    assert_all_close(convolved(selected_conv_triton, index, inputs, dtype), expected, 4 * torch.finfo(dtype).eps)


def test_triton_without_bias_matches_reference() -> None:
    index, (values, weight, _) = inputs_of("M37-N23-C19-K17-k3x3")
    expected = convolved(selected_conv_reference, index, [values, weight], torch.float64)
    assert_all_close(convolved(selected_conv_triton, index, [values, weight], torch.float64), expected, 1e-10)


@pytest.mark.parametrize("case", SELECTIONS)
def test_rows_that_nobody_reads_have_no_gradient(case: str) -> None:
    index, (values, weight, bias) = inputs_of(case)
    selected_conv_triton(values, index, weight, bias).square().sum().backward()
    unread = torch.ones(len(values), dtype=torch.bool, device=DEVICE)
    unread[index.flatten()] = False
    assert unread.any()
    assert (values.grad[unread] == 0).all()


def test_all_positions_at_one_row_add_up() -> None:
    index = torch.full((70, 2), 3, device=DEVICE)
    inputs = [noise(4, 3), noise(2, 3, 2, seed=2), noise(2, seed=3)]
    expected = convolved(selected_conv_reference, index, inputs, torch.float64)
    assert_all_close(convolved(selected_conv_triton, index, inputs, torch.float64), expected, 1e-10)


def test_strided_tensors_match_reference() -> None:
    index, (values, weight, bias) = inputs_of("M37-N23-C19-K17-k3x3")
    half = [values.detach()[:, 1::2], weight.detach()[:, 1::2].contiguous(memory_format=torch.channels_last), bias]
    expected = selected_conv_reference(half[0], index.t().contiguous().t(), half[1], half[2])
    assert_all_close([selected_conv_triton(half[0], index.t().contiguous().t(), half[1], half[2])], [expected], 1e-10)


@pytest.mark.parametrize("wanted", [0, 1, 2], ids=["values", "weight", "bias"])
def test_one_wanted_gradient_alone_is_the_same(wanted: int) -> None:
    index, inputs = inputs_of("M9-N31-C4-K3-k2x3x2")
    expected = convolved(selected_conv_triton, index, inputs, torch.float64)[1 + wanted]
    values, weight, bias = (tensor.detach().requires_grad_(n == wanted) for n, tensor in enumerate(inputs))
    scores = selected_conv_triton(values, index, weight, bias)
    mixture = noise(*scores.shape, seed=1).detach()
    assert torch.equal(torch.autograd.grad((scores * mixture).sum(), (values, weight, bias)[wanted])[0], expected)


def test_no_positions_give_no_scores_and_no_gradient() -> None:
    index = torch.empty((0, 2), dtype=torch.int64, device=DEVICE)
    values, weight = noise(4, 3), noise(2, 3, 2, seed=2)
    scores = selected_conv_triton(values, index, weight, None)
    scores.sum().backward()
    assert scores.shape == (0, 2)
    assert (values.grad == 0).all()
    assert (weight.grad == 0).all()


def test_readers_are_listed_by_row_then_tap_then_position() -> None:
    index = torch.tensor([[2, 0], [0, 0], [2, 0]], device=DEVICE)
    positions, offsets = readers_of(index, 3)
    lists = [positions[start:stop].tolist() for start, stop in pairwise(offsets.tolist())]
    assert lists == [[1], [0, 1, 2], [], [], [0, 2], []]
