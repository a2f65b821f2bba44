"""What the tests of the engine compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from tests.engine.architectures import Example


def assert_same(got: Tensor, expected: Tensor, tolerance: float) -> None:
    """Same to `tolerance`, relative to the largest expected value."""
    assert got.shape == expected.shape
    torch.testing.assert_close(
        got, expected, rtol=0, atol=tolerance * float(expected.detach().abs().amax()) or tolerance
    )


def gradients(scores: Tensor, module: nn.Module, image: Tensor) -> list[Tensor]:
    """Gradients of a fixed random mixture of the scores with respect to the image and every parameter."""
    mixture = torch.randn(scores.shape, generator=torch.Generator().manual_seed(7), dtype=torch.double).to(scores)
    inputs = [image, *module.parameters()]
    return [
        torch.zeros_like(x) if grad is None else grad
        for x, grad in zip(
            inputs, torch.autograd.grad((scores * mixture).sum(), inputs, allow_unused=True), strict=True
        )
    ]


def random_images(example: Example, batch: int, beyond_fov: Sequence[int], kind: str) -> Tensor:
    """Images a little larger than the field of view, float64."""
    shape = [f + n for f, n in zip(example.fov, beyond_fov, strict=False)]
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn((batch, example.in_channels, *shape), generator=generator, dtype=torch.double)
    return noise.sign() if kind == "saturated" else noise
