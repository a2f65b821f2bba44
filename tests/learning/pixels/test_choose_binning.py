from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clicktrain import Clicks, PixelClassifier
from clicktrain.config import PostprocessConfig, Preset, preset
from clicktrain.errors import CancelledError
from clicktrain.learning.pixels import choose_binning
from clicktrain.learning.pixels.choose_binning import _folds, can_be_held_out, held_out_loss, strokes_of_all
from clicktrain.learning.pixels.seen import ClickedPixels
from clicktrain.models.pixels.pretrained import EmbeddedHead, Embedding
from clicktrain.models.pixels.trunk import Trunk
from clicktrain.progress import Progress
from tests.learning.pixels.test_training import drained
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

HEAD = EmbeddedHead.packaged(torch.device("cpu"))
IMAGE, TRUTH = two_textures(128)
ROWS = (4, 24, 44, 64, 84, 104)


def quick(*, postprocess: PostprocessConfig | None = None, **changes: object) -> Preset:
    settings = preset("fast")
    network = settings.network.model_copy(update=changes)
    return settings.model_copy(update={"network": network, "postprocess": postprocess or settings.postprocess})


def magnified(times: int) -> tuple[np.ndarray, np.ndarray]:
    """Some of both textures and of the true classes, in squares of so many equal pixels."""
    here = np.s_[40:80, 44:84]
    image, truth = (np.kron(part[here], np.ones((times, times), part.dtype)) for part in (IMAGE, TRUTH))
    return image, truth


def pixels_of(
    counts: tuple[int, ...], *, features: bool, codes: bool, lengths: tuple[int, ...] = (5,)
) -> tuple[ClickedPixels, np.ndarray]:
    """So many strokes of each class, of some lengths in turn, and whether features and codes tell the class."""
    rng = np.random.default_rng(0)
    n_clicks = np.resize(lengths, sum(counts))
    targets = np.repeat(np.repeat(np.arange(len(counts)), counts), n_clicks)
    parts = []
    for tells in (features, codes):
        values = np.repeat(rng.normal(size=(sum(counts), 48)), n_clicks, axis=0)
        values += 0.1 * rng.normal(size=values.shape)
        values[:, 0] += 6 * targets if tells else 0
        parts.append(torch.from_numpy(values).float())
    strokes = np.repeat(np.arange(sum(counts)), n_clicks)
    return ClickedPixels(*parts, torch.from_numpy(targets), np.arange(len(targets))), strokes


def told(*losses: float) -> Callable[..., Generator[Progress, None, float]]:
    """What gives these losses, one after the other, in place of `held_out_loss`."""
    left = iter(losses)

    def next_loss(*_: object) -> Generator[Progress, None, float]:
        yield Progress("features", 0, 1)
        return next(left)

    return next_loss


def loss_of(pixels: ClickedPixels, strokes: np.ndarray, head: EmbeddedHead | None) -> float:
    return drained(held_out_loss(pixels, strokes, 2, head))


@pytest.mark.parametrize("counts", [(2, 2), (3, 9), (12, 7, 4)])
def test_strokes_are_held_out_whole_and_never_all_of_a_class(counts: tuple[int, ...]) -> None:
    pixels, strokes = pixels_of(counts, features=True, codes=True)
    for fold in _folds(pixels.targets, strokes):
        for stroke in range(sum(counts)):
            assert len(set(fold[strokes == stroke])) == 1
        for number in np.unique(fold):
            assert set(pixels.targets.numpy()[fold != number]) == set(range(len(counts)))


def test_what_singles_out_each_stroke_tells_nothing_of_others() -> None:
    # Clicks of one stroke are told from all others with ease; only strokes that are left out show that it was luck.
    assert loss_of(*pixels_of((9, 9), features=False, codes=False), HEAD) > 0.4


