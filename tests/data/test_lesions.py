from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from clicktrain.data.lesions import lesion_image, write_lesion_set


@pytest.mark.parametrize("ill", [False, True])
def test_the_seed_determines_the_image(ill):
    np.testing.assert_array_equal(lesion_image(3, ill=ill, side_px=96), lesion_image(3, ill=ill, side_px=96))
    assert (lesion_image(3, ill=ill, side_px=96) != lesion_image(4, ill=ill, side_px=96)).any()


def test_only_ill_tissue_has_a_place_with_many_cells():
    crowding = {}
    for ill in (False, True):
        smooth = ndimage.gaussian_filter(lesion_image(0, ill=ill, side_px=320).astype(float), 1.5)
        cells = (smooth == ndimage.maximum_filter(smooth, 7)) & (smooth > 70)
        counts = cells.reshape(5, 64, 5, 64).sum(axis=(1, 3))
        crowding[ill] = counts.max() / np.median(counts)
    assert crowding[False] < 2 < crowding[True]


def test_every_class_has_its_folder(tmp_path):
    write_lesion_set(tmp_path / "slides", per_class=2, side_px=64)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png"))
    assert names == [f"slides/{name}/{name}{number:02}.png" for name in ("ill", "well") for number in range(2)]
    with Image.open(tmp_path / names[0]) as picture:
        assert picture.size == (64, 64)
