"""Tensors that share memory in the module must not do so, or must do so alike, in the dense network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from clicktrain.engine.densify import densify
from clicktrain.errors import DensifyError

if TYPE_CHECKING:
    from collections.abc import Callable


class Net(nn.Module):
    """Two convolutions, another thing and a head, joined by a function that a test gives."""

    def __init__(self, join: Callable[[Net, Tensor], Tensor], between: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 2, 3)
        self.between = between or nn.Identity()
        self.relu, self.relu_in_place = nn.ReLU(), nn.ReLU(inplace=True)
        self.join = join

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.join(self, self.first(image)))


def crop_then_relu(net: Net, values: Tensor) -> Tensor:
    cropped = values[:, :, 1:-1, 1:-1]
    return net.second(torch.relu(values)) + cropped


def crop_then_relu_module(net: Net, values: Tensor) -> Tensor:
    cropped = values[:, :, 1:-1, 1:-1]
    return net.second(net.relu(net.between(values))) + cropped


def kept_beside_relu(net: Net, values: Tensor) -> Tensor:
    same = net.between(values)
    return net.second(net.relu(values)) + same[:, :, 1:-1, 1:-1]


def kept_beside_relu_in_place(net: Net, values: Tensor) -> Tensor:
    positive = net.relu_in_place(net.between(values))
    return net.second(values + 2 * positive)


@pytest.mark.parametrize("between", [nn.Identity(), nn.Dropout(0.5), nn.BatchNorm2d(3), nn.MaxPool2d(1), nn.Tanh()])
@pytest.mark.parametrize("join", [crop_then_relu, crop_then_relu_module, kept_beside_relu, kept_beside_relu_in_place])
@pytest.mark.parametrize("with_gradient", [True, False])
def test_what_shares_memory_keeps_its_values(join: Callable, between: nn.Module, with_gradient: bool) -> None:
    torch.manual_seed(0)
    net = Net(join, between).double().eval()
    dense = densify(net, fov=7)
    image = torch.randn(1, 2, 11, 12, dtype=torch.float64)
    with torch.set_grad_enabled(with_gradient):
        scan, whole = dense(image, strategy="patches"), dense(image, strategy="dense")
        windows = dense.at(image, torch.tensor([[0, 0], [4, 5], [2, 3]]), strategy="windows")
    torch.testing.assert_close(whole, scan, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(windows, scan[0, :, [0, 4, 2], [0, 5, 3]].T, atol=1e-10, rtol=1e-10)


def test_hooks_of_a_whole_network_are_refused() -> None:
    net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3)))
    net.register_forward_hook(lambda module, args, out: out * 2)
    with pytest.raises(DensifyError, match="forward hooks"):
        densify(net)


class Squeezed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image).squeeze(-1).softmax(-1)


def test_squeezing_one_of_two_axes_is_refused() -> None:
    with pytest.raises(DensifyError, match="squeeze"):
        densify(Squeezed(), fov=3)


class WithParameter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.extra = nn.Parameter(torch.zeros(1, 1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([self.conv(image), self.extra], dim=1)


def test_concatenating_a_parameter_is_refused_by_name() -> None:
    with pytest.raises(DensifyError, match="a map and a parameter"):
        densify(WithParameter())
