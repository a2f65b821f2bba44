from __future__ import annotations

import torch

from clicktrain.models.blend import blended


def probabilities(*shape: int, seed: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).softmax(dim=0)


def test_one_answer_stays_as_it_is() -> None:
    only = probabilities(3, 4, 5, seed=0)
    assert torch.equal(blended([only]), only)


def test_answers_that_agree_stay_about_as_they_are() -> None:
    part = probabilities(3, 4, 5, seed=0)
    torch.testing.assert_close(blended([part, part, part]), part, atol=2e-3, rtol=0)


def test_the_order_does_not_matter_and_sums_are_1() -> None:
    parts = [probabilities(4, 6, 5, seed=seed) for seed in range(3)]
    torch.testing.assert_close(blended(parts), blended(parts[::-1]))
    torch.testing.assert_close(blended(parts).sum(dim=0), torch.ones(6, 5))


def test_one_member_that_is_sure_does_not_outvote_two_that_are_not_unsure() -> None:
    sure, others = torch.tensor([0.0, 1.0]), torch.tensor([0.995, 0.005])
    assert blended([sure, others, others]).argmax() == 0
