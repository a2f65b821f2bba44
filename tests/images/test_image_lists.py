from __future__ import annotations

import pytest
import zarr

from clicktrain.errors import ClickTrainError, LabelsError, StorageError
from clicktrain.images.lists import LabelledPath, expand_images, images_in, read_class_folders, read_image_table


@pytest.fixture
def folder(tmp_path):
    """Folders `ill` and `well`, with two files and an OME-Zarr; nothing in them is read here."""
    for name in ("ill/a.tif", "well/b.png", "well/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    zarr.create_group(tmp_path / "ill" / "c.ome.zarr")
    return tmp_path


@pytest.fixture
def table(folder):
    def write(text: str):
        path = folder / "t.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_zarr_folder_is_one_image_and_another_folder_holds_images(folder):
    assert images_in(folder / "ill") == [folder / "ill/a.tif", folder / "ill/c.ome.zarr"]
    zarr_folder = folder / "ill/c.ome.zarr"
    assert expand_images([zarr_folder, folder / "ill", folder / "well"]) == [
        zarr_folder,
        folder / "ill/a.tif",
        folder / "well/b.png",
    ]
    assert expand_images([f"{folder}/*/*.png"]) == [folder / "well/b.png"]
    assert expand_images([f"{folder}/ill/*"]) == images_in(folder / "ill")
    with pytest.raises(StorageError, match="must stand for at least one file"):
        expand_images([f"{folder}/*/*.txt"])


def test_what_lies_in_an_ome_zarr_is_no_image_of_its_own(folder):
    inner = folder / "ill/c.ome.zarr/0"
    zarr.create_array(inner, shape=(4, 4), dtype="u1")
    assert expand_images([f"{folder}/**"]) == expand_images([f"{folder}/*/*"])
    assert inner not in expand_images([f"{folder}/**"])
    assert expand_images([inner]) == [inner]


def test_folder_names_are_labels(folder):
    assert read_class_folders(folder) == [
        LabelledPath(folder / "ill/a.tif", "ill"),
        LabelledPath(folder / "ill/c.ome.zarr", "ill"),
        LabelledPath(folder / "well/b.png", "well"),
    ]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_table_may_have_other_columns_in_any_order(folder, table, start):
    path = table(f"{start}Label, note ,PATH\nwell,x,well/b.png\n\n ill ,,{folder}/ill/a.tif\nwell,again,well/b.png\n")
    assert read_image_table(path) == [
        LabelledPath(folder / "well/b.png", "well"),
        LabelledPath(folder / "ill/a.tif", "ill"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,class\nwell/b.png,1\n", "columns path and label once"),
        ("", "columns path and label once"),
        ("path,label\n", "at least one image"),
        ("path,label\nwell/b.png\n", "line 2: too few columns"),
        ("path,label\nwell/b.png, \n", "line 2: path and label must not be empty"),
        ("path,label\nwell/b.png,well\nwell/b.png,ill\n", "got 'well' and 'ill'"),
    ],
)
def test_table_without_usable_labels_is_refused(table, text, problem):
    with pytest.raises(LabelsError, match=problem):
        read_image_table(table(text))


def test_image_that_is_not_there_is_named_with_its_line(table):
    with pytest.raises(StorageError, match=r"line 2: `gone\.png` must be an image"):
        read_image_table(table("path,label\ngone.png,ill\n"))


def test_table_that_is_no_text_is_refused(folder):
    (folder / "t.csv").write_bytes(b"path,label\n\xff\xfe\x00")
    with pytest.raises(LabelsError, match="CSV table in UTF-8"):
        read_image_table(folder / "t.csv")


@pytest.mark.parametrize("read", [read_image_table, read_class_folders, images_in])
def test_what_is_not_there_is_refused(read, tmp_path):
    with pytest.raises(StorageError, match="could not be read"):
        read(tmp_path / "gone")


def test_folder_without_images_is_refused(tmp_path):
    for read in (read_class_folders, lambda folder: expand_images([folder])):
        with pytest.raises(ClickTrainError, match="must hold"):
            read(tmp_path)
