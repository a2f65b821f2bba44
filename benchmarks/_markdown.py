"""Reports as Markdown: a table, and the machine in words; needs nothing but the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine_name(machine: Mapping[str, Any]) -> str:
    """The device that computed, in words."""
    capability = f", {machine['cpu_capability']}" if "cpu_capability" in machine else ""
    cores = f"{machine['cores']} CPU cores ({machine['processor']}{capability})"
    return f"{machine['gpu']} with {cores}" if machine.get("gpu") else cores
