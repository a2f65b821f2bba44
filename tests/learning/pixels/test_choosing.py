"""Training of networks that choose channels for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clicktrain import PixelClassifier
from clicktrain.config import NetworkConfig, preset
from clicktrain.models.pixels.features import prepare
from clicktrain.models.pixels.nets import build_network

if TYPE_CHECKING:
    from pathlib import Path

CHOOSING = NetworkConfig(sigmas_px=(0.7, 1.0), width=8, levels=4, members=1, mod_channels=2)


def classifier(seed: int = 0) -> PixelClassifier:
    settings = preset("fast", pretrained=False)
    training = settings.training.model_copy(update={"steps": 30, "more_steps": 3})
    settings = settings.model_copy(update={"network": CHOOSING, "training": training})
    return PixelClassifier(preset=settings, seed=seed, device="cpu")


def halves() -> tuple[np.ndarray, np.ndarray]:
    """Dark left of bright, and strokes in both."""
    image = np.random.default_rng(0).random((60, 70)).astype(np.float32)
    image[:, 35:] += 1
    labels = np.zeros((60, 70), np.uint8)
    labels[10:13, 5:20], labels[40:43, 50:65] = 1, 2
    return image, labels


def test_trained_network_tells_the_classes_apart() -> None:
    image, labels = halves()
    answer = classifier().fit(image, labels).predict(image)
    assert (answer[:, :25] == 1).mean() > 0.9
    assert (answer[:, 45:] == 2).mean() > 0.9


def test_channels_that_are_kept_are_those_of_the_training_image() -> None:
    image, labels = halves()
    model = classifier().fit(image, labels)._fitted()
    prepared = prepare(torch.from_numpy(image)[None], model.statistics, model.fov)
    (selection,) = model.selections(prepared)
    for name, held in selection.items():
        torch.testing.assert_close(model.net.members[0].get_buffer(name), held)


def test_selector_learns_from_the_clicks() -> None:
    model = classifier().fit(*halves())._fitted()
    fresh = build_network(CHOOSING, in_channels=1, n_classes=2, seed=0)
    names = [name for name, _ in fresh.named_parameters() if "selector.excite.bias" in name]
    assert len(names) == 2
    # By more than the decay of weights alone would take away.
    assert all((model.net.get_parameter(n) / fresh.get_parameter(n) - 1).abs().max() > 0.02 for n in names)


def test_summary_says_which_channels_and_how_much_work_was_skipped(tmp_path: Path) -> None:
    trained = classifier().fit(*halves())
    summary = trained.summary()
    assert [(one.block, one.of, len(one.channels)) for one in summary.selected] == [
        ("0.convs.1.branch", 8, 2),
        ("0.convs.3.branch", 8, 2),
    ]
    # Two of four convolutions of 8 channels work on 2, beside a mixing layer and heads.
    assert 0.4 < summary.skipped < 0.5
    assert summary.selection_text == f"2 of 8 channels in 2 blocks, {100 * summary.skipped:.0f} % of the work skipped"
    blocks = summary.selection_details.splitlines()[:2]
    assert blocks == [f"{one.block}: {one.channels[0]}, {one.channels[1]} of 8" for one in summary.selected]
    trained.save(tmp_path / "m.clicktrain")
    assert PixelClassifier.load(tmp_path / "m.clicktrain").summary() == summary


def test_loaded_model_classifies_as_the_saved_one(tmp_path: Path) -> None:
    image, labels = halves()
    trained = classifier().fit(image, labels)
    trained.save(tmp_path / "m.clicktrain")
    loaded = PixelClassifier.load(tmp_path / "m.clicktrain", device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(image), trained.predict_proba(image))
    np.testing.assert_array_equal(loaded.predict_proba(image[::-1]), trained.predict_proba(image[::-1]))


def test_training_goes_on_with_channels_chosen_anew() -> None:
    image, labels = halves()
    trained = classifier().fit(image, labels)
    before = trained.summary().selected
    trained.continue_fit(image, labels)
    assert [one.scores for one in trained.summary().selected] != [one.scores for one in before]


def test_plain_networks_say_nothing_about_channels() -> None:
    settings = classifier()._settings
    plain = settings.model_copy(update={"network": CHOOSING.model_copy(update={"mod_channels": 0})})
    summary = PixelClassifier(preset=plain, device="cpu").fit(*halves()).summary()
    assert summary.selected == ()
    assert summary.skipped == 0
    assert summary.selection_text == summary.selection_details == ""
