from __future__ import annotations

import pytest
import torch

from clicktrain.models.images.grid_head import GridHead, masked_pool


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2), (30, 40)])
def test_grids_of_any_size_are_scored(shape: tuple[int, int]) -> None:
    head = GridHead(6, 3, width=8, levels=2)
    scores = head(torch.randn(2, 6, *shape), torch.ones(2, *shape, dtype=torch.bool))
    assert scores.shape == (2, 3)
    assert torch.isfinite(scores).all()


def test_pooling_is_mean_and_maximum_of_the_cells_that_count() -> None:
    mask = torch.tensor([[[True, True], [False, True]]])
    cells = torch.tensor([[[[1.0, 5.0], [0.0, 3.0]]]])
    assert masked_pool(cells, mask).tolist() == [[3.0, 5.0]]


def test_a_grid_without_cells_is_scored_as_zeros() -> None:
    head = GridHead(6, 3, width=8, levels=2)
    none = torch.zeros(1, 2, 2, dtype=torch.bool)
    torch.testing.assert_close(head(torch.randn(1, 6, 2, 2), none)[0], head.to_scores.bias)
