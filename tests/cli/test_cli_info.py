from __future__ import annotations

import pytest

from clicktrain import PixelClassifier
from clicktrain.config import ClassInfo


def test_info_names_what_the_model_file_holds(clicktrain, model):
    result = clicktrain("info", model)
    assert result.exit_code == 0, result.output
    summary = PixelClassifier.load(model).summary()
    assert str(summary.format_version) in result.stdout
    assert summary.versions["torch"].split("+")[0] in result.stdout
    assert "1 class 1, 32 clicked pixels" in result.stdout
    assert "2 class 2, 32 clicked pixels" in result.stdout


def test_names_that_look_like_markup_are_shown_as_they_are(clicktrain, model, tmp_path):
    classifier = PixelClassifier.load(model)
    classifier.class_infos = [
        ClassInfo(number=1, name="[red]a[/red]", color="#ff0000"),
        ClassInfo(number=2, name="[/b]", color="#00ff00"),
    ]
    path = tmp_path / "m [b].clicktrain"
    classifier.save(path)
    result = clicktrain("info", path)
    assert result.exit_code == 0, result.output
    assert "[red]a[/red]" in result.stdout
    assert "[/b]" in result.stdout


def test_file_that_is_no_model_is_refused(clicktrain, tmp_path):
    (tmp_path / "m.clicktrain").write_bytes(b"no model")
    result = clicktrain("info", tmp_path / "m.clicktrain")
    assert result.exit_code == 2
    assert result.stderr.startswith("clicktrain: ")
    assert result.stderr.count("\n") == 1


def test_info_names_what_a_model_of_whole_images_holds(clicktrain, image_model):
    result = clicktrain("info", image_model)
    assert result.exit_code == 0, result.output
    for shown in ("whole images, in patches of 16 x 16 px", "nothing, 12 images", "square, 12 images", "Best epoch"):
        assert shown in result.stdout


@pytest.mark.parametrize(
    ("kind", "inner"),
    [("pixels", ["Weight decay", "Guided smoothing", "Trees"]), ("images", ["Warm-up", "Head levels", "Chunk"])],
)
def test_settings_that_only_a_few_can_read_are_shown_when_asked_for(clicktrain, model, image_model, kind, inner):
    path = model if kind == "pixels" else image_model
    brief, full = clicktrain("info", path).stdout, clicktrain("info", path, "--all").stdout
    assert not [name for name in [*inner, "None", "True", "False"] if name in brief]
    assert [name for name in [*inner, "None", "True", "False"] if name in full] == inner
    assert "pixels of images" in brief or kind == "images"
