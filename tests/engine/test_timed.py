from __future__ import annotations

import torch
from torch import nn

from clicktrain import densify
from clicktrain.engine.cost import dense_macs
from clicktrain.engine.explain import explain


def test_every_stage_has_its_operations_and_a_time_beside_what_was_predicted() -> None:
    net = nn.Sequential(nn.Conv2d(1, 16, 7), nn.ReLU(), nn.Conv2d(16, 16, 7), nn.ReLU(), nn.Conv2d(16, 2, 7))
    program = densify(net).program
    found = explain(program, net, (90, 80), gradient=False, device=torch.device("cpu"))
    assert found.stages
    assert all(stage.measured_s > 0 and stage.seconds > 0 for stage in found.stages)
    total = sum(stage.gflop for stage in found.stages)
    assert abs(total - 2e-9 * dense_macs(program, program.scores_px((90, 80)))) < 1e-12


def test_backward_passes_are_predicted_and_not_measured() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3))
    found = explain(densify(net).program, net, (30, 30), gradient=True, device=torch.device("cpu"))
    assert {stage.measured_s for stage in found.stages} <= {None}
