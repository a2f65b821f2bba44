"""Coarse first: what is claimed to be exact is, nothing is computed twice, and at the end every pixel is there."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import lcm, prod
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.engine import steps
from clicktrain.errors import BackendError, ShapeError
from clicktrain.models.pixels.nets import LocalNet
from tests.engine.architectures import Example, patch_classifiers
from tests.engine.comparing import assert_same, random_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clicktrain.engine.network import DenseNetwork
    from clicktrain.engine.program import Step

Px = tuple[int, ...]
sizes_beyond_fov = st.lists(st.integers(0, 14), min_size=3, max_size=3)


def densified(example: Example) -> DenseNetwork:
    return densify(example.module, ndim=example.ndim, fov=example.fov)


def strides_of(dense: DenseNetwork) -> Px:
    return tuple(map(lcm, *(step.grid.spacing_px for step in dense.program.steps), (1,) * dense.ndim))


def blocks(scores: Tensor, spacing_px: Sequence[int]) -> Tensor:
    """Scores with every pixel replaced by the nearest one before it on a grid."""
    for axis, d in enumerate(spacing_px, start=2):
        places = torch.arange(scores.shape[axis])
        scores = scores.index_select(axis, places - places % d)
    return scores


def check(dense: DenseNetwork, image: Tensor) -> list[Px]:
    """Refine an image, check what holds at every yield, and give the claimed spacings."""
    with torch.no_grad():
        expected = dense(image)
    claimed: list[Px] = []
    done, tensors = 0, set()
    for part in dense.refine(image):
        assert done < part.done <= part.total
        grid = (..., *(slice(None, None, d) for d in part.spacing_px))
        assert_same(part.scores[grid], expected[grid], 1e-10)
        if not claimed or part.spacing_px != claimed[-1]:
            assert_same(part.scores, blocks(expected, part.spacing_px), 1e-10)
        done, tensors = part.done, tensors | {id(part.scores)}
        claimed.append(part.spacing_px)
    assert len(tensors) == 1
    assert (part.done, set(part.spacing_px)) == (part.total, {1})
    assert_same(part.scores, expected, 1e-10)
    return claimed


def gets_only_finer(claimed: Sequence[Px]) -> bool:
    return all(c % f == 0 for coarse, fine in pairwise(claimed) for c, f in zip(coarse, fine, strict=True))


@given(patch_classifiers(), sizes_beyond_fov, st.integers(1, 2))
def test_what_is_claimed_is_exact_at_every_yield(example: Example, beyond: list[int], batch: int) -> None:
    assert gets_only_finer(check(densified(example), random_images(example, batch, beyond, "noise")))


@given(patch_classifiers())
def test_first_come_pixels_the_product_of_all_strides_apart(example: Example) -> None:
    dense = densified(example)
    image = random_images(example, 1, strides_of(dense), "noise")
    first = next(dense.refine(image))
    assert first.spacing_px == strides_of(dense)
    assert first.total == prod(strides_of(dense))


@given(patch_classifiers(), sizes_beyond_fov)
def test_no_step_gives_more_values_than_one_dense_pass(example: Example, beyond: list[int]) -> None:
    dense = densified(example)
    image = random_images(example, 1, beyond, "noise")
    made: Counter[int] = Counter()
    run_step = steps.run_step

    def counted(step: Step, *args: object, **kwargs: object) -> Tensor:
        values = run_step(step, *args, **kwargs)
        made[id(step)] += values[:, 0].numel()
        return values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "run_step", counted)
        for _ in dense.refine(image):
            pass
    for step in dense.program.steps:
        assert 0 < made[id(step)] <= prod(step.grid.dense_shape(image.shape[2:]))


@pytest.mark.parametrize("stride", [(2, 1), (3, 2), (1, 4), (6, 6)])
@pytest.mark.parametrize("beyond", [0, 1, 12, 17])
def test_strided_convolutions_of_any_stride_per_axis(stride: tuple[int, int], beyond: int) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3, stride), nn.Tanh(), nn.Conv2d(3, 3, 2, (2, 1)), nn.Conv2d(3, 2, 2)).double()
    dense = densify(net)
    claimed = check(dense, torch.randn(1, 2, *(n + beyond for n in dense.fov), dtype=torch.double))
    assert gets_only_finer(claimed)
    if beyond > 11:
        assert claimed[0] == (2 * stride[0], stride[1])


def test_grid_becomes_evenly_finer() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(8), nn.Conv2d(2, 2, 2)).double())
    claimed = check(dense, torch.randn(1, 1, *(n + 300 for n in dense.fov), dtype=torch.double))
    assert list(dict.fromkeys(claimed)) == [(8, 8), (4, 4), (2, 2), (1, 1)]


@pytest.mark.parametrize("beyond", [0, 2, 15, 21])
def test_scores_that_are_added_up_over_levels(beyond: int) -> None:
    net = LocalNet(3, 2, width=4, levels=4).double().eval()
    nn.init.normal_(net.skip.weight)
    dense = densify(net)
    claimed = check(dense, torch.randn(2, 3, *(n + beyond for n in dense.fov), dtype=torch.double))
    if beyond > 7:
        assert list(dict.fromkeys(claimed)) == [(8, 8), (4, 4), (2, 2), (1, 1)]


class Ensemble(nn.Module):
    """Mean of two networks, the second of which begins where the first has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(LocalNet(3, 2, width=4, levels=3) for _ in range(2))

    def forward(self, features: Tensor) -> Tensor:
        one, other = self.members
        return (one(features) + other(features)) / 2


