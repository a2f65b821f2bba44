from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from _patchgd.digits import bundled_digits
from _patchgd.memory import activation_bytes
from _patchgd.setting import Setting
from _patchgd.shrunk import Shrunk, largest_that_fits, shrink
from _patchgd.tables import figures, summary_text
from _patchgd.ultramnist import UltraMnist, Variant
from _patchgd.ways import PATCHGD, SHRUNK, WHOLE, Way, drawn, row, rows, ways

TINY = Setting(
    Variant(size_px=64, n_digits=(1,), sums=(0, 1), scales=(4,)),
    n_train=4,
    n_validation=2,
    epochs=1,
    seeds=1,
    shares=(4,),
    patch_px=16,
)


def line(way: str, share: int, seed: int, accuracy: float, needed: int) -> dict[str, Any]:
    sides = {"size_px": 64, "patch_px": 16, "activation_bytes": needed, "epochs": 1}
    return {"way": way, "share": share, "seed": seed, "accuracy": accuracy, "processor_s": 1.0, **sides}


ROWS = [
    line("whole", 1, 0, 0.9, 1000),
    line("patchgd", 4, 0, 0.8, 250),
    line("shrunk", 4, 0, 0.5, 240),
    line("patchgd", 4, 1, 0.6, 250),
    line("shrunk", 4, 1, 0.5, 240),
    line("patchgd", 8, 0, 0.9, 130),
]


def test_margin_is_over_the_seeds_that_both_did() -> None:
    found = figures([*ROWS, line("patchgd", 4, 2, 0.1, 250)], compared=4)
    assert found["margin"] == pytest.approx(0.2)
    assert found["worst_margin"] == pytest.approx(0.1)
    assert found["accuracy"] == pytest.approx(0.5)
    assert found["accuracy_shrunk"] == pytest.approx(0.5)


def test_memory_ratio_is_to_gradient_descent_on_all_patches() -> None:
    found = figures(ROWS, compared=4)
    assert found["memory_ratio"] == found["memory_ratio_4"] == pytest.approx(0.25)
    assert found["memory_ratio_8"] == pytest.approx(0.13)


def test_summary_names_the_variant_and_every_way() -> None:
    machine = {"cores": 2, "processor": "some"}
    text = summary_text({"rows": ROWS, "images": TINY.in_words(), "machine": machine, "figures": figures(ROWS, 4)})
    assert "1 digit per image, sums 0 to 1, scales 4" in text
    assert [text.count(f"| {name}") for name in ("gradient descent", "PatchGD", "shrunk")] == [1, 2, 1]


def test_patchgd_needs_about_its_share_of_the_memory() -> None:
    whole, quarter = (activation_bytes(TINY, 256, 64, share) for share in (1, 4))
    # Gradients of the weights and the head do not fall with the share.
    assert whole / 4 < quarter < whole / 3


def test_shrunk_images_are_the_largest_that_fit() -> None:
    whole = Shrunk(64, 16, activation_bytes(TINY, 64, 16, 1))
    cap_bytes = activation_bytes(TINY, 64, 16, 4)
    found = largest_that_fits(TINY, cap_bytes, whole)
    assert found.activation_bytes == activation_bytes(TINY, found.size_px, found.patch_px, 1) <= cap_bytes
    assert largest_that_fits(TINY, whole.activation_bytes, whole) == whole
    with pytest.raises(ValueError, match="no image fits"):
        largest_that_fits(TINY, 1, whole)


def test_shrinking_takes_the_mean_of_the_pixels() -> None:
    image = np.array([[0, 4, 10, 10], [4, 8, 10, 10], [0, 0, 0, 0], [0, 0, 200, 200]], np.uint8)
    (shrunk,) = shrink([image], 2)
    np.testing.assert_array_equal(shrunk, [[4, 10], [0, 100]])


def test_patchgd_learns_what_gradient_descent_learns() -> None:
    images = drawn(UltraMnist(bundled_digits(), TINY.variant, n_per_class=4, seed=0))
    sides = Shrunk(64, 16, 0)
    whole, patchgd = (row(TINY, Way(name, 4, sides), images, images, seed=0) for name in (WHOLE, PATCHGD))
    assert whole["accuracy"] == patchgd["accuracy"]


def test_every_sampling_has_its_shrunk_rival() -> None:
    found = ways(TINY)
    assert [(way.name, way.share, way.gradient_share) for way in found] == [
        ("whole", 1, 1),
        ("patchgd", 4, 4),
        ("shrunk", 4, 1),
        ("shrunk_longer", 4, 1),
    ]
    assert found[2].images.activation_bytes <= found[1].images.activation_bytes
    assert found[3].images == found[2].images
    assert found[3].times_epochs > 1


def test_what_is_known_is_not_trained_again() -> None:
    shrunk = Way(SHRUNK, 4, Shrunk(32, 16, 0))
    known = list(rows(TINY, bundled_digits(), [shrunk], []))
    assert [(each["way"], each["seed"], each["epochs"]) for each in known] == [("shrunk", 0, 1)]
    assert not list(rows(TINY, bundled_digits(), [shrunk], known))


def test_classes_are_numbered_from_nought() -> None:
    variant = Variant(size_px=64, n_digits=(1,), sums=(3, 4), scales=(1,))
    examples = drawn(UltraMnist(bundled_digits(), variant, n_per_class=2, seed=0))
    assert torch.equal(examples.targets, torch.tensor([0, 1, 0, 1]))
