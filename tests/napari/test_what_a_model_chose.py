"""The status line says which channels a model chose, if it does so."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog

from clicktrain.config.summaries import SelectedChannels
from tests.fakes import FakeClassifier

SHORT = "2 of 8 channels in 2 blocks, 38 % of the work skipped"
BLOCKS = (
    SelectedChannels(block="0.convs.1.branch", of=8, channels=(1, 5), scores=(0.5, 0.4)),
    SelectedChannels(block="0.convs.3.branch", of=8, channels=(0, 7), scores=(0.5, 0.4)),
)


@pytest.fixture
def clicked(viewer, dock, halves, strokes):
    viewer.add_image(halves, name="halves")
    viewer.add_labels(strokes, name="strokes")
    return dock


def train(dock, finish):
    dock.controls.train.click()
    finish(dock)


def load(dock, finish, monkeypatch, path):
    dock.session.save_model(path)
    finish(dock)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    dock.controls.load.click()
    finish(dock)


def test_after_training_and_loading_it_says_which_channels(clicked, finish, monkeypatch, tmp_path):
    FakeClassifier.selected = BLOCKS
    train(clicked, finish)
    assert clicked.controls.status.startswith("Trained on 10 clicks in ")
    assert clicked.controls.status.endswith(f" · {SHORT}")
    assert clicked.controls.details.splitlines()[:2] == [
        "0.convs.1.branch: 1, 5 of 8",
        "0.convs.3.branch: 0, 7 of 8",
    ]
    load(clicked, finish, monkeypatch, tmp_path / "m.clicktrain")
    assert clicked.controls.status == f"Loaded m.clicktrain · {SHORT}"
    assert "0.convs.1.branch: 1, 5 of 8" in clicked.controls.details


def test_what_was_said_of_a_model_goes_with_the_next_word(clicked, finish):
    FakeClassifier.selected = BLOCKS
    train(clicked, finish)
    clicked.controls.predict.click()
    finish(clicked)
    assert clicked.controls.status.startswith("Classified in ")
    assert clicked.controls.details == ""


def test_a_model_without_such_blocks_says_nothing_of_channels(clicked, finish, monkeypatch, tmp_path):
    train(clicked, finish)
    assert "channels" not in clicked.controls.status
    assert clicked.controls.details == ""
    load(clicked, finish, monkeypatch, tmp_path / "m.clicktrain")
    assert clicked.controls.status == "Loaded m.clicktrain"
    assert clicked.controls.details == ""
