from __future__ import annotations

import numpy as np
import pytest

from pretraining.pool import draw_pair
from pretraining.queries import askable, draw_queries
from pretraining.tasks import Task, random_task

MARGIN_PX = 20


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tasks() -> list[tuple[np.ndarray, Task]]:
    """What some pairs of images show, and a task on each."""
    shown = [draw_pair(seed, 96)[1].astype(np.int64) for seed in range(12)]
    found = [(pair, random_task(pair, rng(seed), MARGIN_PX)) for seed, pair in enumerate(shown)]
    return [(pair, task) for pair, task in found if task is not None]


TASKS = tasks()


def border() -> np.ndarray:
    outside = np.ones((96, 96), bool)
    outside[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = False
    return outside


def test_most_images_can_be_labelled() -> None:
    assert len(TASKS) > 8
    assert {task.n_classes for _, task in TASKS} == {2, 3, 4}


@pytest.mark.parametrize(("shown", "task"), TASKS)
def test_a_task_has_strokes_of_all_its_classes_in_the_inner_window_only(shown: np.ndarray, task: Task) -> None:
    assert np.unique(task.strokes).tolist() == list(range(task.n_classes + 1))
    assert not task.strokes[border()].any()
    clicked = task.strokes > 0
    assert np.array_equal(task.strokes[clicked], task.targets[0][clicked])


@pytest.mark.parametrize(("shown", "task"), TASKS)
def test_what_looks_alike_is_one_class_in_both_images(shown: np.ndarray, task: Task) -> None:
    for number in np.unique(shown):
        assert len(np.unique(task.targets[shown == number])) == 1


def test_one_thing_alone_is_no_task() -> None:
    shown = np.zeros((2, 96, 96), np.int64)
    assert random_task(shown, rng(), MARGIN_PX) is None
    # Neither is a second one that only the border or the second image shows.
    shown[0, :MARGIN_PX] = shown[1] = 1
    assert random_task(shown, rng(), MARGIN_PX) is None


@pytest.mark.parametrize(("shown", "task"), TASKS[:5])
def test_queries_are_unclicked_pixels_of_interest_away_from_the_border(shown: np.ndarray, task: Task) -> None:
    classes = askable(task, MARGIN_PX)
    (image, y, x), wanted = draw_queries(classes, task.n_classes, 1000, rng())
    assert np.array_equal(wanted, task.targets[image, y, x] - 1)
    assert wanted.min() >= 0
    assert not border()[y, x].any()
    assert not task.strokes[y, x][image == 0].any()


def test_half_of_the_queries_are_even_over_the_classes() -> None:
    classes = np.ones((2, 50, 50), np.int64)
    classes[0, 0, :10] = 2
    _, wanted = draw_queries(classes, 2, 2000, rng())
    assert len(wanted) == 2000
    assert (wanted == 1).mean() == pytest.approx(0.25, abs=0.01)


def test_a_class_without_pixels_is_not_asked_for() -> None:
    _, wanted = draw_queries(np.ones((2, 50, 50), np.int64), 2, 2000, rng())
    assert len(wanted) == 1500
    assert not wanted.any()
