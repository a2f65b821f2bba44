"""Other work is seen by the processor time that it takes away."""

from __future__ import annotations

import pytest

from clicktrain.engine import calm


@pytest.fixture
def clocks(monkeypatch):
    """Let both clocks run as told: seconds on the wall and seconds of processor time per look at them."""

    def run(wall_s, used_s, threads):
        monkeypatch.setattr(calm.time, "perf_counter", iter([0.0, wall_s]).__next__)
        monkeypatch.setattr(calm.time, "process_time", iter([0.0, used_s]).__next__)
        monkeypatch.setattr(calm.torch, "get_num_threads", lambda: threads)
        return calm.is_calm()

    return run


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_a_process_that_gets_all_its_threads_ask_for_is_alone(clocks, threads):
    assert clocks(1.0, 0.99 * threads, threads)


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_a_process_that_waits_for_the_processor_is_not(clocks, threads):
    assert not clocks(1.0, 0.7 * threads, threads)
