"""Passes that stay within the memory that there is: large images tile by tile, smaller tiles where memory runs out."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING

import torch

from clicktrain.engine.free_memory import default_budget_bytes
from clicktrain.engine.peak import peak_bytes
from clicktrain.engine.precision import fast_type
from clicktrain.engine.shrinking import ShrinkingTiles, even_tile
from clicktrain.engine.windows import all_positions
from clicktrain.errors import ClickTrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Literal

    from torch import Tensor

    from clicktrain.engine.network import DenseNetwork, ForwardStrategy
    from clicktrain.engine.plan import DensePlan
    from clicktrain.engine.planner import Planner, SelectedPlan
    from clicktrain.engine.precision import Precision
    from clicktrain.engine.program import Program
    from clicktrain.progress import Progress

__all__ = ["default_budget_bytes", "largest_tile", "pass_bytes", "peak_bytes", "run_tiled"]


def pass_bytes(
    network: DenseNetwork,
    image: Tensor,
    scores_px: Sequence[int],
    strategy: ForwardStrategy = "auto",
    precision: Precision = "exact",
) -> int:
    """Predict the memory that `network` needs at once to score so many patches, beside the image.

    The backward pass is counted in where gradients are computed now.

    Parameters
    ----------
    network : DenseNetwork
    image : Tensor of shape (B, C, [Z,] Y, X)
        Any of the images, of which number, type and device count.
    scores_px : sequence of int
        Scores per axis.
    strategy : {"auto", "dense", "fragments", "selected", "patches"}
    precision : {"exact", "fast"}
    """
    fast = precision == "fast"
    planner = network.planner(image.new_empty(0, dtype=fast_type(network.module, image.device)) if fast else image)
    image_px = network.program.image_px(scores_px)
    plan = _plan(planner, strategy, len(image), tuple(scores_px), image_px)
    return peak_bytes(
        network.program,
        plan,
        network.module,
        len(image),
        image_px,
        element_bytes=planner.element_bytes,
        gradient=planner.costs.gradient,
        device=image.device.type,
    )


def _plan(
    planner: Planner, strategy: ForwardStrategy, batch: int, scores_px: tuple[int, ...], image_px: tuple[int, ...]
) -> DensePlan | SelectedPlan | Literal["patches"]:
    """What `DenseNetwork.forward` runs."""
    if strategy == "patches":
        return "patches"
    if strategy == "auto":
        chosen, _, plan = planner.whole(batch, scores_px)
        return "patches" if chosen == "patches" else plan
    if strategy == "selected":
        return planner.selected(all_positions(batch, scores_px, torch.device("cpu")), scores_px, scores_px)
    return planner.dense(batch, image_px, "full" if strategy == "fragments" else "none")[-1]


def largest_tile(
    scores_px: Sequence[int], multiple_px: Sequence[int], budget_bytes: int, predict: Callable[[tuple[int, ...]], int]
) -> tuple[int, ...]:
    """Find the largest tile whose pass fits a budget.

    Parameters
    ----------
    scores_px : sequence of int
        Scores of the whole image, per axis.
    multiple_px : sequence of int
        What the sides of the tile are multiples of, unless they are the image's.
    budget_bytes : int
    predict : callable
        From the scores of a tile, per axis, to the bytes of its pass.

    Raises
    ------
    ClickTrainError
        If not even the smallest tile fits.
    """

    def tile(count: int) -> tuple[int, ...]:
        return even_tile(scores_px, [count * m for m in multiple_px], multiple_px)

    def fits(count: int) -> bool:
        return predict(tile(count)) <= budget_bytes

    if not fits(1):
        raise ClickTrainError(
            f"budget_bytes must be at least {predict(tile(1)):,}, what the smallest tile of {tile(1)} px needs, got "
            f"{budget_bytes:,}. Close other programs, or use a network with fewer channels."
        )
    fitting, most = 1, max(-(-n // m) for n, m in zip(scores_px, multiple_px, strict=True))
    step = 1
    # Up in doubled steps, so that nothing much larger than what fits is ever planned; then back in halved ones.
    while fitting < most and fits(min(most, fitting + step)):
        fitting, step = min(most, fitting + step), 2 * step
    while step > 1:
        step //= 2
        if fitting + step < most and fits(fitting + step):
            fitting += step
    return tile(fitting)


def run_tiled(
    network: DenseNetwork,
    image: Tensor,
    *,
    budget_bytes: int | None = None,
    strategy: ForwardStrategy = "auto",
    precision: Precision = "exact",
) -> Generator[Progress, None, Tensor]:
    """Score every patch of an image tile by tile, without gradients; the scores do not depend on the tiles.

    When memory runs out all the same, the tile and those after it are halved, and what is finished is kept.

    Parameters
    ----------
    network : DenseNetwork
    image : Tensor of shape (B, C, [Z,] Y, X)
    budget_bytes : int, optional
        Memory that one tile may take, beside the image and the result; half of what is free where it is not said.
    strategy : {"auto", "dense", "fragments", "selected", "patches"}
    precision : {"exact", "fast"}

    Yields
    ------
    Progress
        Before each tile, and at the end.

    Returns
    -------
    Tensor of shape (B, K, [Z - fov + 1,] Y - fov + 1, X - fov + 1)

    Raises
    ------
    ClickTrainError
        If not even the smallest tile fits.
    """
    scores_px, multiple_px = network.scores_px(image, any_float=precision == "fast"), _most_folded(network.program)
    budget_bytes = default_budget_bytes(image.device) if budget_bytes is None else budget_bytes
    with torch.no_grad():
        tile_px = largest_tile(
            scores_px, multiple_px, budget_bytes, lambda px: pass_bytes(network, image, px, strategy, precision)
        )
        result = image.new_empty((len(image), network.program.classes, *scores_px))
    tiles = ShrinkingTiles(scores_px, tile_px, network.fov, multiple_px)
    while tiles:
        yield tiles.progress("predicting")
        try:
            with torch.no_grad():
                scores = network(image[_whole(tiles.first.outer)], strategy, precision)
                result[_whole(tiles.first.inner)] = scores
        except (RuntimeError, MemoryError) as error:
            tiles.shrink(error)
        else:
            tiles.finish()
    yield tiles.progress("predicting")
    return result


def _whole(part: tuple[slice, ...]) -> tuple[slice, ...]:
    """Same part of all images and channels."""
    return slice(None), slice(None), *part


def _most_folded(program: Program) -> tuple[int, ...]:
    """Fold per axis that every fold of the program's maps divides: maps of other sizes are filled up to it."""
    spacings = [program.spacing_px(number) for number in range(len(program.steps))]
    return tuple(lcm(*along) for along in zip(*spacings, strict=True))
