from __future__ import annotations

import logging
import threading

import pytest

from clicktrain.errors import ClickTrainError, ImageError
from clicktrain.progress import Progress
from clicktrain.project.runner import Runner, WorkKind

WORK, SAVE = WorkKind("pixels", "train"), WorkKind("pixels", "save")


class Gate:
    """A job that stands still between its first step and its second until it is let go."""

    def __init__(self, result: object = "result") -> None:
        self.result = result
        self.entered = threading.Event()
        self.released = threading.Event()

    def __call__(self, task):
        task.report(Progress("working", 0, 2))
        self.entered.set()
        assert self.released.wait(10)
        task.report(Progress("working", 1, 2))
        return self.result


@pytest.fixture
def runner():
    runner = Runner()
    yield runner
    runner.close()


@pytest.fixture
def outcomes(runner):
    seen = []
    runner.cancelled.connect(lambda kind: seen.append("cancelled"))
    runner.failed.connect(lambda kind, text: seen.append(text))
    return seen


def test_job_runs_on_a_thread_of_its_own(runner):
    threads = []
    runner.submit(WORK, lambda task: threading.current_thread(), threads.append)
    assert runner.wait(10)
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


def test_no_thread_is_started_before_the_first_job(runner):
    assert not [thread for thread in threading.enumerate() if thread.name == "clicktrain-project"]


def test_newest_request_wins_over_running_and_waiting_ones(runner, outcomes):
    first, published = Gate("first"), []
    runner.submit(WORK, first, published.append)
    assert first.entered.wait(10)
    runner.submit(WORK, lambda task: "second", published.append)
    runner.submit(WORK, lambda task: "third", published.append)
    first.released.set()
    assert runner.wait(10)
    assert published == ["third"]
    assert outcomes == []


def test_requests_of_another_kind_wait_their_turn(runner):
    work, published = Gate("work"), []
    runner.submit(WORK, work, published.append)
    runner.submit(SAVE, lambda task: "save", published.append)
    work.released.set()
    assert runner.wait(10)
    assert published == ["work", "save"]


def test_stale_result_is_dropped_even_when_the_job_never_looks(runner):
    entered, released, published = threading.Event(), threading.Event(), []

    def deaf(task):
        entered.set()
        assert released.wait(10)
        return "stale"

    runner.submit(WORK, deaf, published.append)
    assert entered.wait(10)
    runner.submit(WORK, lambda task: "fresh", published.append)
    released.set()
    assert runner.wait(10)
    assert published == ["fresh"]


def test_cancelled_job_stops_at_its_next_step_and_says_so_once(runner, outcomes):
    gate, published = Gate(), []
    runner.submit(WORK, gate, published.append)
    assert gate.entered.wait(10)
    runner.cancel(WORK)
    runner.cancel(WORK)
    gate.released.set()
    assert runner.wait(10)
    assert published == []
    assert outcomes == ["cancelled"]


def test_cancelling_a_job_that_replaced_another_says_so_once(runner, outcomes):
    gate, published = Gate(), []
    runner.submit(WORK, gate, published.append)
    assert gate.entered.wait(10)
    runner.submit(WORK, lambda task: "second", published.append)
    runner.cancel(WORK)
    gate.released.set()
    assert runner.wait(10)
    assert published == []
    assert outcomes == ["cancelled"]


def test_cancelling_when_idle_does_nothing(runner, outcomes):
    runner.cancel(WORK)
    assert outcomes == []


def test_user_error_is_told_in_its_own_words(runner, outcomes, caplog):
    def job(task):
        raise ImageError("image must be finite, got NaN.")

    runner.submit(WORK, job, print)
    assert runner.wait(10)
    assert outcomes == ["image must be finite, got NaN."]
    assert not caplog.records


def test_unexpected_error_is_told_in_one_sentence_and_logged_with_its_traceback(runner, outcomes, caplog):
    def job(task):
        raise TypeError("unsupported operand\nsecond line")

    with caplog.at_level(logging.ERROR):
        runner.submit(WORK, job, print)
        assert runner.wait(10)
    assert outcomes == [
        "ClickTrain met a problem it did not expect (TypeError: unsupported operand). Please report it."
    ]
    assert caplog.records[0].exc_info[0] is TypeError


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
    ids=["python", "cpu", "cuda"],
)
def test_full_memory_is_told_as_such(runner, outcomes, error):
    def job(task):
        raise error

    runner.submit(WORK, job, print)
    assert runner.wait(10)
    assert outcomes[0].startswith("There was not enough memory")


def test_a_failed_job_does_not_stop_the_next(runner, outcomes):
    published = []

    def fail(task):
        raise ImageError("no")

    runner.submit(WORK, fail, published.append)
    assert runner.wait(10)
    runner.submit(WORK, lambda task: "fine", published.append)
    assert runner.wait(10)
    assert published == ["fine"]


def test_busy_from_submission_to_the_end(runner):
    gate, told = Gate(), []
    runner.busy_changed.connect(told.append)
    assert not runner.busy
    runner.submit(WORK, gate, told.append)
    runner.submit(SAVE, lambda task: "saved", told.append)
    assert runner.busy
    assert runner.kinds == {WORK, SAVE}
    gate.released.set()
    assert runner.wait(10)
    runner.close()
    assert not runner.busy
    assert runner.kinds == set()
    assert told == [WORK, SAVE, "result", WORK, "saved", SAVE]


def test_closing_stops_the_work_and_ends_the_thread(runner, outcomes):
    gate = Gate()
    runner.submit(WORK, gate, outcomes.append)
    assert gate.entered.wait(10)
    gate.released.set()
    runner.close()
    runner.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "clicktrain-project"]
    with pytest.raises(ClickTrainError, match="closed"):
        runner.submit(WORK, gate, outcomes.append)
