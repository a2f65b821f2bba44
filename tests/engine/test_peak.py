"""The predicted memory of a pass is the memory that PyTorch's allocator gives out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from clicktrain.engine.cost import Costs
from clicktrain.engine.cover import bounding_side
from clicktrain.engine.densify import densify
from clicktrain.engine.execute import run_selected, run_whole
from clicktrain.engine.patch_scan import patch_scan
from clicktrain.engine.peak import peak_bytes
from clicktrain.engine.planner import Planner
from clicktrain.engine.speeds import Speeds
from tests.engine.architectures import Branched, plain_cnn_1

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.planner import SelectedPlan


def residual() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 24, 5), nn.ReLU(),
        Branched(nn.Conv2d(24, 24, 3), "add", 2), nn.AvgPool2d(2),
        Branched(nn.Conv2d(24, 24, 3), "cat", 2), nn.BatchNorm2d(48),
        nn.Flatten(), nn.Linear(48 * 9, 40), nn.Tanh(), nn.Linear(40, 5),
    ).eval()  # fmt: skip


def solid() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(2, 16, 3), nn.ReLU(), nn.MaxPool3d(2), nn.Conv3d(16, 24, 3), nn.GELU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, 4),
    ).eval()  # fmt: skip


# The network, its field of view, and the scores of a whole image and of a small one.
NETWORKS = {
    "plain": (plain_cnn_1, (133, 133), (200, 180), (8, 6)),
    "residual": (residual, (16, 16), (340, 310), (40, 40)),
    "solid": (solid, (12, 12, 12), (50, 46, 42), (12, 12, 12)),
}
STRATEGIES = ("dense", "fragments", "auto", "windows", "selected", "chosen patches", "patches")


def measured_bytes(run: Callable[[], object]) -> int:
    """Most memory that the processor's allocator had given out at once while `run` ran."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        kept = run()
    del kept
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


class Case:
    """A network, an image and a plan."""

    def __init__(self, network: str, strategy: str, gradient: bool, dtype: torch.dtype = torch.float32) -> None:
        module, fov, whole, small = NETWORKS[network]
        self.module = module().to(dtype)
        self.gradient = gradient
        self.dense = densify(self.module, ndim=len(fov), fov=fov)
        self.scores_px = small if "patches" in strategy else whole
        if dtype == torch.float64:
            # Without oneDNN the taps are unrolled, which takes ten times the memory.
            self.scores_px = tuple(n // 2 for n in self.scores_px)
        shape_px = [n + f - 1 for n, f in zip(self.scores_px, fov, strict=True)]
        self.image = torch.randn((2, self.dense.program.in_channels, *shape_px), dtype=dtype)
        planner = Planner(self.dense.program, Costs(Speeds(), gradient), self.image.element_size())
        self.plan: DensePlan | SelectedPlan | str = "patches"
        if strategy in ("dense", "fragments", "auto"):
            folding = {"dense": "none", "fragments": "full", "auto": "auto"}[strategy]
            self.plan = planner.dense(2, tuple(shape_px), folding)[-1]
        elif strategy != "patches":
            places = self.positions()
            if strategy == "selected":
                self.plan = planner.selected(places, self.scores_px, bounding_side(places, self.scores_px))
            else:
                make = planner.windows if strategy == "windows" else planner.patches
                self.plan = make(places, self.scores_px)

    def positions(self) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        sides = (2, *self.scores_px)
        return torch.stack([torch.randint(n, (300,), generator=generator) for n in sides], 1)

    def scores(self) -> Tensor:
        if isinstance(self.plan, str):
            return patch_scan(self.module, self.image, self.dense.fov)
        run = run_selected if hasattr(self.plan, "covering") else run_whole
        return run(self.dense.program, self.plan, self.image, self.module)

    def run(self) -> object:
        with torch.set_grad_enabled(self.gradient):
            scores = self.scores()
        if not self.gradient:
            return scores
        return torch.autograd.grad(scores, list(self.module.parameters()), torch.ones_like(scores))

    def predicted_bytes(self) -> int:
        return peak_bytes(
            self.dense.program, self.plan, self.module, 2, self.image.shape[2:],
            element_bytes=self.image.element_size(), gradient=self.gradient,
        )  # fmt: skip


def assert_close(case: Case) -> None:
    # Places keep what they have found, so predict first: the pass that is measured must be their first use.
    predicted = case.predicted_bytes()
    measured = measured_bytes(case.run)
    assert predicted == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize("gradient", [False, True], ids=["forward", "gradient"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("network", NETWORKS)
def test_predicted_peak_is_the_measured_one(network: str, strategy: str, gradient: bool) -> None:
    assert_close(Case(network, strategy, gradient))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("network", ["residual", "solid"])
def test_predicted_peak_holds_for_other_number_types(network: str, dtype: torch.dtype) -> None:
    assert_close(Case(network, "fragments", True, dtype))


def test_prediction_leaves_parameters_and_their_gradients_alone() -> None:
    case = Case("residual", "auto", True)
    before = {name: t.clone() for name, t in case.module.state_dict().items()}
    case.predicted_bytes()
    assert all(torch.equal(t, before[name]) for name, t in case.module.state_dict().items())
    assert all(p.grad is None and p.device.type == "cpu" for p in case.module.parameters())


def test_prediction_works_where_gradients_are_off() -> None:
    case = Case("residual", "auto", True)
    expected = case.predicted_bytes()
    with torch.inference_mode():
        assert case.predicted_bytes() == expected


def test_frozen_parameters_keep_no_maps() -> None:
    case = Case("residual", "dense", True)
    trained = case.predicted_bytes()
    case.module[:5].requires_grad_(False)
    assert case.predicted_bytes() < trained
