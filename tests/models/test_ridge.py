from __future__ import annotations

import numpy as np
import pytest
import torch

from clicktrain.models.pixels.ridge import balanced_weights, evidence_of, ridge

N_CLASSES = 3


def clicked(count: int = 40, length: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of uneven scale and off-centre, and the classes of 5 in 8, 2 in 8 and 1 in 8 of them."""
    features = torch.randn(count, length, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    targets = torch.tensor([0, 0, 1, 0, 0, 2, 1, 0]).repeat(count // 8)
    return features * torch.arange(1, length + 1) + 3 + targets[:, None], targets


@pytest.mark.parametrize("penalty", [1e-3, 0.5, 20.0])
def test_head_solves_the_weighted_normal_equations(penalty: float) -> None:
    features, targets = clicked()
    design = np.concatenate([features.numpy(), np.ones((len(features), 1))], axis=1)
    weights = balanced_weights(targets, N_CLASSES, torch.double).numpy()
    # The offset is not held back.
    held_back = np.diag([penalty] * features.shape[1] + [0])
    square = design.T @ (weights[:, None] * design) + held_back
    expected = np.linalg.solve(square, design.T @ (weights[:, None] * np.eye(N_CLASSES)[targets])).T
    np.testing.assert_allclose(ridge(features, targets, N_CLASSES, penalty), expected, atol=1e-9)


def test_more_examples_of_the_same_kind_change_nothing() -> None:
    features, targets = clicked()
    twice = torch.cat((torch.arange(len(targets)), torch.nonzero(targets == 1)[:, 0]))
    expected = ridge(features, targets, N_CLASSES, 0.1)
    torch.testing.assert_close(ridge(features[twice], targets[twice], N_CLASSES, 0.1), expected, atol=1e-9, rtol=0)


def test_classes_weigh_alike() -> None:
    _, targets = clicked()
    weights = balanced_weights(targets, N_CLASSES, torch.double)
    shares = torch.zeros(N_CLASSES, dtype=torch.double).index_add(0, targets, weights)
    torch.testing.assert_close(shares, torch.full((N_CLASSES,), 1 / N_CLASSES, dtype=torch.double))


def test_scores_of_a_pixel_sum_to_1() -> None:
    features, targets = clicked()
    coefficients = ridge(features, targets, N_CLASSES, 0.1)
    sums = (features @ coefficients[:, :-1].T + coefficients[:, -1]).sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


def test_a_strong_penalty_leaves_the_offset_alone() -> None:
    coefficients = ridge(*clicked(), N_CLASSES, 1e9)
    expected = torch.zeros(N_CLASSES, 7, dtype=torch.double)
    expected[:, -1] = 1 / N_CLASSES
    torch.testing.assert_close(coefficients, expected, atol=1e-6, rtol=0)


def test_gradient_passes_to_features_and_penalty() -> None:
    features, targets = clicked(16, 3)
    penalty = torch.tensor(0.3, dtype=torch.double, requires_grad=True)
    torch.autograd.gradcheck(lambda x, p: ridge(x, targets, N_CLASSES, p), (features.requires_grad_(), penalty))


def test_evidence_grows_with_the_clicks_from_1_on() -> None:
    assert evidence_of(100) == 0
    assert evidence_of(0) == evidence_of(1) < evidence_of(2) < 0 < evidence_of(101)
