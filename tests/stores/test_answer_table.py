from __future__ import annotations

import csv
import os

import numpy as np
import pytest

from clicktrain.errors import StorageError
from clicktrain.images.lists import read_image_table
from clicktrain.stores.answer_table import AnswerTable, unfinished_table

SHARES = [np.array([0.25, 0.75], np.float32), np.array([1, 0], np.float32)]


def write(path, images, labels, classes, **options) -> None:
    table = AnswerTable(path, classes, **options)
    for image, label, shares in zip(images, labels, SHARES, strict=False):
        table.add(image, label, shares, f"made of {image.name}")
    table.finish(images)


def test_answers_can_be_read_as_a_table_to_train_on_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "out").mkdir()
    images = [tmp_path / "images" / "a, b.tif", tmp_path / "images" / "c.tif"]
    for path in images:
        path.touch()
    monkeypatch.chdir(tmp_path)
    given = [images[0].relative_to(tmp_path), images[1]]
    write(tmp_path / "out" / "t.csv", given, ["ill", 'so "so"'], ["ill", 'so "so"'])
    monkeypatch.chdir("/")
    rows = read_image_table(tmp_path / "out" / "t.csv")
    assert [(row.path.resolve(), row.label) for row in rows] == [(images[0], "ill"), (images[1], 'so "so"')]


def test_probabilities_have_a_column_per_class_even_if_a_class_is_called_like_another_column(tmp_path):
    write(tmp_path / "t.csv", [tmp_path / "a", tmp_path / "b"], ["path", "label"], ["label", "path"])
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(row["label"], float(row["p_label"]), float(row["p_path"])) for row in rows] == [
        ("path", 0.25, 0.75),
        ("label", 1, 0),
    ]


def test_a_name_that_is_no_text_is_kept(tmp_path):
    image = tmp_path / os.fsdecode(b"\xff.tif")
    write(tmp_path / "t.csv", [image], ["a"], ["a", "b"])
    assert b"/\xff.tif," in (tmp_path / "t.csv").read_bytes()
    table = AnswerTable(tmp_path / "t.csv", ["a", "b"], keep=True)
    assert table.origins == {table.name_of(image): "made of \udcff.tif"}


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(StorageError, match="folder does not exist"):
        write(tmp_path / "no" / "t.csv", [tmp_path / "a"], ["a"], ["a", "b"])
    assert os.listdir(tmp_path) == []


@pytest.fixture
def images(tmp_path):
    return [tmp_path / name for name in ("a", "b, c", "d")]


@pytest.mark.parametrize("n_known", [0, 1, 2])
@pytest.mark.parametrize("finished", [False, True])
def test_a_table_that_is_gone_on_with_is_that_of_one_go(tmp_path, images, n_known, finished):
    write(tmp_path / "whole.csv", images[:2], ["x", "y"], ["x", "y"])
    begun = AnswerTable(tmp_path / "t.csv", ["x", "y"])
    # Not in the order in which they are finished.
    for index in range(2 - n_known, 2):
        begun.add(images[index], "xy"[index], SHARES[index], f"made of {images[index].name}")
    assert not (tmp_path / "t.csv").exists()
    if finished:
        begun.finish(images)
    write(tmp_path / "t.csv", images[:2], ["x", "y"], ["x", "y"], keep=True)
    assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["t.csv", "whole.csv"]


def test_a_line_that_is_not_whole_is_no_answer(tmp_path, images):
    table = AnswerTable(tmp_path / "t.csv", ["x", "y"])
    for index in range(2):
        table.add(images[index], "x", SHARES[index], "made of this")
    unfinished = unfinished_table(tmp_path / "t.csv")
    content = unfinished.read_bytes()
    for length in range(len(content) - 1, content.rfind(b"\n", 0, -1), -1):
        unfinished.write_bytes(content[:length])
        assert AnswerTable(tmp_path / "t.csv", ["x", "y"], keep=True).origins == {str(images[0]): "made of this"}


def test_answers_that_are_there_stay_as_they_were_corrected_also_those_about_other_images(tmp_path, images):
    write(tmp_path / "t.csv", images[1:], ["x", "y"], ["x", "y"])
    (tmp_path / "t.csv").write_text((tmp_path / "t.csv").read_text().replace(",x,", ",corrected,"))
    write(tmp_path / "t.csv", images[:2], ["x", "y"], ["x", "y"], keep=True)
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [(row["path"], row["label"]) for row in rows] == [
        (str(images[0]), "x"),
        (str(images[1]), "corrected"),
        (str(images[2]), "y"),
    ]


@pytest.mark.parametrize("content", ["", "path,label\na,x\n", "path,label,p_x,p_z,origin\n", '"'])
def test_a_table_of_something_else_is_not_gone_on_with(tmp_path, images, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(StorageError, match="must be a table of answers with the columns path, label, p_x, p_y, origin"):
        write(tmp_path / "t.csv", images, ["x", "y"], ["x", "y"], keep=True)
    assert (tmp_path / "t.csv").read_text() == content
