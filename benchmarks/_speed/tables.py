"""The report as Markdown; reads nothing but the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

from _speed.rows import WHEN, ratios

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from _speed.rows import Row

HEAD = ("What", "By", "Quiet", "Busy", "Slowdown", "Beside peers")
EXPLANATION = """\
Medians of {rounds} in which all this is done in turn; what takes minutes is repeated less often. Busy: beside two
other processes that compute on all cores. Slowdown: busy by quiet. Beside peers: how many times as long ClickTrain
takes, quiet / busy. Training and classifying include all features of the image.
"""


def report_text(report: Mapping[str, Any]) -> str:
    rows, count = report["rows"], report["rounds"]
    lines = [_line(rows, one) for one in rows]
    lines += [(what, "", "not measured", why, "", "") for what, why in report["left_out"].items()]
    explanation = EXPLANATION.format(rounds=f"{count} rounds" if count > 1 else "one round")
    return f"Measured on {machine_name(report['machine'])}.\n\n{explanation}\n{table(HEAD, lines)}"


def _line(rows: Sequence[Row], one: Row) -> tuple[str, ...]:
    quiet_s, busy_s = (_seconds(one[f"{when}_s"]["median"]) for when in WHEN)
    quiet, busy = (ratios(rows, one, when) for when in WHEN)
    beside = ", ".join(f"{quiet[peer]:.2f} / {busy[peer]:.2f} x {peer}" for peer in quiet)
    return one["title"], one["method"], quiet_s, busy_s, f"{one['slowdown']:.1f}", beside


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
