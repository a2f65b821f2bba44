"""A backend that was asked for and is missing is an error that says why."""

from __future__ import annotations

import pytest
import torch

from clicktrain.errors import BackendError
from clicktrain.kernels import backends
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.regular_pool import regular_avg_pool, regular_max_pool


def test_missing_triton_is_an_error_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match="backend 'triton' must be able to run here, got: the package triton is not"):
        regular_conv(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 2, 2), dilation=2, backend="triton")
    with pytest.raises(BackendError, match="the package triton is not installed"):
        regular_max_pool(torch.zeros(1, 1, 5, 5), 2, dilation=2, backend="triton")


def test_triton_without_a_gpu_or_its_interpreter_is_an_error_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: object())
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(BackendError, match=r"needs a CUDA tensor \(got one on cpu\) or TRITON_INTERPRET=1"):
        regular_conv(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 2, 2), dilation=2, backend="triton")


def test_triton_in_three_dimensions_is_an_error_with_the_reason() -> None:
    with pytest.raises(BackendError, match="written for 2 spatial axes, not 3"):
        regular_conv(torch.zeros(1, 1, 5, 5, 5), torch.zeros(1, 1, 2, 2, 2), dilation=2, backend="triton")


def test_triton_mean_is_an_error() -> None:
    with pytest.raises(BackendError, match="'auto', 'aten' or 'reference' for the mean, got 'triton'"):
        regular_avg_pool(torch.zeros(1, 1, 5, 5), 2, dilation=2, backend="triton")


def test_unknown_backend_is_an_error() -> None:
    with pytest.raises(BackendError, match="backend must be one of auto, aten, reference, triton, got 'opencl'"):
        regular_conv(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 2, 2), dilation=2, backend="opencl")
