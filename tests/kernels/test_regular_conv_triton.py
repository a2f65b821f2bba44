"""Triton convolution against its reference; natively on a GPU, else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch

from clicktrain.kernels.regular_conv import regular_conv
from tests.kernels.cases import CONVOLUTIONS, assert_all_close, noise, outputs_and_gradients

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_triton_matches_reference_in_output_and_gradients(case: str, layout: torch.memory_format) -> None:
    batch, channels, classes, groups, shape, size, spacing = CONVOLUTIONS[case]
    image = noise(batch, channels, *shape).detach().contiguous(memory_format=layout)
    exact = [image, noise(classes, channels // groups, *size, seed=2), noise(classes, seed=3)]

    def convolve(backend: str, dtype: torch.dtype) -> list[torch.Tensor]:
        inputs = [tensor.detach().to(DEVICE, dtype).requires_grad_() for tensor in exact]
        return outputs_and_gradients(
            lambda x, w, b: regular_conv(x, w, b, spacing_px=spacing, groups=groups, backend=backend), inputs
        )

    expected = [tensor.float() for tensor in convolve("reference", torch.float64)]
    assert_all_close(convolve("triton", torch.float32), expected, 1e-5)


def test_triton_without_bias_matches_reference() -> None:
    inputs = [
        noise(1, 2, 9, 9, dtype=torch.float32, device=DEVICE),
        noise(3, 2, 2, 2, dtype=torch.float32, device=DEVICE),
    ]

    def convolve(backend: str) -> list[torch.Tensor]:
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return outputs_and_gradients(lambda x, w: regular_conv(x, w, spacing_px=3, backend=backend), leaves)

    assert_all_close(convolve("triton"), convolve("reference"), 1e-5)
