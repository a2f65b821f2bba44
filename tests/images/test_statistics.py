"""What a single pass over an image tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clicktrain import PixelClassifier
from clicktrain.errors import ImageError
from clicktrain.images import statistics as statistics_module
from clicktrain.images.source import open_image
from clicktrain.images.statistics import ImageStatistics, measure
from clicktrain.progress import run_to_end
from tests.images.adapters import COLOUR, COLOURS, GREY, GREYS, VOLUME, VOLUMES

if TYPE_CHECKING:
    from pathlib import Path

    from clicktrain.geometry.region import Region

RNG = np.random.default_rng(0)


def statistics_of(image: Any, *, axes: str | None = None, exact: bool = False) -> ImageStatistics:
    source = open_image(image, axes=axes)
    found = run_to_end(measure(source, exact=exact), None)
    source.close()
    return found


def assert_right(found: ImageStatistics, image: Any, *, rtol: float = 1e-9) -> None:
    """Compare with NumPy on the whole array (C, ...)."""
    values = image.reshape(len(image), -1).astype(np.float64)
    np.testing.assert_allclose(found.mean, values.mean(axis=1), rtol=rtol)
    covariance = np.cov(values, bias=True).reshape(len(values), len(values))
    np.testing.assert_allclose(found.covariance, covariance, rtol=rtol, atol=rtol * np.abs(covariance).max())
    np.testing.assert_array_equal(found.low, values.min(axis=1))
    np.testing.assert_array_equal(found.high, values.max(axis=1))
    np.testing.assert_allclose(found.deviation, values.std(axis=1), rtol=rtol)


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(2, 40)),
    sides=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    offset=st.sampled_from([0.0, 1e5, -1e7]),
)
def test_mean_covariance_and_range_are_those_of_the_whole_whatever_the_blocks(shape, sides, offset) -> None:
    image = np.random.default_rng(sum(shape)).normal(offset, 1000.0, shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_module, "_BLOCK_PX", {2: sides})
        assert_right(statistics_of(image, axes="CYX"), image)


@pytest.mark.parametrize(
    ("image", "make"),
    [
        *(pytest.param(GREY[None], make, id=name) for name, make in GREYS.items()),
        *(pytest.param(COLOUR.transpose(2, 0, 1), make, id=f"colours, {name}") for name, make in COLOURS.items()),
        *(pytest.param(VOLUME[None], make, id=f"volume, {name}") for name, make in VOLUMES.items()),
    ],
)
def test_every_adapter_is_told_the_same_of(tmp_path: Path, image: Any, make: Any) -> None:
    found = statistics_of(make(tmp_path))
    assert_right(found, image)
    np.testing.assert_array_equal(np.sort(found.sample, axis=1), np.sort(image.reshape(len(image), -1), axis=1))


def test_values_that_single_precision_does_not_tell_apart_are_told_apart() -> None:
    image = np.array([[2.0**32, 2.0**32 + 1]])
    found = statistics_of(image)
    assert found.deviation == 0.5
    np.testing.assert_array_equal(found.sample, image)


def test_coarser_resolutions_change_nothing() -> None:
    levels = [da.full((4096 // 2**level, 4096), float(level), chunks=1024) for level in range(4)]
    assert run_to_end(measure(open_image(levels, multiscale=True)), None).mean == 0


def test_of_a_huge_image_boxes_all_over_it_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_module, "_MOST_PX", 10_000)
    monkeypatch.setattr(statistics_module, "_BOX_PX", {2: (6, 6)})
    rows, columns = np.mgrid[:256, :256] / 255
    # A choice of every so many blocks in their order could miss whole columns.
    for ramp in (rows, columns):
        found, again, exact = statistics_of(ramp), statistics_of(ramp), statistics_of(ramp, exact=True)
        assert found.sample.shape == (1, 64 * 36)
        np.testing.assert_array_equal(found.sample, again.sample)
        assert found.mean == pytest.approx(0.5, abs=0.01)
        assert found.deviation == pytest.approx(exact.deviation, rel=0.02)
        assert_right(exact, ramp[None])


def test_the_sample_is_bounded_and_from_all_over_the_image() -> None:
    # Sorted: whoever looked at the first ones alone would be wrong.
    found = statistics_of(np.linspace(0, 100, 1100 * 1000).reshape(1100, 1000))
    assert found.sample.shape[1] < 300_000
    middle, distance = found.percentile_scale()
    assert middle == pytest.approx(50, rel=0.01)
    assert distance == pytest.approx(89 / 3.31, rel=0.01)


def with_bright_things(share: float) -> Any:
    """Noise of deviation 1, with things of brightness 20 in some share of the pixels."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 200)) + 20 * (rng.random((200, 200)) < share)


