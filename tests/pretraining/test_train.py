from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clicktrain.errors import ImageError
from clicktrain.models.pixels.pretrained import EmbeddedHead, Embedding
from pretraining.padded import embed
from pretraining.pool import draw_pair
from pretraining.tasks import Task
from pretraining.train import FewClicks, Report, pretrain
from tests.textures import strokes, two_textures

if TYPE_CHECKING:
    from clicktrain.types import AnyArray

SIDE_PX = 96


class Pairs:
    """A pool without a process."""

    def __init__(self, pairs: list[tuple[AnyArray, AnyArray]]) -> None:
        self.pairs = [(images.astype(np.float32), shown.astype(np.int64)) for images, shown in pairs]

    def draw(self, rng: np.random.Generator) -> tuple[AnyArray, AnyArray]:
        return self.pairs[int(rng.integers(len(self.pairs)))]


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return Pairs([draw_pair(seed, SIDE_PX) for seed in range(4)])


def tiny(seed: int = 0) -> FewClicks:
    torch.manual_seed(seed)
    return FewClicks(width=4, levels=3, embedding=16)


def after(model: FewClicks, pairs: Pairs, steps: int, seed: int = 1) -> list[Report]:
    return list(islice(pretrain(model, pairs, seconds=1e12, seed=seed), steps))


def test_a_few_steps_change_all_weights_and_report_finite_losses(pairs: Pairs) -> None:
    model, before = tiny(), tiny().state_dict()
    reports = after(model, pairs, 3)
    assert [report.step for report in reports] == [1, 2, 3]
    assert [report.tasks for report in reports] == [2, 4, 6]
    assert all(math.isfinite(report.loss) for report in reports)
    assert all(0 <= report.over < 1 for report in reports)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    same = [name for name, tensor in model.state_dict().items() if torch.equal(tensor, before[name])]
    assert same == []


def test_one_seed_trains_one_model(pairs: Pairs) -> None:
    one, again, other = tiny(), tiny(), tiny()
    for model, seed in ((one, 1), (again, 1), (other, 2)):
        after(model, pairs, 2, seed)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_training_ends_with_its_time_and_makes_one_step_at_least(pairs: Pairs) -> None:
    reports = list(pretrain(tiny(), pairs, seconds=1e-6, seed=1))
    assert [(report.step, report.over) for report in reports] == [(1, 1.0)]


def test_a_gradient_that_is_not_finite_leaves_the_model_alone(pairs: Pairs) -> None:
    model = tiny()
    with torch.no_grad():
        model.sharpness[1] = math.nan
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(RuntimeError, match="non-finite"):
        after(model, pairs, 1)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)


def test_images_that_show_nothing_are_refused_in_one_sentence() -> None:
    blank = Pairs([(np.zeros((2, SIDE_PX, SIDE_PX)), np.zeros((2, SIDE_PX, SIDE_PX)))])
    with pytest.raises(ImageError, match="must show two classes or more, got none"):
        after(tiny(), blank, 1)


def test_the_head_of_the_training_is_the_head_that_ships() -> None:
    model = tiny().double()
    image, truth = two_textures(SIDE_PX + 24)
    values = torch.from_numpy((image - image.mean()) / image.std())[None, None]
    clicked = strokes(truth, rows=(45, 70))
    task = Task(np.stack((truth, truth)), clicked, n_classes=2)
    shipped = EmbeddedHead.of(Embedding(model.trunk).double(), torch.empty(0))
    with torch.no_grad():
        embedding = embed(model.trunk, values.expand(2, -1, -1, -1))
        scores = model.scores(embedding, task)
        known = torch.from_numpy(clicked)
        head = shipped.fitted(embedding[0].permute(1, 2, 0)[known > 0], known[known > 0] - 1, 2)
        trained = F.softmax(scores[0], dim=0)
        torch.testing.assert_close(head.probabilities_of(embedding[:1]), trained, atol=1e-9, rtol=0)
        assert float(trained.std()) > 0.01
