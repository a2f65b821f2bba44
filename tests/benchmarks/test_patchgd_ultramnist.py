from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from _patchgd.digits import Digits, bundled_digits
from _patchgd.ultramnist import SCALE_WEIGHTS, UltraMnist, Variant, digit_combinations
from hypothesis import given
from hypothesis import strategies as st

from clicktrain.errors import ClickTrainError, ImageError

# One bitmap per number, whose every pixel has the same brightness.
FLAT = Digits(np.repeat(np.arange(1, 11, dtype=np.uint8), 28 * 28).reshape(10, 28, 28), np.arange(10))


def images(variant: Variant | None = None, n_per_class: int = 3, seed: int = 0, digits: Digits = FLAT) -> UltraMnist:
    return UltraMnist(digits, variant, n_per_class=n_per_class, seed=seed)


def every(drawn: UltraMnist):
    return [drawn[i] for i in range(len(drawn))]


@given(total=st.integers(0, 12), n_digits=st.sets(st.integers(1, 3), min_size=1).map(tuple))
def test_combinations_are_all_multisets_with_the_sum(total: int, n_digits: tuple[int, ...]) -> None:
    tuples = [each for n in n_digits for each in product(range(10), repeat=n)]
    wanted = {tuple(sorted(each)) for each in tuples if sum(each) == total}
    found = digit_combinations(total, n_digits)
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_label_is_the_sum_of_the_digits() -> None:
    for image in every(images()):
        assert image.label == sum(digit.number for digit in image.digits)
        assert len(image.digits) in (3, 4, 5)


def test_classes_have_equally_many_images() -> None:
    drawn = images(n_per_class=2)
    assert Counter(image.label for image in every(drawn)) == dict.fromkeys(range(10), 2)
    assert [image.label for image in every(drawn)] == drawn.labels.tolist()


@given(seed=st.integers(0, 1000))
def test_pixels_are_the_digits_and_black_elsewhere(seed: int) -> None:
    image = images(Variant(size_px=128), n_per_class=1, seed=seed)[seed % 10]
    expected = np.zeros((128, 128), np.uint8)
    for digit in image.digits:
        assert (expected[digit.window] == 0).all()
        expected[digit.window] = digit.number + 1
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, expected)


def test_no_boxes_overlap_and_all_lie_inside() -> None:
    for image in every(images(Variant(n_digits=(5,)))):
        assert not any(a.overlaps(b) for a, b in combinations(image.digits, 2))
        for digit in image.digits:
            assert min(digit.y_px, digit.x_px) >= 0
            assert max(digit.y_px, digit.x_px) + digit.side_px <= 512


def test_boxes_that_share_a_pixel_overlap() -> None:
    first = images()[0].digits[0]
    assert first.overlaps(first)


@pytest.mark.parametrize("size_px", [64, 128, 500, 1024, 8192])
def test_digits_grow_along_with_the_image(size_px: int) -> None:
    variant = Variant(size_px=size_px)
    assert variant.side_px(9) == round(252 * size_px / 512)
    assert variant.side_px(1, shrunk=True) == round(14 * size_px / 512)


def test_an_image_may_be_as_large_as_the_largest() -> None:
    image = images(Variant(size_px=8192, scales=(1,), n_digits=(3,)), n_per_class=1)[0]
    assert image.pixels.shape == (8192, 8192)
    assert {digit.side_px for digit in image.digits} <= {448, 224}


def test_scales_are_drawn_as_often_as_published() -> None:
    # One digit never overlaps another, so nothing is drawn again.
    drawn = every(images(Variant(n_digits=(1,)), n_per_class=50))
    sides = Counter(image.digits[0].side_px for image in drawn)
    shares = {28 * scale: weight / 25 for scale, weight in SCALE_WEIGHTS.items()}
    # Half of the digits of scale 1 are shrunk.
    shares |= {28: 0.1, 14: 0.1}
    assert sides.keys() == shares.keys()
    for side, share in shares.items():
        # Four standard deviations of a share in that many draws.
        assert abs(sides[side] / len(drawn) - share) < 4 * (share * (1 - share) / len(drawn)) ** 0.5


def test_combinations_of_a_sum_are_drawn_equally_often() -> None:
    variant = Variant(size_px=128, n_digits=(2,), sums=(4,), scales=(1,))
    drawn = every(images(variant, n_per_class=300))
    found = Counter(tuple(sorted(digit.number for digit in image.digits)) for image in drawn)
    assert found.keys() == {(0, 4), (1, 3), (2, 2)}
    assert min(found.values()) > 75


def test_seed_and_place_determine_an_image() -> None:
    first, other_length, other_seed = images(), images(n_per_class=9), images(seed=1)
    np.testing.assert_array_equal(first[7].pixels, other_length[7].pixels)
    assert first[7].digits != other_seed[7].digits
    assert first[7].digits != first[17].digits


def test_only_given_bitmaps_are_drawn() -> None:
    train, validation = bundled_digits().split(0.1, seed=0)
    for part in (train, validation):
        for image in every(images(digits=part, n_per_class=2)):
            for digit in image.digits:
                assert part.numbers[digit.bitmap] == digit.number


def test_a_digit_at_its_own_size_is_its_bitmap() -> None:
    digits = Digits(np.random.default_rng(0).integers(0, 256, (10, 28, 28)).astype(np.uint8), np.arange(10))
    for image in every(images(Variant(n_digits=(1,), scales=(1, 2)), digits=digits)):
        (digit,) = image.digits
        seen = image.pixels[digit.window]
        bitmap = digits.bitmaps[digit.bitmap]
        wanted = {14: bitmap[1::2, 1::2], 28: bitmap, 56: bitmap.repeat(2, 0).repeat(2, 1)}
        np.testing.assert_array_equal(seen, wanted[digit.side_px])


def test_arrays_are_the_images_one_by_one() -> None:
    drawn = images(Variant(size_px=64), n_per_class=1)
    pixels, labels = drawn.arrays()
    np.testing.assert_array_equal(np.stack(pixels), np.stack([image.pixels for image in every(drawn)]))
    assert labels.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size_px": 63}, "size_px"),
        ({"size_px": 8193}, "size_px"),
        ({"n_digits": ()}, "n_digits"),
        ({"n_digits": (0, 1)}, "n_digits"),
        ({"scales": (0,)}, "scales"),
        ({"scales": ()}, "scales"),
        ({"n_digits": (1,), "sums": (9, 10)}, "sums"),
        ({"sums": ()}, "sums"),
    ],
)
def test_a_variant_without_images_is_refused(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ClickTrainError, match=named):
        Variant(**changes)


def test_digits_that_do_not_fit_are_refused_after_some_tries() -> None:
    with pytest.raises(ClickTrainError, match="overlap"):
        images(Variant(n_digits=(5,), scales=(9,)))[0]


def test_a_missing_digit_is_refused() -> None:
    with pytest.raises(ImageError, match=r"\[9\]"):
        images(digits=Digits(FLAT.bitmaps[:9], FLAT.numbers[:9]))


@pytest.mark.parametrize("index", [-1, 30])
def test_there_is_no_image_beyond_the_set(index: int) -> None:
    with pytest.raises(IndexError):
        images()[index]
