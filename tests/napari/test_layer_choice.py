from __future__ import annotations

import numpy as np
import pytest
from napari.components import LayerList
from napari.layers import Image, Labels

from clicktrain.napari.layer_choice import LayerChoice


@pytest.fixture
def layers():
    return LayerList([Image(np.eye(4), name="first"), Image(np.eye(4), name="second")])


@pytest.fixture
def choice(layers, qapp):
    choice = LayerChoice(layers, lambda layer: isinstance(layer, Image), "an image")
    yield choice
    choice.close()


@pytest.fixture
def changes(choice):
    seen = []
    choice.changed.connect(seen.append)
    return seen


def test_topmost_layer_is_chosen_first(choice, layers):
    assert choice.value is layers["second"]


def test_choice_survives_new_moved_and_renamed_layers(choice, layers, changes):
    chosen = choice.value
    layers.append(Image(np.eye(4), name="third"))
    layers.append(Labels(np.eye(4, dtype=int)))
    layers.reverse()
    chosen.name = "another"
    assert choice.value is chosen
    assert changes == []


def test_removing_the_chosen_layer_chooses_another_and_at_last_none(choice, layers, changes):
    first = layers["first"]
    layers.remove("second")
    layers.remove("first")
    assert changes == [first, None]
    assert choice.value is None


def test_a_choice_is_told(choice, layers, changes):
    choice.value = layers["first"]
    assert changes == [layers["first"]]


def test_a_closed_choice_no_longer_follows(choice, layers, changes):
    choice.close()
    layers.clear()
    assert changes == []
