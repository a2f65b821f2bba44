from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr

from clicktrain import ImageClassifier, PixelClassifier
from clicktrain.config import default_class, preset
from clicktrain.config.images import image_preset
from clicktrain.config.summaries import ModelSummary, TrainedClicks
from clicktrain.errors import (
    ClickTrainError,
    ImageError,
    LabelsError,
    ModelFileError,
    NotFittedError,
    StorageError,
)
from clicktrain.models.files import pack
from clicktrain.models.pixels.summary import summarise
from tests.learning.images.cases import blobs, settings
from tests.pixel_models import pixel_model

if TYPE_CHECKING:
    from pathlib import Path

    from clicktrain.config.images import ImagePreset

IMAGES, LABELS = blobs(24)


def quick(**changes: object) -> ImagePreset:
    return settings(**({"epochs": 1, "validation_share": 0} | changes))


@pytest.fixture(scope="module")
def fitted() -> ImageClassifier:
    preset = settings(epochs=8, validation_share=0.2, learning_rate=1e-3, head_width=16, code_channels=16)
    return ImageClassifier(preset=preset).fit(IMAGES, LABELS)


def test_bright_squares_are_found_in_images_of_another_size(fitted: ImageClassifier) -> None:
    images, labels = blobs(20, (80, 40), seed=9)
    assert (fitted.predict(images) == np.array(labels)).mean() >= 0.9


def test_probabilities_sum_to_one_in_the_order_of_the_classes(fitted: ImageClassifier) -> None:
    answer = fitted.predict_proba(IMAGES)
    assert answer.shape == (24, 2)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)
    assert fitted.classes_.tolist() == ["nothing", "square"]
    np.testing.assert_array_equal(fitted.predict(IMAGES), fitted.classes_[answer.argmax(axis=1)])


def test_the_score_is_the_share_of_images_whose_label_is_right(fitted: ImageClassifier) -> None:
    found = fitted.predict(IMAGES).tolist()
    assert fitted.score(IMAGES, found) == fitted.score(IMAGES[3], found[3]) == 1
    assert fitted.score(IMAGES[:4], np.array(["circle", *found[1:4]])) == 0.75


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (IMAGES[:3], ["square"], "one per image, got 3 images and 1 labels"),
        (IMAGES[:2], [1, 2], "must be such as 'nothing', as in training, got 1"),
        (IMAGES[:1], [0.5], "all text or all whole numbers"),
        ([], [], "got none"),
    ],
)
def test_labels_that_an_answer_cannot_be_held_to_are_refused(fitted: ImageClassifier, images, labels, reason) -> None:
    with pytest.raises(LabelsError, match=reason):
        fitted.score(images, labels)


def test_a_single_image_is_a_list_of_one(fitted: ImageClassifier) -> None:
    np.testing.assert_array_equal(fitted.predict_proba(IMAGES[3]), fitted.predict_proba([IMAGES[3]]))


@pytest.mark.parametrize("method", ["gradient", "leave_one_out"])
def test_the_heat_map_shows_where_the_square_is(fitted: ImageClassifier, method: str) -> None:
    image = np.random.default_rng(3).normal(100, 10, (48, 96)).astype(np.float32)
    image[18:30, 66:78] += 100
    found = fitted.heatmap(image, label="square", method=method)
    grid = fitted.grid(image)
    assert found.shape == grid.shape == (3, 6)
    assert found.dtype == np.float32
    assert np.unravel_index(found.argmax(), found.shape) == (1, 4)
    assert (grid.scale_px, grid.translate_px) == ((16, 16), (7.5, 7.5))
    assert fitted.heatmap(image, label="nothing", method=method)[1, 4] < 0


def test_saved_and_loaded_it_gives_the_same_answer(fitted: ImageClassifier, tmp_path: Path) -> None:
    path = tmp_path / "model.clicktrain"
    fitted.save(path)
    loaded = ImageClassifier.load(path, device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), fitted.predict_proba(IMAGES))
    assert loaded.summary() == fitted.summary()
    assert loaded.fingerprint() == fitted.fingerprint()
    again = loaded.save(tmp_path / "again")
    assert again == tmp_path / "again.clicktrain"
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("labels", [[3, -1] * 3, np.array([3, -1] * 3), ["a", "b"] * 3, np.array(["a", "b"] * 3)])
def test_labels_come_back_as_they_were_given(labels, tmp_path: Path) -> None:
    model = ImageClassifier(preset=quick()).fit(IMAGES[:6], labels)
    loaded = ImageClassifier.load(model.save(tmp_path / "model"))
    assert loaded.classes_.tolist() == sorted(set(np.asarray(labels).tolist()))
    assert set(loaded.predict(IMAGES[:2]).tolist()) <= set(np.asarray(labels).tolist())


