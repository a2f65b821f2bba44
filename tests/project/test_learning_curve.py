from __future__ import annotations

import pytest

from clicktrain.progress import Progress
from clicktrain.project.learning_curve import CurveRecorder


@pytest.mark.parametrize("total", [7, 100, 20_000])
def test_a_training_of_any_length_gives_about_a_hundred_points_at_most(total):
    recorder = CurveRecorder()
    told = [recorder.add(Progress("training", step, total, loss=2.0)) for step in range(1, total + 1)]
    training = recorder.curve.training
    assert sum(told) == len(training) == min(total, 101)
    assert training[-1] == (1.0, 2.0)
    assert [loss for _, loss in training] == [2.0] * len(training)


def test_points_are_means_of_the_losses_between_them():
    recorder = CurveRecorder()
    for step in range(1, 1001):
        recorder.add(Progress("training", step, 1000, loss=float(step)))
    shares, losses = zip(*recorder.curve.training, strict=True)
    assert shares[1:3] == (0.01, 0.02)
    assert losses[2] == sum(range(11, 21)) / 10


def test_a_step_that_is_told_twice_counts_once():
    recorder = CurveRecorder()
    assert recorder.add(Progress("training", 1, 4, loss=1.0))
    assert not recorder.add(Progress("training", 1, 4, loss=1.0))
    assert not recorder.add(Progress("training", 2, 4))


def test_validation_is_one_point_where_the_training_was():
    recorder = CurveRecorder()
    recorder.add(Progress("training", 2, 4, loss=1.0))
    assert not recorder.add(Progress("validating", 0, 1))
    assert recorder.add(Progress("validating", 1, 1, 0.5, 0.75))
    assert recorder.curve.validation == ((0.5, 0.5),)
    assert recorder.curve.accuracy == ((0.5, 0.75),)


def test_accuracy_is_that_of_the_epoch_with_the_lowest_loss():
    recorder = CurveRecorder()
    assert recorder.curve.best_accuracy is None
    for loss, accuracy in ((0.5, 0.7), (0.3, 0.8), (0.3, 0.9), (0.4, 1.0)):
        recorder.add(Progress("validating", 1, 1, loss, accuracy))
    assert recorder.curve.best_accuracy == 0.8
