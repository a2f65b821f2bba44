from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from _few_clicks.sets import Example, Picture, halves, rarest_window, read_set, set_names

from tests.benchmarks.folders import save
from tests.textures import two_textures

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("copies", "axes"), [(None, "YX"), (3, "YXC")])
def test_colours_are_told_from_planes_by_the_labels(tmp_path: Path, copies: int | None, axes: str) -> None:
    image, truth = two_textures(40)
    for name in ("a.png", "b.png"):
        save(tmp_path, name, image if copies is None else np.stack([image] * copies, axis=-1), truth)
    examples = read_set(tmp_path, 4, 512)
    assert [example.picture.axes for example in examples] == [axes, axes]
    assert (examples[0].truth == truth).all()


def test_only_volume_gives_its_halves(tmp_path: Path) -> None:
    image, truth = two_textures(32)
    save(tmp_path, "only.tif", np.stack([image] * 40), np.stack([truth] * 40))
    examples = read_set(tmp_path, 4, 512)
    assert [example.picture.axes for example in examples] == ["ZYX", "ZYX"]
    assert [example.truth.shape for example in examples] == [(20, 32, 32), (20, 32, 32)]


def test_halves_are_the_whole_cut_along_its_longest_axis() -> None:
    truth = np.arange(6 * 11).reshape(6, 11)
    parts = halves(Example(Picture(truth, "YX"), truth))
    assert [part.truth.shape for part in parts] == [(6, 5), (6, 6)]
    assert (np.concatenate([part.picture.array for part in parts], axis=1) == truth).all()


def test_window_holds_the_rarest_class() -> None:
    truth = np.ones((50, 70), np.int64)
    truth[40:46, 3:9] = 2
    window = rarest_window(truth, 20)
    assert truth[window].shape == (20, 20)
    assert (truth[window] == 2).sum() == 36


def test_image_without_room_for_strokes_is_left_out(tmp_path: Path) -> None:
    image, truth = two_textures(40)
    small = np.ones_like(truth)
    small[:9, :11] = 2
    for name, labels in (("a.png", small), ("b.png", truth), ("c.png", np.ones_like(truth)), ("d.png", truth)):
        save(tmp_path, name, image, labels)
    assert len(read_set(tmp_path, 4, 512)) == 2


def test_labels_of_another_shape_are_refused(tmp_path: Path) -> None:
    image, truth = two_textures(40)
    save(tmp_path, "a.png", image, truth[:20])
    with pytest.raises(SystemExit, match="shape of their image"):
        read_set(tmp_path, 4, 512)


def test_folders_without_images_are_no_sets(tmp_path: Path) -> None:
    save(tmp_path / "good", "a.png", *two_textures(20))
    (tmp_path / "empty" / "images").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    assert set_names(tmp_path) == ["good"]
