"""An image computed tile by tile is the image computed at once."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clicktrain import densify
from clicktrain.engine.border import reflect_pad, same_size_margins
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut
from tests.engine.architectures import Example, patch_classifiers
from tests.engine.comparing import assert_same


@settings(max_examples=10)
@given(patch_classifiers(), st.lists(st.integers(1, 9), min_size=6, max_size=6))
def test_tiled_equals_whole_with_a_reflected_border(example: Example, sizes: list[int]) -> None:
    dense = densify(example.module, ndim=example.ndim, fov=example.fov)
    shape, tile = sizes[: example.ndim], sizes[3 : 3 + example.ndim]
    image = torch.randn(1, example.in_channels, *shape, dtype=torch.double, generator=torch.Generator().manual_seed(5))
    padded = reflect_pad(image, same_size_margins(dense.fov))
    region = Region.whole(shape)
    whole = dense(padded, strategy="dense")
    assert whole.shape[2:] == image.shape[2:]
    tiled = torch.full_like(whole, torch.nan)
    for part in cut(region, tile):
        seen = part.seen_by(dense.fov).within(region.seen_by(dense.fov))
        tiled[(..., *part.slices)] = dense(padded[(..., *seen)], strategy="dense")
    assert_same(tiled, whole, 1e-10)
