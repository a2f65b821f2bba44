from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from clicktrain.errors import ImageError
from clicktrain.images.axes import guess_axes, image_axes
from clicktrain.images.source import open_image
from tests.images.adapters import whole

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


@pytest.mark.parametrize("order", ["yx", *map("".join, permutations("CYX")), *map("".join, permutations("CZYX"))])
def test_any_order_comes_out_channels_first(order):
    names = "CZYX" if "Z" in order else "CYX"
    inside = RNG.integers(0, 99, [{"C": 2, "Z": 3, "Y": 5, "X": 7}[name] for name in names])
    if "C" not in order.upper():
        np.testing.assert_array_equal(whole(open_image(inside[0], axes=order)), inside[:1])
        return
    stored = inside.transpose([names.index(name) for name in order])
    np.testing.assert_array_equal(whole(open_image(stored, axes=order)), inside)


@pytest.mark.parametrize(("shape", "axes"), [((1, 4, 5), "ZYX"), ((1, 1, 4, 5), "TZYX"), ((4, 1, 5, 3), "YTXC")])
def test_stack_of_one_plane_is_a_plane(shape, axes):
    assert open_image(RNG.random(shape), axes=axes).shape_px == (4, 5)


@pytest.mark.parametrize(("shape", "axes"), [((1, 4, 5), "YX"), ((2, 1, 4, 5), "CYX"), ((1, 3, 1, 4, 5, 1), "ZYX")])
def test_axes_by_hand_need_not_name_those_of_length_1(shape, axes):
    image = RNG.random(shape)
    wanted = [n for n in shape if n > 1]
    np.testing.assert_array_equal(np.squeeze(whole(open_image(image, axes=axes))), image.reshape(wanted))


@pytest.mark.parametrize(("shape", "axes"), [((3, 4, 5), "TYX"), ((2, 1, 4, 5, 3), "TZYXC"), ((2, 3, 4, 5), "TZYX")])
def test_stack_over_time_needs_a_frame(shape, axes):
    with pytest.raises(ImageError, match="image must be of one time point, got a stack"):
        image_axes(shape, axes)
    image = RNG.random(shape)
    for frame in range(shape[0]):
        one = whole(open_image(image, axes=axes, frame=frame))
        np.testing.assert_array_equal(one, whole(open_image(image[frame], axes=axes[1:])))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 5), "Y"),
        ((4, 5), "YXC"),
        ((4, 5, 3), "YX"),
        ((4, 5, 3), "YXX"),
        ((4, 5), "CX"),
        ((4,), "Y"),
        ((2, 3, 4, 5, 6), "CCZYX"),
    ],
)
def test_axes_that_do_not_fit_are_refused(shape, axes):
    with pytest.raises(ImageError, match="axes must name each"):
        image_axes(shape, axes)


def test_axes_of_no_known_meaning_are_refused():
    with pytest.raises(ImageError, match=r'axes must be called Y .*, got "QYX" for .* where "Q" could be anything'):
        image_axes((3, 4, 5), "QYX")


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (1, 2), (1, 1)])
def test_image_one_pixel_wide_stays_2d(shape):
    assert open_image(np.zeros(shape), axes="YX").shape_px == shape
    assert open_image(np.zeros((1, 1, *shape)), axes="TZYX").shape_px == shape
