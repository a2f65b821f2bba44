from __future__ import annotations

import json
import os
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import speed
from _few_clicks.sets import Picture
from _speed import load, processes, run
from _speed.cases import STROKE_PX, Case, grey_case, more_and_more
from _speed.rounds import MOST_S, run_rounds
from _speed.rows import figures_of, row
from _speed.tables import report_text
from _speed.works import Work, fit_and_predict

from tests.benchmarks.folders import save
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = [
    row("fit_grey", "clicktrain", "train", [3.0, 2.0, 9.0], [6.0, 6.0, 7.0]),
    row("fit_grey", "peer", "train", [1.5, 1.5, 1.5], [2.0, 2.0, 2.0]),
    row("embed", "clicktrain", "embed", [0.25], [0.5]),
]


class FakeLoad:
    """Says whether it runs."""

    busy = False

    @contextmanager
    def running(self) -> Iterator[None]:
        self.busy = True
        yield
        self.busy = False


def test_every_work_is_done_quiet_and_busy_in_every_round() -> None:
    fake, done = FakeLoad(), []

    def seconds(key: str) -> float:
        done.append((key, fake.busy))
        return 2.0 if fake.busy else 1.0

    works = [Work(key, "clicktrain", key, lambda key=key: seconds(key)) for key in "ab"]
    rows = list(run_rounds(works, fake, 3))[-1]
    assert done == [("a", False), ("b", False), *[("a", False), ("a", True), ("b", False), ("b", True)] * 3]
    assert [(one["key"], one["slowdown"]) for one in rows] == [("a", 2.0), ("b", 2.0)]


def test_what_takes_long_is_not_repeated() -> None:
    work = Work("a", "clicktrain", "a", lambda: MOST_S)
    first, *_, last = run_rounds([work], FakeLoad(), 3)
    assert first == last
    assert last[0]["busy_s"]["count"] == 1


def test_rows_keep_the_spread_and_figures_the_medians() -> None:
    assert ROWS[0]["quiet_s"] == {"min": 2.0, "median": 3.0, "max": 9.0, "count": 3}
    found = figures_of(ROWS)
    assert found["speed.clicktrain.fit_grey.quiet_s"] == 3.0
    assert found["speed.clicktrain.fit_grey.quiet_ratio.peer"] == 2.0
    assert found["speed.clicktrain.fit_grey.busy_ratio.peer"] == 3.0
    assert not any(key.startswith(("speed.peer.fit_grey.quiet_r", "speed.clicktrain.embed.quiet_r")) for key in found)


def test_table_says_what_was_not_measured_and_why() -> None:
    machine = {"cores": 2, "processor": "some"}
    text = report_text({"rows": ROWS, "rounds": 3, "left_out": {"the window": "no display"}, "machine": machine})
    assert "| train | clicktrain | 3 s | 6 s | 2.0 | 2.00 / 3.00 x peer |" in text
    assert "| the window |  | not measured | no display |" in text


def test_only_what_rules_threads_is_removed_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "HOME": "here"})
    processes.forget_rules()
    assert os.environ == {"HOME": "here"}


def test_load_computes_only_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "LIBRARIES", ("numpy",))
    with load.Load() as entered:
        (process,) = entered._processes

        def await_state(state: int) -> None:
            os.waitid(os.P_PID, process.pid, state)

        await_state(os.WSTOPPED)
        with entered.running():
            await_state(os.WCONTINUED)
        await_state(os.WSTOPPED)
    assert process.poll() is not None


def test_peer_is_trained_before_it_classifies() -> None:
    image, truth = two_textures(64)
    works = list(fit_and_predict(Case("grey", Picture(image, "YX"), strokes(truth, rows=(20,))), ["ilastik-rf"]))
    assert [work.key for work in works] == ["fit_grey", "predict_grey"]
    assert works[0].title == "train, 20 px in 2 classes, grey 64 x 64"
    assert all(work.seconds() > 0 for work in works)


@pytest.mark.parametrize("from_folder", [False, True])
def test_grey_image_has_the_same_few_clicks_in_two_classes(from_folder: bool, tmp_path: Path) -> None:
    image, truth = two_textures(64)
    for name in ("a.png", "b.png"):
        save(tmp_path, name, image, truth)
    case = grey_case(tmp_path if from_folder else None)
    assert case.picture.axes == "YX"
    assert np.unique(case.labels[case.labels > 0], return_counts=True)[1].tolist() == [100, 100]


def test_each_answer_is_to_one_more_stroke() -> None:
    lengths = [len(clicks) for clicks in islice(more_and_more(), 3)]
    assert np.diff(lengths).tolist() == [STROKE_PX, STROKE_PX]


def test_report_is_written_after_every_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, out = [], tmp_path / "out.json"

    def measure(data: Path, rounds: int) -> Iterator[dict[str, object]]:
        for number in range(1, len(ROWS) + 1):
            yield {"rows": ROWS[:number], "rounds": rounds, "left_out": {}}
            seen.append(len(json.loads(out.read_text())["rows"]))

    monkeypatch.setattr(run, "measure", measure)
    speed.run(speed.parse(["--json", str(out), "--data", str(tmp_path / "set"), "--rounds", "2"]))
    assert seen == [1, 2, 3]
    assert json.loads(out.read_text())["command"] == "speed.py --json out.json --rounds 2 --data set"
