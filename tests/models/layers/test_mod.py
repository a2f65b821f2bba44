"""Mixture-of-Depths in whole-image networks: every image chooses its own channels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clicktrain.errors import ClickTrainError, ShapeError
from clicktrain.models.layers.channel_choice import kept_channels, top_channels
from clicktrain.models.layers.mod import ModBlock

CONV = {2: nn.Conv2d, 3: nn.Conv3d}


def inner(k: int, ndim: int = 2, *, padding: int = 1) -> nn.Sequential:
    """Two convolutions, so that no kernel of one convolution takes over."""
    conv = CONV[ndim]
    return nn.Sequential(conv(k, k, 3, padding=padding), nn.Tanh(), conv(k, k, 1))


def block_of(channels: int, k: int, ndim: int = 2, *, padding: int = 1, places: str = "first") -> ModBlock:
    torch.manual_seed(0)
    return ModBlock(inner(k, ndim, padding=padding), channels, k, reduction=2, places=places).double()


def images(channels: int, ndim: int = 2, batch: int = 3) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, channels, *(6, 7, 5)[:ndim], dtype=torch.double)


def with_scores(block: ModBlock, scores: Tensor) -> ModBlock:
    """Block whose selector gives the same scores for every image."""
    nn.init.zeros_(block.selector.excite.weight)
    block.selector.excite.bias.data = torch.logit(scores.double())
    return block


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_all_channels_in_full_are_a_plain_residual_block(ndim: int, padding: int) -> None:
    block = block_of(4, 4, ndim, padding=padding)
    nn.init.zeros_(block.selector.excite.weight)
    nn.init.constant_(block.selector.excite.bias, torch.inf)
    values = images(4, ndim)
    middle = values if padding else values[(..., *(slice(1, -1),) * ndim)]
    torch.testing.assert_close(block(values), middle + block.block(values))


@pytest.mark.parametrize("ndim", [2, 3])
def test_channels_behind_the_first_k_are_handed_on_unchanged(ndim: int) -> None:
    values = images(6, ndim)
    out = block_of(6, 2, ndim)(values)
    assert torch.equal(out[:, 2:], values[:, 2:])
    assert not torch.isclose(out[:, :2], values[:, :2]).all()


@pytest.mark.parametrize(("places", "where"), [("first", [0, 1]), ("last", [4, 5]), ("own", [1, 3])])
def test_chosen_channels_change_what_is_read_and_places_where_it_is_added(places: str, where: list[int]) -> None:
    scores = torch.tensor([0.1, 0.8, 0.2, 0.9, 0.3, 0.4])
    block = with_scores(block_of(6, 2, places=places), scores)
    values = images(6)
    changed = (block(values) - values).abs().amax((0, 2, 3)) > 0
    assert changed.nonzero().flatten().tolist() == where
    made = block.block(values[:, [1, 3]]) * scores[[1, 3]].double().view(1, 2, 1, 1)
    torch.testing.assert_close(block(values)[:, where], values[:, where] + made)


def test_every_image_of_a_batch_chooses_for_itself() -> None:
    block, values = block_of(6, 2), images(6)
    values[1] *= -5
    chosen = top_channels(block.selector(values.mean((2, 3))), 2)
    assert len(set(map(tuple, chosen.tolist()))) > 1
    one_by_one = torch.cat([block(image[None]) for image in values])
    torch.testing.assert_close(block(values), one_by_one)


@pytest.mark.parametrize("block", [nn.Conv2d(2, 2, 3, padding=1), inner(2)], ids=["kernel", "layers"])
def test_gradient_reaches_the_selector_and_the_image(block: nn.Module) -> None:
    mod = ModBlock(block, 6, 2, reduction=2).double()
    values = images(6).requires_grad_()
    mod(values).square().sum().backward()
    # Against a step in the direction of the gradient, the channels chosen staying the same.
    for parameter in mod.selector.parameters():
        assert parameter.grad.abs().max() > 0
    assert torch.autograd.gradcheck(mod, (images(6, batch=1).requires_grad_(),))


@pytest.mark.parametrize("activation", [[], [nn.ReLU()]], ids=["linear", "relu"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_one_convolution_gives_the_same_through_its_kernel_as_through_layers(
    ndim: int, activation: list[nn.Module]
) -> None:
    conv = CONV[ndim](2, 2, 3, padding=1)
    by_kernel = ModBlock(nn.Sequential(conv, *activation), 6, 2, reduction=2).double()
    by_layers = ModBlock(nn.Sequential(conv, *activation, nn.Identity()), 6, 2, reduction=2).double()
    by_layers.selector = by_kernel.selector
    torch.testing.assert_close(by_kernel(images(6, ndim)), by_layers(images(6, ndim)))


def test_channels_that_change_ranks_among_the_chosen_change_nothing() -> None:
    scores = torch.tensor([[0.3, 0.9, 0.1, 0.8]])
    assert top_channels(scores, 2).tolist() == top_channels(scores[:, [0, 3, 2, 1]], 2).tolist() == [[1, 3]]


@pytest.mark.parametrize("places", ["first", "last", "own"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_shapes_are_static_so_the_block_can_be_exported_whole(ndim: int, places: str) -> None:
    block, values = block_of(6, 2, ndim, places=places).eval(), images(6, ndim)
    exported = torch.export.export(block, (values,)).module()
    other = values.flip(1) * 3
    torch.testing.assert_close(exported(other), block(other))


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_block_is_one_graph_to_the_compiler(ndim: int) -> None:
    block, values = block_of(6, 2, ndim).eval(), images(6, ndim)
    compiled = torch.compile(block, backend="eager", fullgraph=True)
    for other in (values, values.flip(1) * 3):
        torch.testing.assert_close(compiled(other), block(other))


def test_k_is_the_floor_of_the_ratio() -> None:
    assert [kept_channels(channels, 64) for channels in (64, 127, 128, 1024)] == [1, 1, 2, 16]


@pytest.mark.parametrize("c", [0, 65, -1])
def test_ratio_that_leaves_no_channel_is_refused(c: int) -> None:
    with pytest.raises(ClickTrainError, match=f"c must be from 1 to the block's 64 channels.*got {c}"):
        kept_channels(64, c)


@pytest.mark.parametrize("k", [0, 5, -1])
def test_k_that_the_block_does_not_have_is_refused(k: int) -> None:
    with pytest.raises(ClickTrainError, match=f"k must be from 1 to the block's 4 channels, got {k}"):
        ModBlock(nn.Identity(), 4, k)


def test_unknown_places_are_refused() -> None:
    with pytest.raises(ClickTrainError, match="places must be one of first, last, own, got 'middle'"):
        ModBlock(nn.Identity(), 4, 2, places="middle")


def test_map_too_small_for_statistics_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"values must be at least 4 per channel.*got \(1, 3\)"):
        block_of(6, 2)(torch.zeros(1, 6, 1, 3).double())


def test_choice_from_given_means_is_refused() -> None:
    with pytest.raises(ClickTrainError, match="select must be called on a block that holds its choice"):
        block_of(6, 2).select(torch.zeros(6))


def test_block_that_shrinks_unevenly_is_refused() -> None:
    with pytest.raises(ShapeError, match="cut off as much on both sides"):
        ModBlock(nn.Sequential(nn.Conv2d(2, 2, 2), nn.Tanh()), 6, 2)(torch.zeros(1, 6, 5, 5))
