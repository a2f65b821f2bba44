from __future__ import annotations

import time
from typing import Any

import profile_demo
import pytest
import torch
from _profile import summary_text

from clicktrain import Clicks
from clicktrain.config import preset
from tests.textures import strokes, two_textures


def busy(seconds: float) -> None:
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass


def test_of_parts_inside_each_other_the_outer_one_counts() -> None:
    clock = profile_demo.Clock()
    inner = clock.timed("inner", busy)
    clock.timed("outer", lambda: (busy(0.01), inner(0.01)))()
    inner(0.01)
    assert clock.seconds["outer"] >= 0.02
    assert clock.seconds["inner"] >= 0.01


def test_a_part_that_fails_counts_and_ends() -> None:
    clock = profile_demo.Clock()
    with pytest.raises(TypeError):
        clock.timed("failing", busy)("long")
    clock.timed("after", busy)(0.01)
    assert set(clock.seconds) == {"failing", "after"}


def test_every_part_is_met_and_all_is_as_before() -> None:
    image, truth = two_textures(96)
    default = preset("auto")
    short = default.model_copy(update={"training": default.training.model_copy(update={"steps": 2})})
    before = torch.Tensor.backward
    works = profile_demo.measure(image, Clicks.from_labels(strokes(truth)), 1, preset=short)
    assert torch.Tensor.backward is before
    assert [work["key"] for work in works] == ["fit", "predict", "first_answer"]
    assert all(any(work["parts_s"][part] > 0 for work in works) for part in profile_demo.PARTS)
    assert all(sum(work["parts_s"].values()) == pytest.approx(work["processor_s"]) for work in works)


def test_table_shows_shares_of_the_processors_seconds() -> None:
    def work(title: str, **parts_s: float) -> dict[str, Any]:
        return {"title": title, "parts_s": parts_s, "processor_s": sum(parts_s.values()), "wall_s": 1.0}

    works = [work("Train", stem=1.0, other=3.0), work("Classify", stem=0.0, other=2.0)]
    machine = {"cores": 2, "processor": "some"}
    text = summary_text({"works": works, "machine": machine, "example": "grey", "threads": 2, "repeats": 1})
    assert "with 2 threads.\n" in text
    assert "| stem | 25% |  |" in text
    assert "| seconds of the processor | 4 s | 2 s |" in text
