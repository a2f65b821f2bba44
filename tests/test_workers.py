"""Independent work side by side: in order, without a trace in the threads of others, and given up cleanly."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import torch

from clicktrain.progress import drained
from clicktrain.workers import Workers, on_one_core, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 3])
def n_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """PyTorch with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def returning(value: int, seconds: float = 0.0) -> Callable[[], int]:
    def task() -> int:
        time.sleep(seconds)
        return value

    return task


def test_results_come_in_the_order_of_the_tasks(n_threads: int) -> None:
    with Workers(CPU) as workers:
        assert workers.count == n_threads
        found = drained(workers.run(returning(number, 0.02 * (number % 3)) for number in range(8)))
    assert found == list(range(8))


def test_a_task_has_one_thread_and_the_caller_keeps_its_own(n_threads: int) -> None:
    with Workers(CPU) as workers:
        assert set(drained(workers.run([torch.get_num_threads] * 6))) == {1}
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == n_threads


def test_on_one_core_is_seen_by_no_other_thread_and_ends() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    seen: list[int] = []
    with on_one_core():
        assert torch.get_num_threads() == 1
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
    assert (torch.get_num_threads(), seen) == (3, [3])
    torch.set_num_threads(before)


def test_tasks_are_asked_for_as_they_are_needed(n_threads: int) -> None:
    asked: list[int] = []

    def tasks() -> Iterator[Callable[[], int]]:
        for number in range(20):
            asked.append(number)
            yield returning(number)

    with Workers(CPU) as workers:
        steps = workers.run(tasks())
        next(steps)
        assert len(asked) <= n_threads + 2
        steps.close()
    assert len(asked) <= n_threads + 2


def test_what_a_task_raises_is_raised_when_the_others_have_ended(n_threads: int) -> None:
    ended: list[int] = []

    def slow() -> int:
        time.sleep(0.1)
        ended.append(1)
        return 1

    def broken() -> int:
        raise MemoryError("full")

    with Workers(CPU) as workers:
        with pytest.raises(MemoryError, match="full"):
            drained(workers.run([broken, slow, slow]))
        count = len(ended)
        time.sleep(0.2)
        assert len(ended) == count


def test_a_settled_task_runs_no_more() -> None:
    running = threading.Event()

    def task() -> None:
        running.set()
        time.sleep(0.1)
        running.clear()

    with Workers(CPU) as workers:
        begun = [workers.submit(task) for _ in range(3)]
        settle(begun)
        assert not running.is_set()


def test_other_devices_have_no_threads() -> None:
    workers = Workers(torch.device("meta"))
    assert workers.count == 1
    here = threading.get_ident()
    assert drained(workers.run([threading.get_ident] * 2)) == [here, here]
