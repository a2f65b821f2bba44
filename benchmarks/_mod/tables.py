"""The report of the Mixture-of-Depths benchmark as Markdown; reads nothing but the report, and needs no torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from _markdown import machine_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping

ENCODERS = ("Encoder", "Every second block", "GMAC a patch", "Parameters", "4 patches", "Faster")
DIGITS = ("Network", "MMAC an image", "Parameters", "256 images", "Faster", "Accuracy")
NAMES = {"plain": "plain", "last": "added to the last k", "own": "added to their own places"}


def summary_text(report: Mapping[str, Any]) -> str:
    """Both tables under the name of the machine."""
    figures = report["figures"]
    parts = [f"Measured on {machine_name(report['machine'])}:\n"]
    digits = _keys(figures, r"mod\.digits\.(\w+)\.accuracy")
    if digits:
        parts.append(table(DIGITS, [_digits_row(figures, *found) for found in digits]))
    encoders = _keys(figures, r"mod\.encoders\.(\w+)\.(plain|twin)\.ms")
    if encoders:
        parts.append(table(ENCODERS, [_encoders_row(figures, *found) for found in encoders]))
    return "\n".join(parts)


def _keys(figures: Mapping[str, float], pattern: str) -> list[tuple[str, ...]]:
    found = (re.fullmatch(pattern, key) for key in figures)
    return [match.groups() for match in found if match]


def _digits_row(figures: Mapping[str, float], name: str) -> list[str]:
    start = f"mod.digits.{name}"
    ratio, _, places = name.partition("_")
    shown = NAMES.get(name) or f"c = {ratio.removeprefix('c')}" + (f", {NAMES[places]}" if places else "")
    return [
        shown,
        f"{figures[f'{start}.mmac']:.1f}",
        f"{figures[f'{start}.parameters']:,.0f}",
        f"{figures[f'{start}.ms']:.0f} ms" if f"{start}.ms" in figures else "",
        f"{figures[f'{start}.speedup']:.2f}x" if f"{start}.speedup" in figures else "",
        f"{figures[f'{start}.accuracy']:.4f}",
    ]


def _encoders_row(figures: Mapping[str, float], name: str, kind: str) -> list[str]:
    start = f"mod.encoders.{name}.{kind}"
    return [
        name,
        "plain" if kind == "plain" else "Mixture-of-Depths",
        f"{figures[f'{start}.gmac']:.2f}",
        f"{figures[f'{start}.parameters']:,.0f}",
        f"{figures[f'{start}.ms']:.3g} ms",
        "" if kind == "plain" else f"{figures[f'mod.encoders.{name}.speedup']:.2f}x",
    ]
