"""Backward in pieces: only the inputs of a segment are kept, and each piece is run again when its gradient comes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from clicktrain.engine.precision import autocast_as_now
from clicktrain.engine.segments import run_in_pieces
from clicktrain.engine.state import with_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from clicktrain.engine.pieces import Piece
    from clicktrain.engine.segments import SegmentRun

__all__ = ["recomputed"]


def recomputed(run: SegmentRun, pieces: Sequence[Piece], inputs: Sequence[Tensor], module: nn.Module) -> list[Tensor]:
    """Run a segment in pieces such that its backward pass runs each piece again.

    Parameters
    ----------
    run : SegmentRun
    pieces : sequence of Piece
    inputs : sequence of Tensor
    module : Module
        Holds the parameters and buffers that the steps read, as they are now: the backward pass sees the same ones,
        also where the caller has swapped them for this call alone.

    References
    ----------
    Chen et al. 2016, arXiv 1604.06174: memory for recomputation.
    """
    state = dict(chain(module.named_parameters(), module.named_buffers()))
    job = _Job(run, tuple(pieces), module, tuple(state), len(inputs), autocast_as_now(inputs[0].device))
    outputs: tuple[Tensor, ...] = _Recomputed.apply(job, *inputs, *state.values())  # type: ignore[no-untyped-call]
    return list(outputs)


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    """What the forward and the backward pass of one segment share."""

    run: SegmentRun
    pieces: tuple[Piece, ...]
    module: nn.Module
    names: tuple[str, ...]
    n_inputs: int
    autocast: Callable[[], AbstractContextManager[None]]


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, job: _Job, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.job = job
        ctx.save_for_backward(*tensors)
        with job.autocast():
            return tuple(run_in_pieces(job.run, job.pieces, tensors[: job.n_inputs]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        job: _Job = ctx.job
        tensors = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1:]
        inputs = tensors[: job.n_inputs]
        state = [_leaf(t, needs) for t, needs in zip(tensors[job.n_inputs :], wanted[job.n_inputs :], strict=True)]
        sums: list[Tensor | None] = [
            torch.zeros_like(t) if needs else None for t, needs in zip(tensors, wanted, strict=True)
        ]
        names = dict(zip(job.names, state, strict=True))
        with_state(job.module, names, lambda: _add_pieces(job, inputs, state, wanted, grads, sums))
        return None, *sums


def _leaf(tensor: Tensor, needs_gradient: bool) -> Tensor:
    return tensor.detach().requires_grad_(needs_gradient)


def _add_pieces(
    job: _Job,
    inputs: Sequence[Tensor],
    state: Sequence[Tensor],
    wanted: Sequence[bool],
    grads: Sequence[Tensor],
    sums: Sequence[Tensor | None],
) -> None:
    """Add every piece's share of the gradients to `sums`, which has one tensor per input, parameter and buffer."""
    for piece in job.pieces:
        cut = [_leaf(t, needs) for t, needs in zip(job.run.cut_all(piece, inputs), wanted, strict=False)]
        with torch.enable_grad(), job.autocast():
            outputs = job.run.run(piece, cut)
        pairs = [(out, _part(grad, piece, out)) for out, grad in zip(outputs, grads, strict=True) if out.requires_grad]
        leaves = [leaf for leaf in (*cut, *state) if leaf.requires_grad]
        if not pairs or not leaves:
            continue
        made, shares = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(made, leaves, shares, allow_unused=True))
        for i, target in enumerate(sums):
            share = None if target is None else next(found)
            if target is not None and share is not None:
                whole = i >= job.n_inputs
                (target if whole else job.run.cut(piece, job.run.inputs[i], target)).add_(share)


def _part(grad: Tensor, piece: Piece, output: Tensor) -> Tensor:
    part = grad[piece.images]
    return part[:, :, piece.first_row : piece.first_row + output.shape[2]]
