from __future__ import annotations

import threading

import numpy as np
import pytest

from clicktrain.annotations.clicks import Clicks
from clicktrain.config import ClassInfo
from clicktrain.errors import ClassesError, ClicksError, ImageError
from clicktrain.geometry.region import Region
from clicktrain.project import Project
from tests.project.conftest import open_image


def test_training_then_predicting_classifies_every_pixel(ready, record, image):
    ready.train_and_predict()
    assert ready.wait(10)
    (report,), (prediction,) = record.of("trained"), record.of("predicted")
    assert (report.n_clicks, report.loss) == (3, pytest.approx(1 / 3))
    np.testing.assert_array_equal(prediction.classes, np.where(image > 0, 2, 1))
    assert prediction.classes.dtype == np.uint8
    assert prediction.confidence.shape == image.shape
    assert prediction.image_id == ready.chosen.id
    assert record.of("failed") == []


def test_first_answer_comes_before_training_has_ended(ready, record, classifier, image):
    classifier.embeds = True
    classifier.go_on.clear()
    ready.train_and_predict()
    assert classifier.started.wait(10)
    (first,) = record.of("preview_ready")
    assert first.image_id == ready.chosen.id
    np.testing.assert_array_equal(first.classes, np.ones_like(image))
    assert record.of("trained") == record.of("predicted") == []
    classifier.go_on.set()
    assert ready.wait(10)
    assert len(record.of("predicted")) == len(record.of("preview_ready")) == 1


def test_a_preview_of_a_volume_leaves_slices_without_clicks_as_they_were(project, record, classifier, image):
    classifier.embeds = True
    labels = np.zeros((3, *image.shape), np.uint8)
    labels[1, 5, 3], labels[1, 5, 25] = 1, 2
    open_image(project, np.stack([image] * 3), "ZYX")
    project.set_clicks(labels)
    for _ in range(2):
        project.train_and_predict()
        assert project.wait(10)
    first, second = (preview.classes for preview in record.of("preview_ready"))
    np.testing.assert_array_equal(first[1], np.ones_like(image))
    assert (first[[0, 2]] == 0).all()
    predicted = record.of("predicted")[0].classes
    np.testing.assert_array_equal(second[[0, 2]], predicted[[0, 2]])


def test_an_image_is_embedded_once(ready, record, classifier, image):
    classifier.embeds = True
    for _ in range(2):
        ready.train_and_predict()
        assert ready.wait(10)
    assert classifier.calls.count("embed") == 1
    assert len(record.of("preview_ready")) == 2
    clicks = ready.chosen.clicks
    open_image(ready, image.copy(), "YX", "another")
    ready.set_clicks(clicks)
    ready.train_and_predict()
    assert ready.wait(10)
    assert classifier.calls.count("embed") == 2


def test_training_alone_predicts_nothing(ready, record, classifier):
    ready.train()
    assert ready.wait(10)
    assert ready.is_trained("pixels")
    assert classifier.calls == ["fit"]
    assert record.of("predicted") == []


def test_signals_of_work_come_from_the_worker_thread(ready):
    threads = set()
    ready.events.progressed.connect(lambda _: threads.add(threading.current_thread().name))
    ready.events.trained.connect(lambda _: threads.add(threading.current_thread().name))
    ready.train()
    assert ready.wait(10)
    assert threads == {"clicktrain-project"}


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
    assert ready.is_trained("pixels")
    assert len(record.of("cancelled")) == 1
    assert record.of("failed") == record.of("predicted") == []


def test_failed_training_is_told_and_leaves_the_clicks(ready, record, classifier, clicks):
    classifier.error = ImageError("image must be finite, got NaN. Replace such pixels.")
    ready.train_and_predict()
    assert ready.wait(10)
    assert record.of("failed") == ["image must be finite, got NaN. Replace such pixels."]
    assert ready.chosen.clicks is clicks
    assert not ready.is_trained("pixels")


def test_work_without_an_image_fails_softly(project, record):
    project.train()
    project.predict()
    assert ["image must be open" in text for text in record.of("failed")] == [True, True]
    assert not project.busy


@pytest.mark.parametrize(
    ("positions", "classes", "text"),
    [
        ([], [], "got none"),
        ([[1, 1], [2, 2]], [1, 1], "only 'class 1'"),
    ],
    ids=["none", "one-class"],
)
def test_clicks_that_cannot_be_learned_from_fail_before_work_starts(
    project, record, classifier, image, positions, classes, text
):
    open_image(project, image)
    project.set_clicks(Clicks(np.array(positions, np.int64).reshape(-1, 2), np.array(classes, np.int64), (20, 30)))
    project.train()
    (failed,) = record.of("failed")
    with pytest.raises(ClicksError, match=text):
        raise ClicksError(failed)
    assert classifier.calls == []


def test_predicting_before_training_fails_softly(project, record, image):
    open_image(project, image)
    project.predict()
    assert "trained first" in record.of("failed")[0]