def test_the_same_seed_gives_the_same_model_and_another_one_another() -> None:
    one, same, other = (
        ImageClassifier(preset=quick(), seed=seed).fit(IMAGES[:6], LABELS[:6]).predict_proba(IMAGES)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_arrays_tiff_and_zarr_give_the_same_model(tmp_path: Path) -> None:
    arrays = [image.astype(np.uint16) for image in IMAGES[:4]]
    tiffs, zarrs = [], []
    for n, array in enumerate(arrays):
        tiffs.append(tmp_path / f"{n}.tif")
        tifffile.imwrite(tiffs[-1], array, tile=(16, 32), compression="zlib")
        zarrs.append(tmp_path / f"{n}.zarr")
        zarr.create_array(zarrs[-1], data=array, chunks=(20, 20))
    answers = [
        ImageClassifier(preset=quick()).fit(images, LABELS[:4]).predict_proba(images)
        for images in (arrays, tiffs, zarrs)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


class Watched:
    """An image that remembers the largest piece that was ever asked for."""

    dtype = np.dtype(np.uint8)
    largest = 0

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape

    def __getitem__(self, index):
        rows, columns = index
        y, x = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
        self.largest = max(self.largest, len(y) * len(x))
        return ((y[:, None] * 7 + x * 13) % 251).astype(np.uint8)


def test_patches_alone_are_read_of_an_image_whose_type_gives_the_scale() -> None:
    images = [Watched((160, 320)), Watched((320, 160))]
    model = ImageClassifier(preset=quick(scaling="type")).fit(images, [0, 1])
    model.predict(images)
    assert max(image.largest for image in images) == 16 * 16


@pytest.mark.parametrize("scaling", ["model", "image", "type"])
def test_the_answer_does_not_depend_on_the_chunks(scaling: str, tmp_path: Path) -> None:
    model = ImageClassifier(preset=quick(scaling=scaling)).fit(IMAGES[:6], LABELS[:6])
    wanted = model.predict_proba(IMAGES[:6])
    for chunk in (1, 5):
        model._settings = quick(scaling=scaling, chunk_patches=chunk)
        np.testing.assert_allclose(model.predict_proba(IMAGES[:6]), wanted, atol=1e-5)


def test_scaled_by_its_own_values_an_image_may_be_brighter(tmp_path: Path) -> None:
    model = ImageClassifier(preset=quick(scaling="image")).fit(IMAGES[:6], LABELS[:6])
    np.testing.assert_allclose(model.predict_proba(IMAGES[7] * 3 + 50), model.predict_proba(IMAGES[7]), atol=1e-4)


def test_a_class_with_few_images_counts_as_much_as_one_with_many() -> None:
    images, labels = blobs(24)
    picked = [i for i in range(24) if i % 2 == 0 or i < 4]
    data = [images[i] for i in picked], [labels[i] for i in picked]
    shares = [
        ImageClassifier(preset=quick(class_weights=weights, epochs=2)).fit(*data).predict_proba(images)[:, 1].mean()
        for weights in (True, False)
    ]
    assert shares[0] > shares[1]


def test_the_summary_tells_what_was_learned(fitted: ImageClassifier) -> None:
    summary = fitted.summary()
    assert summary.classes == ("nothing", "square")
    assert summary.images.per_class == (12, 12)
    assert summary.images.validated == 4
    assert 1 <= summary.best_epoch <= summary.epochs_run <= 8
    assert summary.kind == "image"


@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_large_presets_learn_and_answer(name: str) -> None:
    preset = image_preset(name).with_changes(patch_px=32, epochs=1, sampling=0.5, validation_share=0)
    images = [image[:32, :64] for image in IMAGES[:2]]
    assert ImageClassifier(preset=preset).fit(images, LABELS[:2]).predict_proba(images).shape == (2, 2)


def test_it_has_few_public_methods() -> None:
    assert len([name for name, _ in inspect.getmembers(ImageClassifier) if not name.startswith("_")]) < 15


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (IMAGES[:3], ["a", "b"], "one per image, got 3 images and 2 labels"),
        (IMAGES[:2], ["a", "a"], "at least two classes, got 1"),
        (IMAGES[:2], ["a", 1], "all text or all whole numbers"),
        (IMAGES[:2], [0.5, 1.5], "all text or all whole numbers"),
        ([], [], "at least two classes, got 0"),
    ],
)
def test_labels_that_cannot_be_learned_from_are_refused(images, labels, reason: str) -> None:
    with pytest.raises(LabelsError, match=reason):
        ImageClassifier(preset=quick()).fit(images, labels)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (np.zeros((15, 40), np.float32), r"image 2 must be at least 16 px high and wide.*got 15 x 40"),
        (np.zeros((40, 40, 3), np.float32), "image 2 must have 1 channel like the first image, got 3"),
        (np.full((40, 40), np.nan, np.float32), "image 2 must be finite"),
        (object(), r"must be arrays or paths"),
    ],
)
def test_images_that_cannot_be_learned_from_are_refused_by_name(bad, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        ImageClassifier(preset=quick()).fit([IMAGES[0], bad], ["a", "b"])


def test_a_path_that_cannot_be_read_is_refused(fitted: ImageClassifier, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"missing\.tif` could not be read"):
        fitted.predict(tmp_path / "missing.tif")


def test_a_failed_fit_leaves_the_model_as_it_was() -> None:
    model = ImageClassifier(preset=quick()).fit(IMAGES[:4], LABELS[:4])
    before = model.predict_proba(IMAGES)
    with pytest.raises(ImageError):
        model.fit([IMAGES[0], np.zeros((2, 2))], ["x", "y"])
    np.testing.assert_array_equal(model.predict_proba(IMAGES), before)


def test_nothing_can_be_asked_before_training(tmp_path: Path) -> None:
    model = ImageClassifier(preset=quick())
    for ask in (
        lambda: model.predict(IMAGES),
        lambda: model.heatmap(IMAGES[0]),
        lambda: model.save(tmp_path / "m"),
        lambda: model.score(IMAGES, LABELS),
        lambda: model.classes_,
        model.summary,
    ):
        with pytest.raises(NotFittedError):
            ask()


def test_an_unknown_label_method_or_preset_is_refused(fitted: ImageClassifier) -> None:
    with pytest.raises(LabelsError, match="must be one of 'nothing', 'square', got 'x'"):
        fitted.heatmap(IMAGES[0], label="x")
    with pytest.raises(ClickTrainError, match="method must be one of"):
        fitted.heatmap(IMAGES[0], method="magic")
    with pytest.raises(ClickTrainError, match="preset must be one of"):
        ImageClassifier(preset="huge")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stride_px": 17}, "^stride_px must be at most patch_px"),
        ({"sampling": 0.25, "inner_steps": 5}, "at most 4"),
        ({"sampling": 0.25, "step_every": 5}, "at most the number of inner steps, 4"),
        ({"sampling": 0}, "^sampling must be more than 0, got 0.$"),
        ({"patch_px": 7}, "^patch_px must be 8 or more, got 7.$"),
        ({"patch_px": "wide"}, "^patch_px cannot be 'wide': "),
        ({"colour": 1}, "got 'colour'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, reason: str) -> None:
    with pytest.raises(ClickTrainError, match=reason):
        settings(**changes)


def pixel_summary() -> ModelSummary:
    model, clicks = pixel_model(), TrainedClicks(per_class={}, sha256="")
    classes = [default_class(number) for number in model.classes]
    return summarise(model, preset("fast"), preset="fast", seed=0, classes=classes, clicks=clicks)


def test_each_classifier_refuses_the_other_ones_files(fitted: ImageClassifier, tmp_path: Path) -> None:
    (tmp_path / "pixels.clicktrain").write_bytes(pack(pixel_summary(), {}))
    fitted.save(tmp_path / "images.clicktrain")
    with pytest.raises(ModelFileError, match=r"must be a model of pixels \(PixelClassifier\), got a model of whole"):
        PixelClassifier.load(tmp_path / "images.clicktrain")
    with pytest.raises(ModelFileError, match=r"must be a model of whole images .* got a model of pixels"):
        ImageClassifier.load(tmp_path / "pixels.clicktrain")


@pytest.mark.parametrize("content", [b"", b"PK damaged", b"something else"])
def test_what_is_no_model_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ModelFileError):
        ImageClassifier.load(tmp_path / "model")
