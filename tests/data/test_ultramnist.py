from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest

from clicktrain.data.digits import Digits, bundled_digits
from clicktrain.data.ultramnist import SCALE_WEIGHTS, UltraMnist, Variant, digit_combinations
from clicktrain.errors import ClickTrainError, ImageError

# Two bitmaps per digit that no other shares, 28 px as in MNIST, so that they can be found again in an image.
BITMAPS = np.random.default_rng(0).integers(1, 256, (20, 28, 28)).astype(np.uint8)
DIGITS = Digits(BITMAPS, np.arange(20) % 10)


def many(variant: Variant | None = None, n_per_class: int = 5, seed: int = 0):
    images = UltraMnist(DIGITS, variant, n_per_class=n_per_class, seed=seed)
    return [images[i] for i in range(len(images))]


def test_combinations_are_all_sorted_multisets_of_a_sum():
    for total, n in product(range(10), (1, 2, 3)):
        expected = {tuple(sorted(each)) for each in product(range(10), repeat=n) if sum(each) == total}
        found = digit_combinations(total, (n,))
        assert len(found) == len(set(found))
        assert set(found) == expected
    assert len(digit_combinations(4, (3, 4, 5))) == sum(len(digit_combinations(4, (n,))) for n in (3, 4, 5))


def test_the_label_is_the_sum_of_three_to_five_digits_and_every_class_is_as_common():
    images = many()
    assert all(image.label == sum(digit.number for digit in image.digits) for image in images)
    assert {len(image.digits) for image in images} == {3, 4, 5}
    assert Counter(image.label for image in images) == dict.fromkeys(range(10), 5)


def test_labels_and_arrays_are_those_of_the_images():
    images = UltraMnist(DIGITS, Variant(size_px=64, n_digits=(1,), scales=(1,)), n_per_class=2, seed=0)
    pixels, labels = images.arrays()
    assert labels.tolist() == [images[i].label for i in range(20)] == images.labels.tolist()
    for i in (0, 13):
        np.testing.assert_array_equal(pixels[i], images[i].pixels)


def test_every_combination_of_a_sum_is_as_likely():
    images = many(Variant(size_px=64, n_digits=(2,), sums=(5,), scales=(1,)), n_per_class=600)
    counts = Counter(tuple(sorted(digit.number for digit in image.digits)) for image in images)
    assert set(counts) == {(0, 5), (1, 4), (2, 3)}
    assert all(150 < count < 250 for count in counts.values())


def test_scales_are_as_common_as_published_and_half_of_the_smallest_are_shrunk():
    images = many(Variant(n_digits=(1,)), n_per_class=150)
    sides = Counter(image.digits[0].side_px for image in images)
    assert set(sides) == {14, *(28 * scale for scale in SCALE_WEIGHTS)}
    for scale, weight in SCALE_WEIGHTS.items():
        count = sides[28 * scale] + (sides[14] if scale == 1 else 0)
        assert abs(count - 1500 * weight / 25) < 4 * np.sqrt(1500 * weight / 25)
    assert abs(sides[14] - sides[28]) < 4 * np.sqrt(300)


def test_digits_lie_inside_the_image_and_none_overlaps_another():
    for image in many():
        covered = np.zeros(image.pixels.shape, int)
        for digit in image.digits:
            assert min(digit.y_px, digit.x_px) >= 0
            assert covered[digit.window].shape == (digit.side_px, digit.side_px)
            covered[digit.window] += 1
        assert covered.max() == 1
        assert not any(a.overlaps(b) for a, b in combinations(image.digits, 2))


def test_boxes_that_touch_do_not_overlap():
    images = many(Variant(size_px=512, n_digits=(2,), sums=(1,), scales=(9,)), n_per_class=1)
    first, second = images[0].digits
    assert not first.overlaps(second)
    assert first.overlaps(first)


def test_pixels_are_the_bitmaps_enlarged_by_nearest_neighbour_on_black():
    for image in many(Variant(scales=(2, 3, 5))):
        expected = np.zeros((512, 512), np.uint8)
        for digit in image.digits:
            assert DIGITS.numbers[digit.bitmap] == digit.number
            factor = digit.side_px // 28
            expected[digit.window] = np.kron(BITMAPS[digit.bitmap], np.ones((factor, factor), np.uint8))
        assert image.pixels.dtype == np.uint8
        np.testing.assert_array_equal(image.pixels, expected)


@pytest.mark.parametrize(("size_px", "sides"), [(128, {4, 7, 14}), (1024, {28, 56, 112}), (4096, {112, 224, 448})])
def test_digits_grow_along_with_the_image(size_px, sides):
    images = UltraMnist(
        DIGITS, Variant(size_px=size_px, n_digits=(2,), sums=(1,), scales=(1, 2)), n_per_class=6, seed=0
    )
    found = set()
    for i in range(6):
        image = images[i]
        assert image.pixels.shape == (size_px, size_px)
        found |= {digit.side_px for digit in image.digits}
    assert found == sides


def test_the_seed_and_the_place_alone_determine_an_image():
    few, more, other = many(n_per_class=1), many(n_per_class=2), many(n_per_class=1, seed=1)
    for i, image in enumerate(few):
        assert image.digits == more[i].digits
        np.testing.assert_array_equal(image.pixels, more[i].pixels)
    assert [image.digits for image in few] != [image.digits for image in other]


def test_training_and_validation_share_no_bitmap():
    train, validation = bundled_digits().split(0.2, seed=0)
    parts = [{bitmap.tobytes() for bitmap in part.bitmaps} for part in (train, validation)]
    assert not parts[0] & parts[1]
    assert set(train.numbers) == set(validation.numbers) == set(range(10))
    variant = Variant(size_px=64, n_digits=(1,), scales=(1,))
    for part, own in zip((train, validation), parts, strict=True):
        images = UltraMnist(part, variant, n_per_class=3, seed=0)
        assert all(part.bitmaps[images[i].digits[0].bitmap].tobytes() in own for i in range(30))


class TestBadInput:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"size_px": 8193}, "size_px must be 64 to 8192, got 8193"),
            ({"n_digits": ()}, "n_digits must be"),
            ({"n_digits": (0, 1)}, "n_digits must be"),
            ({"scales": (0, 1)}, "scales must be among 1 to 9"),
            ({"scales": ()}, "scales must be among 1 to 9"),
            ({"sums": (9, 10), "n_digits": (1,)}, r"sums must be sums of \(1,\) digits, got \[10\]"),
            ({"sums": ()}, "sums must be"),
        ],
    )
    def test_variants_that_cannot_be(self, settings, message):
        with pytest.raises(ClickTrainError, match=message):
            Variant(**settings)

    def test_digits_that_do_not_fit_beside_each_other(self):
        images = UltraMnist(DIGITS, Variant(n_digits=(5,), scales=(9,)), n_per_class=1, seed=0)
        with pytest.raises(ClickTrainError, match="Choose fewer digits or smaller scales"):
            images[0]

    def test_a_digit_without_bitmap(self):
        only = Digits(BITMAPS[:3], np.arange(3))
        with pytest.raises(ImageError, match=r"got none of \[3, 4\]"):
            UltraMnist(only, Variant(n_digits=(1,), sums=(0, 3, 4)), n_per_class=1, seed=0)

    def test_an_image_beyond_the_last(self):
        with pytest.raises(IndexError, match="below 10, got 10"):
            UltraMnist(DIGITS, n_per_class=1, seed=0)[10]
