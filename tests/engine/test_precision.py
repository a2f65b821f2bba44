"""Fast precision is the same network with fewer digits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clicktrain import densify
from clicktrain.errors import BackendError


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 8, 4), nn.BatchNorm2d(8), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(8, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(32, 3),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("strategy", ["auto", "dense", "fragments", "selected"])
def test_fast_scores_are_near_the_exact_ones(strategy):
    dense = densify(small_net())
    image = torch.randn(1, 2, 60, 50)
    exact, fast = dense(image, strategy), dense(image, strategy, precision="fast")
    assert fast.dtype == exact.dtype
    assert not torch.equal(fast, exact)
    assert (fast - exact).abs().max() < 0.03 * exact.abs().max()


def test_fast_gradient_reaches_the_parameters_in_their_own_type():
    net = small_net()
    positions = torch.tensor([[3, 4], [20, 7]])
    dense, image = densify(net), torch.randn(1, 2, 60, 50)
    exact = torch.autograd.grad(dense.at(image, positions).sum(), list(net.parameters()))
    fast = torch.autograd.grad(dense.at(image, positions, precision="fast").sum(), list(net.parameters()))
    for one, other in zip(fast, exact, strict=True):
        assert one.dtype == other.dtype
        assert (one - other).abs().max() <= 0.1 * other.abs().max()


def test_module_has_its_parameters_back():
    net = small_net()
    before = dict(net.named_parameters())
    densify(net)(torch.randn(1, 2, 30, 30), precision="fast")
    assert all(p is before[name] for name, p in net.named_parameters())


def test_unknown_precision_is_refused():
    with pytest.raises(BackendError, match="precision must be one of exact, fast, got 'half'"):
        densify(small_net())(torch.randn(1, 2, 30, 30), precision="half")
