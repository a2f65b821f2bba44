"""Channels that a buffer chooses are taken from maps of an image as from those of a patch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.errors import DensifyError
from clicktrain.kernels.channels import add_to_first
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


class CallsConvolutions(nn.Module):
    """Convolutions as functions, one of them with a weight that is computed, and a sum into the first channels."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        self.convolve = F.conv2d if ndim == 2 else F.conv3d
        self.weight = nn.Parameter(torch.randn(4, 2, *(3,) * ndim))
        self.narrow = nn.Parameter(torch.randn(2, 4, *(1,) * ndim))
        self.scale = nn.Parameter(torch.rand(2, *(1,) * (ndim + 1)))
        self.bias = nn.Parameter(torch.randn(4))

    def forward(self, image: Tensor) -> Tensor:
        values = self.convolve(image, self.weight, self.bias, stride=2)
        added = self.convolve(torch.tanh(values), self.narrow * self.scale)
        return self.convolve(add_to_first(values, added), self.weight[:, :1].mul(2), groups=4)


@pytest.mark.parametrize("strategy", ["dense", "fragments", "selected"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_convolutions_called_as_functions_are_exact_in_every_strategy(ndim: int, strategy: str) -> None:
    torch.manual_seed(0)
    net = CallsConvolutions(ndim).double()
    dense = densify(First(net, ndim), ndim=ndim)
    image = torch.randn(1, 2, *(f + 3 for f in dense.fov)).double().requires_grad_()
    scores, scan = dense(image, strategy), dense(image, "patches")
    assert_same(scores, scan, 1e-10)
    for got, expected in zip(gradients(scores, net, image), gradients(scan, net, image), strict=True):
        assert_same(got, expected, 1e-10)


class First(nn.Module):
    """A network behind a layer that tells how many channels an image has."""

    def __init__(self, net: nn.Module, ndim: int) -> None:
        super().__init__()
        conv = nn.Conv2d if ndim == 2 else nn.Conv3d
        self.layer, self.net = conv(2, 2, 1).double(), net

    def forward(self, image: Tensor) -> Tensor:
        return self.net(self.layer(image))


class OddConvolution(nn.Module):
    def __init__(self, case: str) -> None:
        super().__init__()
        self.case, self.first = case, nn.Conv2d(1, 3, 3)
        self.weight = nn.Parameter(torch.randn(2, 3 if case == "padding" else 4, 3, 3))

    def forward(self, image: Tensor) -> Tensor:
        values = self.first(image)
        if self.case == "map":
            return F.conv2d(values, values)
        return F.conv2d(values, self.weight, padding=1 if self.case == "padding" else 0)


@pytest.mark.parametrize(
    ("case", "message"),
    [("map", "its weight depends on the image"), ("padding", "padding=1"), ("channels", "takes 4 channels and gets 3")],
)
def test_convolutions_without_a_dense_form_are_refused(case: str, message: str) -> None:
    with pytest.raises(DensifyError, match=message):
        densify(OddConvolution(case), fov=5)
