from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clicktrain import Clicks, PixelClassifier, Progress
from clicktrain.config import ClassInfo, PostprocessConfig, Preset, preset
from clicktrain.errors import (
    CancelledError,
    ClicksError,
    ClickTrainError,
    ImageError,
    ModelFileError,
    NotFittedError,
    StorageError,
)
from clicktrain.models.files import pack
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from pathlib import Path

IMAGE, TRUTH = two_textures()
LABELS = strokes(TRUTH)


def fast(**options: object) -> PixelClassifier:
    return PixelClassifier(preset="fast", **options)


@pytest.fixture(scope="module")
def fitted() -> PixelClassifier:
    return fast().fit(IMAGE, LABELS)


def same_weights(one: PixelClassifier, other: PixelClassifier) -> bool:
    a, b = one._model.net.state_dict(), other._model.net.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_few_clicks_classify_the_whole_image(fitted: PixelClassifier) -> None:
    assert (fitted.predict(IMAGE) == TRUTH).mean() > 0.95


@pytest.mark.parametrize("preset", ["fast", "auto", "wide"])
def test_every_preset_learns_two_textures(preset: str) -> None:
    model = PixelClassifier(preset=preset).fit(IMAGE, LABELS)
    assert (model.predict(IMAGE) == TRUTH).mean() > 0.95


def test_probabilities_sum_to_one_in_the_order_of_the_classes(fitted: PixelClassifier) -> None:
    probabilities = fitted.predict_proba(IMAGE)
    assert probabilities.shape == (2, *IMAGE.shape)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=0)], fitted.predict(IMAGE))


def test_class_numbers_need_not_be_consecutive() -> None:
    model = fast().fit(IMAGE, np.where(LABELS == 2, 300, LABELS * 5))
    assert model.classes_.tolist() == [5, 300]
    answer = model.predict(IMAGE)
    assert answer.dtype == np.uint16
    assert (answer == np.where(TRUTH == 2, 300, 5)).mean() > 0.95


def test_the_same_call_twice_gives_the_same_answer(fitted: PixelClassifier) -> None:
    state = torch.random.get_rng_state()
    again = fast().fit(IMAGE, LABELS)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert same_weights(again, fitted)
    np.testing.assert_array_equal(again.predict_proba(IMAGE), fitted.predict_proba(IMAGE))


def test_another_seed_gives_another_network(fitted: PixelClassifier) -> None:
    assert not same_weights(fast(seed=1).fit(IMAGE, LABELS), fitted)