def seen_brightness(share: float) -> float:
    """What a brightness of 20 becomes by percentiles."""
    middle, distance = statistics_of(with_bright_things(share)).percentile_scale()
    return float((20 - middle[0]) / distance[0])


def test_percentiles_of_a_normal_distribution_tell_mean_and_deviation() -> None:
    middle, distance = statistics_of(RNG.normal(5, 3, (300, 300))).percentile_scale()
    assert middle == pytest.approx(5, abs=0.05)
    assert distance == pytest.approx(3, rel=0.02)


def test_percentiles_hardly_depend_on_the_shares_of_what_there_is_to_see() -> None:
    def seen_by_mean(share: float) -> float:
        found = statistics_of(with_bright_things(share))
        return float((20 - found.mean[0]) / found.deviation[0])

    change = abs(seen_brightness(0.2) - seen_brightness(0.6))
    assert change < 0.1 * abs(seen_by_mean(0.2) - seen_by_mean(0.6))


@pytest.mark.parametrize("share", [0.005, 0.02, 0.05, 0.1, 0.2])
def test_a_little_more_of_something_changes_percentiles_little(share: float) -> None:
    # One that is a single value would jump to a fifth where the share passes it.
    assert seen_brightness(share) == pytest.approx(seen_brightness(1.25 * share), rel=0.35)


def test_a_hundredth_of_hot_pixels_moves_the_percentiles_little_more_than_their_deviation() -> None:
    image = RNG.normal(size=(100, 100))
    middle, distance = statistics_of(image).percentile_scale()
    image.flat[:50] = 30
    found = statistics_of(image)
    hot_middle, hot_distance = found.percentile_scale()
    assert hot_middle == pytest.approx(middle, abs=0.1)
    assert hot_distance <= max(1.1 * distance, 0.5 * found.deviation)


def test_what_is_bright_and_rare_does_not_blow_up_the_noise() -> None:
    image = np.zeros((50, 50))
    image[0, :10] = 1000
    found = statistics_of(image)
    assert found.percentile_scale()[1] >= 0.5 * found.deviation


def test_percentiles_of_the_smallest_images_are_finite() -> None:
    for shape in ((1, 1), (1, 2), (2, 3)):
        middle, distance = statistics_of(np.arange(np.prod(shape)).reshape(shape)).percentile_scale()
        assert np.isfinite(middle)
        assert distance >= 0


@pytest.mark.parametrize("image", [np.zeros((20, 25)), np.ones((20, 25), bool), np.full((20, 25, 3), 7, np.uint16)])
def test_a_constant_image_is_refused_in_a_sentence(image: Any) -> None:
    statistics = statistics_of(image)
    with pytest.raises(ImageError, match=r"^mine must have contrast, got \d in every pixel\. [^.]*\.$"):
        statistics.check_contrast("mine")


def test_a_constant_channel_beside_others_is_accepted() -> None:
    statistics_of(np.stack([np.zeros((4, 5)), RNG.random((4, 5))]), axes="CYX").check_contrast("mine")


def test_fit_and_predict_refuse_what_shows_nothing_or_is_not_finite() -> None:
    labels = np.zeros((40, 40), int)
    labels[3, 3:9], labels[30, 3:9] = 1, 2
    good = RNG.random((40, 40))
    bad = {"must have contrast, got 3": np.full((40, 40), 3.0), "image must be finite": good.copy()}
    bad["image must be finite"][5, 5] = np.nan
    model = PixelClassifier(preset="fast", pretrained=False).fit(good, labels)
    for message, image in bad.items():
        for refused in (
            lambda image=image: PixelClassifier(preset="fast").fit(image, labels),
            lambda image=image: model.continue_fit(image, labels),
            lambda image=image: model.predict(image),
        ):
            with pytest.raises(ImageError, match=message):
                refused()


def test_the_sample_holds_a_pattern_as_often_as_the_image_does() -> None:
    image = np.full((1024, 2048), 10.0)
    image[:, ::8] = 200
    shares = statistics_of(image).sample > 100
    assert abs(shares.mean() - 1 / 8) < 0.01


def test_an_image_of_many_channels_is_looked_through_in_smaller_blocks() -> None:
    sizes = []

    class Source:
        n_channels, shape_px = 40, (1024, 1100)

        def read(self, region: Region, **_: Any) -> Any:
            sizes.append(40 * region.n_px)
            return np.random.default_rng(0).random((40, *region.shape_px), np.float32)

    run_to_end(measure(Source()), None)
    assert max(sizes) <= 8 * 1024**2
