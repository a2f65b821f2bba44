from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Points

from clicktrain.errors import ImageError
from clicktrain.napari.layers import axes_of, likely_axes, source_of, spatial_transform, voxel_size_of

PLACE = {
    "scale": (2.0, 3.0),
    "translate": (10.0, -20.0),
    "rotate": 30.0,
    "shear": [0.2],
    "affine": [[1.0, 0.1, 5.0], [0.0, 0.9, 2.0], [0.0, 0.0, 1.0]],
    "units": ("um", "um"),
    "axis_labels": ("row", "column"),
}
CHANNELS_PLACE = {
    "scale": (1.0, 2.0, 3.0),
    "translate": (0.0, 10.0, -20.0),
    "rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
    "shear": [0.0, 0.0, 0.2],
    "units": ("pixel", "um", "um"),
    "axis_labels": ("channel", "row", "column"),
}


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((20, 30), {}, "YX"),
        ((20, 30, 3), {"rgb": True}, "YXC"),
        ((5, 20, 30), {"rgb": False}, "ZYX"),
        ((5, 20, 30, 3), {"rgb": True}, "ZYXC"),
    ],
)
def test_axes_are_read_from_the_layer(shape, options, axes):
    assert axes_of(Image(np.zeros(shape), **options)) == axes


def test_a_stack_can_be_of_channels():
    assert axes_of(Image(np.zeros((5, 20, 30))), "CYX") == "CYX"


@pytest.mark.parametrize(
    ("planes", "name", "axes"),
    [(9, None, "ZYX"), (3, None, "CYX"), (3, "z", "ZYX"), (9, "channel", "CYX"), (9, "C", "CYX"), (9, "Z", "ZYX")],
)
def test_a_stack_is_a_volume_unless_its_name_or_length_says_channels(planes, name, axes):
    labels = {} if name is None else {"axis_labels": (name, "y", "x")}
    assert likely_axes(Image(np.zeros((planes, 20, 30)), rgb=False, **labels)) == axes


def test_spacing_is_that_of_a_volume_s_layer():
    layer = Image(np.zeros((5, 20, 30)), rgb=False, scale=(2, 0.5, 0.5))
    assert voxel_size_of(layer, "ZYX") == (2.0, 0.5, 0.5)
    assert voxel_size_of(layer, "CYX") is None


def test_too_many_axes_are_refused():
    with pytest.raises(ImageError, match="4 axes"):
        axes_of(Image(np.zeros((2, 3, 20, 30))))


def test_a_multiscale_image_is_read_at_full_resolution():
    layer = Image([np.zeros((20, 30)), np.zeros((10, 15))], multiscale=True)
    assert source_of(layer, "YX").shapes_px == ((20, 30), (10, 15))


@pytest.mark.parametrize(
    ("shape", "place", "rgb"),
    [((20, 30), PLACE, False), ((20, 30, 3), PLACE, True), ((5, 20, 30), CHANNELS_PLACE, False)],
    ids=["grey", "rgb", "channels"],
)
@pytest.mark.parametrize("kind", ["labels", "points"])
def test_a_layer_with_the_spatial_transform_lies_on_the_image(shape, place, rgb, kind):
    image = Image(np.zeros(shape), rgb=rgb, **place)
    place = spatial_transform(image, 2)
    plane = Labels(np.zeros((20, 30), np.uint8), **place) if kind == "labels" else Points(ndim=2, **place)
    for corner in ((0, 0), (19, 0), (0, 29), (19, 29)):
        in_image = (*[0] * (image.ndim - 2), *corner)
        np.testing.assert_allclose(plane.data_to_world(corner), image.data_to_world(in_image)[-2:])
    assert plane.units == image.units[-2:]
    assert plane.axis_labels == image.axis_labels[-2:]


@pytest.mark.parametrize("kind", ["labels", "points"])
def test_a_layer_with_the_transform_of_a_volume_lies_in_the_volume(kind):
    image = Image(np.zeros((5, 20, 30)), rgb=False, **{**CHANNELS_PLACE, "shear": [0.1, 0.0, 0.2]})
    place = spatial_transform(image, 3)
    layer = Labels(np.zeros((5, 20, 30), np.uint8), **place) if kind == "labels" else Points(ndim=3, **place)
    for corner in ((0, 0, 0), (4, 19, 0), (1, 0, 29), (2, 19, 29)):
        np.testing.assert_allclose(layer.data_to_world(corner), image.data_to_world(corner))
