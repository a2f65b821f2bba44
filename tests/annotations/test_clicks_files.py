from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from clicktrain.annotations.clicks import Clicks
from clicktrain.annotations.files import read_clicks, write_clicks_csv
from clicktrain.errors import ClicksError, ImageError, StorageError

SHAPE = (9, 12)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[2, 3:6] = 1
LABELS[7, 1] = 2


def _table(tmp_path, text: str):
    path = tmp_path / "clicks.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.png", lambda path: Image.fromarray(LABELS).save(path)),
        ("a.tif", lambda path: tifffile.imwrite(path, LABELS.astype(np.int32))),
        ("a.npy", lambda path: np.save(path, LABELS.astype(np.int64))),
    ],
)
def test_labels_image_gives_its_pixels(tmp_path, name, write):
    write(tmp_path / name)
    np.testing.assert_array_equal(read_clicks(tmp_path / name, SHAPE).to_labels(), LABELS)


def test_palette_png_gives_its_numbers_not_its_colours(tmp_path):
    picture = Image.fromarray(LABELS)
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10])
    picture.save(tmp_path / "a.png")
    assert picture.mode == "P"
    np.testing.assert_array_equal(read_clicks(tmp_path / "a.png", SHAPE).to_labels(), LABELS)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (LABELS.T, "image's spatial shape"),
        (np.dstack([LABELS] * 3), "image's spatial shape"),
        (LABELS.astype(np.float32), "whole numbers"),
        (-LABELS.astype(np.int16), "1 or more"),
    ],
)
def test_labels_that_do_not_fit_are_named(tmp_path, array, text):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ClicksError, match=text) as caught:
        read_clicks(tmp_path / "a.npy", SHAPE)
    assert str(tmp_path / "a.npy") in str(caught.value)


def test_labels_image_without_clicks_gives_none(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(SHAPE, np.uint8))
    assert len(read_clicks(tmp_path / "a.npy", SHAPE)) == 0


def test_damaged_labels_image_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(ImageError, match=r"a\.png"):
        read_clicks(tmp_path / "a.png", SHAPE)


@pytest.mark.parametrize(
    "text",
    [
        "y,x,class\n2,3,1\n7,1,2\n",
        "class,x,y\n1,3,2\n2,1,7\n",
        "x,note,y,class\n3,hm,2,1\n1,,7,2\n",
        " Y , X , Class \r\n2, 3 ,1\r\n\r\n7,1,2",
        "\ufeffy,x,class\n2,3,1\n7,1,2\n",
        "y,x,class\n1.5,3.4,1.0\n6.6,0.6,2\n",
        '"y","x","class"\n"2","3","1"\n7,1,2,extra\n',
    ],
)
def test_table_gives_its_rows_whatever_the_order_of_columns(tmp_path, text):
    clicks = read_clicks(_table(tmp_path, text), SHAPE)
    assert clicks.positions_px.tolist() == [[2, 3], [7, 1]]
    assert clicks.classes.tolist() == [1, 2]
    assert clicks.shape_px == SHAPE


def test_table_of_a_header_alone_gives_no_clicks(tmp_path):
    assert len(read_clicks(_table(tmp_path, "y,x,class\n"), SHAPE)) == 0


@pytest.mark.parametrize("text", ["", "\n", "1,2,1\n", "y,x\n1,2\n", "y;x;class\n1;2;1\n", "y,y,x,class\n1,1,2,1\n"])
def test_table_without_the_header_is_refused(tmp_path, text):
    with pytest.raises(ClicksError, match="must begin with a header") as caught:
        read_clicks(_table(tmp_path, text), SHAPE)
    assert str(tmp_path / "clicks.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("a,3,1", "y must be a number, got a"),
        ("2,,1", "x must be a number, got nothing"),
        ("2,3", "too few columns"),
        ("2,3,", "the class must be a whole number from 1 to 65535, got nothing"),
        ("2,3, cell", "the class must be a whole number from 1 to 65535, got cell"),
        ("nan,3,1", "y must be a number, got nan"),
        ("2,inf,1", "x must be a number, got inf"),
        ("2,3,0", "from 1 to 65535, got 0"),
        ("2,3,-1", "from 1 to 65535, got -1"),
        ("2,3,1.5", "from 1 to 65535, got 1.5"),
        ("2,3,nan", "from 1 to 65535, got nan"),
        ("2,3,1e30", "from 1 to 65535, got 1e30"),
        ("9,3,1", "inside the image"),
        ("2,12,1", "inside the image"),
        ("-1,3,1", "inside the image"),
        ("1e30,3,1", "inside the image"),
    ],
)
def test_bad_row_is_named_by_its_line(tmp_path, row, text):
    with pytest.raises(ClicksError, match=text) as caught:
        read_clicks(_table(tmp_path, f"y,x,class\n2,3,1\n\n{row}\n"), SHAPE)
    assert "clicks.csv`, line 4: " in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00y", b"y,x,class\n\xe9,1,1\n", b'y,x,class\n"' + b"1" * 200_000])
def test_table_that_is_no_text_is_named(tmp_path, content):
    (tmp_path / "clicks.csv").write_bytes(content)
    with pytest.raises(ClicksError, match=r"clicks\.csv"):
        read_clicks(tmp_path / "clicks.csv", SHAPE)


def test_missing_table_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match=r"missing\.csv"):
        read_clicks(tmp_path / "missing.csv", SHAPE)


def test_written_table_reads_back(tmp_path):
    clicks = Clicks.from_labels(LABELS)
    write_clicks_csv(tmp_path / "a.csv", clicks)
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == "y,x,class"
    again = read_clicks(tmp_path / "a.csv", SHAPE)
    np.testing.assert_array_equal(again.positions_px, clicks.positions_px)
    np.testing.assert_array_equal(again.classes, clicks.classes)


def test_table_of_no_clicks_reads_back(tmp_path):
    write_clicks_csv(tmp_path / "a.csv", Clicks.from_labels(np.zeros(SHAPE, int)))
    assert len(read_clicks(tmp_path / "a.csv", SHAPE)) == 0
