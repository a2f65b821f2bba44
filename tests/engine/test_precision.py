"""Fast precision is the same network with fewer digits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch
from torch import nn

from clicktrain import densify
from clicktrain.engine import precision
from clicktrain.engine.execute import run_whole
from clicktrain.engine.plan import DensePlan
from clicktrain.engine.precision import in_fast_type
from clicktrain.engine.segments import Segment
from clicktrain.errors import BackendError

asks_the_device = precision._multiplies_bfloat16.__wrapped__


@pytest.fixture(autouse=True)
def _bfloat16_is_fast(monkeypatch):
    """Compute in bfloat16 wherever the tests run."""
    monkeypatch.setattr(precision, "_multiplies_bfloat16", lambda kind: True)


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


def test_the_device_is_asked_and_one_without_onednn_has_no_fast_type(monkeypatch):
    assert asks_the_device("cpu") in (True, False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert asks_the_device("cpu") is False


def test_fast_is_exact_where_bfloat16_would_be_slower(monkeypatch):
    monkeypatch.setattr(precision, "_multiplies_bfloat16", lambda kind: False)
    dense, image = densify(small_net()), torch.randn(1, 2, 60, 50)
    positions = torch.tensor([[3, 4], [20, 7]])
    assert torch.equal(dense(image, precision="fast"), dense(image))
    assert torch.equal(dense.at(image, positions, precision="fast"), dense.at(image, positions))
    halves = image.half()
    assert dense(halves, precision="fast").dtype == torch.float16


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


def test_module_has_its_parameters_back_after_overlapping_calls():
    net = small_net()
    before, dense, image = dict(net.named_parameters()), densify(net), torch.randn(1, 2, 60, 50)
    first_is_in, second_has_begun = Event(), Event()

    def score(inside):
        return in_fast_type(net, image, lambda values: inside() or dense.module[0](values))

    def first():
        first_is_in.set()
        second_has_begun.wait(0.2)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(score, first)
        first_is_in.wait()
        other = pool.submit(score, second_has_begun.set)
        assert torch.equal(one.result(), other.result())
    assert all(p is before[name] for name, p in net.named_parameters())


def gradients_in_autocast(net, image, score):
    net.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        scores = score(image)
    scores.float().square().sum().backward()
    return [p.grad for p in net.parameters()]


@pytest.mark.parametrize("first", [False, True])
def test_backward_in_pieces_follows_the_autocast_of_the_forward_pass(first):
    net = small_net()
    dense, image = densify(net), torch.randn(1, 2, 30, 33)
    plan = DensePlan(0.0, tuple(Segment(i, i + 1, (1, 1), 40) for i in range(len(dense.program.steps))))

    def in_pieces(values):
        scores = run_whole(dense.program, plan, values, net)
        # Another pass under the same autocast must not get weights that were converted without gradient.
        return scores + dense(values, "dense") - scores if first else scores

    exact = torch.autograd.grad(dense(image, "patches").square().sum(), list(net.parameters()))
    for got, grad in zip(gradients_in_autocast(net, image, in_pieces), exact, strict=True):
        assert not torch.equal(got, grad)
        assert (got - grad).abs().max() <= 0.05 * grad.abs().max()


def test_unknown_precision_is_refused():
    with pytest.raises(BackendError, match="precision must be one of exact, fast, got 'half'"):
        densify(small_net())(torch.randn(1, 2, 30, 30), precision="half")
