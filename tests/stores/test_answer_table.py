from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from clicktrain.errors import StorageError
from clicktrain.images.lists import read_image_table
from clicktrain.stores.answer_table import write_answers

SHARES = [np.array([0.25, 0.75], np.float32), np.array([1, 0], np.float32)]


def test_answers_can_be_read_as_a_table_to_train_on_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "out").mkdir()
    images = [tmp_path / "images" / "a, b.tif", tmp_path / "images" / "c.tif"]
    for path in images:
        path.touch()
    monkeypatch.chdir(tmp_path)
    given = [images[0].relative_to(tmp_path), images[1]]
    write_answers(tmp_path / "out" / "t.csv", given, ["ill", 'so "so"'], SHARES, ["ill", 'so "so"'])
    monkeypatch.chdir("/")
    rows = read_image_table(tmp_path / "out" / "t.csv")
    assert [(row.path.resolve(), row.label) for row in rows] == [(images[0], "ill"), (images[1], 'so "so"')]


def test_probabilities_have_a_column_per_class_even_if_a_class_is_called_like_another_column(tmp_path):
    write_answers(tmp_path / "t.csv", [tmp_path / "a", tmp_path / "b"], ["path", "label"], SHARES, ["label", "path"])
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(row["label"], float(row["p_label"]), float(row["p_path"])) for row in rows] == [
        ("path", 0.25, 0.75),
        ("label", 1, 0),
    ]


def test_a_name_that_is_no_text_is_kept(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tif")
    write_answers(tmp_path / "t.csv", [tmp_path / name], ["a"], SHARES[:1], ["a", "b"])
    assert b"/\xff.tif," in (tmp_path / "t.csv").read_bytes()


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(StorageError, match="folder does not exist"):
        write_answers(tmp_path / "no" / "t.csv", [tmp_path / "a"], ["a"], SHARES[:1], ["a", "b"])
    assert os.listdir(tmp_path) == []
