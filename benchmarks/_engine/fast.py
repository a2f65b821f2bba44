"""What precision="fast" gains, and how often it names the same class."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from _report import say
from torch import nn

from _engine.bench import Findings
from _engine.networks import MAKERS, make_case
from _engine.sets import bundled_set, folder_sets
from clicktrain.engine.border import reflect_pad, same_size_margins
from clicktrain.engine.densify import densify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from _engine.bench import Bench
    from _engine.networks import Case
    from _engine.sets import LabelledSet
    from clicktrain.engine.densify import DenseNetwork

CLICKS, CLICKS_PER_STEP = 1000, 128
STEPS, QUICK_STEPS = 60, 15
LEARNING_RATE = 3e-3


def fast(bench: Bench, data: Path | None) -> Findings:
    """Speed on the timed networks, agreement on networks that have learned something."""
    speedups = _speedups(bench)
    sets = folder_sets(data, images=1 if bench.quick else 3) if data else [bundled_set()]
    equal = total = 0
    figures: dict[str, float] = {}
    for labelled in sets:
        same, of = _agreeing_pixels(bench, labelled)
        say(f"fast: {labelled.name}, {same / of:.5f} of {of} pixels agree")
        figures[f"fast.argmax_agreement_{labelled.name}"] = same / of
        equal, total = equal + same, total + of
    return Findings(
        {
            "fast.speedup": prod(speedups.values()) ** (1 / len(speedups)),
            "fast.speedup_min": min(speedups.values()),
            **{f"{name}.fast_speedup": speedup for name, speedup in speedups.items()},
            "fast.argmax_agreement": equal / total,
            "fast.pixels": total,
            **figures,
        }
    )


def _speedups(bench: Bench) -> dict[str, float]:
    speedups = {}
    for name in MAKERS:
        case = make_case(name, bench)
        say(f"fast: {name}")
        works = {precision: _work(case, precision) for precision in ("exact", "fast")}
        seconds = bench.side_by_side(works, least_s=2.0)
        speedups[name] = seconds["exact"] / seconds["fast"]
    return speedups


def _work(case: Case, precision: str) -> Callable[[], object]:
    def run() -> None:
        with torch.no_grad():
            case.dense(case.image, precision=precision)

    return run


def _agreeing_pixels(bench: Bench, labelled: LabelledSet) -> tuple[int, int]:
    """Pixels that get the same class both ways, and all pixels."""
    dense = _patch_cnn(labelled).to(bench.device)
    images = [_padded(image.to(bench.device), dense.fov) for image in labelled.images]
    _train(dense, images[0], labelled.labels.to(bench.device), QUICK_STEPS if bench.quick else STEPS)
    equal = total = 0
    with torch.no_grad():
        for image in images:
            exact, quick = (dense(image, precision=precision).argmax(1) for precision in ("exact", "fast"))
            equal, total = equal + int((exact == quick).sum()), total + exact.numel()
    return equal, total


def _patch_cnn(labelled: LabelledSet) -> DenseNetwork:
    """N4 with a pool less, fewer channels and ReLU; field of view 47."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(labelled.images[0].shape[1], 24, 4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 24, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(24, 24, 4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(24 * 3 * 3, 64), nn.ReLU(), nn.Linear(64, labelled.classes),
    )  # fmt: skip
    return densify(module)


def _padded(image: Tensor, fov: tuple[int, ...]) -> Tensor:
    return reflect_pad(image, same_size_margins(fov))


def _train(dense: DenseNetwork, image: Tensor, labels: Tensor, steps: int) -> None:
    """Learn from some random labelled pixels; in the padded image a pixel is the first of its patch."""
    generator = torch.Generator().manual_seed(0)
    labelled = labels.nonzero()
    clicks = labelled[torch.randperm(len(labelled), generator=generator)[:CLICKS]]
    optimizer = torch.optim.Adam(dense.module.parameters(), LEARNING_RATE)
    for _ in range(steps):
        some = clicks[torch.randint(len(clicks), (CLICKS_PER_STEP,), generator=generator)]
        optimizer.zero_grad()
        nn.functional.cross_entropy(dense.at(image, some), labels[tuple(some.T)] - 1).backward()
        optimizer.step()