@pytest.mark.parametrize(("features", "codes"), [(True, False), (False, True), (True, True)])
def test_features_and_codes_both_foretell(features: bool, codes: bool) -> None:
    telling = pixels_of((9, 9), features=features, codes=codes)
    guessed = pixels_of((9, 9), features=False, codes=False)
    assert loss_of(*telling, HEAD) < loss_of(*guessed, HEAD) - 0.05
    assert (loss_of(*telling, None) < loss_of(*guessed, None) - 0.05) == features


def test_long_strokes_and_common_classes_weigh_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every click of the first class is foretold for certain, and none of the others: what weighs is not how many.
    def losses(pixels: ClickedPixels, _n_classes: int, _head: None, held_out: torch.Tensor) -> np.ndarray:
        return pixels.targets[held_out].numpy().astype(float)

    monkeypatch.setattr(choose_binning, "_losses", losses)
    pixels, strokes = pixels_of((2, 7), features=True, codes=True, lengths=(3, 30))
    assert loss_of(pixels, strokes, None) == pytest.approx(0.5)


@pytest.mark.parametrize(("counts", "known"), [((2, 2), True), ((1, 9), False)])
def test_the_only_stroke_of_a_class_is_not_held_out(counts: tuple[int, ...], known: bool) -> None:
    assert can_be_held_out(*pixels_of(counts, features=True, codes=True)) == known


def test_clicks_that_lie_close_are_one_stroke_and_images_share_none() -> None:
    dots = Clicks(np.array([[2, 2], [2, 5], [2, 30], [2, 3]]), np.array([1, 1, 1, 2]), (40, 40))
    near, beside, far, other = strokes_of_all([dots], 4)
    assert near == beside
    assert len({near, far, other}) == 3
    none = Clicks.from_labels(np.zeros((9, 9), int))
    both = strokes_of_all([dots, none, dots], 4)
    assert not set(both[:4]) & set(both[4:])


@pytest.mark.parametrize(("losses", "chosen"), [((1.0, 0.6, 0.57), 1), ((1.0, 0.45, 0.6), 2), ((1.0, 0.45, 0.4), 4)])
def test_another_binning_must_do_away_with_much_of_the_loss(
    monkeypatch: pytest.MonkeyPatch, losses: tuple[float, ...], chosen: int
) -> None:
    monkeypatch.setattr(choose_binning, "held_out_loss", told(*losses))
    # Eight strokes: 1.25 / sqrt(8), 44 % of the loss.
    labels = strokes(TRUTH, rows=(4, 34, 64, 94))
    assert PixelClassifier(preset=quick()).fit(IMAGE, labels).summary().binning == chosen


@pytest.mark.parametrize("times", [1, 8])
def test_an_image_of_larger_pixels_is_binned(times: int) -> None:
    image, truth = magnified(times)
    labels = strokes(truth, rows=tuple(range(0, 35 * times, 6 * times)))
    model = PixelClassifier(preset=quick()).fit(image, labels)
    binning = model.summary().binning
    assert (binning > 1) == (times > 1)
    assert model.summary().binning_text == (f"sees {binning} x {binning} px as one" if times > 1 else "")
    assert (model.predict(image) == truth).mean() > 0.9


def test_the_usual_binning_is_kept_with_few_strokes_and_another_is_found_without_pretrained_part() -> None:
    image, truth = magnified(8)
    few, many = strokes(truth, rows=(20, 60)), strokes(truth, rows=tuple(range(4, 300, 50)))
    assert PixelClassifier(preset=quick()).fit(image, few).summary().binning == 1
    unpretrained = PixelClassifier(preset=quick(), pretrained=False).fit(image, many)
    assert unpretrained.summary().binning > 1


