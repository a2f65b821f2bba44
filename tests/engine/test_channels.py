"""Channels that a buffer chooses are taken from maps of an image as from those of a patch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.errors import DensifyError
from tests.engine.comparing import assert_same, gradients


class Chooses(nn.Module):
    """Takes channels by a buffer, weighs them by what a layer makes of another one, and adds them to others."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.first, self.last = nn.Conv2d(2, 5, 3, stride=2), nn.Conv2d(5, 2, 2)
        self.inner, self.judge = nn.Conv2d(2, 2, 2), nn.Linear(3, 2)
        self.register_buffer("taken", torch.tensor([4, 1]))
        self.register_buffer("hint", torch.randn(3))

    def forward(self, image: Tensor) -> Tensor:
        values = torch.tanh(self.first(image))
        weights = torch.sigmoid(self.judge(self.hint[None]))[0]
        if self.way == "functions":
            made = self.inner(torch.index_select(values, 1, self.taken))
            added = torch.index_add(values[:, :, :-1, :-1], 1, self.taken, made * weights[:, None, None])
        else:
            made = self.inner(values.index_select(dim=-3, index=self.taken))
            added = values[:, :, :-1, :-1].index_add(-3, self.taken, made * weights[:, None, None])
        return self.last(added)


@pytest.mark.parametrize("way", ["functions", "methods"])
@pytest.mark.parametrize("strategy", ["dense", "fragments", "selected"])
def test_chosen_channels_are_exact_in_every_strategy(strategy: str, way: str) -> None:
    torch.manual_seed(0)
    net = Chooses(way).double()
    dense = densify(net)
    image = torch.randn(2, 2, dense.fov[0] + 4, dense.fov[1] + 3).double().requires_grad_()
    scores, scan = dense(image, strategy), dense(image, "patches")
    assert_same(scores, scan, 1e-10)
    for got, expected in zip(gradients(scores, net, image), gradients(scan, net, image), strict=True):
        assert_same(got, expected, 1e-10)
    dense(image, strategy).sum().backward()
    assert net.judge.weight.grad.abs().max() > 0


def test_buffers_are_read_anew_at_each_call() -> None:
    torch.manual_seed(0)
    net = Chooses("functions").double()
    dense, image = densify(net), torch.randn(1, 2, 12, 12).double()
    before = dense(image, "dense")
    net.taken.copy_(torch.tensor([0, 3]))
    net.hint.mul_(-3)
    assert not torch.allclose(dense(image, "dense"), before)
    assert_same(dense(image, "dense"), dense(image, "patches"), 1e-10)


class Odd(nn.Module):
    def __init__(self, case: str) -> None:
        super().__init__()
        self.case, self.first = case, nn.Conv2d(1, 3, 3)
        self.register_buffer("taken", torch.tensor([0, 2]))

    def forward(self, image: Tensor) -> Tensor:
        values = self.first(image)
        if self.case == "rows":
            return values.index_select(2, self.taken)
        if self.case == "more":
            return values.index_add(1, self.taken, values)
        return values.index_add(1, self.taken, values[:, :2], alpha=2)


@pytest.mark.parametrize(
    ("case", "message"),
    [("rows", "along axis 2"), ("more", "it adds 3 channels"), ("twice", "alpha=1")],
)
def test_choices_without_a_dense_form_are_refused(case: str, message: str) -> None:
    with pytest.raises(DensifyError, match=message):
        densify(Odd(case), fov=3)
