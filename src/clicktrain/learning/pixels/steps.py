"""Training on exactly the patches around the clicks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from clicktrain.learning.pixels.sampler import draw_balanced
from clicktrain.learning.pixels.symmetry import SYMMETRIES, turned_parameters
from clicktrain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from clicktrain.config import TrainingConfig
    from clicktrain.engine.densify import DenseNetwork
    from clicktrain.engine.network import SelectedStrategy
    from clicktrain.learning.pixels.click_windows import ClickWindows
    from clicktrain.models.pixels.fitted import PixelModel

__all__ = ["train"]


def train(
    model: PixelModel,
    windows: ClickWindows,
    targets: Tensor,
    config: TrainingConfig,
    *,
    steps: int,
    seed: int,
) -> Generator[Progress, None, None]:
    """Train the local networks in place; closing the generator stops after the current step.

    Each step draws clicks evenly over the classes, turns the kernels by a random symmetry and follows the gradient of
    the cross-entropy at these clicks alone.

    Parameters
    ----------
    model : PixelModel
    windows : ClickWindows
    targets : Tensor of shape (N,), int64
        Class index of every click, 0 to K - 1.
    config : TrainingConfig
    steps : int
    seed : int
        Step `i` draws from seed `seed + i`; the global random state is left alone.

    Yields
    ------
    Progress
        After every step, with its loss.

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526: error only at chosen pixels gives exactly the gradient of patch-by-patch
    training.
    """
    members = [_AtClicks(dense) for dense in model.dense]
    parameters = [parameter for member in members for parameter in member.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=max(steps, 2), pct_start=0.2
    )
    # Which clicks a step learns from is decided on the processor, which then has no need to ask a GPU.
    positions, classes = windows.positions.cpu(), targets.cpu()
    model.net.train()
    for step in range(steps):
        losses: list[Tensor] = []
        with _seeded(seed + step, windows.maps.device):
            optimizer.zero_grad()
            for member in members:
                picked = draw_balanced(classes, config.clicks_per_step)
                wanted = classes[picked].to(targets.device)
                weights = turned_parameters(member, int(torch.randint(SYMMETRIES[model.ndim], ())))
                scores = functional_call(member, weights, (windows.maps, positions[picked]))
                part = F.cross_entropy(scores, wanted, label_smoothing=config.label_smoothing)
                part.backward()  # type: ignore[no-untyped-call]
                losses.append(part.detach())
            optimizer.step()
        schedule.step()
        # To read a loss is to wait for it: only when all else has been started.
        yield Progress("training", step + 1, steps, sum(float(part) / len(members) for part in losses))
    model.net.eval()


class _AtClicks(nn.Module):
    """`dense.at` as a module's forward, which is what `functional_call` can call.

    Every step draws as many clicks from the same ones. Where the first step's are best scored patch by patch, all are:
    to find that out takes as long as a step.
    """

    def __init__(self, dense: DenseNetwork) -> None:
        super().__init__()
        self.dense = dense
        self._strategy: SelectedStrategy | None = None

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        if self._strategy is None:
            found = self.dense.strategy_at(features, positions)
            self._strategy = found if found == "patches" else "auto"
        return self.dense.at(features, positions, self._strategy)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    # Seeded per step: a run that is resumed at a step draws what the undisturbed one would have drawn.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
