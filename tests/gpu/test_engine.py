"""What the engine computes on a GPU is the patch scan on the processor."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clicktrain import densify
from tests.engine.architectures import Example, patch_classifiers, plain_cnn_1
from tests.engine.comparing import assert_same, gradients, random_images

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.network import DenseNetwork, ForwardStrategy

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
STRATEGIES = ("auto", "dense", "fragments", "selected", "patches")
sizes_beyond_fov = st.lists(st.integers(0, 4), min_size=3, max_size=3)


def on_both(example: Example) -> tuple[DenseNetwork, DenseNetwork]:
    there = deepcopy(example.module).to(CUDA)
    fov = None if example.fov_is_told else example.fov
    return densify(example.module, ndim=example.ndim, fov=fov), densify(there, ndim=example.ndim, fov=fov)


def on_cpu(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.cpu() for tensor in tensors]


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(patch_classifiers(), sizes_beyond_fov, st.sampled_from(["noise", "saturated"]))
def test_scores_and_gradients_are_those_of_the_patch_scan(
    strategy: ForwardStrategy, example: Example, beyond: list[int], kind: str
) -> None:
    dense, there = on_both(example)
    image = random_images(example, 2, beyond, kind).requires_grad_()
    moved = image.detach().to(CUDA).requires_grad_()
    scores, expected = there(moved, strategy), dense(image, "patches")
    assert scores.device.type == "cuda"
    assert_same(scores.cpu(), expected, 1e-10)
    found, wanted = gradients(scores, there.module, moved), gradients(expected, dense.module, image)
    for one, other in zip(on_cpu(found), wanted, strict=True):
        assert_same(one, other, 1e-10)


@pytest.mark.parametrize("strategy", ["auto", "windows", "dense", "selected", "patches"])
@given(patch_classifiers(), st.data())
def test_chosen_pixels_have_the_scores_and_gradients_of_their_patches(
    strategy: str, example: Example, data: st.DataObject
) -> None:
    dense, there = on_both(example)
    image = random_images(example, 1, [4, 3, 2], "noise").requires_grad_()
    moved = image.detach().to(CUDA).requires_grad_()
    sides = [n - f + 1 for n, f in zip(image.shape[2:], example.fov, strict=True)]
    place = st.tuples(*(st.integers(0, n - 1) for n in sides))
    positions = torch.tensor(data.draw(st.lists(place, min_size=1, max_size=6)))
    scores, expected = there.at(moved, positions.to(CUDA), strategy), dense.at(image, positions, "patches")
    assert_same(scores.cpu(), expected, 1e-10)
    found, wanted = gradients(scores, there.module, moved), gradients(expected, dense.module, image)
    for one, other in zip(on_cpu(found), wanted, strict=True):
        assert_same(one, other, 1e-10)


def test_float32_agrees_to_five_digits_and_fast_precision_to_two() -> None:
    module = plain_cnn_1().float().eval()
    dense, there = densify(module), densify(deepcopy(module).to(CUDA))
    image = torch.rand(1, 3, 150, 141, generator=torch.Generator().manual_seed(0))
    expected = dense(image, "dense").detach()
    for precision, tolerance in (("exact", 1e-5), ("fast", 3e-2)):
        with torch.no_grad():
            assert_same(there(image.to(CUDA), precision=precision).cpu(), expected, tolerance)


def test_large_float32_work_takes_the_same_scores_and_gradients_from_whatever_is_the_fastest() -> None:
    module = plain_cnn_1().float().eval()
    there = deepcopy(module).to(CUDA)
    image = torch.rand(1, 3, 500, 480, generator=torch.Generator().manual_seed(0))
    scores, expected = densify(there)(image.to(CUDA), "dense"), densify(module)(image, "dense")
    assert_same(scores.cpu(), expected, 1e-5)
    found, wanted = (
        torch.autograd.grad(one.square().mean(), list(net.parameters()))
        for one, net in ((scores, there), (expected, module))
    )
    for one, other in zip(on_cpu(list(found)), wanted, strict=True):
        assert_same(one, other, 1e-4)
