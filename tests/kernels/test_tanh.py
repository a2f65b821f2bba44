from __future__ import annotations

import pytest
import torch

from clicktrain.kernels.tanh import fast_tanh


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-7), (torch.float64, 1e-15), (torch.bfloat16, 4e-3)]
)
def test_fast_tanh_is_tanh(dtype, tolerance):
    values = torch.linspace(-30, 30, 10001, dtype=torch.float64).to(dtype).requires_grad_()
    expected = torch.tanh(values.double())
    got = fast_tanh(values)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=tolerance)
    (slope,) = torch.autograd.grad(got.sum(), values)
    torch.testing.assert_close(slope.double(), 1 - expected**2, rtol=0, atol=4 * tolerance)
