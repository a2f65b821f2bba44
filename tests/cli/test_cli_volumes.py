"""Volumes in files, from clicks to results."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from clicktrain.annotations.clicks import Clicks
from clicktrain.annotations.files import read_clicks, write_clicks_csv
from clicktrain.api import PixelClassifier
from clicktrain.images.source import open_image
from tests.images.adapters import ome_zarr, whole
from tests.textures import strokes_in_slices, two_textures_in_depth

VOLUME, TRUTH = two_textures_in_depth()
LABELS = strokes_in_slices(TRUTH)


@pytest.fixture
def volume(tmp_path):
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "v.tif"


@pytest.mark.parametrize("kind", ["labels", "table"])
def test_a_volume_is_trained_on_and_classified(clicktrain, volume, tmp_path, kind):
    if kind == "labels":
        tifffile.imwrite(tmp_path / "clicks.tif", LABELS.astype(np.uint8))
    else:
        write_clicks_csv(tmp_path / "clicks.csv", Clicks.from_labels(LABELS))
    clicks, model = next(tmp_path.glob("clicks.*")), tmp_path / "m.clicktrain"
    voxel_size = ("--voxel-size", "2", "1", "1")
    trained = clicktrain("train", volume, "--clicks", clicks, "-o", model, "--preset", "fast", *voxel_size)
    assert trained.exit_code == 0, trained.output
    assert PixelClassifier.load(model).summary().architecture.anisotropy == 2.0
    assert clicktrain("predict", model, volume, "-o", tmp_path / "out").exit_code == 0
    classes = open_image(tmp_path / "out" / "v_classes.tif")
    assert (whole(classes)[0] == TRUTH).mean() > 0.9
    classes.close()
    with tifffile.TiffFile(tmp_path / "out" / "v_probabilities.tif") as probabilities:
        assert probabilities.series[0].axes == "CZYX"
        assert probabilities.series[0].shape == (2, *VOLUME.shape)
        assert json.loads(probabilities.pages[0].description)["class_names"] == ["class 1", "class 2"]


def test_a_volume_in_ome_zarr_is_trained_on_and_classified_like_one_in_tiff(clicktrain, volume, tmp_path):
    write_clicks_csv(tmp_path / "v.csv", Clicks.from_labels(LABELS))
    path = ome_zarr(tmp_path / "v.ome.zarr", [VOLUME, VOLUME[:, ::2, ::2]], "zyx", scale=[2, 1, 1])
    model = tmp_path / "m.clicktrain"
    trained = clicktrain("train", path, "--clicks", tmp_path / "v.csv", "-o", model, "--preset", "fast")
    assert trained.exit_code == 0, trained.output
    for image in (path, volume):
        done = clicktrain("predict", model, image, "-o", tmp_path / "out", "--no-probabilities", "--memory", "8GB")
        assert done.exit_code == 0, done.output
    found = [open_image(tmp_path / "out" / f"v_classes.{ending}") for ending in ("ome.zarr", "tif")]
    np.testing.assert_array_equal(*map(whole, found))
    assert found[0].voxel_size == (2, 1, 1)
    assert (whole(found[0])[0] == TRUTH).mean() > 0.9
    found[1].close()


def test_clicks_of_a_volume_come_back_from_a_table(tmp_path):
    clicks = Clicks.from_labels(LABELS)
    write_clicks_csv(tmp_path / "c.csv", clicks)
    assert (tmp_path / "c.csv").read_text().startswith("z,y,x,class\n")
    back = read_clicks(tmp_path / "c.csv", VOLUME.shape)
    np.testing.assert_array_equal(back.to_labels(), LABELS)


def test_a_table_without_slices_is_refused_for_a_volume(clicktrain, volume, tmp_path):
    (tmp_path / "c.csv").write_text("y,x,class\n1,1,1\n2,30,2\n")
    result = clicktrain("train", volume, "--clicks", tmp_path / "c.csv", "-o", tmp_path / "m.clicktrain")
    assert result.exit_code == 2
    assert "names the columns z, y, x and class" in result.stderr


def test_images_and_volumes_together_are_refused(clicktrain, volume, tmp_path):
    tifffile.imwrite(tmp_path / "i.tif", VOLUME[0])
    for name, labels in (("v", LABELS), ("i", TRUTH[0])):
        tifffile.imwrite(tmp_path / f"{name}_clicks.tif", labels.astype(np.uint8))
    clicks = ("--clicks", tmp_path / "v_clicks.tif", "--clicks", tmp_path / "i_clicks.tif")
    result = clicktrain("train", volume, tmp_path / "i.tif", *clicks, "-o", tmp_path / "m.clicktrain")
    assert result.exit_code == 2
    assert "all 2D or all volumes" in result.stderr


def test_a_model_for_images_refuses_a_volume_in_one_line(clicktrain, volume, tmp_path):
    image = VOLUME[0]
    PixelClassifier(preset="fast", pretrained=False).fit(image, TRUTH[0]).save(tmp_path / "m.clicktrain")
    result = clicktrain("predict", tmp_path / "m.clicktrain", volume, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "must be 2D for this model, got a volume" in result.stderr
