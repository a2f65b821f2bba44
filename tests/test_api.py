from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import zarr

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
from clicktrain.inference.pixels import stream
from clicktrain.models.files import pack
from clicktrain.stores.sinks import ArraySink
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clicktrain.geometry.region import Region

IMAGE, TRUTH = two_textures()
LABELS = strokes(TRUTH)


def fast(**options: object) -> PixelClassifier:
    return PixelClassifier(preset="fast", **options)


def brief_settings() -> Preset:
    """Settings of a training that takes a tenth of a second, for what does not depend on how well it is done."""
    settings = preset("fast", pretrained=False)
    return settings.model_copy(
        update={"training": settings.training.model_copy(update={"steps": 6, "more_steps": 6})},
    )


def brief(**options: object) -> PixelClassifier:
    return PixelClassifier(preset=brief_settings(), **options)


@pytest.fixture(scope="module")
def fitted() -> PixelClassifier:
    return fast().fit(IMAGE, LABELS)


@pytest.fixture(scope="module")
def saved(fitted: PixelClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.clicktrain"
    fitted.save(path)
    return path


@pytest.fixture(scope="module")
def brief_fitted() -> PixelClassifier:
    return brief().fit(IMAGE, LABELS)


def same_weights(one: PixelClassifier, other: PixelClassifier) -> bool:
    a, b = one._fitted().weights(), other._fitted().weights()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def agreement(model: PixelClassifier, image: np.ndarray, truth: np.ndarray, axes: str | None = None) -> float:
    return float((model.predict(image, axes=axes) == truth).mean())


def test_a_few_clicks_classify_the_whole_image(fitted: PixelClassifier) -> None:
    assert agreement(fitted, IMAGE, TRUTH) > 0.95


@pytest.mark.parametrize("preset", ["auto", "wide"])
def test_every_preset_learns_two_textures(preset: str) -> None:
    assert agreement(PixelClassifier(preset=preset).fit(IMAGE, LABELS), IMAGE, TRUTH) > 0.95


def test_probabilities_sum_to_one_in_the_order_of_the_classes(fitted: PixelClassifier) -> None:
    probabilities = fitted.predict_proba(IMAGE)
    assert probabilities.shape == (2, *IMAGE.shape)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=0)], fitted.predict(IMAGE))


def test_class_numbers_need_not_be_consecutive(brief_fitted: PixelClassifier) -> None:
    model = brief().fit(IMAGE, np.where(LABELS == 2, 300, LABELS * 5))
    assert model.classes_.tolist() == [5, 300]
    answer = model.predict(IMAGE)
    assert answer.dtype == np.uint16
    np.testing.assert_array_equal(answer, np.where(brief_fitted.predict(IMAGE) == 2, 300, 5))


def test_the_same_call_twice_gives_the_same_answer(fitted: PixelClassifier) -> None:
    state = torch.random.get_rng_state()
    again = fast().fit(IMAGE, LABELS)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert same_weights(again, fitted)
    np.testing.assert_array_equal(again.predict_proba(IMAGE), fitted.predict_proba(IMAGE))


def test_another_seed_gives_another_network(brief_fitted: PixelClassifier) -> None:
    assert not same_weights(brief(seed=1).fit(IMAGE, LABELS), brief_fitted)


def test_points_and_labels_are_both_clicks(brief_fitted: PixelClassifier) -> None:
    assert same_weights(brief().fit(IMAGE, Clicks.from_labels(LABELS)), brief_fitted)


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
    assert agreement(brief().fit(image, LABELS, axes=axes), image, TRUTH, axes) > 0.95


def test_brightness_and_contrast_of_a_new_image_do_not_matter(fitted: PixelClassifier) -> None:
    np.testing.assert_allclose(
        fitted.predict_proba(IMAGE * 0.25 + 1000.0), fitted.predict_proba(IMAGE.astype(float)), atol=1e-3
    )


