"""A viewer that trains at every line it is told, and answers with the largest gap between two ticks, in seconds."""

from __future__ import annotations

import sys

import napari
from live import gaps_s, train

from _speed.window import TICK_MS
from clicktrain.data.samples import immunohistochemistry
from clicktrain.napari.launch import show_sample


def main() -> None:
    viewer = napari.Viewer(title="ClickTrain")
    widget = show_sample(viewer, immunohistochemistry())
    # The first training also loads torch; benchmarks/live.py reports it by itself.
    train(widget)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(max(gaps_s(lambda: train(widget), TICK_MS)), flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
