from __future__ import annotations

import pytest

from clicktrain.errors import ClickTrainError, LabelsError, StorageError
from clicktrain.project.image_table import ImageTable


@pytest.fixture
def files(tmp_path):
    """Files ill/a.png, ill/b.png, well/c.png and a table that calls a "bad"; nothing in the images is read."""
    for name in ("ill/a.png", "ill/b.png", "well/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "t.csv").write_text("path,label\nill/a.png,bad\n")
    return tmp_path


@pytest.fixture
def table(files):
    table = ImageTable()
    table.add([files])
    return table


def names(table: ImageTable) -> list[tuple[str, str]]:
    return [(row.path.name, row.label) for row in table.rows]


def test_folders_give_labels_and_files_alone_do_not(files, table):
    assert names(table) == [("a.png", "ill"), ("b.png", "ill"), ("c.png", "well")]
    other = ImageTable()
    assert other.add([files / "well", files / "ill/a.png"]) == 2
    assert names(other) == [("c.png", "well"), ("a.png", "")]
    assert other.labels == {"well": 1}


def test_an_image_is_there_once_and_takes_the_label_that_was_given_last(files, table):
    assert table.add([files / "ill/b.png", files / "t.csv"]) == 0
    assert names(table) == [("a.png", "bad"), ("b.png", "ill"), ("c.png", "well")]


def test_what_cannot_be_added_leaves_the_table_as_it_was(files, table):
    before = table.rows
    (files / "new.png").touch()
    (files / "notes.txt").touch()
    for bad in ("gone.png", "notes.txt"):
        with pytest.raises(StorageError, match=bad):
            table.add([files / "new.png", files / bad])
    assert table.rows == before


def test_labels_are_edited_and_rows_removed(table):
    told = []
    table.changed.connect(lambda: told.append(len(table)))
    table.set_label([0, 2], " other ")
    table.set_label([0, 2], "other")
    table.remove([1])
    assert names(table) == [("a.png", "other"), ("c.png", "other")]
    assert told == [3, 2]


def test_table_that_cannot_be_learned_from_says_why(files, table):
    table.checked()
    table.set_label([1], "")
    with pytest.raises(LabelsError, match=r"got none for `b\.png`"):
        table.checked()
    table.set_label([0, 1], "well")
    with pytest.raises(LabelsError, match="got only 'well'"):
        table.checked()
    table.set_label([1], "ill")
    (files / "ill/a.png").unlink()
    with pytest.raises(StorageError, match=r"a\.png"):
        table.checked()
    with pytest.raises(ClickTrainError, match="got none"):
        ImageTable().checked()
