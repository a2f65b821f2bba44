from __future__ import annotations

import csv
import os
import re
import subprocess
from contextlib import suppress

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from clicktrain import ImageClassifier
from tests.cli.test_cli_app import interrupted

QUICK = ("--patch", 8, "--epochs", 3, "--validation", 0)


def grating(seed: int, period_px: int) -> np.ndarray:
    """Noisy stripes, (48, 40) uint8."""
    noise = np.random.default_rng(seed).integers(0, 40, (48, 40))
    return (noise + 100 + 60 * np.sign(np.sin(2 * np.pi * np.arange(40) / period_px))).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders `coarse` and `fine` of three images each: PNG, TIFF and OME-Zarr."""
    root = tmp_path_factory.mktemp("gratings")
    for name, period_px in (("coarse", 16), ("fine", 4)):
        (root / name).mkdir()
        Image.fromarray(grating(0, period_px)).save(root / name / f"{name}0.png")
        tifffile.imwrite(root / name / f"{name}1.tif", grating(1, period_px))
        group = zarr.create_group(root / name / f"{name}2.ome.zarr")
        group.create_array("0", data=grating(2, period_px), chunks=(16, 16))
        axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
        group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    return root


@pytest.fixture(scope="module")
def image_model(folder, tmp_path_factory):
    from clicktrain.config_images import image_preset

    path = tmp_path_factory.mktemp("model") / "gratings.clicktrain"
    paths = sorted(folder.glob("*/*"))
    settings = image_preset("small").with_changes(patch_px=8, epochs=12, learning_rate=2e-3, validation_share=0)
    ImageClassifier(preset=settings).fit(paths, [each.parent.name for each in paths]).save(path)
    return path


@pytest.fixture
def table(folder, tmp_path):
    path = tmp_path / "labels.csv"
    rows = [f"{image},{image.parent.name}" for image in sorted(folder.glob("*/*"))]
    path.write_text("\n".join(["path,label", *rows]))
    return path


def answers(path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_folders_and_table_train_the_same_model(clicktrain, folder, table, tmp_path):
    for source, name in ((folder, "a"), (table, "b")):
        result = clicktrain("train-image", source, "-o", tmp_path / f"{name}.clicktrain", *QUICK)
        assert result.exit_code == 0, result.output
        assert "images     6 (0 of them" in result.stdout
        assert "class      coarse: 3 images" in result.stdout
        assert "trained    3 epochs in" in result.stdout
    first, second = (ImageClassifier.load(tmp_path / f"{name}.clicktrain") for name in "ab")
    np.testing.assert_array_equal(first.predict_proba(grating(7, 16)), second.predict_proba(grating(7, 16)))
    assert first.classes_.tolist() == ["coarse", "fine"]


def test_checkpoint_of_an_ended_training_gives_its_model_at_once(clicktrain, folder, tmp_path, monkeypatch):
    arguments = ("train-image", folder, *QUICK, "--checkpoint", tmp_path / "c.state")
    assert clicktrain(*arguments, "-o", tmp_path / "a.clicktrain").exit_code == 0
    monkeypatch.setattr("clicktrain.whole_image.loop.train_on_batch", lambda *_, **__: pytest.fail("trained again"))
    assert clicktrain(*arguments, "-o", tmp_path / "b.clicktrain").exit_code == 0
    assert (tmp_path / "a.clicktrain").read_bytes() == (tmp_path / "b.clicktrain").read_bytes()
    refused = clicktrain(*arguments, "-o", tmp_path / "c.clicktrain", "--seed", 1)
    assert refused.exit_code == 2
    assert "of another training" in " ".join(refused.stderr.split())


def test_ctrl_c_leaves_a_checkpoint_and_nothing_half_written(start, clicktrain, folder, tmp_path):
    arguments = ("train-image", folder, "-o", tmp_path / "m.clicktrain", "--checkpoint", tmp_path / "c.state")
    with start(*arguments, "--patch", 8, "--epochs", 100_000, "--validation", 0) as child:
        while not (tmp_path / "c.state").exists():
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(child.communicate(timeout=0.1))
        errors = interrupted(child)
    assert child.returncode == 130
    assert errors == "clicktrain: stopped.\n"
    assert os.listdir(tmp_path) == ["c.state"]


def test_files_folders_and_zarr_are_answered(clicktrain, image_model, folder, tmp_path):
    out = tmp_path / "out.csv"
    result = clicktrain(
        "predict-image", image_model, folder / "fine", folder / "coarse" / "coarse2.ome.zarr", "-o", out
    )
    assert result.exit_code == 0, result.output
    assert "4 of 4 images classified in " in result.stdout
    found = answers(out)
    assert [row["label"] for row in found.values()] == ["fine", "fine", "fine", "coarse"]
    for row in found.values():
        shares = {name: float(row[f"probability of {name}"]) for name in ("coarse", "fine")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert max(shares, key=shares.__getitem__) == row["label"]


def test_heat_maps_hold_a_value_per_patch_and_their_place(clicktrain, image_model, folder, tmp_path):
    maps = tmp_path / "deep" / "maps"
    result = clicktrain("predict-image", image_model, folder / "fine", "-o", tmp_path / "o.csv", "--heat-maps", maps)
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(maps)) == ["fine0_heat.tif", "fine1_heat.tif", "fine2_heat.tif"]
    with tifffile.TiffFile(maps / "fine2_heat.tif") as file:
        values, note = file.asarray(), file.shaped_metadata[0]
    model = ImageClassifier.load(image_model)
    np.testing.assert_array_equal(values, model.heatmap(folder / "fine" / "fine2.ome.zarr"))
    assert (note["label"], note["patch_px"], note["axes"]) == ("fine", 8, "YX")
    assert note["scale_px"] == list(model.grid(folder / "fine" / "fine2.ome.zarr").scale_px)


def test_heat_maps_can_be_of_a_class_and_by_leaving_out(clicktrain, image_model, folder, tmp_path):
    arguments = ("predict-image", image_model, folder / "fine" / "fine0.png", "--heat-maps", tmp_path)
    more = ("--heat-label", "coarse", "--heat-method", "leave_one_out")
    assert clicktrain(*arguments, "-o", tmp_path / "o.csv", *more).exit_code == 0
    expected = ImageClassifier.load(image_model).heatmap(
        folder / "fine" / "fine0.png", label="coarse", method="leave_one_out"
    )
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "fine0_heat.tif"), expected)


def test_images_that_failed_are_named_and_the_others_are_in_the_table(clicktrain, image_model, folder, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    Image.fromarray(grating(0, 4)[:5]).save(tmp_path / "low.png")
    out = tmp_path / "o.csv"
    good = folder / "fine" / "fine0.png"
    result = clicktrain("predict-image", image_model, tmp_path / "bad.png", good, tmp_path / "low.png", "-o", out)
    assert result.exit_code == 1
    assert "1 of 3 images classified" in result.stdout
    first, second = result.stderr.splitlines()
    assert "bad.png` must hold an image, got an empty file" in first
    assert "low.png` must be at least 8 px" in second
    assert list(answers(out)) == [str(good)]


def test_answers_can_be_learned_from(clicktrain, image_model, folder, tmp_path):
    out = tmp_path / "o.csv"
    clicktrain("predict-image", image_model, *sorted(folder.glob("*/*.tif")), "-o", out)
    assert clicktrain("train-image", out, "-o", tmp_path / "m.clicktrain", *QUICK).exit_code == 0


def test_info_says_what_an_image_model_is(clicktrain, image_model):
    result = clicktrain("info", image_model)
    assert result.exit_code == 0, result.output
    for pattern in (r"Kind +│ image", r"Classes +│ coarse, fine", "Per class: 3, 3", "Patch: 8"):
        assert re.search(pattern, result.stdout), pattern


class TestBadInput:
    """Each ends with exit code 2, one line on stderr that says what is wrong, and no new file."""

    @pytest.fixture
    def refused(self, clicktrain, tmp_path):
        def run(*args):
            before = sorted(os.listdir(tmp_path))
            result = clicktrain(*args)
            assert result.exit_code == 2, result.output
            assert result.stdout == ""
            assert result.stderr.startswith("clicktrain: ")
            assert result.stderr.count("\n") == 1
            assert sorted(os.listdir(tmp_path)) == before
            return result.stderr

        return run

    @pytest.fixture
    def untrained(self, refused, tmp_path):
        return lambda source, *args: refused("train-image", source, *args, "-o", tmp_path / "m.clicktrain")

    def test_table_without_labels(self, untrained, tmp_path):
        (tmp_path / "t.csv").write_text("path,class\na.png,1\n")
        assert "columns path and label once" in untrained(tmp_path / "t.csv")

    def test_missing_image(self, untrained, tmp_path):
        (tmp_path / "t.csv").write_text("path,label\na.png,1\n")
        assert "line 2: `a.png` must be an image" in untrained(tmp_path / "t.csv")

    def test_one_class_only(self, untrained, folder):
        (only := folder.parent / "only").mkdir(exist_ok=True)
        (only / "fine").mkdir(exist_ok=True)
        Image.fromarray(grating(0, 4)).save(only / "fine" / "a.png")
        assert "at least two classes, got 1" in untrained(only, *QUICK)

    def test_folder_without_class_folders(self, untrained, folder):
        assert "named like the class, got none" in untrained(folder / "fine")

    def test_unreadable_image(self, untrained, folder, tmp_path):
        (tmp_path / "a.png").write_bytes(b"\x89PNG")
        (tmp_path / "t.csv").write_text(f"path,label\na.png,1\n{folder}/fine/fine0.png,2\n")
        assert "a.png` must be a whole" in untrained(tmp_path / "t.csv", *QUICK)

    def test_setting_that_cannot_be(self, untrained, folder):
        assert "`training.sampling` cannot be 2.0" in untrained(folder, "--sampling", 2)

    def test_image_smaller_than_a_patch(self, untrained, folder):
        assert "must be at least 64 px" in untrained(folder)

    def test_model_that_exists(self, refused, folder, tmp_path):
        (tmp_path / "m.clicktrain").touch()
        assert "Give --overwrite" in refused("train-image", folder, "-o", tmp_path / "m.clicktrain")

    def test_checkpoint_that_is_the_output(self, untrained, folder, tmp_path):
        assert "must be another file" in untrained(folder, "--checkpoint", tmp_path / "m.clicktrain")

    def test_model_of_pixels(self, refused, model, folder, tmp_path):
        error = refused("predict-image", model, folder / "fine", "-o", tmp_path / "o.csv")
        assert "halves.clicktrain` must be" in error

    def test_class_that_is_not_known(self, refused, image_model, folder, tmp_path):
        arguments = ("-o", tmp_path / "o.csv", "--heat-maps", tmp_path, "--heat-label", "none")
        assert "one of coarse, fine, got 'none'" in refused("predict-image", image_model, folder / "fine", *arguments)

    def test_table_that_exists(self, refused, image_model, folder, tmp_path):
        (tmp_path / "o.csv").write_text("precious")
        assert "must not exist yet" in refused("predict-image", image_model, folder / "fine", "-o", tmp_path / "o.csv")
        assert (tmp_path / "o.csv").read_text() == "precious"

    def test_two_images_of_one_name(self, refused, image_model, folder, tmp_path):
        np.save(tmp_path / "fine0.npy", grating(0, 4))
        error = refused(
            "predict-image", image_model, folder / "fine", tmp_path / "fine0.npy", "-o", tmp_path / "o.csv",
            "--heat-maps", tmp_path / "maps",
        )  # fmt: skip
        assert "have one heat map" in error

    def test_plan_of_an_image_model(self, refused, image_model):
        assert "--plan must be asked of a model of pixels" in refused("info", image_model, "--plan")
