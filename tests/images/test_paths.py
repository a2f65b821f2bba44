from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clicktrain.errors import StorageError
from clicktrain.images.discovery import CLICKS_SUFFIXES, expand_inputs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.png",
        "a.TIF",
        "c.npy",
        "notes.txt",
        "clicks.csv",
        ".hidden.png",
        "deep/d.png",
        "deep/deeper/e.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_folder_stands_for_its_visible_images_sorted(folder):
    assert _names(expand_inputs([folder])) == ["a.TIF", "b.png", "c.npy"]


def test_suffixes_say_what_a_folder_stands_for(folder):
    assert _names(expand_inputs([folder], CLICKS_SUFFIXES)) == ["a.TIF", "b.png", "c.npy", "clicks.csv"]


def test_glob_takes_only_images(folder):
    assert _names(expand_inputs([f"{folder}/*"])) == ["a.TIF", "b.png", "c.npy"]
    assert _names(expand_inputs([f"{folder}/[bc].*"])) == ["b.png", "c.npy"]


def test_glob_of_any_depth(folder):
    assert _names(expand_inputs([f"{folder}/**/*.png"])) == ["b.png", "d.png", "e.png"]


def test_file_stands_for_itself_whatever_its_ending(folder):
    assert expand_inputs([folder / "notes.txt"]) == [folder / "notes.txt"]


def test_file_whose_name_looks_like_a_glob_is_found(tmp_path):
    (tmp_path / "a[1].png").touch()
    (tmp_path / "a1.png").touch()
    assert _names(expand_inputs([f"{tmp_path}/a[1].png"])) == ["a[1].png"]


def test_patterns_keep_their_order_and_files_come_once(folder):
    patterns = [folder / "c.npy", f"{folder}/*.png", folder, folder / "b.png"]
    assert _names(expand_inputs(patterns)) == ["c.npy", "b.png", "a.TIF"]


@pytest.mark.parametrize("pattern", ["missing.png", "missing/", "*.jpg", "missing/*.png", "x" * 5000])
def test_pattern_without_a_file_is_named(folder, pattern):
    with pytest.raises(StorageError) as caught:
        expand_inputs([folder, f"{folder}/{pattern}"])
    assert f"{folder}/{pattern}" in str(caught.value)


def test_folder_without_images_is_named(tmp_path):
    with pytest.raises(StorageError, match="at least one file") as caught:
        expand_inputs([tmp_path])
    assert str(tmp_path) in str(caught.value)
