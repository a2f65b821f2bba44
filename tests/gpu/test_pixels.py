"""Clicked pixels on a GPU: the same model, only sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clicktrain import Clicks, PixelClassifier
from tests.textures import strokes, strokes_in_slices, two_textures, two_textures_in_depth

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.gpu

DEVICE = "cuda"
IMAGE, TRUTH = two_textures()
LABELS = strokes(TRUTH)
COLOURS = np.stack([IMAGE, 255 - IMAGE, IMAGE // 2], axis=-1)
VOLUME, VOLUME_TRUTH = two_textures_in_depth()


def assert_alike(one: np.ndarray, other: np.ndarray) -> None:
    """Equal to rounding; trees decide by thresholds, so what rounding moves across one changes by a leaf of a tree."""
    assert (np.abs(one - other) > 1e-2).mean() < 2e-3
    assert np.median(np.abs(one - other)) < 1e-5


@pytest.mark.parametrize("name", ["fast", "auto", "wide"])
@pytest.mark.parametrize("image", [IMAGE, COLOURS], ids=["grey", "colours"])
def test_every_preset_learns_two_textures(name: str, image: np.ndarray) -> None:
    model = PixelClassifier(preset=name, device=DEVICE).fit(image, LABELS)
    assert (model.predict(image) == TRUTH).mean() > 0.95


def test_a_model_trained_there_answers_the_same_here(tmp_path: Path) -> None:
    model = PixelClassifier(preset="auto", device=DEVICE).fit(IMAGE, LABELS)
    model.save(tmp_path / "model.clicktrain")
    here = PixelClassifier.load(tmp_path / "model.clicktrain", device="cpu")
    assert_alike(here.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_a_model_trained_here_answers_the_same_there(tmp_path: Path) -> None:
    model = PixelClassifier(preset="auto", device="cpu").fit(IMAGE, LABELS)
    model.save(tmp_path / "model.clicktrain")
    there = PixelClassifier.load(tmp_path / "model.clicktrain", device=DEVICE)
    assert_alike(there.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_training_goes_on_and_learns_from_several_images() -> None:
    model = PixelClassifier(preset="fast", device=DEVICE).fit([IMAGE, IMAGE[::-1]], [LABELS, LABELS[::-1]])
    model.continue_fit([IMAGE, IMAGE[::-1]], [strokes(TRUTH, rows=(20, 40, 60)), LABELS[::-1]])
    assert (model.predict(IMAGE) == TRUTH).mean() > 0.95


def test_the_first_answer_is_that_of_the_processor() -> None:
    embedded = [PixelClassifier(preset="auto", device=name).embed(IMAGE) for name in (DEVICE, "cpu")]
    there, here = (one.segment(Clicks.from_labels(LABELS)) for one in embedded)
    assert_alike(there, here)


def test_volumes_are_learned_and_answer_the_same_here(tmp_path: Path) -> None:
    model = PixelClassifier(preset="fast", device=DEVICE).fit(VOLUME, strokes_in_slices(VOLUME_TRUTH), axes="ZYX")
    answer = model.predict_proba(VOLUME, axes="ZYX")
    assert (model.classes_[answer.argmax(axis=0)] == VOLUME_TRUTH).mean() > 0.95
    model.save(tmp_path / "model.clicktrain")
    here = PixelClassifier.load(tmp_path / "model.clicktrain", device="cpu")
    assert_alike(here.predict_proba(VOLUME, axes="ZYX"), answer)
