"""A training needs of an image what lies around its clicks, wherever the image is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import torch
import zarr

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.config import Preset, preset
from clicktrain.images.source import open_image
from clicktrain.images.statistics import _blocks
from tests.pixel_models import WatchedSource
from tests.textures import strokes, strokes_in_slices, two_textures, two_textures_in_depth

if TYPE_CHECKING:
    from pathlib import Path

IMAGE, TRUTH = two_textures()
LABELS = strokes(TRUTH)
VOLUME, VOLUME_TRUTH = two_textures_in_depth()


def brief(ndim: int = 2) -> Preset:
    settings = preset("fast", ndim=ndim)
    return settings.model_copy(update={"training": settings.training.model_copy(update={"steps": 6, "more_steps": 6})})


def large_image(shape_px: tuple[int, ...]) -> tuple[WatchedSource, Clicks]:
    """An image that is looked at, with two clicks in a corner of it."""
    values = np.random.default_rng(0).integers(0, 255, shape_px, np.uint8)
    points = [[*(3,) * (len(shape_px) - 2), 60, 60 + 9 * number] for number in range(2)]
    source = open_image(values, axes="ZYX"[-len(shape_px) :])
    return WatchedSource(source), Clicks.from_points(points, [1, 2], shape_px)


@pytest.mark.parametrize(("shape_px", "reach_px"), [((1500, 1400), (600, 600)), ((90, 300, 290), (60, 260, 260))])
@pytest.mark.parametrize("name", ["fit", "continue_fit"])
def test_nothing_far_from_the_clicks_is_read_but_for_statistics(
    name: str, shape_px: tuple[int, ...], reach_px: tuple[int, ...]
) -> None:
    watched, clicks = large_image(shape_px)
    classifier = PixelClassifier(preset=brief(len(shape_px)))
    if name == "continue_fit":
        classifier.fit(watched, clicks)
        watched.read_regions.clear()
    getattr(classifier, name)(watched, clicks)
    blocks = _blocks(shape_px, watched.n_channels, exact=False)
    assert watched.read_regions[: len(blocks)] == blocks
    around = watched.read_regions[len(blocks) :]
    assert around
    assert all(n <= limit for region in around for n, limit in zip(region.stop, reach_px, strict=True))


def test_as_much_is_read_of_a_larger_image() -> None:
    read = []
    for factor in (1, 2):
        watched, clicks = large_image((700 * factor, 700 * factor))
        PixelClassifier(preset=brief()).fit(watched, clicks)
        blocks = _blocks(watched.shape_px, watched.n_channels, exact=False)
        read.append(sum(region.n_px for region in watched.read_regions[len(blocks) :]))
    assert read[0] == read[1]


@pytest.mark.parametrize("store", ["zarr", "dask", "npy"])
@pytest.mark.parametrize(
    ("image", "labels", "axes"),
    [(IMAGE, LABELS, "YX"), (VOLUME, strokes_in_slices(VOLUME_TRUTH), "ZYX")],
    ids=["image", "volume"],
)
def test_the_model_does_not_depend_on_where_the_image_is(
    store: str, image: np.ndarray, labels: np.ndarray, axes: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "image.npy", image)
    chunks = tuple(n // 2 + 1 for n in image.shape)
    lazy = {
        "zarr": lambda: zarr.create_array(tmp_path / "image.zarr", data=image, chunks=chunks),
        "dask": lambda: da.from_array(image, chunks=chunks),
        "npy": lambda: tmp_path / "image.npy",
    }[store]()
    settings = brief(image.ndim)
    models = [PixelClassifier(preset=settings).fit(one, labels, axes=axes)._fitted() for one in (image, lazy)]
    expected, found = (model.weights() for model in models)
    assert expected.keys() == found.keys()
    # Statistics are summed block by block, in whatever blocks the image has.
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-4, msg=name)


def test_the_image_is_never_changed() -> None:
    values = IMAGE.astype(np.float32)
    before = values.copy()
    PixelClassifier(preset=brief()).fit(values, LABELS).predict(values)
    np.testing.assert_array_equal(values, before)
