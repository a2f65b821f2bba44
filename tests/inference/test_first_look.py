from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.config import PostprocessConfig, preset
from clicktrain.errors import ClicksError
from tests.textures import strokes, two_textures

IMAGE, TRUTH = two_textures()
LABELS = strokes(TRUTH)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_answers_as_the_head_of_a_trained_classifier(channels: int) -> None:
    image = np.stack([IMAGE] * channels, axis=-1) if channels > 1 else IMAGE
    plain = preset("fast").model_copy(update={"postprocess": PostprocessConfig()})
    classifier = PixelClassifier(preset=plain)
    look = classifier.embed(image)
    clicks = Clicks.from_labels(LABELS)
    answer = look.segment(clicks)
    head = classifier.fit(image, LABELS)._fitted().embedded
    expected = head.probabilities_of(look.maps).numpy()
    np.testing.assert_allclose(answer, expected, atol=2e-3)


def test_it_looks_at_every_second_pixel_and_answers_between_them() -> None:
    looks = [
        PixelClassifier(
            preset=preset("fast").model_copy(update={"postprocess": PostprocessConfig(output_stride=n)})
        ).embed(IMAGE)
        for n in (1, 2)
    ]
    every, second = looks
    np.testing.assert_allclose(second.maps.numpy(), every.maps[..., ::2, ::2].numpy(), atol=1e-5)
    # Clicks at pixels that were looked at teach both the same.
    known = np.zeros_like(LABELS)
    known[::2, ::2] = LABELS[::2, ::2]
    answers = [look.segment(Clicks.from_labels(known)) for look in looks]
    np.testing.assert_allclose(answers[1][:, ::2, ::2], answers[0][:, ::2, ::2], atol=1e-3)


def test_it_follows_the_edges_of_the_image_that_it_looked_at() -> None:
    clicks, look = Clicks.from_labels(LABELS), PixelClassifier(preset="fast").embed(IMAGE)
    smooth = gaussian_filter(IMAGE, 0.7)
    assert abs(np.corrcoef(look.guide.ravel(), smooth.ravel())[0, 1]) > 0.9
    blind = replace(look, guide=None)
    assert np.abs(look.segment(clicks) - blind.segment(clicks)).max() > 0.05


def test_it_knows_the_classes_that_were_clicked_and_no_other() -> None:
    look = PixelClassifier(preset="fast").embed(IMAGE)
    answer = look.segment(Clicks.from_labels(np.where(LABELS == 2, 7, LABELS)))
    assert answer.shape == (2, *IMAGE.shape)
    np.testing.assert_allclose(answer.sum(axis=0), 1, atol=1e-5)


def test_there_is_none_without_pretrained_weights() -> None:
    assert PixelClassifier(pretrained=False).embed(IMAGE) is None


def test_there_is_none_where_it_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clicktrain.api.pixels.MOST_BYTES", 48 * 4 * IMAGE.size - 1)
    assert PixelClassifier().embed(IMAGE) is None


def test_clicks_that_do_not_fit_are_refused() -> None:
    look = PixelClassifier(preset="fast").embed(IMAGE)
    with pytest.raises(ClicksError, match="image of shape"):
        look.segment(Clicks.from_labels(LABELS[:-1]))
    with pytest.raises(ClicksError):
        look.segment(Clicks.from_labels(np.where(LABELS == 2, 0, LABELS)))
