"""The dense network: scores of every patch, or of chosen ones, in the cheapest exact way."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn

from clicktrain.engine.calibration import speeds_of
from clicktrain.engine.cost import Costs
from clicktrain.engine.cover import bounding_side
from clicktrain.engine.execute import run_selected, run_whole
from clicktrain.engine.meta import output_shape
from clicktrain.engine.patch_scan import patch_scan
from clicktrain.engine.planner import Planner
from clicktrain.engine.precision import Precision, in_bfloat16
from clicktrain.engine.refine import refined_scores
from clicktrain.engine.rules.layer import PATCHES
from clicktrain.engine.trace import build_program
from clicktrain.engine.windows import all_positions
from clicktrain.errors import BackendError, DensifyError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from clicktrain.engine.plan import Folding
    from clicktrain.engine.program import Program
    from clicktrain.engine.refine import Refinement

__all__ = ["DenseNetwork"]

ForwardStrategy = Literal["auto", "dense", "fragments", "selected", "patches"]
SelectedStrategy = Literal["auto", "windows", "dense", "selected", "patches"]


class DenseNetwork(nn.Module):
    """A patch classifier that scores every pixel of an image in one pass; made by `densify`.

    Parameters
    ----------
    module : Module
        Patch classifier; its parameters are shared, not copied.
    ndim : int
        Number of spatial axes, 2 or 3.
    fov : tuple of int or None
        Side of the patches in pixels, per axis; None finds it.

    Attributes
    ----------
    fov : tuple of int
        Field of view in pixels, per axis.
    ndim : int
    """

    def __init__(self, module: nn.Module, ndim: int, fov: tuple[int, ...] | None) -> None:
        super().__init__()
        self.module = module
        self.ndim = ndim
        self._programs: dict[tuple[bool, ...], Program] = {}
        self._planners: dict[tuple[Any, ...], Planner] = {}
        program = build_program(module, ndim, fov)
        self.fov = program.fov
        self._programs[self._modes()] = program
        _check_against_module(module, program)

    def __getstate__(self) -> dict[str, Any]:
        # The steps hold layers of this module; a copy or a pickle makes its own from its own layers.
        return {**self.__dict__, "_programs": {}, "_planners": {}}

    def extra_repr(self) -> str:
        """Facts beside the module's own text."""
        return f"ndim={self.ndim}, fov={self.fov}"

    def _modes(self) -> tuple[bool, ...]:
        return tuple(m.training for m in self.module.modules())

    @property
    def program(self) -> Program:
        """Steps of the dense network in the module's present mode.

        A function such as `F.dropout(x, training=self.training)` is recorded with the mode it was traced in.
        """
        modes = self._modes()
        if modes not in self._programs:
            self._programs[modes] = build_program(self.module, self.ndim, self.fov)
        return self._programs[modes]

    def planner(self, image: Tensor) -> Planner:
        """Planner of passes over images like this one, with or without gradient as it is now."""
        gradient = torch.is_grad_enabled() and any(t.requires_grad for t in (image, *self.module.parameters()))
        key = (self._modes(), image.device, image.dtype, gradient)
        if key not in self._planners:
            costs = Costs(speeds_of(image.device, image.dtype, self.ndim), gradient)
            self._planners[key] = Planner(self.program, costs, image.element_size())
        return self._planners[key]

    def forward(self, image: Tensor, strategy: ForwardStrategy = "auto", precision: Precision = "exact") -> Tensor:
        """Score every patch of an image.

        Parameters
        ----------
        image : Tensor of shape (B, C, [Z,] Y, X)
        strategy : {"auto", "dense", "fragments", "selected", "patches"}
            "dense" is one pass with taps apart; "fragments" folds the shifts of every stride into the batch, where taps
            are neighbours; "selected" gathers the taps of every position; "patches" runs the module itself on every
            patch; "auto" takes per layer what is predicted to be the fastest. All give the same scores.
        precision : {"exact", "fast"}
            "fast" computes in bfloat16.

        Returns
        -------
        Tensor of shape (B, K, [Z - fov + 1,] Y - fov + 1, X - fov + 1)
            Entry (y, x) is what the module gives for `image[:, :, y:y + fov, x:x + fov]`.

        Raises
        ------
        ShapeError
            If the image is smaller than the field of view or has other channels.
        BackendError
            If the strategy or precision is unknown.

        References
        ----------
        Li, Zhao, Wang 2014, arXiv 1412.4526, section 3: "dense". Giusti et al. 2013, arXiv 1302.1700: "fragments".
        """
        _check_choice("strategy", strategy, get_args(ForwardStrategy))
        _check_choice("precision", precision, get_args(Precision))
        self._scores_px(image)
        if precision == "fast":
            return in_bfloat16(self.module, image, lambda values: self._score_all(values, strategy))
        return self._score_all(image, strategy)

    def _score_all(self, image: Tensor, strategy: ForwardStrategy) -> Tensor:
        scores_px, planner = self._scores_px(image), self.planner(image)
        if strategy == "selected":
            everywhere = all_positions(len(image), scores_px, image.device)
            rows = run_selected(self.program, planner.selected(everywhere, scores_px, scores_px), image, self.module)
            return rows.view(len(image), *scores_px, -1).movedim(-1, 1)
        if strategy == "auto":
            strategy, _, plan = planner.whole(len(image), scores_px)
        else:
            folding: Folding = "full" if strategy == "fragments" else "none"
            plan = planner.dense(len(image), tuple(image.shape[2:]), folding)[-1]
        if strategy == "patches":
            return patch_scan(self.module, image, self.fov)
        return run_whole(self.program, plan, image, self.module)

    def at(
        self,
        image: Tensor,
        positions: Tensor,
        strategy: SelectedStrategy = "auto",
        precision: Precision = "exact",
    ) -> Tensor:
        """Score chosen patches only; forward and backward are limited to what these need.

        Parameters
        ----------
        image : Tensor of shape (B, C, [Z,] Y, X)
        positions : Tensor of shape (N, ndim) or (N, 1 + ndim), int64
            First pixel of each patch, after the batch index where there are several images.
            A position that is given twice counts twice.
        strategy : {"auto", "windows", "dense", "selected", "patches"}
            "patches" runs the module on the patches; "dense" one pass over the smallest box that holds all of them;
            "windows" one pass over a batch of equal windows of the cheapest size; "selected" the first layers like
            "dense" and from the cheapest layer on only the places that the patches need. "auto" takes the cheapest.
        precision : {"exact", "fast"}
            "fast" computes in bfloat16.

        Returns
        -------
        Tensor of shape (N, K)

        Raises
        ------
        ShapeError
            If a position has no patch, or the image does not fit.
        BackendError
            If the strategy or precision is unknown.

        References
        ----------
        Li, Zhao, Wang 2014, arXiv 1412.4526, section 4: the error mask, here with the work cut down to the mask.
        """
        _check_choice("strategy", strategy, get_args(SelectedStrategy))
        _check_choice("precision", precision, get_args(Precision))
        places = _with_batch(positions, len(image), self._scores_px(image))
        if not len(places):
            return image.new_zeros((0, self.program.classes))
        if precision == "fast":
            return in_bfloat16(self.module, image, lambda values: self._score_at(values, places, strategy))
        return self._score_at(image, places, strategy)

    def _score_at(self, image: Tensor, places: Tensor, strategy: SelectedStrategy) -> Tensor:
        scores_px, planner = self._scores_px(image), self.planner(image)
        whole_px = bounding_side(places)
        if strategy == "selected":
            plan = planner.selected(places, scores_px, whole_px)
        elif strategy in ("windows", "dense"):
            plan = planner.windows(places, scores_px, whole_px if strategy == "dense" else None)
        else:
            plan = (planner.patches if strategy == "patches" else planner.at)(places, scores_px)
        return run_selected(self.program, plan, image, self.module)

    def _scores_px(self, image: Tensor) -> tuple[int, ...]:
        """Spatial shape of the scores of an image, after a check that it and the module's mode fit."""
        _refuse_batch_statistics(self.module)
        channels = self.program.in_channels
        if image.ndim != self.ndim + 2 or image.shape[1] != channels:
            raise ShapeError(
                f"image must be (B, {channels}, {'Z, ' * (self.ndim == 3)}Y, X), got shape {tuple(image.shape)}."
            )
        scores_px = tuple(n - f + 1 for n, f in zip(image.shape[2:], self.fov, strict=True))
        if min(scores_px) < 1:
            raise ShapeError(
                f"image must be at least {self.fov} px, the field of view, got {tuple(image.shape[2:])}. "
                "Pad it with clicktrain.engine.border.reflect_pad."
            )
        return scores_px

    def refine(self, image: Tensor, precision: Precision = "exact") -> Iterator[Refinement]:
        """Score every patch of an image without gradient: pixels far apart first, then those between, each once.

        Closing the iterator stops the work; until then the image and the parameters must stay as they are.

        Parameters
        ----------
        image : Tensor of shape (B, C, [Z,] Y, X)
        precision : {"exact", "fast"}
            "fast" computes in bfloat16.

        Yields
        ------
        Refinement
            At first the pixels that lie the product of all strides apart are exact, at last all are.
        """
        _check_choice("precision", precision, get_args(Precision))
        self._scores_px(image)
        fast = precision == "fast"
        with torch.no_grad():
            planner = self.planner(image[:0].to(torch.bfloat16) if fast else image)
        plans = planner.dense(len(image), tuple(image.shape[2:]), "none")
        return refined_scores(self.program, plans, image, self.module, fast=fast)


