from __future__ import annotations

import importlib.machinery
import os
from functools import partial

import numpy as np
import pytest
from PIL import Image

from clicktrain import api
from clicktrain.annotations.clicks import Clicks
from clicktrain.cli import demo, viewer
from clicktrain.cli.picture import draw_overview
from clicktrain.config import default_class
from clicktrain.data import samples
from clicktrain.data.samples import Sample

SIDE_PX = 160


@pytest.fixture
def sample(monkeypatch) -> Sample:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60, (SIDE_PX, SIDE_PX, 3))
    image[:, SIDE_PX // 2 :] += 150
    labels = np.zeros((2, SIDE_PX, SIDE_PX), int)
    labels[0, 5:9, 4:9] = labels[1, 30:33, 4:9] = 1
    labels[0, 5:9, -9:-4] = labels[1, 30:33, -9:-4] = 2
    clicks, held_back = map(Clicks.from_labels, labels)
    small = Sample("halves", image.astype(np.uint8), "YXC", clicks, held_back, (default_class(1), default_class(2)))
    monkeypatch.setattr(samples, "immunohistochemistry", lambda: small)
    monkeypatch.setattr(api, "PixelClassifier", partial(api.PixelClassifier, preset="fast"))
    return small


@pytest.fixture
def shown(monkeypatch) -> list:
    """What the window was opened with; the entry point is stood in for."""
    calls = []

    class Entry:
        def load(self):
            return lambda sample, classifier: calls.append((sample, classifier))

    monkeypatch.setattr(viewer, "entry_points", lambda group, name: [Entry()])
    return calls


@pytest.fixture
def display(monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr(viewer, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None))


@pytest.fixture
def no_display(monkeypatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(viewer.sys, "platform", "linux")


@pytest.mark.usefixtures("no_display")
def test_demo_tells_what_it_did_and_draws_a_picture(clicktrain, sample, shown, tmp_path):
    result = clicktrain("demo", "-o", tmp_path / "d.png")
    assert result.exit_code == 0, result.output
    words = [line.split()[0] for line in result.stdout.splitlines()]
    assert words == ["image", "clicked", "trained", "predicted", "agreement", "picture", "no"]
    assert "clicked     40 pixels, 0.16 % of the image" in result.stdout
    assert "agreement   100.0 % of 30 pixels" in result.stdout
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    assert os.listdir(tmp_path) == ["d.png"]
    assert shown == []


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize(("option", "n_windows"), [([], 1), (["--window"], 1), (["--no-window"], 0)])
def test_window_opens_on_the_same_classifier_unless_switched_off(
    clicktrain, sample, shown, tmp_path, option, n_windows
):
    result = clicktrain("demo", "-o", tmp_path / "d.png", *option)
    assert result.exit_code == 0, result.output
    assert len(shown) == n_windows
    for opened_sample, classifier in shown:
        assert opened_sample is sample
        assert classifier.classes_.tolist() == [1, 2]


@pytest.mark.usefixtures("no_display")
def test_window_asked_for_without_display_is_refused_at_once(clicktrain, tmp_path):
    result = clicktrain("demo", "-o", tmp_path / "d.png", "--window")
    assert result.exit_code == 2
    assert "there is no display" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("display")
def test_without_napari_there_is_no_window(monkeypatch):
    monkeypatch.setattr(viewer, "find_spec", lambda name: None)
    assert "napari is not installed" in viewer.why_no_window()


@pytest.mark.usefixtures("display")
def test_viewer_that_cannot_be_imported_says_why_after_the_picture(clicktrain, sample, monkeypatch, tmp_path):
    class Entry:
        def load(self):
            raise ImportError("no Qt binding")

    monkeypatch.setattr(viewer, "entry_points", lambda group, name: [Entry()])
    result = clicktrain("demo", "-o", tmp_path / "d.png")
    assert result.exit_code == 2
    assert "no Qt binding" in result.stderr
    assert (tmp_path / "d.png").exists()


@pytest.mark.parametrize("name", ["d.jpg", "missing/d.png"])
def test_picture_that_cannot_be_written_is_refused_before_training(clicktrain, monkeypatch, tmp_path, name):
    monkeypatch.setattr(demo, "_train", None)
    result = clicktrain("demo", "-o", tmp_path / name, "--no-window")
    assert result.exit_code == 2
    assert name in result.stderr


def test_picture_shows_four_panels_in_the_colours_of_the_classes(sample, tmp_path):
    columns = np.arange(SIDE_PX) / (SIDE_PX - 1)
    confidence = np.tile(columns.astype(np.float32), (SIDE_PX, 1))
    draw_overview(tmp_path / "d.png", sample, np.where(confidence < 0.5, 1, 2), confidence)
    picture = np.asarray(Image.open(tmp_path / "d.png"))
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert picture.shape[1] > 4 * SIDE_PX
    assert {(0, 0x72, 0xB2), (0xE6, 0x9F, 0)} <= colours
    assert {(0x44, 0x01, 0x54), (0xFD, 0xE7, 0x25)} <= colours