def test_networks_side_by_side_are_both_coarse_first() -> None:
    dense = densify(Ensemble().double().eval())
    claimed = check(dense, torch.randn(1, 3, *(n + 9 for n in dense.fov), dtype=torch.double))
    assert claimed[0] == (4, 4)


def test_without_stride_everything_comes_at_once() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 2, 3)).double())
    assert check(dense, torch.randn(1, 1, 12, 9, dtype=torch.double)) == [(1, 1)]


def test_last_stride_that_nothing_reads_leaves_nothing_to_refine() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.AvgPool2d(4)).double())
    assert check(dense, torch.randn(1, 1, *(n + 9 for n in dense.fov), dtype=torch.double))[0] == (2, 2)


def test_no_images_give_no_scores() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(4), nn.Conv2d(2, 2, 2)))
    *_, last = dense.refine(torch.zeros(0, 1, *(n + 9 for n in dense.fov)))
    assert (last.scores.shape, last.spacing_px) == ((0, 2, 10, 10), (1, 1))


def test_closing_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(4), nn.Conv2d(2, 2, 2)).double())
    refined = dense.refine(torch.randn(1, 1, *(n + 200 for n in dense.fov), dtype=torch.double))
    first = next(refined)
    monkeypatch.setattr(steps, "run_step", None)
    refined.close()
    assert first.done < first.total
    assert list(refined) == []


@pytest.mark.parametrize("precision", ["exact", "fast"])
@pytest.mark.parametrize("enabled", [True, False])
def test_callers_grad_mode_and_parameters_stay(enabled: bool, precision: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2))
    image = torch.randn(1, 1, 20, 20).requires_grad_()
    before = list(net.parameters())
    with torch.set_grad_enabled(enabled):
        for part in densify(net).refine(image, precision):
            assert torch.is_grad_enabled() == enabled
            assert all(now is then for now, then in zip(net.parameters(), before, strict=True))
            assert not part.scores.requires_grad


@given(patch_classifiers(), sizes_beyond_fov)
def test_fast_precision_is_near(example: Example, beyond: list[int]) -> None:
    example.module.float()
    dense = densified(example)
    image = random_images(example, 1, beyond, "noise").float()
    *_, last = dense.refine(image, "fast")
    with torch.no_grad():
        expected = dense(image, precision="fast")
    assert last.scores.dtype == image.dtype
    assert_same(last.scores, expected, 0.1)


def test_errors_come_at_the_call() -> None:
    dense = densify(nn.Sequential(nn.Conv2d(1, 2, 3)))
    with pytest.raises(ShapeError):
        dense.refine(torch.randn(1, 1, 2, 9))
    with pytest.raises(BackendError):
        dense.refine(torch.randn(1, 1, 9, 9), "exactly")
