"""Scores at chosen pixels are those of the dense pass, forward and backward, however they are computed."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from clicktrain import densify
from clicktrain.engine import patch_scan
from clicktrain.engine.cost import Costs, dense_macs, patch_macs
from clicktrain.engine.cover import at_hand, bounding_side, cover
from clicktrain.engine.network import SelectedStrategy
from clicktrain.engine.planner import Planner
from clicktrain.engine.speeds import speeds_of
from clicktrain.errors import BackendError, ShapeError
from tests.engine.architectures import Example, patch_classifiers, plain_cnn_1
from tests.engine.comparing import assert_same, gradients, random_images

STRATEGIES = get_args(SelectedStrategy)


def pick(scores: Tensor, positions: Tensor) -> Tensor:
    """Scores (N, K) at positions (N, 1 + ndim), one by one."""
    return torch.stack([scores[(row[0], slice(None), *row[1:])] for row in positions.tolist()])


@st.composite
def chosen(draw: st.DrawFn) -> tuple[Example, list[int], Tensor]:
    """A patch classifier, pixels beyond its field of view, and one, several, repeated or all positions of 2 images."""
    example = draw(patch_classifiers())
    beyond = draw(st.lists(st.integers(0, 5), min_size=example.ndim, max_size=example.ndim))
    places = torch.cartesian_prod(torch.arange(2), *(torch.arange(n + 1) for n in beyond))
    which = draw(st.lists(st.integers(0, len(places) - 1), min_size=1, max_size=6))
    return example, beyond, places if draw(st.booleans()) and len(places) < 40 else places[which]


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(case=chosen())
def test_chosen_scores_and_gradients_equal_those_of_the_patch_scan(
    strategy: SelectedStrategy, case: tuple[Example, list[int], Tensor]
) -> None:
    example, beyond, positions = case
    dense = densify(example.module, ndim=example.ndim, fov=example.fov)
    image = random_images(example, 2, beyond, "noise").requires_grad_()
    scores = dense.at(image, positions, strategy)
    expected = pick(dense(image, strategy="patches"), positions)
    assert_same(scores, expected, 1e-10)
    for got, wanted in zip(
        gradients(scores, example.module, image), gradients(expected, example.module, image), strict=True
    ):
        assert_same(got, wanted, 1e-10)


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2)
    ).double()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_repeated_position_counts_twice(strategy: SelectedStrategy) -> None:
    net = small_net()
    dense = densify(net)
    image = torch.randn(1, 1, 20, 24, dtype=torch.double)
    once, twice = torch.tensor([[3, 4]]), torch.tensor([[3, 4], [3, 4]])
    single = torch.autograd.grad(dense.at(image, once, strategy).sum(), list(net.parameters()))
    double = torch.autograd.grad(dense.at(image, twice, strategy).sum(), list(net.parameters()))
    for one, two in zip(single, double, strict=True):
        assert_same(two, 2 * one, 1e-12)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_positions_give_no_scores(strategy: SelectedStrategy) -> None:
    scores = densify(small_net()).at(
        torch.zeros(1, 1, 20, 20, dtype=torch.double), torch.zeros(0, 2, dtype=torch.long), strategy
    )
    assert scores.shape == (0, 2)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_gradient_mode_gives_the_same_scores_in_chunks(
    strategy: SelectedStrategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clicktrain.engine.execute._CHUNK_PX", 500)
    monkeypatch.setitem(patch_scan._BATCH_PX, "cpu", 500)
    dense = densify(small_net())
    image = torch.randn(1, 1, 40, 40, dtype=torch.double)
    positions = torch.randint(0, 29, (50, 2), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = dense.at(image, positions, strategy)
        assert_same(scores, dense(image, "dense")[0, :, positions[:, 0], positions[:, 1]].T, 1e-10)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 19), st.integers(0, 9)), min_size=1, max_size=30),
    st.tuples(st.integers(1, 20), st.integers(1, 10)),
)
def test_cover_holds_every_position_inside_the_map(places: list[tuple[int, ...]], side_px: tuple[int, int]) -> None:
    positions = torch.tensor(places)
    covering = cover(positions, (20, 10), side_px)
    window, within = covering.within[:, 0], covering.within[:, 1:]
    assert torch.equal(covering.corners[window][:, 1:] + within, positions[:, 1:])
    assert torch.equal(covering.corners[window][:, 0], positions[:, 0])
    assert (within >= 0).all()
    assert (within < torch.tensor(side_px)).all()
    assert (covering.corners[:, 1:] >= 0).all()
    assert (covering.corners[:, 1:] + torch.tensor(side_px) <= torch.tensor((20, 10))).all()


def test_macs_of_the_paper_network_are_the_published_count() -> None:
    program = densify(plain_cnn_1()).program
    assert round(patch_macs(program) / 1e6, 2) == 92.96
    assert [round(dense_macs(program, (n, n)) / 1e9, 2) for n in (128, 256, 512, 1024)] == [2.85, 8.85, 31.29, 117.99]


@pytest.fixture(scope="module")
def planner() -> Planner:
    """Planner of the network of the paper."""
    costs = Costs(speeds_of(torch.device("cpu")), gradient=True)
    return Planner(densify(plain_cnn_1()).program, costs, element_bytes=4)


def test_planner_takes_one_patch_for_one_click_and_one_pass_for_all(planner: Planner) -> None:
    for times in (1, 3):
        one = planner.at(torch.tensor(times * [[0, 5, 5]]), (64, 64))
        assert one.strategy == "patches"
        assert len(one.covering.corners) == 1
    everywhere = torch.cartesian_prod(torch.arange(1), torch.arange(64), torch.arange(64))
    whole = planner.at(everywhere, (64, 64))
    assert whole.strategy != "patches"
    assert whole.covering.side_px == (64, 64)


def test_planner_runs_late_layers_at_needed_places_only_where_clicks_are_few(planner: Planner) -> None:
    generator = torch.Generator().manual_seed(0)
    clicks = torch.nn.functional.pad(torch.randint(0, 300, (500, 2), generator=generator), (1, 0))
    plan = planner.at(clicks, (300, 300))
    assert plan.strategy == "selected"
    assert 0 < plan.start < len(planner.program.steps)


def test_planner_keeps_far_strokes_apart(planner: Planner) -> None:
    stroke = torch.cartesian_prod(torch.arange(1), torch.arange(20), torch.arange(20))
    strokes = torch.cat([stroke, stroke + torch.tensor([0, 9000, 9000])])
    chosen = planner.at(strokes, (10000, 10000))
    assert max(chosen.covering.side_px) < 100
    assert chosen.seconds < planner.patches(strokes, (10000, 10000)).seconds


def scattered(count: int, most: int) -> Tensor:
    places = torch.randint(0, most, (count, 2), generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.pad(places, (1, 0))


def test_a_pass_that_is_over_at_once_is_taken_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = Costs(speeds_of(torch.device("cuda")), gradient=False)
    planner = Planner(densify(plain_cnn_1()).program, costs, element_bytes=4)
    for search in ("_cheapest_side", "selected"):
        monkeypatch.setattr(Planner, search, None)
    few, many = scattered(3, 128), scattered(400, 128)
    assert planner.at(few, (128, 128)).strategy == "patches"
    plan = planner.at(many, (128, 128))
    assert (plan.strategy, plan.covering.side_px) == ("windows", bounding_side(many, (128, 128)))
    assert plan.seconds < planner.patches(many, (128, 128)).seconds
    assert plan.start == len(planner.program.steps)


def test_a_pass_that_takes_longer_is_not_even_planned_before_the_search(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Planner, "windows", None)
    assert planner._short_pass(scattered(100, 300), (300, 300), below_s=1.0, sure_s=2.5e-3) is None


def test_few_positions_are_planned_with_on_the_processor_and_run_on_the_device() -> None:
    elsewhere = torch.device("meta")
    few, many = torch.zeros(9, 3, device=elsewhere), torch.zeros(9999, 3, device=elsewhere)
    # A tensor without values cannot be brought to the processor: only the few are asked for.
    with pytest.raises(NotImplementedError):
        at_hand(few)
    assert at_hand(many) is many
    covering = cover(scattered(9, 20), (20, 20), (4, 4))
    assert covering.on(torch.device("cpu")) is covering
    moved = covering.on(elsewhere)
    assert (moved.corners.device, moved.within.device) == (elsewhere, elsewhere)
    assert moved.side_px == (4, 4)


@pytest.mark.parametrize(
    ("positions", "batch", "message"),
    [
        (torch.tensor([[0, 40]]), 1, r"positions must be below \(1, 10, 12\).*got \(0, 0, 40\)"),
        (torch.tensor([[-1, 0]]), 1, r"got \(0, -1, 0\)"),
        (torch.tensor([[2, 0, 0]]), 2, r"got \(2, 0, 0\)"),
        (torch.tensor([[0, 0]]), 2, "batch index first for a batch of 2 images"),
        (torch.tensor([[0.0, 1.0]]), 1, "whole numbers of shape"),
        (torch.tensor([0, 1]), 1, "whole numbers of shape"),
    ],
)
def test_position_without_a_patch_is_refused(positions: Tensor, batch: int, message: str) -> None:
    net = small_net()
    dense = densify(net)
    image = torch.zeros(batch, 1, dense.fov[0] + 9, dense.fov[1] + 11, dtype=torch.double)
    with pytest.raises(ShapeError, match=message):
        dense.at(image, positions)


def test_unknown_strategy_is_refused() -> None:
    with pytest.raises(
        BackendError, match="strategy must be one of auto, windows, dense, selected, patches, got 'magic'"
    ):
        densify(small_net()).at(torch.zeros(1, 1, 20, 20, dtype=torch.double), torch.tensor([[0, 0]]), "magic")


def test_strategy_that_is_found_once_is_the_one_taken_by_itself() -> None:
    net = densify(plain_cnn_1().double())
    image = torch.rand(1, 3, 145, 145, dtype=torch.double)
    near = torch.cartesian_prod(torch.arange(12), torch.arange(12))
    assert net.strategy_at(image, near[:1]) == "patches"
    assert net.strategy_at(image, near) != "patches"
    for positions in (near[:1], near):
        taken = net.at(image, positions, net.strategy_at(image, positions))
        assert_same(taken, net.at(image, positions), 1e-9)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 69)), min_size=1, max_size=5))
def test_one_window_holds_all_positions_and_is_hardly_larger(places: list[tuple[int, int]]) -> None:
    positions = torch.tensor([(0, *place) for place in places])
    sides = bounding_side(positions, (100, 70))
    spans = (positions.amax(0) - positions.amin(0) + 1)[1:].tolist()
    for side, span, most in zip(sides, spans, (100, 70), strict=True):
        assert span <= side <= min(most, 1.125 * span)
