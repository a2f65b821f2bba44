"""The script that checks for system libraries, run on machines that are folders of fake commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "install_system_libraries.sh"
DISPLAY_COMMANDS = ["Xvfb", "xvfb-run", "xauth"]


class Machine:
    """All that a machine has on its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bash", "grep", "tr"):
            found = shutil.which(name)
            assert found
            (folder / name).symlink_to(found)
        self.add("ldconfig")
        self.add("id", "echo 1000")

    def add(self, name: str, body: str = "exit 0") -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def check(self, *parts: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.folder), "PYTHON": python}
        command = [str(self.folder / "bash"), str(SCRIPT), *parts]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_complete_machine_passes_in_silence(machine: Machine) -> None:
    for name in DISPLAY_COMMANDS:
        machine.add(name)
    answer = machine.check("venv", "xvfb")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_user_without_rights_gets_one_line_to_run(machine: Machine) -> None:
    machine.add("apt-get")
    answer = machine.check("gui", "xvfb")
    (line,) = [
        line for line in answer.stderr.splitlines() if line.startswith("sudo apt-get update && sudo apt-get install")
    ]
    assert answer.returncode == 1
    assert {"libegl1", "libgl1", "libxcb-cursor0", "xvfb", "xauth"} <= set(line.split())


def test_other_distribution_is_told_what_is_missing(machine: Machine) -> None:
    answer = machine.check("xvfb")
    assert answer.returncode == 1
    assert "Debian packages: xvfb xauth" in answer.stderr


def test_root_installs_what_is_missing_and_no_more(machine: Machine) -> None:
    log = machine.folder / "log"
    put_there = "; ".join(f"ln -s {machine.folder}/id {machine.folder}/{name}" for name in DISPLAY_COMMANDS[:2])
    (machine.folder / "ln").symlink_to(shutil.which("ln") or "")
    machine.add("id", "echo 0")
    machine.add("xauth")
    machine.add("apt-get", f'echo "$@" >> {log}; [[ $1 == update ]] || {{ {put_there}; }}')
    answer = machine.check("xvfb")
    assert answer.returncode == 0, answer.stderr
    assert log.read_text().splitlines() == ["update -q", "install -q -y --no-install-recommends xvfb"]


def test_installation_that_brings_nothing_is_an_error(machine: Machine) -> None:
    machine.add("id", "echo 0")
    machine.add("apt-get")
    answer = machine.check("xvfb")
    assert answer.returncode == 1
    assert "still not found: xvfb xauth" in answer.stderr


def test_old_python_is_refused_by_name(machine: Machine) -> None:
    machine.add("python3.9", '[[ $1 != -V ]] || echo "Python 3.9.2"; [[ $1 == -V ]]')
    answer = machine.check("venv", python="python3.9")
    assert answer.returncode == 1
    assert "Python 3.11 or newer is needed, 'python3.9' is Python 3.9.2" in answer.stderr


def test_absent_python_is_refused_by_name(machine: Machine) -> None:
    answer = machine.check("venv", python="python3")
    assert answer.returncode == 1
    assert "'python3' was not found" in answer.stderr


def test_python_without_venv_needs_the_package_of_its_version(machine: Machine) -> None:
    machine.add("apt-get")
    machine.add("python3", f'[[ $2 != *ensurepip* ]] && exec {sys.executable} "$@"; exit 1')
    answer = machine.check("venv", python="python3")
    assert answer.stderr.strip().endswith(f"python3.{sys.version_info.minor}-venv")


def test_unknown_part_is_an_error(machine: Machine) -> None:
    answer = machine.check("sound")
    assert answer.returncode == 1
    assert "no part called 'sound'" in answer.stderr