def _check_against_module(module: nn.Module, program: Program) -> None:
    """Compare with what the module itself gives for patches, so that no rule's mistake goes unseen."""
    shape = output_shape(module, (PATCHES, program.in_channels, *program.fov), type(module).__name__)
    expected = (PATCHES, program.classes)
    if shape[:2] != expected or prod(shape[2:]) != 1:
        raise DensifyError(
            f"module must give (B, K) scores for patches of {program.fov} px, got shape {shape}. "
            "Give fov= as the side of the patches that get one score."
        )


def _refuse_batch_statistics(module: nn.Module) -> None:
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.training:
            raise DensifyError(
                f"layer {name!r} must be in eval mode, got train mode, where its result depends on the other patches "
                "of the batch. Call its eval() before training, or use no BatchNorm."
            )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BackendError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def _with_batch(positions: Tensor, batch: int, scores_px: tuple[int, ...]) -> Tensor:
    """Positions with the batch index first, checked to have a patch each."""
    ndim = len(scores_px)
    if positions.ndim != 2 or positions.shape[1] not in (ndim, ndim + 1) or positions.is_floating_point():
        raise ShapeError(
            f"positions must be whole numbers of shape (N, {ndim}), or (N, {ndim + 1}) with the batch index first, "
            f"got {positions.dtype} of shape {tuple(positions.shape)}."
        )
    if positions.shape[1] == ndim:
        if batch != 1:
            raise ShapeError(
                f"positions must have the batch index first for a batch of {batch} images, got shape "
                f"{tuple(positions.shape)}. Give rows (b, [z,] y, x)."
            )
        positions = torch.nn.functional.pad(positions, (1, 0))
    places = positions.long()
    outside = ((places < 0) | (places >= places.new_tensor([batch, *scores_px]))).any(1)
    if outside.any():
        raise ShapeError(
            f"positions must be below {(batch, *scores_px)} (batch, then the image less the field of view plus 1), "
            f"got {tuple(places[outside][0].tolist())}. Pad the image, or drop the position."
        )
    return places
