"""Mixture-of-Depths in patch classifiers: one choice for all patches of an image, exact in every strategy."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.errors import DensifyError
from clicktrain.models.layers.mod import ModBlock
from tests.engine.comparing import assert_same, gradients

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


def mod_block(channels: int, k: int, ndim: int = 2, *, stride: int = 1, places: str = "first") -> ModBlock:
    block = nn.Sequential(CONV[ndim](k, k, 3, stride=stride), nn.Tanh())
    return ModBlock(block, channels, k, reduction=1, places=places, held=True, ndim=ndim, stride=stride)


def classifier(ndim: int = 2, *, stride: int = 1, places: str = "first") -> nn.Sequential:
    """A patch classifier with two blocks, behind a stride and a pool, with selections that are not the default."""
    conv = CONV[ndim]
    torch.manual_seed(0)
    net = nn.Sequential(
        conv(2, 6, 3, stride=2), nn.ReLU(), mod_block(6, 2, ndim, stride=stride, places=places),
        POOL[ndim](2, 2 if ndim == 2 else 1), mod_block(6, 3, ndim, places=places), conv(6, 3, 1),
    ).double()  # fmt: skip
    for block, favoured in ((net[2], [1, 4]), (net[4], [0, 3, 5])):
        block.selector.excite.bias.data[favoured] += 5
        block.select(torch.rand(6, dtype=torch.double))
        assert block.chosen.tolist() == favoured
    return net


def image_for(net: nn.Module, ndim: int = 2) -> Tensor:
    fov = densify(net, ndim=ndim).fov
    generator = torch.Generator().manual_seed(2)
    return torch.randn((1, 2, *(f + n for f, n in zip(fov, (5, 4, 2), strict=False))), generator=generator).double()


def selector_parameters(net: nn.Module) -> list[nn.Parameter]:
    return [parameter for name, parameter in net.named_parameters() if "selector" in name]


@pytest.mark.parametrize("places", ["first", "last", "own"])
@pytest.mark.parametrize("strategy", ["dense", "fragments", "selected"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("ndim", "stride"), [(2, 2), (3, 1)])
def test_dense_equals_patch_scan_with_the_same_selection(
    ndim: int, stride: int, training: bool, strategy: str, places: str
) -> None:
    net = classifier(ndim, stride=stride, places=places).train(training)
    dense, image = densify(net, ndim=ndim), image_for(net, ndim).requires_grad_()
    scores, scan = dense(image, strategy), dense(image, "patches")
    assert_same(scores, scan, 1e-10)
    for got, expected in zip(gradients(scores, net, image), gradients(scan, net, image), strict=True):
        assert_same(got, expected, 1e-10)


@pytest.mark.parametrize("strategy", ["windows", "dense", "selected", "auto"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_gradients_at_clicks_are_those_of_their_patches(ndim: int, strategy: str) -> None:
    net = classifier(ndim).train()
    dense, image = densify(net, ndim=ndim), image_for(net, ndim).requires_grad_()
    clicks = torch.tensor([[0, 0, 0], [4, 3, 1], [4, 3, 1], [2, 1, 0]])[:, :ndim]
    at, scan = dense.at(image, clicks, strategy), dense.at(image, clicks, "patches")
    assert_same(at, scan, 1e-10)
    for got, expected in zip(gradients(at, net, image), gradients(scan, net, image), strict=True):
        assert_same(got, expected, 1e-10)


@pytest.mark.parametrize("strategy", ["dense", "selected", "patches"])
def test_gradient_reaches_the_selector_in_training(strategy: str) -> None:
    net = classifier().train()
    clicks = torch.tensor([[0, 0], [4, 3]])
    densify(net).at(image_for(net), clicks, strategy).square().sum().backward()
    for parameter in selector_parameters(net):
        assert parameter.grad.abs().max() > 0


def test_scores_in_training_are_those_that_are_kept() -> None:
    net, image = classifier(), image_for(classifier())
    assert_same(densify(net.train())(image), densify(net.eval())(image), 1e-12)


def test_another_selection_takes_effect_in_a_network_that_is_dense_already() -> None:
    net = classifier().eval()
    dense, image = densify(net), image_for(net)
    before = dense(image, "dense")
    net[2].chosen.copy_(torch.tensor([0, 3]))
    net[4].scores.mul_(0.5)
    assert (dense(image, "dense") - before).abs().max() > 1e-3
    assert_same(dense(image, "dense"), dense(image, "patches"), 1e-10)


def test_selection_is_no_part_of_the_weights() -> None:
    net, other = classifier(), classifier()
    other[2].select(torch.full((6,), 3.0).double())
    kept = other[2].chosen.clone(), other[2].scores.clone()
    assert not {"means", "chosen", "scores"} & {name.rpartition(".")[2] for name in net.state_dict()}
    other.load_state_dict(net.state_dict())
    assert torch.equal(other[2].chosen, kept[0])
    assert torch.equal(other[2].scores, kept[1])


@pytest.mark.parametrize("stride", [1, 2])
def test_all_channels_in_full_are_a_plain_residual_block(stride: int) -> None:
    torch.manual_seed(0)
    block = mod_block(4, 4, stride=stride).eval()
    values = torch.randn(2, 4, 9, 11)
    torch.testing.assert_close(block(values), values[:, :, 1:-1:stride, 1:-1:stride] + block.block(values))


def test_channels_behind_the_first_k_are_cropped_and_unchanged() -> None:
    values = torch.randn(1, 6, 8, 9)
    assert torch.equal(mod_block(6, 2)(values)[:, 2:], values[:, 2:, 1:-1, 1:-1])


def test_exported_block_is_the_block() -> None:
    block, values = mod_block(6, 2).eval(), torch.randn(1, 6, 9, 9)
    block.chosen.copy_(torch.tensor([2, 5]))
    torch.testing.assert_close(torch.export.export(block, (values,)).module()(values), block(values))


def test_block_that_chooses_by_every_map_has_no_dense_form() -> None:
    net = nn.Sequential(nn.Conv2d(2, 6, 3), ModBlock(nn.Conv2d(2, 2, 3), 6, 2), nn.Conv2d(6, 3, 1))
    with pytest.raises(DensifyError):
        densify(net)
