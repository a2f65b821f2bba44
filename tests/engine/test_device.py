from __future__ import annotations

import pytest
import torch

from clicktrain.engine.device import pick_device
from clicktrain.errors import BackendError


def test_auto_finds_a_device_that_computes() -> None:
    assert float(torch.ones(2, device=pick_device("auto")).sum()) == 2


def test_cpu_is_always_there() -> None:
    assert pick_device("cpu") == torch.device("cpu")


def test_missing_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendError, match="device must be one that PyTorch finds here, got 'cuda'"):
        pick_device("cuda")


def test_unknown_device_is_refused() -> None:
    with pytest.raises(BackendError, match="got 'tpu'"):
        pick_device("tpu")
