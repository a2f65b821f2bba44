from __future__ import annotations

import numpy as np
import pytest

from clicktrain.geometry.region import Region
from clicktrain.inference.pixels.summaries import ClassSink, class_numbers, confidence
from clicktrain.stores.sinks import ArraySink

PROBABILITIES = np.array([[1 / 3, 1, 2 / 3], [1 / 3, 0, 1 / 3], [1 / 3, 0, 0]], np.float32)


def test_confidence_runs_from_chance_to_certainty() -> None:
    np.testing.assert_allclose(confidence(PROBABILITIES), [0, 1, 0.5], atol=1e-6)


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_class_numbers_are_as_small_as_they_may_be(largest: int, dtype: type) -> None:
    found = class_numbers(PROBABILITIES[::-1], np.array([2, 7, largest]))
    assert found.dtype == dtype
    assert found.tolist() == [2, largest, largest]


def test_a_sink_of_classes_gets_those_of_each_region() -> None:
    kept = np.zeros((2, 4), np.uint8)
    ClassSink(ArraySink(kept), np.array([3, 5, 9])).write(Region((1, 1), (2, 4)), PROBABILITIES[:, None])
    assert kept.tolist() == [[0, 0, 0, 0], [0, 3, 3, 3]]
