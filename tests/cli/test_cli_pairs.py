from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clicktrain.cli.pairs import pair_clicks
from clicktrain.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


def _touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def test_files_belong_to_images_in_their_order(tmp_path):
    images = _touch(tmp_path / "i", "b.png", "a.png")
    clicks = _touch(tmp_path / "c", "1.csv", "2.csv")
    assert pair_clicks(images, [str(tmp_path / "c/*.csv")]) == list(zip(images, clicks, strict=True))


def test_folder_pairs_by_name_whatever_the_ending(tmp_path):
    images = _touch(tmp_path / "i", "a.png", "b.tif", "c.npy")
    csv, png = _touch(tmp_path / "c", "c.csv", "a.png")
    assert pair_clicks(images, [str(tmp_path / "c")]) == [(images[0], png), (images[2], csv)]


def test_ome_is_part_of_the_ending(tmp_path):
    images = _touch(tmp_path / "i", "a.ome.tif", "b.ome.zarr", "c.ome.tif")
    clicks = _touch(tmp_path / "c", "a.csv", "b.png", "c.ome.csv")
    assert pair_clicks(images, [str(tmp_path / "c")]) == list(zip(images, clicks, strict=True))


def test_images_and_clicks_may_share_a_folder(tmp_path):
    image, clicks = _touch(tmp_path / "i", "a.png", "a.csv")
    assert pair_clicks([image], [str(tmp_path / "i")]) == [(image, clicks)]


@pytest.mark.parametrize(
    ("images", "clicks", "text"),
    [
        (["a.png"], ["a.csv", "a.png"], "one file per image"),
        (["a.png"], ["a.csv", "b.csv"], "none for"),
        (["a.png", "a.tif"], ["a.csv"], "different names"),
        (["a.png"], [], "named like their images"),
    ],
)
def test_folder_that_does_not_match_is_refused(tmp_path, images, clicks, text):
    _touch(tmp_path / "c", *clicks)
    found = _touch(tmp_path / "i", *images)
    with pytest.raises(StorageError, match=text):
        pair_clicks(found, [str(tmp_path / "c")])
