from __future__ import annotations

import threading

import numpy as np
import pytest

from clicktrain.annotations.clicks import Clicks
from clicktrain.config import ClassInfo
from clicktrain.errors import ClassesError, ClicksError, ImageError
from clicktrain.project import Session


@pytest.fixture
def ready(session, image, clicks):
    """A session with an image and clicks of two classes."""
    session.set_image(image, "YX", "halves")
    session.set_clicks(clicks)
    return session


def test_training_then_predicting_classifies_every_pixel(ready, record, image):
    ready.train_and_predict()
    assert ready.wait(10)
    (report,), (prediction,) = record.of("trained"), record.of("predicted")
    assert (report.n_clicks, report.loss) == (3, pytest.approx(1 / 3))
    np.testing.assert_array_equal(prediction.classes, np.where(image > 0, 2, 1))
    assert prediction.classes.dtype == np.uint8
    assert prediction.confidence.shape == image.shape
    assert prediction.image is ready.image
    assert prediction.generation == ready.generation
    assert record.of("failed") == []


def test_first_answer_comes_before_training_has_ended(ready, record, classifier, image):
    classifier.embeds = True
    classifier.go_on.clear()
    ready.train_and_predict()
    assert classifier.started.wait(10)
    (first,) = record.of("preview_ready")
    assert first.image is ready.image
    np.testing.assert_array_equal(first.classes, np.ones_like(image))
    assert record.of("trained") == record.of("predicted") == []
    classifier.go_on.set()
    assert ready.wait(10)
    assert len(record.of("predicted")) == len(record.of("preview_ready")) == 1


def test_an_image_is_taken_in_once(ready, record, classifier, image):
    classifier.embeds = True
    for _ in range(2):
        ready.train_and_predict()
        assert ready.wait(10)
    assert classifier.calls.count("embed") == 1
    assert len(record.of("preview_ready")) == 2
    clicks = ready.clicks
    ready.set_image(image.copy(), "YX", "another")
    ready.set_clicks(clicks)
    ready.train_and_predict()
    assert ready.wait(10)
    assert classifier.calls.count("embed") == 2


def test_training_alone_predicts_nothing(ready, record, classifier):
    ready.train()
    assert ready.wait(10)
    assert ready.fitted
    assert classifier.calls == ["fit"]
    assert record.of("predicted") == []


def test_signals_of_work_come_from_the_worker_thread(ready):
    threads = set()
    ready.events.progressed.connect(lambda _: threads.add(threading.current_thread().name))
    ready.events.trained.connect(lambda _: threads.add(threading.current_thread().name))
    ready.train()
    assert ready.wait(10)
    assert threads == {"clicktrain-session"}


def test_resuming_goes_on_with_the_same_classes_and_starts_anew_with_others(ready, classifier, clicks):
    for _ in range(2):
        ready.train_and_predict(resume=True)
        assert ready.wait(10)
    ready.set_clicks(Clicks(clicks.positions_px, np.array([1, 3, 2]), clicks.shape_px))
    ready.train_and_predict(resume=True)
    assert ready.wait(10)
    assert [call for call in classifier.calls if call != "predict"] == ["fit", "continue_fit", "fit"]


def test_stale_prediction_is_dropped(ready, record, classifier, clicks):
    classifier.go_on.clear()
    ready.train_and_predict()
    assert classifier.started.wait(10)
    ready.set_clicks(Clicks(clicks.positions_px[::2], np.array([2, 1]), clicks.shape_px))
    ready.train_and_predict()
    classifier.go_on.set()
    assert ready.wait(10)
    (prediction,) = record.of("predicted")
    assert prediction.generation == ready.generation
    assert prediction.classes[0, 0] == 2
    assert record.of("cancelled") == []


def test_cancelled_training_keeps_the_last_classifier(ready, record, classifier, clicks):
    ready.train()
    assert ready.wait(10)
    means = dict(classifier.means)
    classifier.started.clear()
    classifier.go_on.clear()
    ready.set_clicks(Clicks(clicks.positions_px, np.array([2, 2, 1]), clicks.shape_px))
    ready.train_and_predict()
    assert classifier.started.wait(10)
    ready.cancel()
    classifier.go_on.set()
    assert ready.wait(10)
    assert classifier.means == means
    assert ready.fitted
    assert len(record.of("cancelled")) == 1
    assert record.of("failed") == record.of("predicted") == []


def test_failed_training_is_told_and_leaves_the_clicks(ready, record, classifier, clicks):
    classifier.error = ImageError("image must be finite, got NaN. Replace such pixels.")
    ready.train_and_predict()
    assert ready.wait(10)
    assert record.of("failed") == ["image must be finite, got NaN. Replace such pixels."]
    assert ready.clicks is clicks
    assert not ready.fitted


def test_work_without_an_image_fails_softly(session, record):
    session.train()
    session.predict()
    assert ["image must be open" in text for text in record.of("failed")] == [True, True]
    assert not session.busy


@pytest.mark.parametrize(
    ("positions", "classes", "shape", "text"),
    [
        ([], [], (20, 30), "got none"),
        ([[1, 1], [2, 2]], [1, 1], (20, 30), "only 'class 1'"),
        ([[1, 1], [2, 2]], [1, 2], (30, 20), r"shape \(20, 30\), got \(30, 20\)"),
    ],
    ids=["none", "one-class", "other-shape"],
)
def test_clicks_that_cannot_be_learned_from_fail_before_work_starts(
    session, record, classifier, image, positions, classes, shape, text
):
    session.set_image(image, "YX")
    session.set_clicks(Clicks(np.array(positions, np.int64).reshape(-1, 2), np.array(classes, np.int64), shape))
    session.train()
    (failed,) = record.of("failed")
    with pytest.raises(ClicksError, match=text):
        raise ClicksError(failed)
    assert classifier.calls == []


