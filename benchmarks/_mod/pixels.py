"""Part (a): pixelwise networks, on clicks."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from _few_clicks.rounds import timed, warm_up
from _few_clicks.scores import score
from _few_clicks.sets import Example, Picture, halves, read_set
from _few_clicks.strokes import draw_strokes
from _report import say

from _mod.clock import device, shortest_s
from _mod.scale import Findings
from clicktrain import PixelClassifier
from clicktrain.config import Preset, preset
from clicktrain.data.samples import immunohistochemistry
from clicktrain.engine.cost import dense_macs
from clicktrain.engine.densify import DenseNetwork, densify
from clicktrain.kernels.regular_conv.aten import channels_last
from clicktrain.models.pixels.nets import build_network
from clicktrain.models.pixels.selection import selection_of_patches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from _mod.scale import Scale

PRESETS = ("fast", "auto")
# Channels that every second convolution works on; 0 is the plain network. Widths are 16 (fast) and 32 (auto).
KS = {"fast": (0, 4), "auto": (0, 4, 8, 16)}
# What the figures without a k are about.
TWIN = ("auto", 8)
_SAMPLED = 9


def settings(name: str, k: int) -> Preset:
    """The context network of a preset, without what else answers in it."""
    chosen = preset(name, pretrained=False)
    return chosen.model_copy(update={"network": chosen.network.model_copy(update={"trees": 0, "mod_channels": k})})


def time_pixels(scale: Scale) -> Findings:
    """Dense passes of the context networks, over features of an image of noise."""
    found = Findings()
    for name in PRESETS:
        nets = {k: _context(name, k) for k in KS[name]}
        side_px = scale.size_px + nets[0].fov[0] - 1
        # In the layout in which prediction hands them over.
        features = channels_last(torch.randn(1, nets[0].program.in_channels, side_px, side_px)).to(device())
        with torch.inference_mode():
            passes = shortest_s({k: partial(net, features) for k, net in nets.items()}, scale.repeats)
            chosen = shortest_s({k: partial(_choose, net, features) for k, net in nets.items()}, scale.repeats)
        for k, net in nets.items():
            key = f"mod.pixels.{name}.k{k}"
            found.figures |= {
                f"{key}.pass_ms": 1e3 * passes[k],
                f"{key}.choice_ms": 1e3 * chosen[k],
                f"{key}.gmac": dense_macs(net.program, (scale.size_px,) * 2) / 1e9,
                f"{key}.parameters": sum(p.numel() for p in net.module.parameters()),
                f"{key}.speedup": passes[0] / passes[k],
                f"{key}.speedup_with_choice": passes[0] / (passes[k] + chosen[k]),
            }
    found.figures["mod.predict_speedup"] = found.figures[f"mod.pixels.{TWIN[0]}.k{TWIN[1]}.speedup"]
    return found


def _context(name: str, k: int) -> DenseNetwork:
    member = build_network(settings(name, k).network, in_channels=1, n_classes=2).local_nets[0].eval().to(device())
    return densify(member, fov=member.fov_px)


def _choose(net: DenseNetwork, features: Tensor) -> None:
    rows, columns = net.fov
    selection_of_patches(net.module, features[:, :, :rows, :columns].expand(_SAMPLED, -1, -1, -1))


def compare_pixels(scale: Scale, folders: Sequence[Path]) -> Findings:
    """Scores after a few strokes; one row per set, network and seed."""
    found = Findings()
    sets = {folder.name: read_set(folder, 3, scale.size_px) for folder in folders} or {"sample": _sample()}
    warm_up("clicktrain-context-alone")
    for name in PRESETS:
        for set_name, examples in sets.items():
            for seed in range(scale.seeds):
                for k in KS[name]:
                    found.rows.append(_row(examples, set_name, name, k, seed, scale))
                    say("{set}, {preset}, k {k}, seed {seed}: IoU {iou:.3f}".format(**found.rows[-1]))
        for k in KS[name]:
            found.figures |= _means(found.rows, name, k)
    name, k = TWIN
    found.figures["mod.score_difference"] = found.figures[f"mod.pixels.{name}.k{k}.iou_difference"]
    found.figures["mod.fit_ratio"] = found.figures[f"mod.pixels.{name}.k{k}.fit_ratio"]
    found.figures["mod.whole_predict_speedup"] = found.figures[f"mod.pixels.{name}.k{k}.whole_predict_speedup"]
    return found


def _row(examples: Sequence[Example], set_name: str, name: str, k: int, seed: int, scale: Scale) -> dict[str, Any]:
    first = seed % len(examples)
    drawn = draw_strokes(examples[first].truth, scale.budget, seed=[first, seed])
    model = PixelClassifier(preset=settings(name, k), seed=seed)
    picture = examples[first].picture
    fit_s = timed(model.fit, picture.array, drawn, axes=picture.axes).seconds
    answers = [timed(model.predict_proba, e.picture.array, axes=e.picture.axes) for e in examples]
    truths = [np.where(drawn > 0, 0, e.truth) if n == first else e.truth for n, e in enumerate(examples)]
    scores = [score(a.result, model.classes_, truth).iou for a, truth in zip(answers, truths, strict=True)]
    others = [value for n, value in enumerate(scores) if n != first]
    return {
        "part": "pixels",
        "set": set_name,
        "preset": name,
        "k": k,
        "seed": seed,
        "iou": (scores[first] + fmean(others)) / 2,
        "fit_s": fit_s,
        # The first one also makes the plan.
        "predict_s": min(a.seconds for a in answers),
        "skipped": model.summary().skipped,
    }


def _means(rows: Sequence[dict[str, Any]], name: str, k: int) -> dict[str, float]:
    mine, plain = ([r for r in rows if r["preset"] == name and r["k"] == n] for n in (k, 0))
    mean = {key: fmean(row[key] for row in mine) for key in ("iou", "fit_s", "predict_s", "skipped")}
    beside = {key: fmean(row[key] for row in plain) for key in mean}
    key = f"mod.pixels.{name}.k{k}"
    return {
        f"{key}.iou": mean["iou"],
        f"{key}.iou_difference": mean["iou"] - beside["iou"],
        f"{key}.skipped": mean["skipped"],
        f"{key}.fit_ratio": mean["fit_s"] / beside["fit_s"],
        f"{key}.whole_predict_speedup": beside["predict_s"] / mean["predict_s"],
    }


def _sample() -> list[Example]:
    """The package's own image, known where it was clicked, as two halves."""
    sample = immunohistochemistry()
    truth = np.zeros(sample.image.shape[:2], np.int64)
    truth[tuple(sample.clicks.positions_px.T)] = sample.clicks.classes
    return halves(Example(Picture(sample.image, "YXC"), truth))
