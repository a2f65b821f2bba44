"""Both classifiers are what scikit-learn expects of an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.model_selection import cross_val_predict
from sklearn.utils.validation import check_is_fitted

from clicktrain import ImageClassifier, PixelClassifier
from clicktrain.config import preset
from clicktrain.errors import ClickTrainError, NotFittedError
from tests.learning.images.cases import blobs, settings
from tests.test_api import IMAGE, LABELS, brief, brief_settings

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES, NAMES = blobs(6)
OWN = settings(epochs=1, validation_share=0)


def pixels() -> PixelClassifier:
    return brief(seed=3, device="cpu", pretrained=False)


def whole_images() -> ImageClassifier:
    return ImageClassifier(preset=OWN, seed=3, device="cpu")


@pytest.fixture(scope="module")
def trained_pixels() -> PixelClassifier:
    return pixels().fit(IMAGE, LABELS)


@pytest.fixture(scope="module")
def trained_images() -> ImageClassifier:
    return whole_images().fit(IMAGES, NAMES)


@pytest.fixture(params=["trained_pixels", "trained_images"])
def trained(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


MAKERS = pytest.mark.parametrize("make", [PixelClassifier, ImageClassifier, pixels, whole_images])


@MAKERS
def test_a_clone_has_the_same_parameters_and_knows_nothing(make: Callable[[], Any]) -> None:
    made = make()
    for copy in (clone(made), made.clone()):
        assert type(copy) is type(made)
        assert copy.get_params() == made.get_params()
        assert not hasattr(copy, "classes_")


def test_a_clone_of_a_trained_one_knows_nothing(trained: Any) -> None:
    for copy in (clone(trained), trained.clone()):
        assert copy.get_params() == trained.get_params()
        with pytest.raises(SklearnNotFittedError):
            check_is_fitted(copy)
        with pytest.raises(NotFittedError, match="Call fit first"):
            _ = copy.classes_


def test_a_clone_learns_the_same(trained_pixels: PixelClassifier) -> None:
    again = clone(trained_pixels).fit(IMAGE, LABELS)
    np.testing.assert_array_equal(again.predict_proba(IMAGE), trained_pixels.predict_proba(IMAGE))


def test_settings_of_ones_own_stay_the_parameter_they_were_given_as() -> None:
    own = brief_settings()
    made = PixelClassifier(preset=own, pretrained=False)
    assert made.get_params()["preset"] is made.preset is own
    assert made.set_params(preset="auto").preset == "auto"


def test_parameters_are_the_arguments_of_the_constructor() -> None:
    assert PixelClassifier(preset="fast", position_encoding=True).get_params(deep=False) == {
        "preset": "fast",
        "seed": 0,
        "device": "auto",
        "pretrained": True,
        "position_encoding": True,
    }
    assert ImageClassifier(seed=2).get_params() == {"preset": "small", "seed": 2, "device": "auto"}


def test_a_clone_can_be_given_other_parameters() -> None:
    made = PixelClassifier(preset="fast", seed=1).clone(preset="wide", position_encoding=True)
    assert (made.preset, made.seed, made.position_encoding) == ("wide", 1, True)


def test_a_trained_one_is_fitted_whatever_is_set(trained: Any) -> None:
    check_is_fitted(trained)
    before, seed = trained.summary(), trained.seed
    assert trained.set_params(seed=seed + 1) is trained
    check_is_fitted(trained)
    assert trained.seed == seed + 1
    # What it was trained with, not what it would be trained with now.
    assert trained.summary() == before
    trained.set_params(seed=seed)


def test_what_is_set_counts_in_the_next_training(trained_pixels: PixelClassifier) -> None:
    model = clone(trained_pixels).fit(IMAGE, LABELS).set_params(preset=preset("fast"), seed=4)
    model.set_params(preset=brief_settings()).fit(IMAGE, LABELS)
    expected = brief(seed=4, pretrained=False).fit(IMAGE, LABELS)
    np.testing.assert_array_equal(model.predict_proba(IMAGE), expected.predict_proba(IMAGE))
    assert model.summary().seed == 4


def test_what_is_set_counts_before_any_training() -> None:
    model = PixelClassifier().set_params(preset=brief_settings(), seed=3, pretrained=False).fit(IMAGE, LABELS)
    expected = pixels().fit(IMAGE, LABELS)
    np.testing.assert_array_equal(model.predict_proba(IMAGE), expected.predict_proba(IMAGE))


def test_a_model_moves_to_the_device_that_is_set(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = IMAGE if isinstance(trained, PixelClassifier) else IMAGES
    before, summary, model = trained.predict_proba(data), trained.summary(), trained._model
    monkeypatch.setattr(trained, "_device", torch.device("meta"))
    trained.set_params(device="auto")
    assert trained._model is not model
    np.testing.assert_array_equal(trained.predict_proba(data), before)
    assert trained.summary() == summary
    trained.set_params(device="cpu")


@MAKERS
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "seed must be a whole number"),
        ({"preset": "huge"}, "preset must be one of"),
        ({"device": "abacus"}, "device must be"),
        ({"colour": 1}, "parameters must be among preset, seed, device.*, got 'colour'"),
    ],
)
def test_wrong_parameters_are_refused_and_change_nothing(make: Callable[[], Any], wrong: dict, message: str) -> None:
    made = make()
    before = made.get_params()
    for change in (made.set_params, made.clone):
        with pytest.raises(ClickTrainError, match=message):
            change(**({"seed": 7} | wrong))
        assert made.get_params() == before


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (PixelClassifier(), "PixelClassifier(): not fitted"),
        (PixelClassifier(preset="fast", seed=1), "PixelClassifier(preset='fast', seed=1): not fitted"),
        (ImageClassifier(preset=OWN), "ImageClassifier(preset=ImagePreset(...)): not fitted"),
    ],
)
def test_it_shows_what_it_was_made_with(made: Any, shown: str) -> None:
    assert repr(made) == shown


def test_it_shows_how_many_classes_it_knows(trained: Any) -> None:
    assert repr(trained).endswith("): 2 classes")


@MAKERS
def test_scikit_learn_takes_it_for_a_classifier(make: Callable[[], Any]) -> None:
    assert is_classifier(make())


def test_whole_images_can_be_cross_validated() -> None:
    found = cross_val_predict(whole_images(), IMAGES, NAMES, cv=2)
    assert found.shape == (6,)
    assert set(found) <= set(NAMES)


def test_a_name_that_is_not_there_is_a_plain_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'predicted'"):
        _ = pixels().predicted
