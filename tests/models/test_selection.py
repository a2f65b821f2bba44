"""A selection is made once for an image, from all of it, and holds for every tile, worker and click."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.engine.state import with_state
from clicktrain.errors import ShapeError
from clicktrain.models.pixels.selection import branches, hold, selection_of_image, selection_of_patches
from tests.models.layers.test_shared_mod import classifier

CHOSEN = ["2.branch.chosen", "4.branch.chosen"]


def image_of(side_px: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(1, 2, side_px, side_px + 7, generator=generator).double() + 1


def by_hand(net: nn.Sequential, image: Tensor) -> dict[str, Tensor]:
    """Means of every block's input over all patches: what the patch holds there in its middle, patch by patch."""
    dense = densify(net)
    fov = dense.fov[0]
    found = {}
    for number in (2, 4):
        inner = densify(nn.Sequential(*net[:number], nn.Identity()))
        values = inner(image, "dense")
        start = (fov - inner.fov[0]) // 2
        rows, columns = (n - fov + 1 for n in image.shape[2:])
        means = values[0, :, start : start + rows, start : start + columns].mean((1, 2))
        net[number].branch.select(means)
        found[f"{number}.branch.means"] = means
    return found


@pytest.mark.parametrize("tile_px", [7, 19, 1000])
def test_streamed_means_are_those_of_the_whole_image_whatever_the_tiles(tile_px: int) -> None:
    net = classifier().eval()
    expected = by_hand(classifier().eval(), image_of())
    selection = selection_of_image(densify(net), image_of(), tile_px=tile_px)
    for name, means in expected.items():
        torch.testing.assert_close(selection[name], means, rtol=0, atol=1e-12)


def test_selection_is_made_without_touching_the_network() -> None:
    net = classifier().eval()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    selection = selection_of_image(densify(net), image_of())
    patches = selection_of_patches(net, image_of()[:, :, : densify(net).fov[0], : densify(net).fov[1]])
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    assert set(selection) == set(patches) == set(before)


def test_held_selection_is_what_a_lent_one_is() -> None:
    net, image = classifier().eval(), image_of()
    dense = densify(net)
    selection = selection_of_image(dense, image)
    lent = with_state(net, selection, lambda: dense(image))
    assert not torch.equal(lent, dense(image))
    hold(net, selection)
    assert torch.equal(lent, dense(image))


def test_later_blocks_choose_by_what_earlier_ones_have_chosen() -> None:
    net, other = classifier().eval(), classifier().eval()
    other[2].branch.selector.excite.bias.data.copy_(torch.tensor([9.0, -9, -9, -9, -9, 9]).double())
    one, changed = (selection_of_image(densify(n), image_of()) for n in (net, other))
    assert not torch.equal(one[CHOSEN[0]], changed[CHOSEN[0]])
    assert not torch.allclose(one["4.branch.means"], changed["4.branch.means"])


def test_patches_all_over_a_uniform_image_choose_what_the_whole_image_chooses() -> None:
    net = classifier().eval()
    dense = densify(net)
    flat = torch.full((1, 2, 40, 40), 0.7).double()
    whole = selection_of_image(dense, flat)
    patches = selection_of_patches(net, flat[:, :, : dense.fov[0], : dense.fov[1]].repeat(5, 1, 1, 1))
    for name in whole:
        torch.testing.assert_close(patches[name], whole[name])


def test_block_directly_on_the_image_chooses_by_the_image() -> None:
    net = nn.Sequential(classifier()[2], nn.Conv2d(6, 2, 1)).double().eval()
    image = torch.randn(1, 6, 20, 21).double()
    names = branches(net)
    assert list(names) == ["0.branch"]
    with_first = nn.Sequential(nn.Conv2d(6, 6, 1), *net).double().eval()
    nn.init.dirac_(with_first[0].weight)
    nn.init.zeros_(with_first[0].bias)
    means = selection_of_image(densify(with_first), image)["1.branch.means"]
    torch.testing.assert_close(means, image[0, :, 1:-1, 1:-1].mean((1, 2)))


def test_network_without_such_blocks_has_an_empty_selection() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3)).double()
    assert selection_of_patches(net, image_of()) == {}
    assert selection_of_image(densify(net), image_of()) == {}


def test_image_too_small_for_statistics_is_refused() -> None:
    dense = densify(classifier().eval())
    side_px = dense.fov[0] + 2
    with pytest.raises(ShapeError, match=r"image must have at least 16 pixels.*got \(3, 3\)"):
        selection_of_image(dense, image_of()[:, :, :side_px, :side_px])
