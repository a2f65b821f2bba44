"""Triton max pool against its reference; natively on a GPU, else in Triton's interpreter."""

from __future__ import annotations

import pytest
import torch

from clicktrain.kernels.regular_pool import regular_max_pool
from tests.kernels.cases import POOLS, assert_all_close, noise, outputs_and_gradients

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.mark.parametrize("kind", ["noise", "constant", "saturated"])
@pytest.mark.parametrize("case", POOLS)
def test_triton_matches_reference_in_output_and_gradients(case: str, kind: str) -> None:
    shape, size, spacing = POOLS[case]
    values = noise(2, 3, *shape, dtype=torch.float32, device=DEVICE).detach()
    image = {"noise": values, "constant": torch.ones_like(values), "saturated": values.sign()}[kind]

    def pooled(backend: str) -> list[torch.Tensor]:
        leaf = image.clone().requires_grad_()
        return outputs_and_gradients(lambda x: regular_max_pool(x, size, spacing_px=spacing, backend=backend), [leaf])

    assert_all_close(pooled("triton"), pooled("reference"), 1e-6)
