"""Coarse first gives the scores of the dense pass, each pixel final as soon as it is claimed to be."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from clicktrain import densify
from clicktrain.errors import BackendError, ShapeError
from tests.engine.architectures import Example, patch_classifiers
from tests.engine.comparing import assert_same, random_images


def strided_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 4, 2, stride=3), nn.Tanh(), nn.Conv2d(4, 3, 2)
    ).double()


@given(patch_classifiers(), st.lists(st.integers(0, 9), min_size=3, max_size=3), st.integers(1, 2))
def test_claimed_pixels_are_those_of_the_dense_pass_and_in_the_end_all_are(
    example: Example, beyond: list[int], batch: int
) -> None:
    dense = densify(example.module, ndim=example.ndim, fov=example.fov)
    image = random_images(example, batch, beyond, "noise")
    expected = dense(image, "dense").detach()
    spacing_px = None
    for state in dense.refine(image):
        grid = (..., *(slice(None, None, d) for d in state.spacing_px))
        assert_same(state.scores[grid], expected[grid], 1e-10)
        assert spacing_px is None or prod(state.spacing_px) <= prod(spacing_px)
        assert state.done <= state.total
        spacing_px = state.spacing_px
    assert state.done == state.total
    assert_same(state.scores, expected, 1e-10)


def test_first_scores_lie_the_product_of_all_strides_apart() -> None:
    dense = densify(strided_net())
    first = next(iter(dense.refine(torch.randn(1, 2, 50, 47, dtype=torch.double))))
    assert first.spacing_px == (6, 6)
    assert first.done < first.total
    assert not first.scores.isnan().any()


def test_no_value_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    net = strided_net()
    dense = densify(net)
    image = torch.randn(1, 2, 60 + dense.fov[0] - 1, 54 + dense.fov[1] - 1, dtype=torch.double)
    computed: list[int] = []
    original = torch.nn.functional.conv2d

    def counting(values, weight, *arguments, **options):
        scores = original(values, weight, *arguments, **options)
        computed.append(scores.numel())
        return scores

    monkeypatch.setattr("torch.nn.functional.conv2d", counting)
    dense(image, "dense")
    one_pass = sum(computed)
    computed.clear()
    for _ in dense.refine(image):
        pass
    # Maps behind a stride are cut where the scores end, which the dense pass does only at the end.
    assert sum(computed) <= one_pass


def test_closing_stops_and_grad_mode_stays_as_it_is() -> None:
    net = strided_net()
    steps = densify(net).refine(torch.randn(1, 2, 50, 50, dtype=torch.double))
    scores = next(steps).scores
    assert torch.is_grad_enabled()
    assert not scores.requires_grad
    steps.close()
    assert next(steps, None) is None


def test_fast_precision_is_refined_too() -> None:
    net = strided_net().float()
    dense = densify(net)
    image = torch.randn(1, 2, 50, 50)
    *_, last = dense.refine(image, precision="fast")
    assert last.scores.dtype == torch.float32
    assert (last.scores - dense(image)).abs().max() < 0.05
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_bad_input_is_refused_before_any_work() -> None:
    dense = densify(strided_net())
    with pytest.raises(ShapeError, match="the field of view"):
        dense.refine(torch.zeros(1, 2, 3, 3, dtype=torch.double))
    with pytest.raises(BackendError, match="precision must be one of exact, fast"):
        dense.refine(torch.zeros(1, 2, 50, 50, dtype=torch.double), precision="half")
