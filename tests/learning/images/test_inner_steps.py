from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clicktrain.learning.images import inner_steps
from clicktrain.learning.images.inner_steps import Targets, plan_steps, train_on_batch
from clicktrain.learning.images.seeds import generator
from tests.learning.images.cases import PATCH_PX, network, noise, reader_of, run, settings

TARGETS = torch.tensor([2, 0])
WEIGHTS = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
SAME = (noise(64, 48, seed=1), noise(64, 48, seed=2))
DIFFERENT = (noise(64, 48, seed=1), noise(32, 80, seed=2))


def plain_gradients(net, images):
    """Gradients of backpropagation through each whole image on its own."""
    net.zero_grad()
    total = 0
    for image, target in zip(images, TARGETS, strict=True):
        rows, columns = (size // PATCH_PX for size in image.shape)
        tiles = torch.from_numpy(image).double().reshape(rows, PATCH_PX, columns, PATCH_PX).transpose(1, 2)
        codes = net.encode(tiles.reshape(-1, 1, PATCH_PX, PATCH_PX)).T.reshape(1, -1, rows, columns)
        scores = net.score(codes, torch.ones(1, rows, columns, dtype=torch.bool))
        total = total + F.cross_entropy(scores, target[None], reduction="none") * WEIGHTS[target] / len(images)
    total.sum().backward()
    return gradients(net)


def gradients(net):
    return {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


def patchgd(net, images, step, place=(0, 0, 0), **changes):
    net.zero_grad()
    reader = reader_of(*images)
    return run(train_on_batch(net, reader, Targets(TARGETS, WEIGHTS), settings(**changes).training, step, place=place))


def patchgd_gradients(net, images, **changes):
    """Gradients at every optimizer step, without moving the weights."""
    found = []

    def step():
        found.append(gradients(net))
        net.zero_grad()

    patchgd(net, images, step, **changes)
    return found


def trained(images, **changes):
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step():
        optimizer.step()
        optimizer.zero_grad()

    patchgd(net, images, step, **changes)
    return net.state_dict()


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("norm", ["group", "frozen_batch"])
@pytest.mark.parametrize("sampling", [0.25, 0.3, 1 / 12])
@pytest.mark.parametrize("images", [SAME, DIFFERENT], ids=["same sizes", "different sizes"])
def test_one_step_per_batch_is_backpropagation_through_whole_images(images, sampling: float, norm: str) -> None:
    net = network(norm=norm)
    (found,) = patchgd_gradients(net, images, sampling=sampling)
    assert_same(found, plain_gradients(net, images))


def test_without_the_factor_the_encoder_would_get_the_gradient_divided_by_the_inner_steps(monkeypatch) -> None:
    net = network()
    monkeypatch.setattr(inner_steps, "encoder_factor", lambda n_patches, config: 1.0)
    (found,) = patchgd_gradients(net, SAME, sampling=0.25)
    wanted = plain_gradients(net, SAME)
    assert_same(found, {name: g / 4 if name.startswith("encoder") else g for name, g in wanted.items()})


@pytest.mark.parametrize("changes", [{"step_every": 1}, {"step_every": 2}, {"inner_steps": 2}], ids=str)
def test_the_encoder_gradient_of_a_step_is_an_unbiased_estimate(monkeypatch, changes) -> None:
    net = network()
    reader = reader_of(*SAME)
    rounds = plan_steps(reader.grids, settings(sampling=0.25).training, generator(0))
    # Two orders in which every patch comes as often as any other in each of the places.
    n = settings(sampling=0.25, **changes).training.n_inner_steps
    found = []
    for start in range(0, 4, n):
        monkeypatch.setattr(inner_steps, "plan_steps", lambda *_, start=start: rounds[start : start + n])
        found += patchgd_gradients(net, SAME, sampling=0.25, **changes)
    mean = {name: torch.stack([part[name] for part in found]).mean(dim=0) for name in found[0]}
    assert_same(mean, plain_gradients(net, SAME))


def test_one_inner_step_is_plain_gradient_descent() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    plain_gradients(net, SAME)
    optimizer.step()
    assert_same(trained(SAME, sampling=1.0), net.state_dict())


def test_stepping_at_each_inner_step_is_another_training() -> None:
    often, once = trained(SAME, sampling=0.25, step_every=1), trained(SAME, sampling=0.25)
    assert not torch.allclose(often["head.to_scores.weight"], once["head.to_scores.weight"])


@pytest.mark.parametrize(("step_every", "steps"), [(1, 4), (2, 2), (3, 2), (4, 1)])
def test_gradients_of_an_incomplete_last_group_are_followed_too(step_every: int, steps: int) -> None:
    assert len(patchgd_gradients(network(), SAME, sampling=0.25, step_every=step_every)) == steps


@pytest.mark.parametrize("sampling", [1.0, 0.5, 0.3, 0.25, 0.2, 1 / 12])
@pytest.mark.parametrize("images", [SAME, DIFFERENT], ids=["same sizes", "different sizes"])
def test_every_patch_is_taken_exactly_once(images, sampling: float) -> None:
    reader = reader_of(*images)
    steps = plan_steps(reader.grids, settings(sampling=sampling).training, generator(0))
    taken = [index for indices in steps for index in indices]
    assert sorted(taken) == reader.all_indices()


def test_images_of_one_size_get_the_same_positions() -> None:
    reader = reader_of(*SAME)
    for indices in plan_steps(reader.grids, settings(sampling=0.25).training, generator(0)):
        assert [patch for image, patch in indices if image == 0] == [patch for image, patch in indices if image == 1]


def test_another_place_in_the_training_gets_another_order() -> None:
    reader = reader_of(*SAME)
    config = settings(sampling=0.25).training
    assert plan_steps(reader.grids, config, generator(0, 1)) != plan_steps(reader.grids, config, generator(0, 2))


@pytest.mark.parametrize("chunk_patches", [1, 5, 100])
def test_no_more_patches_than_an_inner_step_takes_are_read_at_once(monkeypatch, chunk_patches: int) -> None:
    sizes: list[int] = []
    net = network()
    reader = reader_of(*SAME)
    read = type(reader).read
    monkeypatch.setattr(type(reader), "read", lambda self, indices: sizes.append(len(indices)) or read(self, indices))
    config = settings(sampling=0.25, chunk_patches=chunk_patches).training
    run(train_on_batch(net, reader, Targets(TARGETS, WEIGHTS), config, net.zero_grad, place=(0,)))
    # Filled, then encoded again, but for what the first inner step encodes anyway.
    assert sum(sizes) == 2 * 24 - 6
    assert max(sizes) == 6


def test_dropout_and_order_depend_on_the_place_alone() -> None:
    state = torch.random.get_rng_state()
    losses = [patchgd(network(dropout=0.5), SAME, lambda: None, place=(0, 3, 1), sampling=0.25)[0] for _ in range(2)]
    assert losses[0] == losses[1]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_closing_in_the_middle_stops_the_reading(monkeypatch) -> None:
    net = network()
    reader = reader_of(*SAME)
    config = settings(sampling=1 / 12, chunk_patches=1).training
    steps = train_on_batch(net, reader, Targets(TARGETS, WEIGHTS), config, net.zero_grad, place=(0,))
    next(steps)
    steps.close()
    assert all(parameter.grad is None for parameter in net.parameters())
    assert np.isfinite(net.encoder.to_code.weight.detach().numpy()).all()