@pytest.mark.parametrize("shape", [(1, 7), (5, 5), (20, 96), (65, 64)])
def test_images_smaller_than_the_field_of_view_work(shape: tuple[int, int]) -> None:
    image, truth = IMAGE[: shape[0], 96 - shape[1] :], np.ones(shape, int)
    truth[:, shape[1] // 2 :] = 2
    assert brief().fit(image, truth).predict(image).shape == shape


def test_several_images_train_one_model() -> None:
    other, truth = two_textures(70, seed=1)
    model = brief().fit([IMAGE, other], [LABELS, strokes(truth)])
    assert agreement(model, IMAGE, TRUTH) > 0.95
    assert agreement(model, other, truth) > 0.95


def test_an_image_without_clicks_may_be_among_several() -> None:
    model = brief().fit([IMAGE, IMAGE[:50]], [LABELS, np.zeros((50, 96), int)])
    assert model.summary().clicks.total == np.count_nonzero(LABELS)


def test_the_score_is_the_share_of_labelled_pixels_that_are_right(brief_fitted: PixelClassifier) -> None:
    truth = TRUTH.astype(np.uint8)
    found = brief_fitted.predict(IMAGE)
    assert brief_fitted.score(IMAGE, truth) == (found == truth).mean() < 1
    labels = np.where(np.arange(truth.size).reshape(truth.shape) % 3, 0, truth)
    right = (found == labels)[labels > 0]
    assert brief_fitted.score(IMAGE, labels) == brief_fitted.score(IMAGE, Clicks.from_labels(labels)) == right.mean()


def test_the_score_of_several_images_is_over_all_their_labelled_pixels(
    brief_fitted: PixelClassifier, tmp_path: Path
) -> None:
    few = np.zeros_like(LABELS)
    few[0, :2] = [2, 7]
    np.save(tmp_path / "few.npy", IMAGE)
    wanted = np.concatenate([LABELS[LABELS > 0], few[few > 0]])
    answer = brief_fitted.predict(IMAGE)
    found = np.concatenate([answer[LABELS > 0], answer[few > 0]])
    seen: list[Progress] = []
    images = [IMAGE, tmp_path / "few.npy", IMAGE]
    assert brief_fitted.score(images, [LABELS, few, 0 * few], progress=seen.append) == (wanted == found).mean()
    assert {step.stage for step in seen} == {"predicting"}


def test_a_score_needs_a_training_and_labels_of_images_of_the_same_kind(brief_fitted: PixelClassifier) -> None:
    with pytest.raises(NotFittedError):
        brief().score(IMAGE, LABELS)
    with pytest.raises(ClicksError, match="got none"):
        brief_fitted.score(IMAGE, 0 * LABELS)
    with pytest.raises(ClicksError, match="spatial shape"):
        brief_fitted.score(IMAGE, LABELS[1:])
    with pytest.raises(ImageError, match="must have 1 channel for this model"):
        brief_fitted.score(np.stack([IMAGE] * 3, axis=-1), LABELS)


def test_going_on_with_more_strokes_is_no_worse() -> None:
    model = fast().fit(IMAGE, strokes(TRUTH, rows=(20,)))
    before = agreement(model, IMAGE, TRUTH)
    assert agreement(model.continue_fit(IMAGE, LABELS), IMAGE, TRUTH) >= before - 0.01


def test_going_on_from_nothing_is_a_fit(brief_fitted: PixelClassifier) -> None:
    assert same_weights(brief().continue_fit(IMAGE, LABELS), brief_fitted)


def test_a_new_class_is_learned_when_training_goes_on(saved: Path) -> None:
    labels = LABELS.copy()
    labels[80, 50:60] = 3
    assert PixelClassifier.load(saved).continue_fit(IMAGE, labels).classes_.tolist() == [1, 2, 3]


def test_progress_names_every_stage_and_ends_full() -> None:
    seen: list[Progress] = []
    model = brief().fit(IMAGE, LABELS, progress=seen.append)
    model.predict(IMAGE, progress=seen.append)
    assert list(dict.fromkeys(step.stage for step in seen)) == ["features", "training", "predicting"]
    assert seen[-1].fraction == 1
    assert all(np.isfinite(step.loss) for step in seen if step.stage == "training" and step.step > 0)


@pytest.mark.parametrize("name", ["fit", "continue_fit"])
@pytest.mark.parametrize("stop_at", [0, 1, 5])
def test_a_cancelled_training_leaves_everything_as_it_was(brief_fitted: PixelClassifier, name, stop_at) -> None:
    before, summary = brief_fitted.predict_proba(IMAGE), brief_fitted.summary()
    calls = 0

    def stop(_: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls > stop_at:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        getattr(brief_fitted, name)(IMAGE, 3 - LABELS * (LABELS > 0), progress=stop)
    np.testing.assert_array_equal(brief_fitted.predict_proba(IMAGE), before)
    assert brief_fitted.summary() == summary


@pytest.mark.parametrize("stop_at", [0, 3, 5])
def test_a_cancelled_prediction_leaves_everything_as_it_was(fitted: PixelClassifier, stop_at: int) -> None:
    before, summary, weights = fitted.predict_proba(IMAGE), fitted.summary(), pack(fitted.summary(), {})
    calls = count()

    def stop(_: Progress) -> None:
        if next(calls) >= stop_at:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        fitted.predict_proba(IMAGE, progress=stop)
    assert next(calls) == stop_at + 1
    np.testing.assert_array_equal(fitted.predict_proba(IMAGE), before)
    assert (fitted.summary(), pack(fitted.summary(), {})) == (summary, weights)


class TestLittleMemory:
    """What does not fit into memory is refused, or written where there is room."""

    IMAGE = np.tile(IMAGE, (1, 2))

    @pytest.fixture
    def little_memory(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            free = SimpleNamespace(available=self.IMAGE.size)
            patch.setattr("clicktrain.api.inputs.psutil.virtual_memory", lambda: free)
            yield

    @pytest.mark.parametrize("name", ["predict_proba", "predict"])
    @pytest.mark.usefixtures("little_memory")
    def test_an_answer_that_does_not_fit_is_refused(self, brief_fitted: PixelClassifier, name: str) -> None:
        with pytest.raises(ImageError, match=r"the answer for image must fit into memory, got .*predict_to"):
            getattr(brief_fitted, name)(self.IMAGE)

    @pytest.fixture(scope="class")
    @staticmethod
    def expected(brief_fitted: PixelClassifier) -> np.ndarray:
        return brief_fitted.predict_proba(TestLittleMemory.IMAGE)

    @pytest.mark.parametrize(("memory_bytes", "n_tiles"), [(None, 1), (1, 18)])
    @pytest.mark.usefixtures("little_memory")
    def test_it_is_written_tile_by_tile_elsewhere(
        self,
        brief_fitted: PixelClassifier,
        expected: np.ndarray,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        memory_bytes: int | None,
        n_tiles: int,
    ) -> None:
        # So small an image would be answered whole.
        monkeypatch.setattr("clicktrain.inference.pixels.stream._WHOLE_PX", 1)
        monkeypatch.setitem(stream._SQUARE_PX, 2, self.IMAGE.shape)
        monkeypatch.setitem(stream._SQUARES, 2, (1, 1))
        monkeypatch.setitem(stream._SMALLEST_PX, 2, (32, 32))
        kept = zarr.create_array(tmp_path / "answer.zarr", shape=expected.shape, chunks=(2, 64, 64), dtype=np.float32)
        sink = CountedSink(kept)
        brief_fitted.predict_to(self.IMAGE, sink, memory_bytes=memory_bytes)
        assert sink.n_px == self.IMAGE.size
        assert sink.n_regions == n_tiles
        # Trees decide by thresholds: what rounding moves across one changes by a leaf of one tree.
        assert (np.abs(kept[:] - expected) > 1e-4).mean() < 1e-2


class CountedSink(ArraySink):
    """Counts what is written."""

    n_regions = n_px = 0

    def write(self, region: Region, values: np.ndarray) -> None:
        self.n_regions, self.n_px = self.n_regions + 1, self.n_px + region.n_px
        super().write(region, values)


BAD = np.full((8, 8), np.nan)
TWO_CLASSES = np.diag([1, 2] * 4)


@pytest.mark.parametrize(
    ("image", "labels", "error", "message"),
    [
        (IMAGE, np.zeros_like(LABELS), ClicksError, "got none"),
        (IMAGE, (LABELS == 1).astype(int), ClicksError, "at least two classes, got only class 1"),
        (IMAGE, LABELS[:50], ClicksError, r"\(96, 96\), got \(50, 96\)"),
        (BAD, TWO_CLASSES, ImageError, "finite"),
        (np.zeros((8, 8)), TWO_CLASSES, ImageError, "contrast"),
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
    with pytest.raises(ImageError, match="must have 1 channel for this model, got 3"):
        fitted.predict(np.stack([IMAGE] * 3, -1))


@pytest.mark.parametrize("use", [lambda m: m.predict(IMAGE), lambda m: m.save("x"), lambda m: m.classes_])
def test_an_untrained_classifier_says_so(use: object) -> None:
    with pytest.raises(NotFittedError, match="Call fit first"):
        use(fast())


@pytest.mark.parametrize(("old", "new"), [("partial_fit", "continue_fit"), ("look", "embed"), ("remade", "clone")])
def test_a_name_of_earlier_versions_tells_the_one_of_today(old: str, new: str) -> None:
    with pytest.raises(AttributeError, match=f"`{old}` is now `{new}`"):
        getattr(fast(), old)


def test_saved_and_loaded_gives_the_same_answer(fitted: PixelClassifier, saved: Path) -> None:
    loaded = PixelClassifier.load(saved)
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), fitted.predict_proba(IMAGE))
    assert loaded.summary() == fitted.summary()
    assert loaded.get_params() == fitted.get_params()


def test_the_same_model_gives_the_same_file(saved: Path, tmp_path: Path) -> None:
    again = PixelClassifier.load(saved).save(tmp_path / "again")
    assert again.read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    ("given", "written"),
    [("m", "m.clicktrain"), ("m.clicktrain", "m.clicktrain"), ("m.model", "m.model"), (".m", ".m.clicktrain")],
)
def test_a_name_without_an_ending_gets_one(saved: Path, tmp_path: Path, given: str, written: str) -> None:
    assert PixelClassifier.load(saved).save(str(tmp_path / given)) == tmp_path / written
    assert (tmp_path / written).read_bytes() == saved.read_bytes()


def test_a_fingerprint_tells_models_apart(fitted: PixelClassifier, brief_fitted: PixelClassifier, saved: Path) -> None:
    loaded = PixelClassifier.load(saved)
    assert loaded.fingerprint() == fitted.fingerprint() != brief_fitted.fingerprint()
    loaded.class_infos = (ClassInfo(number=1, name="smooth", color="#112233"),)
    assert loaded.fingerprint() != fitted.fingerprint()


def test_a_fingerprint_does_not_depend_on_the_versions_of_libraries(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = PixelClassifier.load(saved).fingerprint()
    monkeypatch.setattr("clicktrain.models.pixels.summary.version", lambda name: "9.9")
    assert PixelClassifier.load(saved).fingerprint() == before


def test_names_and_colours_of_classes_are_saved(saved: Path, tmp_path: Path) -> None:
    model = PixelClassifier.load(saved)
    model.class_infos = (
        ClassInfo(number=1, name="smooth", color="#112233"),
        ClassInfo(number=2, name="stripes", color="#445566"),
    )
    assert PixelClassifier.load(model.save(tmp_path / "named")).class_infos == model.class_infos


def test_a_loaded_model_goes_on_training(saved: Path) -> None:
    assert agreement(PixelClassifier.load(saved).continue_fit(IMAGE, LABELS), IMAGE, TRUTH) > 0.95


def test_a_model_that_went_on_training_is_loaded_as_it_was_saved(saved: Path, tmp_path: Path) -> None:
    model = PixelClassifier.load(saved).continue_fit(IMAGE, LABELS)
    np.testing.assert_array_equal(
        PixelClassifier.load(model.save(tmp_path / "more")).predict_proba(IMAGE), model.predict_proba(IMAGE)
    )


def test_a_missing_model_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        PixelClassifier.load(tmp_path / "none.clicktrain")


def test_saving_where_nothing_can_be_written_says_so(fitted: PixelClassifier, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        fitted.save(tmp_path / "no such folder" / "model.clicktrain")
    assert list(tmp_path.iterdir()) == []


def test_settings_of_ones_own_are_kept_in_the_file(tmp_path: Path) -> None:
    settings = brief_settings().model_copy(update={"postprocess": PostprocessConfig(smoothing_px=3.0)})
    model = PixelClassifier(preset=settings).fit(IMAGE, LABELS)
    assert model.summary().preset == "custom"
    model.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    assert loaded.summary() == model.summary()
    assert loaded.preset == settings
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_what_was_learned_before_can_be_left_out(tmp_path: Path) -> None:
    model = fast(pretrained=False).fit(IMAGE, LABELS)
    assert not model.summary().architecture.pretrained
    model.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain")
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(IMAGE), model.predict_proba(IMAGE))


def test_a_preset_that_means_something_else_today_is_loaded_as_settings_of_ones_own(
    fitted: PixelClassifier, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = preset("fast").model_copy(update={"postprocess": PostprocessConfig()})
    monkeypatch.setitem(preset.__globals__["_PRESETS"], "fast", changed)
    loaded = PixelClassifier.load(saved)
    assert loaded.preset == fitted._settings
    assert loaded.summary() == fitted.summary()


@pytest.mark.parametrize("missing", ["head.coefficients", "forest.threshold", "embedding.trunk.first.weight"])
def test_a_file_without_a_part_of_the_answer_is_refused(fitted: PixelClassifier, tmp_path: Path, missing: str) -> None:
    weights = fitted._fitted().weights()
    del weights[missing]
    (tmp_path / "m.clicktrain").write_bytes(pack(fitted.summary(), weights))
    with pytest.raises(ModelFileError, match="weights of its architecture"):
        PixelClassifier.load(tmp_path / "m.clicktrain")


@pytest.mark.parametrize(
    "changes", [{"channels": 2, "channel_mean": (0, 0), "channel_deviation": (1, 1)}, {"trees": 63}]
)
def test_a_summary_that_does_not_fit_the_weights_is_refused(
    fitted: PixelClassifier, tmp_path: Path, changes: dict[str, object]
) -> None:
    summary = fitted.summary()
    if "trees" in changes:
        changes = {"architecture": summary.architecture.model_copy(update=changes)}
    content = pack(summary.model_copy(update=changes), fitted._fitted().weights())
    (tmp_path / "m.clicktrain").write_bytes(content)
    with pytest.raises(ModelFileError, match="weights of its architecture"):
        PixelClassifier.load(tmp_path / "m.clicktrain")
