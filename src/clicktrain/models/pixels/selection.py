"""The channels that a network with Mixture-of-Depths blocks works on, chosen once for a whole image.

A selection is a plain mapping from names of buffers to their values, small enough to be sent to every worker. It takes
effect while it is held: `with_state(module, selection, function)`, or for good: `hold(module, selection)`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from clicktrain.config.summaries import SelectedChannels
from clicktrain.engine.probe import streamed_means
from clicktrain.engine.state import with_state
from clicktrain.errors import ShapeError
from clicktrain.models.layers.shared_mod import SharedModBranch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from clicktrain.engine.densify import DenseNetwork

__all__ = [
    "branches",
    "held_channels",
    "hold",
    "hold_channels",
    "selection_of_image",
    "selection_of_patches",
    "skipped_share",
]

# Means over fewer pixels say more about these pixels than about the image.
_LEAST_PX = 16


def branches(module: nn.Module) -> dict[str, SharedModBranch]:
    """Branches of a network that choose channels, by name, in the order in which they run."""
    return {name: part for name, part in module.named_modules() if isinstance(part, SharedModBranch)}


def hold(module: nn.Module, selection: Mapping[str, Tensor]) -> None:
    """Make a selection the network's own, until another one."""
    buffers = dict(module.named_buffers())
    for name, value in selection.items():
        buffers[name].copy_(value)


def held_channels(module: nn.Module) -> tuple[SelectedChannels, ...]:
    """Say what a network has chosen, in numbers that a file can keep."""
    return tuple(
        SelectedChannels(
            block=name, of=branch.channels, channels=tuple(branch.chosen.tolist()), scores=tuple(branch.scores.tolist())
        )
        for name, branch in branches(module).items()
    )


def hold_channels(module: nn.Module, channels: Sequence[SelectedChannels]) -> None:
    """Make a network hold what `held_channels` said."""
    found = branches(module)
    for one in channels:
        branch = found[one.block]
        branch.chosen.copy_(torch.tensor(one.channels))
        branch.scores.copy_(torch.tensor(one.scores))


def skipped_share(dense: DenseNetwork) -> float:
    """Share of the multiply-accumulates that a network saves beside one whose blocks work on all channels."""
    done = sum(step.work.macs for step in dense.program.steps)
    skipped = 0.0
    for name, branch in branches(dense.module).items():
        block = sum(step.work.macs for step in dense.program.steps if step.name.startswith(f"{name}.block"))
        skipped += block * ((branch.channels / branch.k) ** 2 - 1)
    return skipped / (done + skipped)


def selection_of_patches(module: nn.Module, patches: Tensor) -> dict[str, Tensor]:
    """Choose channels for an image of which some patches are given, taken all over it.

    The patches run through the network once; each block chooses by their means before it works on them.

    Parameters
    ----------
    module : Module
        Patch classifier; left as it is.
    patches : Tensor of shape (B, C, *fov)

    Returns
    -------
    dict of str to Tensor
        Empty for a network without such blocks.
    """
    return _chosen(module, partial(_run_selecting, module, patches))


def selection_of_image(dense: DenseNetwork, image: Tensor, *, tile_px: int = 256) -> dict[str, Tensor]:
    """Choose channels for an image by the means of all of its pixels, tile by tile.

    A block's means depend on what the blocks before it chose, so there is one pass, cut short at the block, for every
    block. A pixel counts with the value in the middle of its patch.

    Parameters
    ----------
    dense : DenseNetwork
        Its module is left as it is.
    image : Tensor of shape (1, C, [Z,] Y, X)
        With the border that its outermost pixels' patches need.
    tile_px : int
        Scores per axis of a tile; the means do not depend on it but for rounding.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    ShapeError
        If the image is so small that its means say nothing.
    """
    scores_px = dense.scores_px(image)
    if torch.Size(scores_px).numel() < _LEAST_PX:
        raise ShapeError(
            f"image must have at least {_LEAST_PX} pixels for a selection of channels, got {scores_px}. "
            "Use a larger image, or a selection made for another one."
        )

    def select() -> None:
        for name, branch in branches(dense.module).items():
            branch.select(streamed_means(dense, image, f"{name}.chosen", tile_px))

    return _chosen(dense.module, select)


def _chosen(module: nn.Module, select: Callable[[], None]) -> dict[str, Tensor]:
    """What the branches hold after `select`, which sees copies in their place."""
    names = [f"{name}.{kind}" for name in branches(module) for kind in ("means", "chosen", "scores")]
    if not names:
        return {}
    buffers = dict(module.named_buffers())
    state = {name: buffers[name].clone() for name in names}
    with_state(module, state, select)
    return state


def _run_selecting(module: nn.Module, patches: Tensor) -> None:
    def select(branch: SharedModBranch, inputs: tuple[Tensor, ...]) -> None:
        branch.select(inputs[0].movedim(1, 0).flatten(1).mean(1))

    handles = [branch.register_forward_pre_hook(select) for branch in branches(module).values()]
    try:
        with torch.no_grad():
            module(patches)
    finally:
        for handle in handles:
            handle.remove()
