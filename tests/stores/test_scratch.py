"""What is in the making is left alone while its process lives, and removed once that was killed."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clicktrain.stores import scratch
from clicktrain.stores.scratch import Scratch, discard, unused_name
from clicktrain.stores.whole_files import write_whole

MAKING = """
import sys
from pathlib import Path
from clicktrain.stores.scratch import Scratch
made = [Scratch(Path(sys.argv[1]) / "a.tif"), Scratch(Path(sys.argv[1]) / "a.zarr", folder=True)]
(made[1].path / "0").write_bytes(b"half")
print("made", flush=True)
sys.stdin.read()
"""
WRITING = """
import sys
from pathlib import Path
from clicktrain.stores.whole_files import write_whole
write_whole(Path(sys.argv[1]) / "b.bin", lambda path: path.write_bytes(b"whole"))
"""


@pytest.fixture
def maker(tmp_path):
    """Another process that is making a file and a folder."""
    command = [sys.executable, "-c", MAKING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "made\n"
        yield child
        child.kill()


def write_in_another_process(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITING, str(folder)], check=True, timeout=60)


def hidden(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


def test_a_killed_process_leaves_what_the_next_one_that_writes_there_removes(maker, tmp_path):
    maker.kill()
    maker.wait(timeout=60)
    # Each with what was locked.
    assert len(hidden(tmp_path)) == 4
    write_in_another_process(tmp_path)
    assert os.listdir(tmp_path) == ["b.bin"]


def test_what_a_living_process_makes_is_left_alone(maker, tmp_path):
    before = hidden(tmp_path)
    assert len(before) == 4
    write_in_another_process(tmp_path)
    write_whole(tmp_path / "c.bin", lambda path: path.write_bytes(b"whole"))
    assert hidden(tmp_path) == before


@pytest.mark.parametrize("gone", ["the half", "its lock"])
def test_what_is_left_of_a_leftover_is_removed_too(maker, tmp_path, gone):
    """A process may be killed while it removes the two."""
    maker.kill()
    maker.wait(timeout=60)
    (rest,) = [name for name in hidden(tmp_path) if name.endswith(".tif") and ("lock_" in name) == (gone == "its lock")]
    (tmp_path / rest).unlink()
    write_in_another_process(tmp_path)
    assert os.listdir(tmp_path) == ["b.bin"]


@pytest.mark.parametrize("name", ["a.tif", "a.lock", "a.x-lock_", "a"])
def test_what_is_written_is_not_locked_itself(tmp_path, name):
    """Where locks are mandatory (SMB), nobody could write it through another descriptor."""
    made = Scratch(tmp_path / name)
    with made.path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (lock,) = set(hidden(tmp_path)) - {made.path.name}
    with (tmp_path / lock).open("rb+") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    write_in_another_process(tmp_path)
    assert set(hidden(tmp_path)) == {made.path.name, lock}
    made.move_to(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == sorted([name, "b.bin"])


@pytest.mark.parametrize("elsewhere", ["_BOOT_ID", "st_dev"])
def test_what_was_left_where_locks_may_not_be_seen_stays(tmp_path, monkeypatch, elsewhere):
    """A lock of another computer, of one that was started anew, or of a folder that is mounted twice may be unseen."""
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("another\n")
    folder = tmp_path / "out"
    folder.mkdir()
    with monkeypatch.context() as patch:
        if elsewhere == "_BOOT_ID":
            patch.setattr(scratch, "_BOOT_ID", boot_id)
        else:
            patch.setattr(Path, "stat", lambda self, **_: os.stat_result([0, 0, 123456, *[0] * 7]))
        left = Scratch(folder / "a.tif")
    left._release()
    write_in_another_process(folder)
    assert hidden(folder) == [left.path.name]


@pytest.mark.parametrize("missing", ["locks", "a system that tells when it was started"])
def test_without_locks_all_is_written_and_nothing_removed(tmp_path, monkeypatch, missing):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    if missing == "locks":
        monkeypatch.setattr(fcntl, "flock", refuse)
    else:
        monkeypatch.setattr(scratch, "_BOOT_ID", tmp_path / "nothing")
    left = Scratch(tmp_path / "a.tif")
    write_whole(tmp_path / "c.bin", lambda path: path.write_bytes(b"whole"))
    write_in_another_process(tmp_path)
    assert hidden(tmp_path) == [left.path.name]
    left.remove()
    assert sorted(os.listdir(tmp_path)) == ["b.bin", "c.bin"]


def test_a_name_that_is_only_unused_is_kept_until_it_is_discarded(tmp_path):
    earlier = unused_name(tmp_path / "a.zarr")
    earlier.mkdir()
    (earlier / "0").write_bytes(b"precious")
    write_in_another_process(tmp_path)
    assert (earlier / "0").read_bytes() == b"precious"
    discard(earlier)
    assert os.listdir(tmp_path) == ["b.bin"]


def test_discarding_that_is_cut_short_is_ended_by_the_next_run(tmp_path, monkeypatch):
    earlier = unused_name(tmp_path / "a.zarr")
    earlier.mkdir()
    monkeypatch.setattr(scratch, "_remove", lambda path: None)
    discard(earlier)
    assert len(hidden(tmp_path)) == 1
    write_in_another_process(tmp_path)
    assert hidden(tmp_path) == []


def test_what_was_moved_to_its_place_is_not_removed(tmp_path):
    made = Scratch(tmp_path / "a.bin")
    made.path.write_bytes(b"whole")
    made.move_to(tmp_path / "a.bin")
    made.remove()
    assert (tmp_path / "a.bin").read_bytes() == b"whole"


def test_a_link_that_is_named_like_a_leftover_does_no_harm(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "a").touch()
    (tmp_path / "out").mkdir()
    left = Scratch(tmp_path / "out" / "x")
    link = left.path.with_name(f"{left.path.name}2")
    link.symlink_to(tmp_path / "precious")
    left.remove()
    write_in_another_process(tmp_path / "out")
    assert os.listdir(tmp_path / "precious") == ["a"]