def test_predicting_before_training_fails_softly(session, record, image):
    session.set_image(image, "YX")
    session.predict()
    assert "trained first" in record.of("failed")[0]


def test_labels_of_another_shape_are_refused_and_the_clicks_stay(ready, clicks):
    with pytest.raises(ClicksError, match="spatial shape"):
        ready.set_labels(np.zeros((5, 5), np.uint8))
    assert ready.clicks is clicks


def test_labels_and_points_are_both_clicks(session, image):
    labels = np.zeros(image.shape, np.uint8)
    labels[3:5, 4] = 2
    session.set_image(image, "YX")
    session.set_labels(labels)
    assert (session.count(1), session.count(2)) == (0, 2)
    session.set_points([[2.4, 3.6], [5.0, 5.0]], [1, 2])
    assert session.clicks.positions_px.tolist() == [[2, 4], [5, 5]]


def test_clicks_of_a_new_class_add_it_to_the_table(session, image):
    session.set_image(image, "YX")
    session.set_points([[1, 1]], [4])
    assert [info.number for info in session.classes] == [4]


def test_a_class_with_clicks_is_not_removed(ready):
    with pytest.raises(ClicksError, match="Erase its clicks first"):
        ready.remove_class(1)
    assert 1 in ready.classes


def test_a_class_without_clicks_is_removed(ready, record):
    info = ready.classes.add("debris")
    ready.remove_class(info.number)
    assert info.number not in ready.classes
    assert len(record.of("classes_changed")) == 2


def test_opening_another_image_stops_the_work_for_the_first(ready, record, classifier, image):
    classifier.go_on.clear()
    ready.train_and_predict()
    assert classifier.started.wait(10)
    ready.set_image(image + 1, "YX", "other")
    classifier.go_on.set()
    assert ready.wait(10)
    assert record.of("predicted") == []
    assert ready.clicks is None


@pytest.mark.parametrize("axes", ["XYC", "YC", "YY", "Y"])
def test_axes_that_do_not_fit_are_refused(session, image, axes):
    with pytest.raises(ImageError, match="axes"):
        session.set_image(image, axes)
    assert session.image is None


def test_shape_of_a_multichannel_image_is_its_spatial_shape(session):
    session.set_image(np.zeros((5, 20, 30)), "CYX")
    assert session.image.shape_px == (20, 30)


def test_saved_model_keeps_the_names_given_after_training(ready, record, tmp_path):
    ready.train()
    assert ready.wait(10)
    ready.classes.edit(2, name="bright", color="#ff0000")
    ready.save_model(tmp_path / "halves.model")
    assert ready.wait(10)
    assert record.of("saved") == [str(tmp_path / "halves.model")]

    other = Session(type(ready._in_use.trained())())
    other.load_model(tmp_path / "halves.model")
    assert other.wait(10)
    assert other.fitted
    assert other.classes[2] == ClassInfo(number=2, name="bright", color="#ff0000")
    other.close()


def test_a_model_that_cannot_be_read_leaves_the_classifier(ready, record, tmp_path):
    ready.train()
    assert ready.wait(10)
    before = ready._in_use.trained()
    ready.load_model(tmp_path / "nothing.model")
    assert ready.wait(10)
    assert "nothing.model" in record.of("failed")[0]
    assert ready._in_use.trained() is before
    assert ready.fitted


def test_saving_before_training_fails_softly(session, record, tmp_path):
    session.save_model(tmp_path / "m.model")
    assert "trained first" in record.of("failed")[0]
    assert list(tmp_path.iterdir()) == []


def test_saving_waits_for_training(ready, classifier, record, tmp_path):
    ready.train()
    assert ready.wait(10)
    classifier.started.clear()
    classifier.go_on.clear()
    ready.train()
    assert classifier.started.wait(10)
    ready.save_model(tmp_path / "m.model")
    classifier.go_on.set()
    assert ready.wait(10)
    assert len(record.of("trained")) == 2
    assert (tmp_path / "m.model").exists()


def test_a_trained_classifier_can_be_brought_along(ready, classifier, image):
    ready.train()
    assert ready.wait(10)
    other = Session(classifier)
    assert other.fitted
    assert [info.number for info in other.classes] == [1, 2]
    other.close()


def test_unknown_class_is_refused(session):
    with pytest.raises(ClassesError):
        session.remove_class(3)


def test_clicks_changed_tells_of_changes_only(ready, record, clicks):
    ready.set_clicks(Clicks(clicks.positions_px.copy(), clicks.classes.copy(), clicks.shape_px))
    assert record.of("clicks_changed") == []
    ready.set_clicks(Clicks(clicks.positions_px, clicks.classes[::-1].copy(), clicks.shape_px))
    assert len(record.of("clicks_changed")) == 1


def test_pixels_of_a_class_index_a_labels_image(ready, clicks):
    labels = ready.blank_labels()
    labels[ready.pixels_of(1)] = 1
    labels[ready.pixels_of(2)] = 2
    np.testing.assert_array_equal(labels, clicks.to_labels())
