"""Whole images on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clicktrain import ImageClassifier
from clicktrain.config.images import image_preset
from tests.learning.images.cases import blobs, settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.gpu

DEVICE = "cuda"
IMAGES, LABELS = blobs(24)


@pytest.fixture(scope="module")
def fitted() -> ImageClassifier:
    preset = settings(epochs=10, validation_share=0.2, learning_rate=1e-3, head_width=16, code_channels=16)
    return ImageClassifier(preset=preset, device=DEVICE).fit(IMAGES, LABELS)


def test_bright_squares_are_found(fitted: ImageClassifier) -> None:
    images, labels = blobs(20, (80, 40), seed=9)
    assert (fitted.predict(images) == np.array(labels)).mean() >= 0.9


def test_a_model_trained_there_answers_the_same_here(fitted: ImageClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.clicktrain")
    here = ImageClassifier.load(tmp_path / "model.clicktrain", device="cpu")
    np.testing.assert_allclose(here.predict_proba(IMAGES), fitted.predict_proba(IMAGES), atol=1e-4)
    for method in ("gradient", "leave_one_out"):
        maps = [model.heatmap(IMAGES[1], method=method) for model in (here, fitted)]
        np.testing.assert_allclose(*maps, atol=1e-3)


@pytest.mark.parametrize("name", ["small", "resnet", "mobilenet"])
def test_every_preset_trains_and_an_ended_training_is_taken_up_again(name: str, tmp_path: Path) -> None:
    preset = image_preset(name).with_changes(epochs=1, validation_share=0, patch_px=32)
    one, again = (
        ImageClassifier(preset=preset, device=DEVICE).fit(IMAGES, LABELS, checkpoint=tmp_path / "training")
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.predict_proba(IMAGES), again.predict_proba(IMAGES))
