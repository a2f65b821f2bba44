"""Whether the window goes on answering while ClickTrain works, and how soon a cancel takes effect.

xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/live.py --json OUT

A 20 ms timer ticks in the thread of the widgets while the demo's image is trained on and classified in a real viewer;
the gaps between its ticks are what a user feels. The first run also loads torch, so it is reported by itself.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from _report import write_report
from qtpy.QtCore import QEventLoop, Qt, QTimer

from clicktrain.data.samples import immunohistochemistry
from clicktrain.napari.launch import show_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from clicktrain.napari.dock import ClickTrainWidget

TICK_MS = 20
RUNS, TRIALS = 3, 20
# Cancels are spread over this part of a training run, so that they fall on all its stages.
CANCEL_AFTER_S = (0.05, 3.0)


def wait_until(done: Callable[[], bool]) -> None:
    """Run the event loop until `done`, as napari does while a user waits."""
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if done() else None)
    timer.start(1)
    loop.exec()


def gaps_s(work: Callable[[], None], tick_ms: int = TICK_MS) -> list[float]:
    """Seconds between the ticks of a timer while `work` goes on."""
    ticks = [time.perf_counter()]
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(tick_ms)
    work()
    timer.stop()
    return [after - before for before, after in pairwise(ticks)]


def train(widget: ClickTrainWidget) -> None:
    widget.pixels.controls.train.click()
    wait_until(lambda: not widget.project.busy)


def cancel_s(widget: ClickTrainWidget, after_s: float) -> float:
    """Seconds from the click on Cancel, `after_s` into a run, to the end of all work."""
    widget.pixels.controls.train.click()
    start = time.perf_counter()
    wait_until(lambda: time.perf_counter() - start > after_s or not widget.project.busy)
    begin = time.perf_counter()
    widget.pixels.controls.status.cancel.click()
    wait_until(lambda: not widget.project.busy)
    return time.perf_counter() - begin


def measure(runs: int, trials: int) -> dict[str, float]:
    viewer = napari.Viewer(title="ClickTrain")
    widget = show_sample(viewer, immunohistochemistry())
    first = gaps_s(lambda: train(widget))
    later = [gap for _ in range(runs) for gap in gaps_s(lambda: train(widget))]
    cancels = [cancel_s(widget, after_s) for after_s in np.linspace(*CANCEL_AFTER_S, trials)]
    viewer.close()
    return {
        "live.first_gui_gap_max_s": max(first),
        "live.gui_gap_p99_s": float(np.quantile(later, 0.99)),
        "live.gui_gap_max_s": max(later),
        "live.cancel_p50_s": float(np.quantile(cancels, 0.5)),
        "live.cancel_p95_s": float(np.quantile(cancels, 0.95)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="one run and five cancels")
    options = parser.parse_args()
    figures = measure(1, 5) if options.quick else measure(RUNS, TRIALS)
    for key, seconds in figures.items():
        print(f"{key:<28}{seconds:8.4f}")
    if options.json:
        write_report(options.json, figures)


if __name__ == "__main__":
    main()