@pytest.mark.parametrize("kind", ["labels", "clicks"])
def test_clicks_of_another_shape_are_refused_and_those_there_stay(ready, clicks, kind):
    labels = np.zeros((5, 5), np.uint8)
    with pytest.raises(ClicksError, match="spatial shape"):
        ready.set_clicks(labels if kind == "labels" else Clicks.from_labels(labels))
    assert ready.chosen.clicks is clicks


def test_labels_are_clicks(project, image):
    labels = np.zeros(image.shape, np.uint8)
    labels[3:5, 4] = 2
    open_image(project, image)
    project.set_clicks(labels)
    assert (project.count(1), project.count(2)) == (0, 2)


def test_clicks_of_a_new_class_add_it_to_the_table(project, image):
    open_image(project, image)
    project.set_clicks(Clicks(np.array([[1, 1]]), np.array([4]), image.shape))
    assert [info.number for info in project.classes] == [4]


def test_a_class_with_clicks_is_not_removed(ready):
    with pytest.raises(ClicksError, match="Erase its clicks first"):
        ready.remove_class(1)
    assert 1 in ready.classes


def test_a_class_without_clicks_is_removed(ready, record):
    info = ready.add_class("debris")
    ready.remove_class(info.number)
    assert info.number not in ready.classes
    assert len(record.of("classes_changed")) == 2


def test_opening_another_image_stops_the_work_for_the_first(ready, record, classifier, image):
    classifier.go_on.clear()
    ready.train_and_predict()
    assert classifier.started.wait(10)
    open_image(ready, image + 1)
    classifier.go_on.set()
    assert ready.wait(10)
    assert record.of("predicted") == []
    assert ready.chosen.clicks is None


@pytest.mark.parametrize("axes", ["XYC", "YC", "YY", "Y"])
def test_axes_that_do_not_fit_are_refused(project, image, axes):
    with pytest.raises(ImageError, match="axes"):
        project.add_image(image, axes=axes)
    assert project.images == ()


def test_shape_of_a_multichannel_image_is_its_spatial_shape(project):
    open_image(project, np.zeros((5, 20, 30)), "CYX")
    assert project.chosen.shape_px == (20, 30)


def test_saved_model_keeps_the_names_given_after_training(ready, record, tmp_path):
    ready.train()
    assert ready.wait(10)
    ready.edit_class(2, name="bright", color="#ff0000")
    ready.save_model(tmp_path / "halves.model")
    assert ready.wait(10)
    assert record.of("saved") == [str(tmp_path / "halves.model")]

    other = Project(type(ready.state.pixel_classifier)())
    other.load_model(tmp_path / "halves.model")
    assert other.wait(10)
    assert other.is_trained("pixels")
    assert other.classes[2] == ClassInfo(number=2, name="bright", color="#ff0000")
    other.close()


def test_a_model_whose_names_are_not_those_of_the_clicks_is_refused_until_they_are(ready, record, tmp_path):
    ready.train()
    assert ready.wait(10)
    ready.edit_class(1, name="gland")
    ready.edit_class(2, name="rest")
    ready.save_model(tmp_path / "m.model")
    assert ready.wait(10)
    for number, name in ((1, "other"), (2, "gland"), (1, "rest")):
        ready.edit_class(number, name=name)
    before = ready.state
    ready.load_model(tmp_path / "m.model")
    assert ready.wait(10)
    assert "class 1 must be 'rest', as what was clicked is, got 'gland'" in record.of("failed")[0]
    assert (ready.state.classes, ready.state.pixel_classifier) == (before.classes, before.pixel_classifier)
    for number, name in ((1, "other"), (2, "rest"), (1, "gland")):
        ready.edit_class(number, name=name)
    ready.load_model(tmp_path / "m.model")
    assert ready.wait(10)
    assert len(record.of("failed")) == 1
    assert ready.state.pixel_classifier is not before.pixel_classifier


def test_a_model_that_cannot_be_read_leaves_the_classifier(ready, record, tmp_path):
    ready.train()
    assert ready.wait(10)
    before = ready.state.pixel_classifier
    ready.load_model(tmp_path / "nothing.model")
    assert ready.wait(10)
    assert "nothing.model" in record.of("failed")[0]
    assert ready.state.pixel_classifier is before
    assert ready.is_trained("pixels")


def test_saving_before_training_fails_softly(project, record, tmp_path):
    project.save_model(tmp_path / "m.model")
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
    other = Project(classifier)
    assert other.is_trained("pixels")
    assert [info.number for info in other.classes] == [1, 2]
    other.close()


def test_unknown_class_is_refused(project):
    with pytest.raises(ClassesError):
        project.remove_class(3)


def test_clicks_changed_tells_of_changes_only(ready, record, clicks):
    ready.set_clicks(Clicks(clicks.positions_px.copy(), clicks.classes.copy(), clicks.shape_px))
    assert record.of("clicks_changed") == []
    ready.set_clicks(Clicks(clicks.positions_px, clicks.classes[::-1].copy(), clicks.shape_px))
    assert len(record.of("clicks_changed")) == 1


