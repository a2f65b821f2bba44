from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from clicktrain.geometry.patch_grid import plan_patch_grid
from clicktrain.napari.heat_layer import show_heat_map
from clicktrain.project import HeatMap

GRID = plan_patch_grid((50, 70), 16, 16)
AFFINE = np.array([[1.2, 0.3, 5], [-0.2, 0.9, -7], [0, 0, 1]])


def heat_of(values: np.ndarray) -> HeatMap:
    return HeatMap(0, "ill", values, float(np.abs(values).max()), GRID)


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((50, 70), {}),
        ((50, 70), {"scale": (2, 3), "translate": (5, -4)}),
        ((50, 70), {"scale": (2, 3), "translate": (5, -4), "rotate": 30, "shear": [0.4], "affine": AFFINE}),
        ((50, 70), {"shear": np.array([[1, 0], [0.5, 1]]), "rotate": -80}),
        ((3, 50, 70), {"scale": (9, 2, 3), "translate": (1, 5, -4), "shear": [0, 0, 0.4]}),
    ],
)
def test_every_cell_lies_over_its_patch(shape, place):
    viewer = ViewerModel()
    image = viewer.add_image(np.random.default_rng(0).random(shape), name="slide", **place)
    layer = show_heat_map(viewer, image, heat_of(np.ones(GRID.shape, np.float32)))
    for index in range(len(GRID)):
        centre_px = np.array(GRID.corner_px(index)) + (GRID.patch_px - 1) / 2
        on_image = image.data_to_world([0] * (image.ndim - 2) + list(centre_px))[-2:]
        off_px = np.linalg.inv(image._transforms[1:].simplified.linear_matrix[-2:, -2:]) @ (
            np.array(layer.data_to_world(GRID.cell(index))) - on_image
        )
        assert np.abs(off_px).max() <= 0.5 + 1e-9


def test_axes_and_units_are_the_images():
    viewer = ViewerModel()
    image = viewer.add_image(np.eye(50, 70), units=("um", "um"), axis_labels=("row", "column"))
    layer = show_heat_map(viewer, image, heat_of(np.ones(GRID.shape, np.float32)))
    assert layer.axis_labels == ("row", "column")
    assert layer.units == image.units


def test_the_layer_is_updated_in_place_with_what_changed():
    viewer = ViewerModel()
    image = viewer.add_image(np.eye(50, 70), name="slide")
    layer = show_heat_map(viewer, image, heat_of(np.ones(GRID.shape, np.float32)))
    image.scale = (2, 2)
    values = np.full(GRID.shape, -3, np.float32)
    assert show_heat_map(viewer, image, heat_of(values)) is layer
    assert tuple(layer.contrast_limits) == (-3, 3)
    np.testing.assert_array_equal(layer.data, values)
    np.testing.assert_allclose(layer.scale, np.array(GRID.scale_px) * 2)


def test_a_map_of_zeros_can_be_shown_and_hides_nothing():
    viewer = ViewerModel()
    image = viewer.add_image(np.eye(50, 70))
    layer = show_heat_map(viewer, image, heat_of(np.zeros(GRID.shape, np.float32)))
    assert isinstance(layer, Image)
    assert layer.colormap.map(np.array([0.5]))[0, 3] == 0
