from __future__ import annotations

import pytest
import torch

from clicktrain.models.pixels.blend import blended, member_weights


def probabilities(*shape: int, seed: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).softmax(dim=0)


def test_one_answer_stays_as_it_is() -> None:
    only = probabilities(3, 4, 5, seed=0)
    assert torch.equal(blended({"local": only}, 100), only)


def test_answers_that_agree_stay_about_as_they_are() -> None:
    part = probabilities(3, 4, 5, seed=0)
    torch.testing.assert_close(blended(dict.fromkeys(("local", "trees"), part), 100), part, atol=2e-3, rtol=0)


def test_sums_are_1_and_every_member_counts() -> None:
    parts = {name: probabilities(4, 6, 5, seed=seed) for seed, name in enumerate(("local", "trees", "embedding"))}
    whole = blended(parts, 200)
    torch.testing.assert_close(whole.sum(dim=0), torch.ones(6, 5))
    for name in parts:
        others = {other: part for other, part in parts.items() if other != name}
        assert not torch.allclose(blended(others, 200), whole, atol=1e-3)


def test_one_member_that_is_sure_does_not_outvote_two_that_are_not_unsure() -> None:
    sure, others = torch.tensor([0.0, 1.0]), torch.tensor([0.995, 0.005])
    assert blended({"trees": sure, "local": others, "embedding": others}, 200).argmax() == 0


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_was_learned_before_counts_less_and_less(ndim: int) -> None:
    weights = [member_weights(clicks, ndim=ndim) for clicks in (1, 50, 200, 1000, 100_000)]
    assert [round(sum(w.values()), 6) for w in weights] == [1] * 5
    assert all(weight > 0 for w in weights for weight in w.values())
    embedding = [w["embedding"] for w in weights]
    assert embedding == sorted(embedding, reverse=True)
    assert embedding[0] == embedding[1] > embedding[2] > embedding[3] == embedding[4]