def test_pixels_of_a_class_index_a_labels_image(ready, clicks):
    labels = np.zeros(clicks.shape_px, np.int64)
    for number in (1, 2):
        labels[ready.chosen.pixels_of(number)] = number
    np.testing.assert_array_equal(labels, clicks.to_labels())


def test_work_of_both_classifiers_takes_turns_and_each_says_whose_it_is(ready, classifier, image_model, tmp_path):
    said = []
    ready.events.failed.connect(lambda model, text: said.append(model))
    classifier.go_on.clear()
    ready.train()
    assert classifier.started.wait(10)
    ready.load_model(tmp_path / "nothing", "images")
    assert ready.is_busy("pixels")
    assert ready.is_busy("images")
    assert (ready.is_waiting("pixels"), ready.is_waiting("images")) == (False, True)
    classifier.go_on.set()
    assert ready.wait(10)
    assert said == ["images"]
    assert ready.is_trained("pixels")


class TestSeveralImages:
    """Each has its clicks; a training learns from all that are alike."""

    @pytest.fixture
    def both(self, ready, image):
        """A second image, brighter by 1, that is chosen and has no clicks yet."""
        open_image(ready, image + 1, name="brighter")
        return ready

    def test_clicks_stay_with_their_image(self, both, record, clicks):
        first = both.images[0]
        assert (both.count(1), both.chosen.clicks) == (0, None)
        both.choose_image(first.id)
        assert both.count(1) == 2
        assert len(record.of("clicks_changed")) == 1
        both.set_clicks(None, image=first.id)
        assert both.count(1) == 0

    def test_training_learns_from_all_and_classifies_the_chosen_one(self, both, record, clicks):
        both.set_clicks(clicks)
        both.train_and_predict()
        assert both.wait(10)
        (report,), (prediction,) = record.of("trained"), record.of("predicted")
        assert (report.n_images, report.n_clicks) == (2, 6)
        assert report.text.startswith("Trained on 6 clicks of 2 images in ")
        assert both.state.pixel_classifier.means == {1: 0.5, 2: 4.5}
        assert prediction.image_id == both.images[1].id

    def test_clicks_of_another_image_are_enough_and_give_no_preview(self, both, record, classifier):
        classifier.embeds = True
        both.train_and_predict()
        assert both.wait(10)
        assert len(record.of("predicted")) == 1
        assert record.of("preview_ready") == []

    def test_classes_may_be_clicked_in_different_images(self, ready, record, image):
        ready.set_clicks(Clicks(np.array([[5, 3]]), np.array([1]), image.shape))
        open_image(ready, image, name="again")
        ready.set_clicks(Clicks(np.array([[5, 25]]), np.array([2]), image.shape))
        assert ready.clicked_classes == (1, 2)
        ready.train()
        assert ready.wait(10)
        assert ready.state.pixel_classifier.means == {1: 0, 2: 4}

    @pytest.mark.parametrize(("shape", "axes"), [((3, 20, 30), "ZYX"), ((3, 20, 30), "CYX")])
    def test_images_of_another_kind_are_left_out(self, ready, record, shape, axes):
        open_image(ready, np.ones(shape), axes)
        ready.train()
        assert ready.wait(10)
        assert "got none" in record.of("failed")[0]

    def test_axes_in_another_order_are_brought_into_one(self, project, classifier, image, clicks):
        seen = []
        classifier.fit = lambda images, clicks, **options: seen.append([i.read(Region((0, 0), (2, 3))) for i in images])
        for pixels, axes in ((np.stack([image] * 2, axis=-1), "YXC"), (np.stack([image] * 2), "CYX")):
            open_image(project, pixels, axes)
            project.set_clicks(clicks)
        project.train()
        assert project.wait(10)
        assert len(seen[0]) == 2
        for values in seen[0]:
            np.testing.assert_array_equal(values, np.stack([image[:2, :3]] * 2))

    def test_a_removed_image_takes_its_clicks_along(self, both, record, clicks):
        both.remove_images([both.images[0].id])
        assert [image.name for image in both.images] == ["brighter"]
        both.remove_images([both.chosen.id])
        assert both.chosen is None
        both.train()
        assert "image must be open" in record.of("failed")[0]

    def test_ids_are_not_given_again(self, both, image):
        last = both.images[-1].id
        both.remove_images([last])
        assert both.add_image(image) > last

    def test_a_class_with_clicks_in_another_image_is_not_removed(self, both):
        with pytest.raises(ClicksError, match="got 2"):
            both.remove_class(1)

    def test_an_unknown_image_cannot_be_chosen(self, both):
        before = both.chosen
        with pytest.raises(ImageError, match="unknown id 99"):
            both.choose_image(99)
        assert both.chosen is before


def test_a_file_is_an_image(project, image, tmp_path):
    np.save(tmp_path / "i.npy", image)
    image_id = project.add_image(tmp_path / "i.npy", axes="YX")
    added = project.state.image(image_id)
    assert (added.name, added.path, added.is_lazy) == ("i.npy", tmp_path / "i.npy", True)
    np.testing.assert_array_equal(added.source.read(Region.whole(image.shape))[0], image)
