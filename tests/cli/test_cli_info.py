from __future__ import annotations

from clicktrain import PixelClassifier
from clicktrain.config import ClassInfo, NetworkConfig, preset
from tests.cli.conftest import halves, strokes


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


def test_info_shows_the_channels_chosen_and_the_work_skipped(clicktrain, tmp_path):
    image, labels = halves(0), strokes()
    settings = preset("fast", pretrained=False)
    network = NetworkConfig(sigmas_px=(0.7,), width=8, levels=2, members=1, mod_channels=2)
    training = settings.training.model_copy(update={"steps": 3})
    chosen = settings.model_copy(update={"network": network, "training": training})
    PixelClassifier(preset=chosen, device="cpu").fit(image, labels).save(tmp_path / "m.clicktrain")
    result = clicktrain("info", tmp_path / "m.clicktrain")
    assert result.exit_code == 0, result.output
    summary = PixelClassifier.load(tmp_path / "m.clicktrain").summary()
    shown = " ".join(result.stdout.replace("│", " ").split())
    for text in (summary.selection_text, *summary.selection_details.splitlines()):
        assert text in shown


def test_info_of_a_plain_network_does_not_speak_of_channels(clicktrain, model):
    result = clicktrain("info", model)
    assert "skipped" not in result.stdout
    assert "Selected channels" not in result.stdout


def test_info_names_what_a_model_of_whole_images_holds(clicktrain, image_model):
    result = clicktrain("info", image_model)
    assert result.exit_code == 0, result.output
    for shown in ("image", "nothing, 12 images", "square, 12 images", "Patch: 16", "Best epoch"):
        assert shown in result.stdout
