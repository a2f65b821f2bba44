"""A whole image classified tile by tile: the answer is the same whatever the tiles, and whatever goes wrong."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import torch
import zarr

from clicktrain.geometry.region import Region
from clicktrain.geometry.spread import spread_boxes
from clicktrain.images.source import open_image
from clicktrain.images.statistics import _blocks
from clicktrain.inference.pixels import stream
from clicktrain.inference.pixels.postprocess import class_weights
from clicktrain.inference.pixels.region import predict_region, region_to_read
from clicktrain.inference.pixels.stream import predict_image, tile_shape
from clicktrain.stores.sinks import ArraySink
from tests.pixel_models import (
    ALL,
    BOTH,
    LOCAL,
    N_CLASSES,
    WatchedSource,
    config_of,
    constants_of,
    noise_source,
    pixel_model,
    whole,
    with_postprocess,
)

if TYPE_CHECKING:
    from clicktrain.images.source import ImageSource

SHAPE_PX = (90, 70)


@pytest.fixture(scope="module")
def source() -> ImageSource:
    return noise_source(*SHAPE_PX)


@pytest.mark.parametrize("tile_px", [(16, 16), (32, 48), (7, 90), (1000, 1000)])
@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_the_answer_does_not_depend_on_the_tiles(source: ImageSource, tile_px: tuple[int, int], prior: float) -> None:
    model = with_postprocess(pixel_model(BOTH, position_encoding=True), output_stride=2, guided_px=1, prior=prior)
    np.testing.assert_allclose(whole(model, source, tile_px=tile_px), whole(model, source), atol=2e-5)


def test_the_answer_for_a_volume_does_not_depend_on_the_tiles() -> None:
    model, volume = with_postprocess(pixel_model(BOTH, ndim=3), smoothing_px=0.8, prior=1.0), noise_source(9, 30, 20)
    np.testing.assert_allclose(whole(model, volume, tile_px=(4, 16, 16)), whole(model, volume), atol=2e-5)


def test_reading_ahead_changes_nothing(monkeypatch: pytest.MonkeyPatch, source: ImageSource) -> None:
    model = pixel_model(BOTH)
    ahead = whole(model, source, tile_px=(32, 32))
    monkeypatch.setattr(stream._Reader, "read", lambda self, tile, following: self._read(tile))
    np.testing.assert_array_equal(whole(model, source, tile_px=(32, 32)), ahead)


@pytest.mark.parametrize("store", ["zarr", "dask", "npy"])
def test_the_answer_does_not_depend_on_where_the_image_is(store: str, source: ImageSource, tmp_path: Any) -> None:
    values = source.read(Region.whole(SHAPE_PX))
    np.save(tmp_path / "image.npy", values)
    lazy = {
        "zarr": lambda: zarr.create_array(tmp_path / "image.zarr", data=values, chunks=(1, 33, 20)),
        "dask": lambda: da.from_array(values, chunks=(2, 40, 17)),
        "npy": lambda: tmp_path / "image.npy",
    }[store]()
    opened, model = open_image(lazy, axes="CYX"), with_postprocess(pixel_model(LOCAL), guided_px=2, prior=1.0)
    np.testing.assert_allclose(
        whole(model, opened, tile_px=(32, 32)), whole(model, source, tile_px=(32, 32)), atol=1e-5
    )
    opened.close()


def test_no_more_than_a_tile_and_what_is_seen_of_it_is_read_at_once() -> None:
    model, shape_px = with_postprocess(pixel_model(BOTH), output_stride=2), (400, 300)
    watched = WatchedSource(noise_source(*shape_px))
    statistics = len(_blocks(SHAPE_PX, watched.n_channels, exact=False))
    whole(model, watched, tile_px=(64, 64))
    tiles = watched.read_regions[statistics:]
    assert len(tiles) == 7 * 5
    limit = region_to_read(model, Region((64, 64), (128, 128)), shape_px).n_px
    assert max(region.n_px for region in tiles) <= limit


def test_progress_never_goes_back_and_ends_full(source: ImageSource) -> None:
    sink = ArraySink(np.empty((N_CLASSES, *SHAPE_PX), np.float32))
    model = pixel_model(LOCAL)
    fractions = [step.fraction for step in predict_image(model, source, config_of(model), sink, tile_px=(32, 32))]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert len(set(fractions)) > 8


def test_closing_in_the_middle_ends_the_reading_and_changes_nothing(source: ImageSource) -> None:
    model = pixel_model(ALL)
    before, weights = whole(model, source), {name: value.clone() for name, value in model.weights().items()}
    sink = ArraySink(np.full((N_CLASSES, *SHAPE_PX), np.nan, np.float32))
    steps = predict_image(model, source, config_of(model), sink, tile_px=(32, 32))
    while next(steps).fraction < 0.5:
        pass
    steps.close()
    assert not any(thread.name.startswith("clicktrain-read") for thread in threading.enumerate())
    assert 0 < np.isnan(sink.array).mean() < 0.6
    assert all(torch.equal(weights[name], value) for name, value in model.weights().items())
    np.testing.assert_array_equal(whole(model, source), before)


class TestTileShape:
    """Tiles are as large as memory has room for."""

    def test_models_of_many_features_get_smaller_tiles(self) -> None:
        few, many = pixel_model(LOCAL), pixel_model(LOCAL, position_encoding=True)
        assert many.net.feature_channels > few.net.feature_channels
        areas = [np.prod(tile_shape(model, (2000, 2000), 600_000_000)) for model in (few, many)]
        assert areas[0] > areas[1]

    @pytest.mark.parametrize("ndim", [2, 3])
    def test_they_stay_much_larger_than_nothing_however_little_memory_there_is(self, ndim: int) -> None:
        assert tile_shape(pixel_model(LOCAL, ndim=ndim), (1000,) * ndim, 1) == {2: (128, 128), 3: (16, 48, 48)}[ndim]

    @pytest.mark.parametrize("ndim", [2, 3])
    def test_little_memory_makes_smaller_tiles(self, ndim: int) -> None:
        areas = [
            np.prod(tile_shape(pixel_model(LOCAL, ndim=ndim), (4096,) * ndim, memory_bytes))
            for memory_bytes in (4_000_000_000, 500_000_000, 300_000_000, 1)
        ]
        assert areas == sorted(areas, reverse=True)
        assert areas[0] > areas[1] > areas[2] > areas[3]

    def test_they_are_even_and_cover_the_image(self) -> None:
        assert tile_shape(pixel_model(LOCAL), (1030, 100)) == (528, 100)


class TestShares:
    """How common classes are in a large image is told by squares all over it, always the same ones."""

    @pytest.fixture(autouse=True)
    def _everything_is_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "_WHOLE_PX", 1)
        monkeypatch.setitem(stream._SQUARE_PX, 2, (12, 10))

    def test_they_do_not_depend_on_the_tiles(self, source: ImageSource) -> None:
        model = with_postprocess(pixel_model(BOTH), guided_px=1, prior=1.0)
        answers = [whole(model, source, tile_px=side) for side in ((16, 16), (64, 48), (500, 500))]
        np.testing.assert_allclose(answers[0], answers[2], atol=2e-5)
        np.testing.assert_allclose(answers[1], answers[2], atol=2e-5)

    def test_they_are_those_of_the_squares(self, source: ImageSource) -> None:
        model = with_postprocess(pixel_model(LOCAL), prior=1.0)
        balanced = whole(with_postprocess(model), source)
        squares = spread_boxes(SHAPE_PX, stream._SQUARES[2], stream._SQUARE_PX[2])
        shares = np.mean([balanced[(slice(None), *square.slices)].mean(axis=(1, 2)) for square in squares], axis=0)
        weights = class_weights(shares.tolist(), model.postprocess, model.n_clicks, model.ndim)
        constants = replace(constants_of(model, source), class_weights=weights)
        expected = predict_region(model, source, constants, Region.whole(SHAPE_PX))
        np.testing.assert_allclose(whole(model, source), expected, atol=1e-5)
        assert np.abs(expected - balanced).max() > 0.01
