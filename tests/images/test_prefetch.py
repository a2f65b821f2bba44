from __future__ import annotations

import threading

import pytest

from clicktrain.images.prefetch import prefetched


@pytest.mark.parametrize("ahead", [1, 3])
def test_results_come_in_order_and_few_are_read_in_advance(ahead: int) -> None:
    read: list[int] = []

    def reading(item: int) -> int:
        read.append(item)
        return item * 2

    for n, result in enumerate(prefetched(reading, range(20), ahead=ahead)):
        assert result == 2 * n
        assert len(read) <= n + 1 + ahead
    assert read == list(range(20))


def test_the_next_is_read_while_the_present_is_used() -> None:
    second = threading.Event()
    results = prefetched(lambda item: second.set() if item else None, [0, 1])
    next(results)
    assert second.wait(10)
    results.close()


def test_an_error_of_reading_comes_in_its_turn() -> None:
    results = prefetched(lambda item: 1 // item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_ends_the_thread() -> None:
    results = prefetched(lambda item: item, range(5))
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("clicktrain-read")]
