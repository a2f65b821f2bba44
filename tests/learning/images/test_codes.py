from __future__ import annotations

import numpy as np
import pytest
import torch

from clicktrain.inference.images.codes import CodeGrids, fill
from clicktrain.inference.images.patches import PatchIndex, in_chunks
from clicktrain.models.images.grid_head import GridHead
from clicktrain.models.images.image_net import ImageNet
from tests.learning.images.cases import PATCH_PX, MeanEncoder, network, noise, reader_of


def filled(net, *images, chunk: int = 4, stride_px: int = PATCH_PX):
    reader = reader_of(*images, stride_px=stride_px)
    codes = CodeGrids.empty(net, reader.grids)
    chunks = in_chunks(reader.all_indices(), chunk)
    for _ in fill(net, codes, chunks, map(reader.read, chunks)):
        pass
    return codes


def mean_net() -> ImageNet:
    return ImageNet(MeanEncoder(), GridHead(1, 2, width=4, levels=1), 1)


@pytest.mark.parametrize("stride_px", [PATCH_PX, 8, 5])
def test_one_bright_patch_lights_the_same_cell(stride_px: int) -> None:
    shape = (40, 72)
    reader = reader_of(np.zeros(shape, np.float32), stride_px=stride_px)
    (grid,) = reader.grids
    for index in range(len(grid)):
        image = np.zeros(shape, np.float32)
        y, x = grid.corner_px(index)
        image[y : y + PATCH_PX, x : x + PATCH_PX] = 1
        values = filled(mean_net(), image, stride_px=stride_px).values[0, 0]
        assert divmod(int(values.argmax()), values.shape[1]) == grid.cell(index)
        assert values.max() == 1


def test_codes_do_not_depend_on_the_chunks() -> None:
    net, image = network(), noise(48, 80)
    whole = filled(net, image, chunk=100).values
    for chunk in (1, 2, 7):
        torch.testing.assert_close(filled(net, image, chunk=chunk).values, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["group", "frozen_batch"])
def test_an_image_gets_the_same_answer_alone_and_beside_a_larger_one(norm: str) -> None:
    net = network(norm=norm)
    small, large = noise(32, 48), noise(64, 32, seed=1)
    alone = filled(net, small)
    both = filled(net, small, large)
    assert both.values.shape[2:] == (4, 3)
    both.values[~both.mask.unsqueeze(1).expand_as(both.values)] = torch.nan
    wanted = net.score(alone.values, alone.mask)[0]
    torch.testing.assert_close(net.score(both.values, both.mask)[0], wanted, rtol=0, atol=1e-12)


def test_gradient_reaches_fresh_codes_alone() -> None:
    net = network()
    codes = filled(net, noise(32, 32))
    fresh = torch.ones(1, net.code_channels, dtype=torch.float64, requires_grad=True)
    values = codes.with_codes([PatchIndex(0, 2)], fresh)
    values.sum().backward()
    assert torch.equal(fresh.grad, torch.ones_like(fresh))
    assert torch.equal(values[0, :, 1, 0], fresh[0])
    assert not codes.values.requires_grad
    assert not torch.equal(codes.values[0, :, 1, 0], fresh[0])


def test_z_grows_with_the_cells_and_not_with_the_pixels() -> None:
    net = network()
    reader = reader_of(np.broadcast_to(np.float32(0), (16 * 300, 16 * 200)))
    assert CodeGrids.empty(net, reader.grids).values.numel() == net.code_channels * 300 * 200
