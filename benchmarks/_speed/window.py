"""How long the window does not answer while it trains: a real viewer in a process of its own."""

from __future__ import annotations

from typing import Self

from _speed.processes import started, told

TICK_MS = 10


class Window:
    """A viewer on the demo's image that has been trained once; it is open while this is entered."""

    def __enter__(self) -> Self:
        self._process = started("_speed.window_child")
        told(self._process)
        return self

    def __exit__(self, *_: object) -> None:
        # The end of its input closes the window.
        self._process.communicate()

    def largest_gap_s(self) -> float:
        """Train once more; seconds of the largest gap between two ticks of a timer of the widgets."""
        assert self._process.stdin
        self._process.stdin.write("train\n")
        return float(told(self._process))
