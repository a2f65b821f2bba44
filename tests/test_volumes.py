"""Volumes, from clicks in slices to every voxel classified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clicktrain import PixelClassifier
from clicktrain.api.inputs import examples_of
from clicktrain.config import preset
from clicktrain.errors import ImageError
from tests.textures import strokes_in_slices, two_textures, two_textures_in_depth

if TYPE_CHECKING:
    from pathlib import Path

VOLUME, TRUTH = two_textures_in_depth()
LABELS = strokes_in_slices(TRUTH)


def fast(**options: object) -> PixelClassifier:
    return PixelClassifier(preset="fast", **{"pretrained": False} | options)


def brief(ndim: int = 3, **options: object) -> PixelClassifier:
    """A classifier that trains in a tenth of the time, for what does not depend on how well it is done."""
    settings = preset("fast", ndim=ndim, pretrained=False)
    network = settings.network.model_copy(update={"trees": 8})
    training = settings.training.model_copy(update={"steps": 6, "more_steps": 6})
    settings = settings.model_copy(update={"network": network, "training": training})
    return PixelClassifier(preset=settings, pretrained=False, **options)


@pytest.fixture(scope="module")
def fitted() -> PixelClassifier:
    return fast(pretrained=True).fit(VOLUME, LABELS, axes="ZYX")


def test_clicks_in_some_slices_classify_the_whole_volume(fitted: PixelClassifier) -> None:
    assert (fitted.predict(VOLUME, axes="ZYX") == TRUTH).mean() > 0.95


def test_probabilities_of_a_volume_sum_to_one(fitted: PixelClassifier) -> None:
    probabilities = fitted.predict_proba(VOLUME, axes="ZYX")
    assert probabilities.shape == (2, *VOLUME.shape)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_volumes_are_normalised_by_percentiles_and_images_are_not() -> None:
    assert preset("auto", ndim=3).network.normalisation == "percentile"
    assert preset("auto").network.normalisation == "image"


def test_brightness_and_contrast_of_a_new_volume_do_not_matter(fitted: PixelClassifier) -> None:
    brighter, same = (fitted.predict_proba(v, axes="ZYX") for v in (VOLUME * 0.25 + 1000.0, VOLUME.astype(float)))
    # Trees decide by thresholds: what rounding moves across one changes by a leaf of one tree.
    assert (np.abs(brighter - same) > 1e-3).mean() < 1e-3


def test_the_same_call_twice_gives_the_same_answer() -> None:
    one, again = (brief().fit(VOLUME, LABELS, axes="ZYX").predict_proba(VOLUME, axes="ZYX") for _ in range(2))
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("axes", ["CZYX", "ZYXC"])
def test_channels_of_volumes_are_learned(axes: str) -> None:
    volume = np.stack([VOLUME, 255 - VOLUME, VOLUME // 2], axis=0 if axes == "CZYX" else -1)
    model = brief().fit(volume, LABELS, axes=axes)
    assert (model.predict(volume, axes=axes) == TRUTH).mean() > 0.95


@pytest.mark.parametrize("name", ["auto", "wide"])
def test_every_preset_learns_volumes(name: str) -> None:
    model = PixelClassifier(preset=name, pretrained=False).fit(VOLUME, LABELS, axes="ZYX")
    assert (model.predict(VOLUME, axes="ZYX") == TRUTH).mean() > 0.9


@pytest.mark.parametrize("shape", [(2, 5, 7), (3, 28, 4), (9, 26, 24)])
def test_volumes_smaller_than_the_field_of_view_work(shape: tuple[int, int, int]) -> None:
    volume = VOLUME[: shape[0], : shape[1], 20 - shape[2] // 2 :][:, :, : shape[2]]
    truth = np.ones(shape, int)
    truth[:, :, shape[2] // 2 :] = 2
    model = brief().fit(volume, truth, axes="ZYX")
    assert model.predict(volume, axes="ZYX").shape == shape


def test_going_on_learns_more_of_a_volume() -> None:
    model = fast().fit(VOLUME, strokes_in_slices(TRUTH, slices=(4,)), axes="ZYX")
    model.continue_fit(VOLUME, LABELS, axes="ZYX")
    assert (model.predict(VOLUME, axes="ZYX") == TRUTH).mean() > 0.95


def test_a_volume_model_comes_back_from_its_file(fitted: PixelClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    assert loaded.summary().architecture.ndim == 3
    assert len(loaded.summary().fov_px) == 3
    np.testing.assert_array_equal(loaded.predict_proba(VOLUME, axes="ZYX"), fitted.predict_proba(VOLUME, axes="ZYX"))


def test_a_model_for_images_refuses_volumes_and_the_other_way_round(fitted: PixelClassifier) -> None:
    image, truth = two_textures(40)
    flat = brief(2).fit(image, truth)
    with pytest.raises(ImageError, match="must be 2D for this model, got a volume"):
        flat.predict(VOLUME, axes="ZYX")
    with pytest.raises(ImageError, match="must be 2D for this model, got a volume"):
        flat.continue_fit(VOLUME, LABELS, axes="ZYX")
    with pytest.raises(ImageError, match="must be a volume for this model, got 2D"):
        fitted.predict(image)


def test_images_and_volumes_are_not_trained_on_together() -> None:
    image, truth = two_textures(40)
    with pytest.raises(ImageError, match="images must be all 2D or all volumes"):
        examples_of([image[None], VOLUME], [truth, LABELS], "ZYX")


def test_training_from_nothing_may_change_from_images_to_volumes() -> None:
    image, truth = two_textures(40)
    model = fast().fit(image, truth)
    model.fit(VOLUME, LABELS, axes="ZYX")
    assert model.predict(VOLUME, axes="ZYX").shape == VOLUME.shape
    assert model.fit(image, truth).predict(image).shape == image.shape


def test_settings_of_ones_own_are_for_images_or_for_volumes() -> None:
    with pytest.raises(ImageError, match=r"must be 2D for these settings, got a volume.*ndim=3"):
        PixelClassifier(preset=preset("fast")).fit(VOLUME, LABELS, axes="ZYX")
    own = preset("fast", ndim=3, pretrained=False)
    model = PixelClassifier(preset=own, pretrained=False).fit(VOLUME, LABELS, axes="ZYX")
    assert model.predict(VOLUME, axes="ZYX").shape == VOLUME.shape


def test_the_voxel_size_is_kept_with_the_model_and_counts(tmp_path: Path) -> None:
    model = brief().fit(VOLUME, LABELS, axes="ZYX", voxel_size=(0.4, 0.2, 0.2))
    assert model.summary().architecture.anisotropy == pytest.approx(2.0)
    model.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    answer = model.predict_proba(VOLUME, axes="ZYX")
    np.testing.assert_array_equal(loaded.predict_proba(VOLUME, axes="ZYX"), answer)
    even = brief().fit(VOLUME, LABELS, axes="ZYX")
    assert not np.allclose(answer, even.predict_proba(VOLUME, axes="ZYX"), atol=0.01)


def test_one_voxel_size_for_all_axes_is_as_good_as_none() -> None:
    plain, even = (
        brief().fit(VOLUME, LABELS, axes="ZYX", voxel_size=voxel_size) for voxel_size in (None, (3.5, 3.5, 3.5))
    )
    np.testing.assert_allclose(plain.predict_proba(VOLUME, axes="ZYX"), even.predict_proba(VOLUME, axes="ZYX"))


@pytest.mark.parametrize(
    "voxel_size", [(1.0, 1.0), (0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (np.nan, 1.0, 1.0), (200.0, 1.0, 1.0)]
)
def test_a_voxel_size_that_cannot_be_is_refused(voxel_size: tuple[float, ...]) -> None:
    with pytest.raises(ImageError, match="voxel_size must be"):
        fast().fit(VOLUME, LABELS, axes="ZYX", voxel_size=voxel_size)


def test_a_voxel_size_of_an_image_is_refused() -> None:
    image, truth = two_textures(40)
    with pytest.raises(ImageError, match="voxel_size must be left out for 2D images"):
        fast().fit(image, truth, voxel_size=(1, 1, 1))
