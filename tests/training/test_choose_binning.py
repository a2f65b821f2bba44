from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clicktrain import PixelClassifier
from clicktrain.config import FinishConfig, Preset, preset
from clicktrain.models.pretrained import EmbeddedHead
from clicktrain.training.choose_binning import _folds, can_be_held_out, held_out_loss
from clicktrain.training.seen import ClickedPixels
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from pathlib import Path

HEAD = EmbeddedHead.packaged(torch.device("cpu"))
IMAGE, TRUTH = two_textures(128)
ROWS = (4, 24, 44, 64, 84, 104)


def quick(*, finish: FinishConfig | None = None, **changes: object) -> Preset:
    settings = preset("fast")
    network = settings.network.model_copy(update=changes)
    return settings.model_copy(update={"network": network, "finish": finish or settings.finish})


def magnified(times: int) -> tuple[np.ndarray, np.ndarray]:
    """Some of both textures and of the true classes, in squares of so many equal pixels."""
    here = np.s_[40:80, 44:84]
    image, truth = (np.kron(part[here], np.ones((times, times), part.dtype)) for part in (IMAGE, TRUTH))
    return image, truth


def clicks_of(counts: tuple[int, ...], *, informative: bool = True) -> ClickedPixels:
    """Strokes of 5 clicks, so many of each class."""
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(len(counts)), [5 * count for count in counts])
    of_stroke = np.repeat(rng.normal(size=(sum(counts), 48)), 5, axis=0)
    codes = of_stroke + 0.1 * rng.normal(size=(len(targets), 48))
    codes[:, 0] += 3 * targets if informative else 0
    numbers, seen = np.repeat(np.arange(sum(counts)), 5), torch.from_numpy(codes).float()
    return ClickedPixels(seen, seen, torch.from_numpy(targets), numbers)


@pytest.mark.parametrize("counts", [(2, 2), (3, 9), (12, 7, 4)])
def test_strokes_are_held_out_whole_and_never_all_of_a_class(counts: tuple[int, ...]) -> None:
    clicks = clicks_of(counts)
    for fold in _folds(clicks):
        for stroke in range(sum(counts)):
            assert len(set(fold[clicks.strokes == stroke])) == 1
        for number in np.unique(fold):
            assert set(clicks.targets.numpy()[fold != number]) == set(range(len(counts)))


@pytest.mark.parametrize("head", [HEAD, None], ids=["with codes", "features alone"])
def test_what_holds_for_other_strokes_has_less_loss_than_what_singles_out_each(head: EmbeddedHead | None) -> None:
    told, guessed = (held_out_loss(clicks_of((8, 8), informative=known), 2, head) for known in (True, False))
    # Clicks of one stroke tell each other apart from all others; only strokes that are left out tell that it is luck.
    assert told < 0.4
    assert guessed > 0.45


@pytest.mark.parametrize(("counts", "known"), [((2, 2), True), ((1, 9), False)])
def test_the_only_stroke_of_a_class_is_not_held_out(counts: tuple[int, ...], known: bool) -> None:
    assert can_be_held_out(clicks_of(counts)) == known


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
    model = PixelClassifier(preset=quick()).fit(image, few).partial_fit(image, many)
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
    model = PixelClassifier(preset=quick()).fit(image, few).partial_fit(image, many)
    assert model.classes_.tolist() == [1, 2, 3]
    assert model.summary().binning == 1


def test_a_binned_model_is_the_one_that_binned_images_give() -> None:
    labels = strokes(TRUTH, rows=ROWS)
    threefold = np.kron(IMAGE, np.ones((3, 3), IMAGE.dtype))
    in_the_middle = np.kron(labels, np.diag((0, 1, 0)))
    plain, coarse = (PixelClassifier(preset=quick(finish=FinishConfig(), binnings=(side,))) for side in (1, 3))
    small = plain.fit(IMAGE, labels).predict_proba(IMAGE)
    large = coarse.fit(threefold, in_the_middle).predict_proba(threefold)
    # In the middle of a square nothing is interpolated.
    np.testing.assert_allclose(large[:, 1::3, 1::3], small, atol=1e-3)
    assert coarse.summary().fov_px == tuple(3 * side for side in plain.summary().fov_px)
