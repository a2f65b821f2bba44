"""However steps are cut into segments, folded and run in pieces, scores and gradients are those of the patch scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from clicktrain import densify
from clicktrain.engine.cost import Costs
from clicktrain.engine.execute import run_whole
from clicktrain.engine.fold import fold, refold, unfold
from clicktrain.engine.pieces import plan_pieces
from clicktrain.engine.plan import DensePlan, Pass, largest_fold, plan_dense
from clicktrain.engine.planner import Planner
from clicktrain.engine.segments import Segment
from clicktrain.engine.speeds import speeds_of
from tests.engine.architectures import Example, SideBySide, patch_classifiers, plain_cnn_1
from tests.engine.comparing import assert_same, gradients, random_images

if TYPE_CHECKING:
    from clicktrain.engine.program import Program

CPU = speeds_of(torch.device("cpu"))


@dataclass
class Case:
    """A patch classifier and some way to run it on images."""

    example: Example
    beyond: list[int]
    plan: DensePlan


def divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def any_plan(draw: st.DrawFn, program: Program) -> DensePlan:
    """Some of all the plans that there are, the slow ones too."""
    segments: list[Segment] = []
    start = 0
    while start < len(program.steps):
        stop = draw(st.integers(start + 1, len(program.steps)))
        folded = tuple(draw(st.sampled_from(divisors(n))) for n in largest_fold(program, start, stop))
        segments.append(Segment(start, stop, folded, draw(st.sampled_from([None, 1, 5, 12, 40]))))
        start = stop
    return DensePlan(0.0, tuple(segments))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    example = draw(patch_classifiers())
    beyond = draw(st.lists(st.integers(0, 6), min_size=3, max_size=3))
    program = densify(example.module, ndim=example.ndim, fov=example.fov).program
    return Case(example, beyond, any_plan(draw, program))


@given(cases())
def test_any_plan_has_the_scores_and_gradients_of_the_patch_scan(case: Case) -> None:
    example = case.example
    dense = densify(example.module, ndim=example.ndim, fov=example.fov)
    image = random_images(example, 2, case.beyond, "noise").requires_grad_()
    scores, scan = run_whole(dense.program, case.plan, image, example.module), dense(image, "patches")
    with torch.no_grad():
        assert_same(run_whole(dense.program, case.plan, image, example.module), scan, 1e-10)
    assert_same(scores, scan, 1e-10)
    by_plan, by_scan = gradients(scores, example.module, image), gradients(scan, example.module, image)
    for got, expected in zip(by_plan, by_scan, strict=True):
        assert_same(got, expected, 1e-10)


@pytest.mark.parametrize("strategy", ["fragments", "selected", "auto"])
def test_second_branch_is_not_run_at_the_fold_where_the_first_has_ended(strategy: str) -> None:
    one, other = (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2))
        for _ in range(2)
    )
    dense = densify(SideBySide(one, other).double())
    image = torch.randn(1, 1, 40, 41, dtype=torch.double)
    assert_same(dense(image, strategy), dense(image, "patches"), 1e-10)


@given(st.lists(st.sampled_from([(1, 1), (2, 3), (4, 6), (3, 1), (1, 5)]), min_size=1, max_size=4))
def test_refolding_gives_what_folding_whole_maps_gives(chain: list[tuple[int, int]]) -> None:
    maps = torch.randn(2, 3, 60, 30)
    folded, before = maps, (1, 1)
    for after in chain:
        folded, before = refold(folded, before, after, (60, 30)), after
    assert torch.equal(folded, fold(maps, (1, 1), before))


def test_refolded_maps_keep_their_size_where_they_did_not_fill_all_fragments() -> None:
    fragments = fold(torch.ones(1, 1, 11, 9), (1, 1), (4, 4))
    whole = refold(fragments, (4, 4), (1, 1), (11, 9))
    assert whole.shape == (1, 1, 11, 9)
    assert whole.sum() == 8 * 8


def pieces_of_three_rows(program: Program) -> DensePlan:
    return DensePlan(0.0, tuple(Segment(i, i + 1, (1,) * program.ndim, 30) for i in range(len(program.steps))))


def test_backward_sees_the_parameters_of_the_forward_pass() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(2, 2, 3)).double()
    program = densify(net).program
    image = torch.randn(1, 1, 20, 20, dtype=torch.double)
    swapped = {name: (2 * p).detach().requires_grad_() for name, p in net.named_parameters()}

    class Runner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, values: Tensor) -> Tensor:
            return run_whole(program, pieces_of_three_rows(program), values, self.net)

    got = functional_call(Runner(), {f"net.{name}": p for name, p in swapped.items()}, (image,)).square().sum()
    expected = functional_call(densify(net), {f"module.{name}": p for name, p in swapped.items()}, (image, "patches"))
    by_plan = torch.autograd.grad(got, list(swapped.values()))
    by_scan = torch.autograd.grad(expected.square().sum(), list(swapped.values()))
    for one, other in zip(by_plan, by_scan, strict=True):
        assert_same(one, other, 1e-10)


def test_gradient_with_frozen_parameters_reaches_the_others() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(2, 2, 3)).double()
    net[0].requires_grad_(False)
    dense = densify(net)
    image = torch.randn(1, 1, 20, 20, dtype=torch.double)
    parameters = [p for p in net.parameters() if p.requires_grad]
    scores = run_whole(dense.program, pieces_of_three_rows(dense.program), image, net)
    by_plan = torch.autograd.grad(scores.square().sum(), parameters)
    by_scan = torch.autograd.grad(dense(image, "patches").square().sum(), parameters)
    for one, other in zip(by_plan, by_scan, strict=True):
        assert_same(one, other, 1e-10)


@given(st.integers(1, 5), st.lists(st.integers(1, 9), min_size=2, max_size=3), st.one_of(st.none(), st.integers(1, 60)))
def test_pieces_cover_every_row_of_every_image_once(batch: int, shape: list[int], piece_px: int | None) -> None:
    seen = torch.zeros(batch, 1, *shape)
    for piece in plan_pieces(batch, shape, piece_px):
        piece.of(seen).add_(1)
    assert (seen == 1).all()


@pytest.mark.parametrize("steps", [[(4, 6)], [(2, 3), (4, 6)], [(2, 1), (2, 3), (4, 6)]])
def test_unfolding_undoes_any_chain_of_folds(steps: list[tuple[int, int]]) -> None:
    maps = torch.randn(2, 3, 16, 18)
    folded, before = maps, (1, 1)
    for after in steps:
        folded, before = fold(folded, before, after), after
    assert torch.equal(folded, fold(maps, (1, 1), before))
    assert torch.equal(unfold(folded, before), maps)


def test_fragments_hold_every_nth_pixel() -> None:
    maps = torch.randn(2, 3, 12, 9)
    fragments = fold(maps, (1, 1), (4, 3)).view(2, 4, 3, 3, 3, 3)
    assert torch.equal(fragments[1, 2, 1], maps[1, :, 2::4, 1::3])


@pytest.mark.parametrize("fragments", [False, True])
def test_plan_runs_every_step_once_and_in_fragments_every_window_where_its_taps_are_neighbours(fragments: bool) -> None:
    program = densify(plain_cnn_1()).program
    plans = plan_dense(Pass(program, 1, (644, 644), Costs(CPU, gradient=True), fragments=fragments))
    for stop, plan in enumerate(plans):
        assert [i for segment in plan.segments for i in range(segment.start, segment.stop)] == list(range(stop))
    for segment in plans[-1].segments:
        for step in program.steps[segment.start : segment.stop]:
            if step.window:
                assert segment.folded == (step.window.dilation if fragments else (1, 1))


def test_networks_built_alike_share_their_plans_and_others_do_not() -> None:
    costs = Costs(CPU, gradient=False)
    networks = [plain_cnn_1(), plain_cnn_1(), nn.Sequential(nn.Conv2d(1, 8, 5), nn.Flatten(), nn.Linear(8, 3))]
    one, alike, other = (Planner(densify(net).program, costs, element_bytes=4) for net in networks)
    assert one.dense(1, (90, 80)) is alike.dense(1, (90, 80))
    assert one.dense(1, (90, 80)) is not other.dense(1, (90, 80))
    with_gradient = Planner(one.program, Costs(CPU, gradient=True), element_bytes=4)
    assert with_gradient.dense(1, (90, 80)) is not one.dense(1, (90, 80))


def test_passes_with_gradient_run_in_fragments_and_others_on_whole_maps() -> None:
    program = densify(plain_cnn_1()).program
    for gradient in (False, True):
        planner = Planner(program, Costs(CPU, gradient=gradient), element_bytes=4)
        assert planner.dense(1, (200, 200)) is planner.dense(1, (200, 200), fragments=gradient)
    on_gpu = Planner(program, Costs(speeds_of(torch.device("cuda")), gradient=False), element_bytes=4)
    assert on_gpu.dense(1, (200, 200)) is on_gpu.dense(1, (200, 200), fragments=True)
