"""Clicks segment an embedded image before any training, as the head of a trained classifier would."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from clicktrain import PixelClassifier
from clicktrain.annotations.clicks import Clicks
from clicktrain.config import PostprocessConfig, preset
from clicktrain.errors import CancelledError, ClicksError
from clicktrain.geometry.region import Region
from clicktrain.inference.pixels import embedding as embedding_module
from clicktrain.inference.pixels.postprocess import smooth
from clicktrain.inference.pixels.strided import StridedRegion
from tests.textures import strokes, strokes_in_slices, two_textures, two_textures_in_depth

if TYPE_CHECKING:
    from clicktrain.inference.pixels.embedding import ImageEmbedding

IMAGE, TRUTH = two_textures()
CLICKS = Clicks.from_labels(strokes(TRUTH))
VOLUME, VOLUME_TRUTH = two_textures_in_depth()
VOLUME_CLICKS = Clicks.from_labels(strokes_in_slices(VOLUME_TRUTH))


def plain(ndim: int = 2, *, position_encoding: bool = False, **postprocess: object) -> PixelClassifier:
    """A classifier whose settings have no postprocessing but what is given."""
    settings = preset("fast", ndim=ndim, position_encoding=position_encoding)
    return PixelClassifier(preset=settings.model_copy(update={"postprocess": PostprocessConfig(**postprocess)}))


@pytest.fixture(scope="module")
def embedding() -> ImageEmbedding:
    return PixelClassifier(preset="fast").embed(IMAGE)


@pytest.fixture
def volume() -> ImageEmbedding:
    return PixelClassifier(preset="fast").embed(VOLUME, axes="ZYX")


@pytest.mark.parametrize(("channels", "position_encoding"), [(1, False), (3, False), (1, True)])
def test_it_segments_as_the_head_of_a_trained_classifier(channels: int, position_encoding: bool) -> None:
    image = np.stack([IMAGE] * channels, axis=-1) if channels > 1 else IMAGE
    classifier = plain(position_encoding=position_encoding)
    embedded = classifier.embed(image)
    found = embedded.segment(CLICKS)
    head = classifier.fit(image, CLICKS)._fitted().embedded
    np.testing.assert_allclose(found, head.probabilities_of(embedded._planes[0].maps).numpy(), atol=2e-3)


def test_slices_are_segmented_as_by_the_head_of_a_trained_classifier() -> None:
    classifier = plain(3, output_stride=2, smoothing_px=1.0)
    embedded = classifier.embed(VOLUME, axes="ZYX")
    found = embedded.segment(VOLUME_CLICKS)
    slices = np.unique(VOLUME_CLICKS.positions_px[:, 0])
    maps = torch.stack([embedded._planes[number].maps[0] for number in slices.tolist()], dim=1)[None]
    head = classifier.fit(VOLUME, VOLUME_CLICKS, axes="ZYX")._fitted().embedded
    shape = (len(slices), *VOLUME.shape[1:])
    expected = StridedRegion.of(Region.whole(shape), shape, 2).between(head.probabilities_of(maps)).numpy()
    smooth(expected, None, embedded.postprocess, (np.inf, 1.0, 1.0))
    np.testing.assert_allclose(found[:, slices], expected, atol=2e-3)


@pytest.mark.parametrize("position_encoding", [False, True])
def test_the_tiles_it_is_embedded_in_change_nothing(monkeypatch: pytest.MonkeyPatch, position_encoding: bool) -> None:
    classifier = plain(position_encoding=position_encoding, output_stride=2, guided_px=3)
    whole = classifier.embed(IMAGE[:, :75]).segment(clicks := Clicks.from_labels(strokes(TRUTH)[:, :75]))
    monkeypatch.setattr(embedding_module, "_TILE_PX", (32, 32))
    np.testing.assert_allclose(classifier.embed(IMAGE[:, :75]).segment(clicks), whole, atol=1e-4)


def test_it_is_embedded_at_every_second_pixel_and_segmented_between_them() -> None:
    every, second = (plain(output_stride=stride).embed(IMAGE) for stride in (1, 2))
    maps = [one._planes[0].maps for one in (every, second)]
    np.testing.assert_allclose(maps[1].numpy(), maps[0][..., ::2, ::2].numpy(), atol=1e-5)
    # Clicks at pixels that were embedded teach both the same.
    known = np.zeros_like(TRUTH)
    known[::2, ::2] = CLICKS.to_labels()[::2, ::2]
    answers = [one.segment(Clicks.from_labels(known)) for one in (every, second)]
    np.testing.assert_allclose(answers[1][:, ::2, ::2], answers[0][:, ::2, ::2], atol=1e-3)


def test_it_follows_the_edges_of_the_image(embedding: ImageEmbedding) -> None:
    guide = embedding._planes[0].guide
    assert abs(np.corrcoef(guide.ravel(), gaussian_filter(IMAGE, 0.7).ravel())[0, 1]) > 0.9
    blind = replace(embedding, postprocess=embedding.postprocess.model_copy(update={"guided_px": 0}))
    assert np.abs(embedding.segment(CLICKS) - blind.segment(CLICKS)).max() > 0.05


def test_it_knows_the_classes_that_were_clicked_and_no_other(embedding: ImageEmbedding) -> None:
    answer = embedding.segment(Clicks(CLICKS.positions_px, np.where(CLICKS.classes == 2, 7, 1), CLICKS.shape_px))
    assert answer.shape == (2, *IMAGE.shape)
    np.testing.assert_allclose(answer.sum(axis=0), 1, atol=1e-5)


def test_a_volume_is_segmented_in_the_clicked_slices(volume: ImageEmbedding) -> None:
    answer = volume.segment(VOLUME_CLICKS)
    assert answer.shape == (2, *VOLUME.shape)
    np.testing.assert_allclose(answer.sum(axis=0), 1, atol=1e-5)
    clicked = np.unique(VOLUME_CLICKS.positions_px[:, 0])
    assert (answer[:, np.setdiff1d(np.arange(len(VOLUME)), clicked)] == 0.5).all()
    assert (answer[:, clicked] != 0.5).mean() > 0.99


def test_few_new_slices_are_waited_for_but_every_class(monkeypatch: pytest.MonkeyPatch, volume: ImageEmbedding) -> None:
    monkeypatch.setattr(embedding_module, "_MOST_NEW", 1)
    labels = np.zeros_like(VOLUME_TRUTH)
    labels[2, 3, 3:9], labels[5, 3, 26] = 1, 2
    first = volume.segment(Clicks.from_labels(labels))
    assert sorted(volume._planes) == [2, 5]
    assert first.shape == (2, *VOLUME.shape)
    labels[7, 3, 4], labels[9, 3, 4:7] = 1, 1
    volume.segment(Clicks.from_labels(labels))
    assert sorted(volume._planes) == [2, 5, 9]


def test_slices_that_memory_has_no_room_for_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, volume: ImageEmbedding
) -> None:
    monkeypatch.setattr(embedding_module, "MOST_BYTES", 1)
    for number in (3, 8):
        inside = np.arange(len(VOLUME))[:, None, None] == number
        volume.segment(Clicks.from_labels(np.where(inside, VOLUME_TRUTH, 0)))
    assert sorted(volume._planes) == [8]


def test_to_embed_can_be_given_up() -> None:
    def stop(_: object) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        PixelClassifier(preset="fast").embed(IMAGE, progress=stop)


def test_there_is_none_without_pretrained_weights() -> None:
    assert PixelClassifier(pretrained=False).embed(IMAGE) is None


def test_there_is_none_where_it_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clicktrain.api.pixels.MOST_BYTES", 48 * 4 * IMAGE.size - 1)
    assert PixelClassifier().embed(IMAGE) is None


@pytest.mark.parametrize("clicks", [CLICKS, VOLUME_CLICKS])
def test_clicks_that_do_not_fit_are_refused(embedding: ImageEmbedding, volume: ImageEmbedding, clicks: Clicks) -> None:
    one = embedding if clicks is CLICKS else volume
    with pytest.raises(ClicksError, match="clicks must be made for an image of shape"):
        one.segment(Clicks.from_labels(clicks.to_labels()[:-1]))
    with pytest.raises(ClicksError, match="at least two classes"):
        one.segment(clicks.some(clicks.classes == 1))
