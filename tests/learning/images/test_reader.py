from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from clicktrain.inference.images.patches import Dihedral, PatchIndex, PatchReader, in_chunks
from clicktrain.models.pixels.normalise import ChannelStatistics
from tests.learning.images.cases import PATCH_PX, noise, reader_of

TURNS = [Dihedral(*flags) for flags in product([False, True], repeat=3)]


def put_together(reader: PatchReader, image: int):
    """Stitch all patches of an image at the places of their cells."""
    grid = reader.grids[image]
    patches = reader.read([PatchIndex(image, patch) for patch in range(len(grid))]).numpy()
    rows = patches.reshape(*grid.shape, -1, PATCH_PX, PATCH_PX).transpose(2, 0, 3, 1, 4)
    return rows.reshape(rows.shape[0], grid.n_rows * PATCH_PX, grid.n_columns * PATCH_PX)


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_turned_image_is_cut_as_if_it_had_been_turned_before(turn: Dihedral) -> None:
    image = noise(3, 48, 80)
    reader = reader_of(image, noise(3, 16, 16), axes="CYX")
    turned = reader.turned([turn, TURNS[0]])
    np.testing.assert_array_equal(put_together(turned, 0), turn.applied(image))
    np.testing.assert_array_equal(put_together(turned, 1), put_together(reader, 1))


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_turned_patches_are_the_same_where_they_overlap_unevenly(turn: Dihedral) -> None:
    reader = reader_of(noise(50, 39), stride_px=13)
    kept = {patch.tobytes() for patch in reader.read(reader.all_indices()).numpy()}
    turned = reader.turned([turn])
    back = turned.read(turned.all_indices()).numpy()
    undone = [np.ascontiguousarray(_undone(turn, patch)) for patch in back]
    assert {patch.tobytes() for patch in undone} == kept


def _undone(turn: Dihedral, patch):
    return Dihedral(turn.flips_rows, turn.flips_columns, False).applied(patch.swapaxes(-1, -2) if turn.swaps else patch)


def test_all_eight_turns_are_drawn() -> None:
    random = torch.Generator().manual_seed(0)
    assert {Dihedral.drawn(random) for _ in range(200)} == set(TURNS)


def test_intensities_are_scaled_by_channel_and_flat_channels_become_0() -> None:
    image = noise(2, 16, 32)
    image[1] = 7
    reader = reader_of(image, axes="CYX")
    scaled = PatchReader(reader.images, reader.grids, [ChannelStatistics((1.0, 7.0), (2.0, 0.0))])
    patches = scaled.read(scaled.all_indices()).numpy()
    np.testing.assert_allclose(patches[1, 0], (image[0, :, 16:] - 1) / 2, rtol=1e-6)
    assert (patches[:, 1] == 0).all()


def test_chunks_keep_the_order_and_the_last_one_is_smaller() -> None:
    indices = [PatchIndex(0, patch) for patch in range(7)]
    assert [len(chunk) for chunk in in_chunks(indices, 3)] == [3, 3, 1]
    assert [index for chunk in in_chunks(indices, 3) for index in chunk] == indices
