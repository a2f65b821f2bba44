from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from clicktrain.inference.pixels.predict import predict_tiles
from clicktrain.models.pixels.features import prepare

from clicktrain import PixelClassifier
from clicktrain.config import NetworkConfig, PostprocessConfig
from clicktrain.engine.densify import densify
from clicktrain.errors import ClickTrainError
from clicktrain.inference.pixels import predict
from clicktrain.inference.pixels.summaries import confidence
from clicktrain.models.pixels.fitted import FittedModel
from clicktrain.models.pixels.nets import build_network
from clicktrain.models.pixels.normalise import ChannelStatistics
from tests.learning.pixels.test_training import drained
from tests.textures import strokes, two_textures

MODEL = FittedModel.of(
    build_network(
        NetworkConfig(sigmas_px=(0.7, 1.0), width=4, levels=3, members=1), in_channels=2, n_classes=3, seed=5
    ).eval(),
    (1, 2, 3),
    ChannelStatistics((0.5, 0.5), (0.3, 0.3)),
)


@pytest.mark.parametrize("shape", [(50, 41), (3, 90), (1, 1)])
@pytest.mark.parametrize("tile_px", [7, 16, 33])
@pytest.mark.parametrize(
    "postprocess", [PostprocessConfig(), PostprocessConfig(guided_px=2, prior=1)], ids=["plain", "finished"]
)
def test_tiled_equals_whole(shape: tuple[int, int], tile_px: int, postprocess: PostprocessConfig) -> None:
    image, model = torch.rand(2, *shape), replace(MODEL, postprocess=postprocess)
    tiled = drained(predict_tiles(model, image, model.statistics, tile_px=(tile_px, tile_px)))
    whole = drained(predict_tiles(model, image, model.statistics, tile_px=(1000, 1000)))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("part_px", [(13, 17), (1, 64)])
def test_tiles_in_parts_equal_tiles_as_a_whole(monkeypatch: pytest.MonkeyPatch, part_px: tuple[int, int]) -> None:
    image = torch.rand(2, 50, 41)
    whole = drained(predict_tiles(MODEL, image, MODEL.statistics))
    monkeypatch.setitem(predict._PART_PX, 2, part_px)
    np.testing.assert_allclose(drained(predict_tiles(MODEL, image, MODEL.statistics)), whole, atol=1e-5)


def test_images_of_many_channels_get_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert predict._tile_px(MODEL) == [512, 512]
    # The context network sees 7 px on each side, so a tile of 128 x 64 px keeps features of 142 x 78 px.
    monkeypatch.setattr(predict, "_MOST_BYTES", 4 * MODEL.net.feature_channels * 142 * 78)
    assert sorted(predict._tile_px(MODEL)) == [64, 128]
    monkeypatch.setattr(predict, "_MOST_BYTES", 1)
    assert predict._tile_px(MODEL) == [16, 16]


@pytest.fixture(scope="module")
def with_all_members() -> FittedModel:
    image, truth = two_textures()
    return PixelClassifier(preset="fast").fit(image, strokes(truth))._fitted()


@pytest.mark.parametrize("shape", [(50, 41), (1, 90), (2, 3)])
@pytest.mark.parametrize("tile_px", [7, 16])
def test_tiled_equals_whole_where_members_answer_at_every_second_pixel(
    with_all_members: FittedModel, shape: tuple[int, int], tile_px: int
) -> None:
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(tile_px))
    model = replace(with_all_members, postprocess=PostprocessConfig(output_stride=2))
    tiled = drained(predict_tiles(model, image, model.statistics, tile_px=(tile_px, tile_px)))
    whole = drained(predict_tiles(model, image, model.statistics, tile_px=(1000, 1000)))
    # Trees decide by thresholds: what rounding moves across one changes by a leaf of one tree.
    assert (np.abs(tiled - whole) > 1e-4).mean() < 1e-2
    np.testing.assert_allclose(tiled, whole, atol=0.05)


def test_parts_of_a_tile_change_no_member(monkeypatch: pytest.MonkeyPatch, with_all_members: FittedModel) -> None:
    image = torch.rand(1, 50, 41, generator=torch.Generator().manual_seed(0))
    model = replace(with_all_members, postprocess=PostprocessConfig(output_stride=2))
    whole = drained(predict_tiles(model, image, model.statistics))
    monkeypatch.setitem(predict._PART_PX, 2, (13, 17))
    # Trees decide by thresholds: what rounding moves across one changes by a leaf of one tree.
    assert (np.abs(drained(predict_tiles(model, image, model.statistics)) - whole) > 1e-4).mean() < 1e-2