def test_going_on_with_more_strokes_looks_again_and_a_file_keeps_what_was_found(tmp_path: Path) -> None:
    image, truth = magnified(8)
    few, many = strokes(truth, rows=(20, 60)), strokes(truth, rows=tuple(range(4, 300, 50)))
    model = PixelClassifier(preset=quick()).fit(image, few).continue_fit(image, many)
    anew = PixelClassifier(preset=quick()).fit(image, many)
    assert model.summary().binning == anew.summary().binning > 1
    answer = model.predict_proba(image)
    model.save(tmp_path / "m.clicktrain")
    restored = PixelClassifier.load(tmp_path / "m.clicktrain")
    np.testing.assert_array_equal(restored.predict_proba(image), answer)
    assert restored.summary() == model.summary()


def test_going_on_without_clicks_of_a_class_keeps_the_class_and_the_binning() -> None:
    image, truth = magnified(8)
    three = np.where(np.arange(len(truth))[:, None] < 160, truth, truth + 1)
    few = strokes(three, rows=(20, 60, 180))
    many = strokes(truth, rows=tuple(range(4, 150, 20)))
    model = PixelClassifier(preset=quick()).fit(image, few).continue_fit(image, many)
    assert model.classes_.tolist() == [1, 2, 3]
    assert model.summary().binning == 1


def test_a_binned_model_is_the_one_that_binned_images_give() -> None:
    labels = strokes(TRUTH, rows=ROWS)
    threefold = np.kron(IMAGE, np.ones((3, 3), IMAGE.dtype))
    in_the_middle = np.kron(labels, np.diag((0, 1, 0)))
    plain, coarse = (
        PixelClassifier(preset=quick(postprocess=PostprocessConfig(), binnings=(side,))) for side in (1, 3)
    )
    small = plain.fit(IMAGE, labels).predict_proba(IMAGE)
    large = coarse.fit(threefold, in_the_middle).predict_proba(threefold)
    # In the middle of a square nothing is interpolated.
    np.testing.assert_allclose(large[:, 1::3, 1::3], small, atol=1e-3)
    assert coarse.summary().fov_px == tuple(3 * side for side in plain.summary().fov_px)


def test_a_new_binning_keeps_the_embedding_and_statistics_that_it_was_found_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few, many = strokes(TRUTH), strokes(TRUTH, rows=ROWS)
    model = PixelClassifier(preset=quick(normalisation="model")).fit(IMAGE, few)
    other = EmbeddedHead.of(Embedding(Trunk(width=4, levels=2, out_channels=6)), torch.empty(0))
    model._model = replace(model._model, embedded=other)
    before = model._model.statistics
    monkeypatch.setattr(choose_binning, "held_out_loss", told(1.0, 0.1, 0.2))
    model.continue_fit(IMAGE // 2, many)
    assert model.summary().binning == 2
    assert model._model.statistics == before
    assert model._model.embedded.embedding is other.embedding


def test_a_training_that_is_stopped_while_it_chooses_changes_nothing() -> None:
    image, truth = magnified(8)
    labels = strokes(truth, rows=tuple(range(4, 300, 50)))
    model = PixelClassifier(preset=quick()).fit(image, labels)
    before = model.predict_proba(image)
    stages: list[str] = []
    model.fit(image, labels, progress=lambda step: stages.append(step.stage))
    # All but the last of these are seen and held out before it is chosen.
    of_choice = stages.count("features")
    assert of_choice > 30

    for stop in (of_choice // 2, of_choice - 1):
        left = iter(range(stop))

        def raise_at_the_end(_step: Progress, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise CancelledError("stopped")

        with pytest.raises(CancelledError):
            model.fit(image, labels, progress=raise_at_the_end)
        np.testing.assert_array_equal(model.predict_proba(image), before)


def test_strokes_of_several_images_choose_together() -> None:
    image, truth = magnified(8)
    upper, lower = (strokes(truth, rows=rows) for rows in ((4, 54, 104), (154, 204, 254)))
    apart = PixelClassifier(preset=quick()).fit(image, upper)
    together = PixelClassifier(preset=quick()).fit([image, image], [upper, lower])
    assert apart.summary().binning == 1
    assert together.summary().binning > 1
