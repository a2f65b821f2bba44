from __future__ import annotations

import numpy as np
import pytest

from clicktrain.errors import ImageError
from clicktrain.images.axes import guess_axes, to_channels_first

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "axes"), [((4, 5), "YX"), ((1, 5), "YX"), ((4, 5, 3), "YXC"), ((4, 5, 4), "YXC"), ((3, 3, 3), "YXC")]
)
def test_shape_tells_axes_of_grey_and_colour(shape, axes):
    assert guess_axes(shape) == axes


@pytest.mark.parametrize("shape", [(), (5,), (3, 5, 5), (4, 5, 2), (4, 5, 5), (2, 4, 5, 3)])
def test_shape_that_does_not_tell_asks_for_axes(shape):
    with pytest.raises(ImageError, match="axes must be given"):
        guess_axes(shape)


@pytest.mark.parametrize("axes", ["YXC", "CYX", "XYC", "CXY", "XCY", "YCX", "yxc"])
def test_any_order_comes_out_channels_first(axes):
    inside = RNG.integers(0, 99, (2, 5, 7))
    image = inside.transpose(["CYX".index(name) for name in axes.upper()])
    result = to_channels_first(image, axes)
    assert result.flags.c_contiguous
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, inside)


@pytest.mark.parametrize("axes", ["YX", "XY"])
def test_grey_gets_one_channel(axes):
    inside = RNG.random((5, 7), np.float32)
    np.testing.assert_array_equal(to_channels_first(inside if axes == "YX" else inside.T, axes), inside[np.newaxis])


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", "<u2", ">u2", "i2", "<i4", "u4", "i8", "f2", "<f4", ">f4", "<f8", ">f8"]
)
def test_values_stay_as_they_are_in_every_type(dtype):
    image = np.array([[0, 1], [1, 1]]).astype(dtype)
    np.testing.assert_array_equal(to_channels_first(image, "YX"), [[[0, 1], [1, 1]]])


def test_every_uint16_value_is_exact():
    image = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(to_channels_first(image, "YX")[0], image)


def test_result_does_not_share_memory_with_the_image():
    image = RNG.random((1, 4, 4), np.float32)
    assert not np.shares_memory(to_channels_first(image, "CYX"), image)


@pytest.mark.parametrize(("shape", "axes"), [((1, 4, 5), "ZYX"), ((1, 1, 4, 5), "TZYX"), ((4, 1, 5, 3), "YTXC")])
def test_stack_of_one_plane_is_a_plane(shape, axes):
    image = RNG.random(shape)
    assert to_channels_first(image, axes).shape[1:] == (4, 5)


@pytest.mark.parametrize("axes", ["CZYX", "ZYXC", "XYZC", "ZCYX", "zyxc"])
def test_volumes_in_any_order_come_out_channels_first(axes):
    inside = RNG.integers(0, 99, (2, 3, 5, 7))
    volume = inside.transpose(["CZYX".index(name) for name in axes.upper()])
    np.testing.assert_array_equal(to_channels_first(volume, axes), inside)


def test_volume_of_grey_values_gets_one_channel():
    inside = RNG.random((3, 5, 7), np.float32)
    np.testing.assert_array_equal(to_channels_first(inside, "ZYX"), inside[np.newaxis])


@pytest.mark.parametrize(("shape", "axes"), [((3, 4, 5), "TYX"), ((2, 1, 4, 5, 3), "TZYXC"), ((2, 3, 4, 5), "TZYX")])
def test_stack_over_time_is_refused(shape, axes):
    with pytest.raises(ImageError, match="image must be of one time point, got a stack"):
        to_channels_first(RNG.random(shape), axes)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 5), "Y"),
        ((4, 5), "YXC"),
        ((4, 5, 3), "YX"),
        ((4, 5, 3), "YXX"),
        ((4, 5), "AB"),
        ((4, 5), "CX"),
        ((4,), "Y"),
    ],
)
def test_axes_that_do_not_fit_are_refused(shape, axes):
    with pytest.raises(ImageError, match="axes must name each"):
        to_channels_first(RNG.random(shape), axes)


@pytest.mark.parametrize("dtype", [np.complex64, object, "U3", "M8[s]", [("a", "u1")]])
def test_what_is_no_real_number_is_refused(dtype):
    with pytest.raises(ImageError, match="image must hold real numbers"):
        to_channels_first(np.zeros((4, 5), dtype), "YX")


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_empty_image_is_refused(shape):
    with pytest.raises(ImageError, match="at least one pixel"):
        to_channels_first(np.zeros(shape), "YX")


def test_image_without_channels_is_refused():
    with pytest.raises(ImageError, match="at least one pixel"):
        to_channels_first(np.zeros((0, 4, 5)), "CYX")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_not_finite_are_refused_and_counted(bad, dtype):
    image = RNG.random((4, 5)).astype(dtype)
    image[1, 2] = image[3, 3] = bad
    with pytest.raises(ImageError, match="got 2 values that are NaN or infinite"):
        to_channels_first(image, "YX")


@pytest.mark.parametrize("image", [np.zeros((4, 5)), np.ones((4, 5), bool), np.full((3, 4, 5), 7, np.uint16)[0]])
def test_constant_image_is_refused(image):
    with pytest.raises(ImageError, match="image must have contrast"):
        to_channels_first(image, "YX")


def test_constant_channel_beside_others_is_accepted():
    image = np.stack([np.zeros((4, 5)), RNG.random((4, 5))])
    assert to_channels_first(image, "CYX").shape == (2, 4, 5)


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (1, 2)])
def test_one_pixel_wide_image_is_accepted(shape):
    image = np.arange(np.prod(shape)).reshape(shape)
    assert to_channels_first(image, "YX").shape == (1, *shape)


def test_values_beyond_float32_are_refused():
    with pytest.raises(ImageError, match="must fit into float32"):
        to_channels_first(np.array([[0.0, 1e39]]), "YX")


def test_contrast_that_float32_cannot_hold_is_refused():
    with pytest.raises(ImageError, match="differences too small for float32"):
        to_channels_first(np.array([[1.0, 1.0 + 1e-12]]), "YX")