def test_trees_answer_in_the_last_row_and_column_too(with_all_members: FittedModel) -> None:
    image = torch.rand(1, 40, 30, generator=torch.Generator().manual_seed(0))
    alone = replace(with_all_members, embedded=None)
    every, second = (
        drained(
            predict_tiles(
                replace(alone, postprocess=PostprocessConfig(output_stride=n)), image, ChannelStatistics.of(image)
            )
        )
        for n in (1, 2)
    )
    np.testing.assert_allclose(second[:, -1, -1], every[:, -1, -1], atol=1e-3)
    assert np.abs(second - every).max() > 1e-2


def test_every_second_pixel_is_answered_as_if_all_were(with_all_members: FittedModel) -> None:
    image = torch.rand(1, 60, 51, generator=torch.Generator().manual_seed(0))
    every, second = (
        drained(
            predict_tiles(
                replace(with_all_members, postprocess=PostprocessConfig(output_stride=n)),
                image,
                ChannelStatistics.of(image),
            )
        )
        for n in (1, 2)
    )
    np.testing.assert_allclose(second[:, ::2, ::2], every[:, ::2, ::2], atol=1e-4)
    assert np.abs(second - every).max() > 1e-3


class FullMemory:
    """Says that memory is full at the first calls of a function, then runs it."""

    def __init__(self, run: object, error: Exception, fails: int) -> None:
        self.run, self.error, self.left = run, error, fails
        self.calls = 0

    def __call__(self, *args: object) -> object:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return self.run(*args)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory: you tried"), MemoryError()],
    ids=["accelerator", "processor", "python"],
)
@pytest.mark.parametrize("fails", [1, 3])
def test_smaller_tiles_are_taken_when_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch, error: Exception, fails: int
) -> None:
    image = torch.rand(2, 90, 70)
    whole = drained(predict_tiles(MODEL, image, MODEL.statistics))
    stem = FullMemory(predict.stem_features, error, fails)
    monkeypatch.setattr(predict, "stem_features", stem)
    np.testing.assert_allclose(drained(predict_tiles(MODEL, image, MODEL.statistics)), whole, atol=1e-5)
    assert stem.calls == fails + 2**fails


def test_memory_that_runs_out_behind_the_stem_makes_tiles_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(2, 40, 90)
    whole = drained(predict_tiles(MODEL, image, MODEL.statistics))
    monkeypatch.setattr(MODEL.net.standardise, "forward", FullMemory(MODEL.net.standardise.forward, MemoryError(), 1))
    steps = list(predict_tiles(MODEL, image, MODEL.statistics))
    assert [(step.step, step.total) for step in steps] == [(0, 2), (1, 2), (0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    np.testing.assert_allclose(drained(predict_tiles(MODEL, image, MODEL.statistics)), whole, atol=1e-5)


@pytest.mark.parametrize("done", [1, 3])
def test_memory_that_runs_out_in_a_later_part_makes_tiles_smaller(monkeypatch: pytest.MonkeyPatch, done: int) -> None:
    image = torch.rand(2, 60, 60)
    whole = drained(predict_tiles(MODEL, image, MODEL.statistics))
    monkeypatch.setitem(predict._PART_PX, 2, (30, 30))
    for name, run in (("stem_features", predict.stem_features), ("_by_members", predict._by_members)):
        calls = count()

        def full(*args: object, run: object = run, calls: count = calls) -> object:
            if next(calls) == done:
                raise MemoryError
            return run(*args)

        with monkeypatch.context() as patched:
            patched.setattr(predict, name, full)
            answer = drained(predict_tiles(MODEL, image, MODEL.statistics))
        np.testing.assert_allclose(answer, whole, atol=1e-5)
        assert next(calls) > done + 1


def test_memory_that_stays_full_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "stem_features", FullMemory(predict.stem_features, MemoryError(), 10**9))
    with pytest.raises(ClickTrainError, match="memory must hold one tile"):
        drained(predict_tiles(MODEL, torch.rand(2, 90, 70), MODEL.statistics))


def test_prediction_equals_the_patch_scan_of_the_reflected_image() -> None:
    image = torch.rand(2, 9, 6)
    scan = densify(MODEL.net, ndim=2, fov=MODEL.net.fov)(
        prepare(image, MODEL.statistics, MODEL.fov).padded, strategy="patches"
    )
    tiled = drained(predict_tiles(MODEL, image, MODEL.statistics))
    np.testing.assert_allclose(tiled, scan[0].softmax(dim=0).detach().numpy(), atol=1e-5)


def test_confidence_runs_from_chance_to_certainty() -> None:
    probabilities = np.array([[1 / 3, 1, 2 / 3], [1 / 3, 0, 1 / 3], [1 / 3, 0, 0]], np.float32)
    np.testing.assert_allclose(confidence(probabilities), [0, 1, 0.5], atol=1e-6)