def test_points_and_labels_are_both_clicks(fitted: PixelClassifier) -> None:
    assert same_weights(fast().fit(IMAGE, Clicks.from_labels(LABELS)), fitted)


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (lambda image: np.stack([image, 255 - image, image // 2], -1), None),
        (lambda image: np.stack([image, 255 - image, image // 2, image, image]), "CYX"),
        (lambda image: image.astype(np.uint16) * 257, None),
        (lambda image: image.astype(np.float64) / 1e4, None),
        (lambda image: image > 128, None),
    ],
    ids=["rgb", "five channels", "uint16", "float64", "bool"],
)
def test_every_kind_of_image_is_learned(make: object, axes: str | None) -> None:
    image = make(IMAGE)
    model = fast().fit(image, LABELS, axes=axes)
    assert (model.predict(image, axes=axes) == TRUTH).mean() > 0.95


def test_brightness_and_contrast_of_a_new_image_do_not_matter(fitted: PixelClassifier) -> None:
    np.testing.assert_allclose(
        fitted.predict_proba(IMAGE * 0.25 + 1000.0), fitted.predict_proba(IMAGE.astype(float)), atol=1e-3
    )


@pytest.mark.parametrize("shape", [(1, 7), (5, 5), (20, 96), (65, 64)])
def test_images_smaller_than_the_field_of_view_work(shape: tuple[int, int]) -> None:
    image, truth = IMAGE[: shape[0], 96 - shape[1] :], np.ones(shape, int)
    truth[:, shape[1] // 2 :] = 2
    model = fast().fit(image, truth)
    assert model.predict(image).shape == shape


def test_several_images_train_one_model() -> None:
    other, truth = two_textures(70, seed=1)
    model = fast().fit([IMAGE, other], [LABELS, strokes(truth)])
    assert (model.predict(IMAGE) == TRUTH).mean() > 0.95
    assert (model.predict(other) == truth).mean() > 0.95


def test_an_image_without_clicks_may_be_among_several() -> None:
    model = fast().fit([IMAGE, IMAGE[:50]], [LABELS, np.zeros((50, 96), int)])
    assert model.summary().clicks.total == np.count_nonzero(LABELS)


def test_going_on_with_more_strokes_is_no_worse() -> None:
    model = fast().fit(IMAGE, strokes(TRUTH, rows=(20,)))
    before = (model.predict(IMAGE) == TRUTH).mean()
    model.continue_fit(IMAGE, LABELS)
    assert (model.predict(IMAGE) == TRUTH).mean() >= before - 0.01


def test_going_on_from_nothing_is_a_fit(fitted: PixelClassifier) -> None:
    assert same_weights(fast().continue_fit(IMAGE, LABELS), fitted)


def test_a_new_class_in_partial_fit_is_learned() -> None:
    model = fast().fit(IMAGE, LABELS)
    labels = LABELS.copy()
    labels[80, 50:60] = 3
    assert model.continue_fit(IMAGE, labels).classes_.tolist() == [1, 2, 3]


def test_saved_and_loaded_gives_the_same_answer(fitted: PixelClassifier, tmp_path: Path) -> None:
    fitted.class_infos = (
        ClassInfo(number=1, name="smooth", color="#112233"),
        ClassInfo(number=2, name="stripes", color="#445566"),
    )
    fitted.save(tmp_path / "model.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "model.clicktrain")
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), fitted.predict_proba(IMAGE))
    assert loaded.summary() == fitted.summary()
    assert [info.name for info in loaded.class_infos] == ["smooth", "stripes"]


def test_a_loaded_model_goes_on_training(fitted: PixelClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "model.clicktrain").continue_fit(IMAGE, LABELS)
    assert (loaded.predict(IMAGE) == TRUTH).mean() > 0.95


def test_the_model_file_holds_no_pickle(fitted: PixelClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.clicktrain")
    with zipfile.ZipFile(tmp_path / "model.clicktrain") as archive:
        assert sorted(archive.namelist()) == ["summary.json", "weights.safetensors"]


def test_progress_names_every_stage_and_ends_full() -> None:
    seen: list[Progress] = []
    model = fast().fit(IMAGE, LABELS, progress=seen.append)
    model.predict(IMAGE, progress=seen.append)
    assert list(dict.fromkeys(step.stage for step in seen)) == ["features", "training", "predicting"]
    assert seen[-1].fraction == 1
    assert all(np.isfinite(step.loss) for step in seen if step.stage == "training" and step.step > 0)


@pytest.mark.parametrize("stop_at", [0, 1, 5])
def test_a_cancelled_training_leaves_everything_as_it_was(stop_at: int) -> None:
    model = fast().fit(IMAGE, LABELS)
    before, summary = model.predict_proba(IMAGE), model.summary()
    calls = 0

    def stop(_: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls > stop_at:
            raise CancelledError("stopped")

    for method in (model.fit, model.continue_fit):
        calls = 0
        with pytest.raises(CancelledError):
            method(IMAGE, 3 - LABELS * (LABELS > 0), progress=stop)
    np.testing.assert_array_equal(model.predict_proba(IMAGE), before)
    assert model.summary() == summary


BAD = np.full((8, 8), np.nan)


@pytest.mark.parametrize(
    ("image", "labels", "error", "message"),
    [
        (IMAGE, np.zeros_like(LABELS), ClicksError, "got none"),
        (IMAGE, (LABELS == 1).astype(int), ClicksError, "at least two classes, got only class 1"),
        (IMAGE, LABELS[:50], ClicksError, r"\(96, 96\), got \(50, 96\)"),
        (BAD, np.eye(8, dtype=int), ImageError, "finite"),
        (np.zeros((8, 8)), np.eye(8, dtype=int), ImageError, "contrast"),
        (np.zeros((0, 8)), np.zeros((0, 8), int), ImageError, "at least one pixel"),
        (np.zeros((2, 8, 8, 3)), np.eye(8, dtype=int), ImageError, "axes must be given"),
        ([IMAGE, IMAGE], [LABELS], ClicksError, "one per image, got 2 images and 1 labels"),
    ],
)
def test_bad_input_is_one_clear_sentence(image: object, labels: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        fast().fit(image, labels)


def test_bad_input_keeps_what_was_trained(fitted: PixelClassifier) -> None:
    before = fitted.predict_proba(IMAGE)
    with pytest.raises(ClicksError):
        fitted.fit(IMAGE, np.zeros_like(LABELS))
    np.testing.assert_array_equal(fitted.predict_proba(IMAGE), before)


def test_going_on_with_one_class_is_refused_and_forgets_nothing(fitted: PixelClassifier) -> None:
    before = fitted.predict_proba(IMAGE)
    with pytest.raises(ClicksError, match="at least two classes, got only class 2"):
        fitted.continue_fit(IMAGE, LABELS * (LABELS == 2))
    np.testing.assert_array_equal(fitted.predict_proba(IMAGE), before)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(ClickTrainError, match="whole number from 0"):
        fast(seed=seed)


def test_a_preset_that_is_none_is_refused() -> None:
    with pytest.raises(ClickTrainError, match="one of fast, auto, wide, got 'x'"):
        PixelClassifier(preset="x")


def test_another_number_of_channels_is_refused_at_predict(fitted: PixelClassifier) -> None:
    with pytest.raises(ImageError, match="must have 1 channels like the training images, got 3"):
        fitted.predict(np.stack([IMAGE] * 3, -1))


@pytest.mark.parametrize("use", [lambda m: m.predict(IMAGE), lambda m: m.save("x"), lambda m: m.classes_])
def test_an_untrained_classifier_says_so(use: object) -> None:
    with pytest.raises(NotFittedError, match="Call fit first"):
        use(fast())


def test_a_file_that_is_no_model_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.clicktrain"
    path.write_bytes(b"hello")
    with pytest.raises(ModelFileError, match="must be a ClickTrain model file"):
        PixelClassifier.load(path)


def test_a_missing_model_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        PixelClassifier.load(tmp_path / "none.clicktrain")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_truncated_model_file_says_so(fitted: PixelClassifier, tmp_path: Path, share: float) -> None:
    path = tmp_path / "model.clicktrain"
    fitted.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelFileError, match="damaged"):
        PixelClassifier.load(path)


def test_no_flipped_byte_of_a_model_file_goes_unnoticed(fitted: PixelClassifier, tmp_path: Path) -> None:
    path = tmp_path / "model.clicktrain"
    fitted.save(path)
    content = path.read_bytes()
    expected = fitted.predict_proba(IMAGE)
    for position in np.random.default_rng(0).integers(2, len(content), 40):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            loaded = PixelClassifier.load(path)
        except ModelFileError:
            continue
        np.testing.assert_array_equal(loaded.predict_proba(IMAGE), expected)


def rewritten(path: Path, change: object) -> None:
    with zipfile.ZipFile(path) as archive:
        summary, weights = json.loads(archive.read("summary.json")), archive.read("weights.safetensors")
    change(summary)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("summary.json", json.dumps(summary))
        archive.writestr("weights.safetensors", weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(format_version=99), "format 3 or older, got format 99. Update ClickTrain"),
        (lambda s: s.update(channels=2), "damaged"),
        (lambda s: s.update(channels=2, channel_mean=[0, 0], channel_deviation=[1, 1]), "weights of its architecture"),
        (lambda s: s.pop("classes"), "damaged"),
        (lambda s: s["architecture"].update(width=10**9), "damaged|weights of its architecture"),
    ],
)
def test_a_model_file_that_does_not_fit_together_says_so(
    fitted: PixelClassifier, tmp_path: Path, change: object, message: str
) -> None:
    path = tmp_path / "model.clicktrain"
    fitted.save(path)
    rewritten(path, change)
    with pytest.raises(ModelFileError, match=message):
        PixelClassifier.load(path)


def test_saving_where_nothing_can_be_written_says_so(fitted: PixelClassifier, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        fitted.save(tmp_path / "no such folder" / "model.clicktrain")
    assert list(tmp_path.iterdir()) == []


def test_settings_of_ones_own_are_kept_in_the_file(tmp_path) -> None:
    settings = preset("fast").model_copy(update={"postprocess": PostprocessConfig(smoothing_px=3.0)})
    model = PixelClassifier(preset=settings).fit(IMAGE, LABELS)
    assert model.summary().preset == "custom"
    model.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    assert loaded.summary() == model.summary()
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))


@pytest.mark.parametrize("pretrained", [True, False])
def test_with_and_without_what_was_learned_before(pretrained: bool, tmp_path) -> None:
    model = PixelClassifier(preset="fast", pretrained=pretrained).fit(IMAGE, LABELS)
    assert (model.summary().architecture.pretrained, model.pretrained) == (pretrained, pretrained)
    model.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    assert loaded.pretrained == pretrained
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))
    assert (loaded.continue_fit(IMAGE, LABELS).predict(IMAGE) == TRUTH).mean() > 0.9


def test_a_model_that_went_on_training_is_loaded_as_it_was_saved(tmp_path) -> None:
    model = fast().fit(IMAGE, LABELS).continue_fit(IMAGE, LABELS)
    model.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_a_file_of_format_1_answers_as_it_did(tmp_path) -> None:
    plain = preset("fast", pretrained=False)
    bare = plain.network.model_copy(update={"trees": 0})
    model = PixelClassifier(preset=Preset(network=bare, training=plain.training)).fit(IMAGE, LABELS)
    model.save(tmp_path / "m.clicktrain")

    def as_before(summary: dict) -> None:
        summary.update(format_version=1, preset="fast")
        del summary["postprocess"], summary["architecture"]["pretrained"], summary["architecture"]["trees"]

    rewritten(tmp_path / "m.clicktrain", as_before)
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_a_file_from_before_the_guided_filter_keeps_its_gaussian(fitted: PixelClassifier, tmp_path) -> None:
    fitted.save(tmp_path / "m.clicktrain")
    rewritten(
        tmp_path / "m.clicktrain", lambda summary: summary.update(postprocess={"smoothing_px": 1.25, "prior": 1.0})
    )
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")._fitted()
    assert loaded.postprocess == PostprocessConfig(guided_px=0, smoothing_px=1.25, prior=1.0)


@pytest.mark.parametrize("missing", ["head.coefficients", "forest.targets", "embedding.trunk.first.weight"])
def test_file_without_a_part_of_the_answer_is_refused(fitted: PixelClassifier, tmp_path, missing: str) -> None:
    weights = fitted._fitted().weights()
    del weights[missing]
    (tmp_path / "m.clicktrain").write_bytes(pack(fitted.summary(), weights))
    with pytest.raises(ModelFileError, match="weights of its architecture"):
        PixelClassifier.load(tmp_path / "m.clicktrain")
