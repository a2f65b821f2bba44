"""How many threads there are changes how long a training takes, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clicktrain import PixelClassifier
from tests.textures import strokes, strokes_in_slices, two_textures, two_textures_in_depth

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def n_threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("n_threads_as_before")
@pytest.mark.parametrize("ndim", [2, 3])
def test_one_thread_and_several_give_the_same_bits(ndim: int) -> None:
    image, truth = two_textures() if ndim == 2 else two_textures_in_depth()
    labels = strokes(truth) if ndim == 2 else strokes_in_slices(truth)
    axes = "ZYX"[-ndim:]
    found = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        model = PixelClassifier(preset="fast").fit(image, labels, axes=axes)
        found.append((model._fitted().weights(), model.predict_proba(image, axes=axes)))
    (weights, answer), (other_weights, other_answer) = found
    assert all(torch.equal(value, other_weights[name]) for name, value in weights.items())
    np.testing.assert_array_equal(answer, other_answer)
