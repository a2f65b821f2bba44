from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clicktrain.errors import ImageError, StorageError
from clicktrain.stores.whole_files import ensure_writable, make_folder, write_whole


def _write(content: bytes):
    return lambda path: path.write_bytes(content)


def _python(code: str, *args: object, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_content_arrives_and_nothing_else_is_left(tmp_path):
    write_whole(tmp_path / "a.bin", _write(b"whole"))
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_file_in_the_way_is_replaced(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    write_whole(path, _write(b"new"))
    assert path.read_bytes() == b"new"


def test_writer_gets_a_hidden_name_with_the_same_suffix_in_the_same_folder(tmp_path):
    seen = []

    def write(path: Path) -> None:
        seen.append(path)
        path.touch()

    write_whole(tmp_path / "a.tif", write)
    write_whole(tmp_path / "a.tif", write)
    assert seen[0] != seen[1]
    assert seen[0].parent == tmp_path
    assert seen[0].name.startswith(".")
    assert seen[0].suffix == ".tif"


@pytest.mark.parametrize("error", [ValueError("odd"), KeyboardInterrupt(), ImageError("odd"), StorageError("odd")])
def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write(beside: Path) -> None:
        beside.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)) as caught:
        write_whole(path, write)
    assert caught.value is error
    assert os.listdir(tmp_path) == ["a.bin"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
    ],
)
def test_system_error_says_file_and_reason(tmp_path, number, text):
    def write(beside: Path) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError, match=text) as caught:
        write_whole(tmp_path / "a.bin", write)
    assert str(tmp_path / "a.bin") in str(caught.value)


@pytest.mark.parametrize("attempt", [lambda path: write_whole(path, _write(b"x")), ensure_writable])
class TestPlacesThatCannotBeWritten:
    def test_missing_folder(self, tmp_path, attempt):
        with pytest.raises(StorageError, match="its folder does not exist"):
            attempt(tmp_path / "missing" / "a.bin")

    def test_folder_that_is_a_file(self, tmp_path, attempt):
        (tmp_path / "file").touch()
        with pytest.raises(StorageError, match="its folder is a file"):
            attempt(tmp_path / "file" / "a.bin")

    def test_folder_of_that_name(self, tmp_path, attempt):
        (tmp_path / "a.bin").mkdir()
        with pytest.raises(StorageError, match="must be an ordinary file"):
            attempt(tmp_path / "a.bin")

    def test_name_too_long(self, tmp_path, attempt):
        with pytest.raises(StorageError, match="name is too long"):
            attempt(tmp_path / ("a" * 300))


def test_device_is_not_replaced_by_a_file():
    with pytest.raises(StorageError, match="must be an ordinary file"):
        write_whole(Path(os.devnull), _write(b"x"))
    assert not Path(os.devnull).is_file()


def test_long_name_that_the_system_allows_is_written(tmp_path):
    path = tmp_path / ("a" * 251 + ".bin")
    write_whole(path, _write(b"x"))
    assert path.read_bytes() == b"x"


def test_ensure_writable_leaves_nothing(tmp_path):
    (tmp_path / "old.bin").write_bytes(b"old")
    ensure_writable(tmp_path / "old.bin")
    ensure_writable(tmp_path / "new.bin")
    assert os.listdir(tmp_path) == ["old.bin"]
    assert (tmp_path / "old.bin").read_bytes() == b"old"


def test_make_folder_makes_parents_and_accepts_what_is_there(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_make_folder_refuses_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="must be a folder"):
        make_folder(tmp_path / "file")
    with pytest.raises(StorageError, match="its folder is a file"):
        make_folder(tmp_path / "file" / "below")


def test_make_folder_refuses_one_in_which_no_file_can_be_made(tmp_path, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(StorageError, match="there is no permission") as caught:
        make_folder(tmp_path)
    assert f"`{tmp_path}`" in str(caught.value)


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from clicktrain.errors import StorageError
from clicktrain.stores.whole_files import write_whole
from clicktrain.stores.tiff import write_tiff
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
folder = Path(sys.argv[1])
noise = np.random.default_rng(0).random((64, 64)).astype(np.float32)
for write in (lambda: write_tiff(folder / "a.tif", noise, "YX"),
              lambda: write_whole(folder / "b.bin", lambda path: path.write_bytes(bytes(9000)))):
    try:
        write()
    except StorageError as error:
        print(error)
"""


def test_disk_that_takes_no_more_leaves_nothing_behind(tmp_path):
    out, err = _python(FULL_DISK, tmp_path).communicate(timeout=60)
    assert err == ""
    assert [name in line for name, line in zip(("a.tif", "b.bin"), out.splitlines(), strict=True)] == [True, True]
    assert os.listdir(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
from clicktrain.stores.whole_files import write_whole

def write(path):
    with path.open("wb") as file:
        file.write(b"half")
        file.flush()
        print("half", flush=True)
        sys.stdin.read()

write_whole(Path(sys.argv[1]), write)
"""


@pytest.mark.parametrize("old", [None, b"old"])
def test_process_killed_while_writing_leaves_no_half_file(tmp_path, old):
    path = tmp_path / "a.bin"
    if old is not None:
        path.write_bytes(old)
    with _python(KILLED, path, stdin=subprocess.PIPE) as child:
        assert child.stdout.readline() == "half\n"
        child.kill()
        child.wait(timeout=60)
    assert (path.read_bytes() if path.exists() else None) == old
