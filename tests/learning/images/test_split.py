from __future__ import annotations

import pytest
import torch

from clicktrain.learning.images.rate import rate_share
from clicktrain.learning.images.split import balancing_weights, batches_of_epoch, split_images

TARGETS = torch.tensor([0] * 10 + [1] * 5 + [2] * 2)


@pytest.mark.parametrize(("share", "counts"), [(0.0, [0, 0, 0]), (0.2, [2, 1, 0]), (0.9, [9, 4, 1])])
def test_a_share_of_every_class_is_kept_and_one_image_of_each_is_learned_from(share: float, counts) -> None:
    learned, validated = split_images(TARGETS, share, 0)
    assert sorted(learned + validated) == list(range(17))
    assert torch.bincount(TARGETS[validated], minlength=3).tolist() == counts
    assert set(TARGETS[learned].tolist()) == {0, 1, 2}


def test_weights_make_classes_count_alike_and_images_1_on_average() -> None:
    weights = balancing_weights(TARGETS, 3)
    per_class = [float(weights[k]) * int((TARGETS == k).sum()) for k in range(3)]
    assert per_class == pytest.approx([17 / 3] * 3)


def test_an_epoch_has_every_image_once_in_an_order_of_its_own() -> None:
    epochs = [batches_of_epoch([3, 5, 8, 9, 11], 2, 0, epoch) for epoch in range(6)]
    assert all(sorted(image for batch in batches for image in batch) == [3, 5, 8, 9, 11] for batches in epochs)
    assert all([len(batch) for batch in batches] == [2, 2, 1] for batches in epochs)
    assert len({str(batches) for batches in epochs}) > 1


def test_the_learning_rate_rises_and_then_falls() -> None:
    shares = [rate_share(i / 100, 0.1) for i in range(101)]
    assert max(shares) == pytest.approx(rate_share(0.1, 0.1)) == pytest.approx(1)
    assert shares[:11] == sorted(shares[:11])
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert min(shares) > 0
    assert rate_share(0, 0) == 1
