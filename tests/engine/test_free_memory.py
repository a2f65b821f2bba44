"""Free memory is what the system and every control group leave to the process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch

from clicktrain.engine import free_memory
from clicktrain.engine.free_memory import default_budget_bytes, free_bytes

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
MEMINFO = "MemTotal:       16000 kB\nMemAvailable:    8000 kB\nHugePages_Total:       0\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Linux machine without control groups."""
    monkeypatch.setattr(free_memory.sys, "platform", "linux")
    monkeypatch.setattr(free_memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(free_memory, "_CGROUPS", tmp_path / "groups")
    write(tmp_path / "proc", {"meminfo": MEMINFO})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def enter(machine: Path, line: str) -> None:
    write(machine / "proc" / "self", {"cgroup": f"5:devices:/\n{line}\n"})


def test_free_memory_is_what_the_system_calls_available(machine: Path) -> None:
    assert free_bytes(CPU) == 8000 * 1024
    assert default_budget_bytes(CPU) == 4000 * 1024


def test_a_group_of_version_2_limits_it_and_cached_files_give_way(machine: Path) -> None:
    enter(machine, "0::/user/job")
    files = {"memory.max": "5000\n", "memory.current": "3000\n", "memory.stat": "anon 1\ninactive_file 500\n"}
    write(machine / "groups" / "user" / "job", files)
    assert free_bytes(CPU) == 2500


def test_a_group_further_up_limits_it(machine: Path) -> None:
    enter(machine, "0::/user/job")
    write(machine / "groups" / "user" / "job", {"memory.max": "max\n", "memory.current": "3000\n", "memory.stat": ""})
    write(machine / "groups" / "user", {"memory.max": "7000\n", "memory.current": "3000\n", "memory.stat": ""})
    assert free_bytes(CPU) == 4000


def test_a_group_of_version_1_limits_it(machine: Path) -> None:
    enter(machine, "4:cpu,memory:/job")
    files = {
        "memory.limit_in_bytes": "9000",
        "memory.usage_in_bytes": "4000",
        "memory.stat": "total_inactive_file 1000\n",
    }
    write(machine / "groups" / "memory", files)
    assert free_bytes(CPU) == 6000


def test_a_group_that_is_over_its_limit_leaves_nothing(machine: Path) -> None:
    enter(machine, "0::/")
    write(machine / "groups", {"memory.max": "5000\n", "memory.current": "9000\n", "memory.stat": ""})
    assert free_bytes(CPU) == 0


def test_without_a_word_of_the_system_all_memory_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "proc" / "meminfo").unlink()
    pages = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert free_bytes(CPU) == 4_096_000


def test_an_accelerator_is_asked_and_what_pytorch_keeps_unused_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 300)
    assert free_bytes(torch.device("cuda")) == 1400


def test_there_is_memory_here() -> None:
    assert free_bytes(CPU) > 2**20
