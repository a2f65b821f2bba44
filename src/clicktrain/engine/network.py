"""The dense network: scores of every patch, or of chosen ones, in the cheapest exact way."""

from __future__ import annotations

from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn

from clicktrain.engine.checks import (
    check_against_module,
    check_choice,
    check_number_type,
    checked_scores_px,
    refuse_batch_statistics,
    with_batch,
)
from clicktrain.engine.cost import Costs
from clicktrain.engine.cover import at_hand, bounding_side
from clicktrain.engine.execute import run_selected, run_whole
from clicktrain.engine.patch_scan import patch_scan
from clicktrain.engine.planner import Planner
from clicktrain.engine.precision import Precision, in_fast_type
from clicktrain.engine.speeds import speeds_of
from clicktrain.engine.trace import build_program
from clicktrain.engine.windows import all_positions

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.program import Program

__all__ = ["DenseNetwork", "SelectedStrategy"]

ForwardStrategy = Literal["auto", "dense", "fragments", "selected", "patches"]
SelectedStrategy = Literal["auto", "windows", "dense", "selected", "patches"]

# Just below the most that glibc lets its threshold grow to.
_KEPT_BYTES = 31 << 20

_MAKING = RLock()


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

    Notes
    -----
    Several threads may score with one module at once, exactly and without gradient. Fast precision, and backward passes
    in pieces, give it other parameters while they run: then one thread may use it at a time.
    """

    def __init__(self, module: nn.Module, ndim: int, fov: tuple[int, ...] | None) -> None:
        super().__init__()
        self.module = module
        self.ndim = ndim
        self._programs: dict[tuple[tuple[nn.Module, bool], ...], Program] = {}
        self._planners: dict[tuple[Any, ...], Planner] = {}
        program = build_program(module, ndim, fov)
        self.fov = program.fov
        self._programs[self._layers()] = program
        check_against_module(module, program)

    def __getstate__(self) -> dict[str, Any]:
        # The steps hold layers of this module; a copy or a pickle makes its own from its own layers.
        return {**self.__dict__, "_programs": {}, "_planners": {}}

    def extra_repr(self) -> str:
        """Facts beside the module's own text."""
        return f"ndim={self.ndim}, fov={self.fov}"

    def _layers(self) -> tuple[tuple[nn.Module, bool], ...]:
        """Layers with their modes: what the steps are made from."""
        return tuple((layer, layer.training) for layer in self.module.modules())

    @property
    def program(self) -> Program:
        """Steps of the dense network, of the layers that the module has now and in their present mode.

        A function such as `F.dropout(x, training=self.training)` is recorded with the mode it was traced in.
        """
        layers = self._layers()
        if layers not in self._programs:
            # Others wait: meanwhile layers are asked for the shapes they give, with stand-ins for their parameters.
            with _MAKING:
                if layers not in self._programs:
                    self._programs[layers] = build_program(self.module, self.ndim, self.fov)
        return self._programs[layers]

    def planner(self, image: Tensor) -> Planner:
        """Planner of passes over images like this one, with or without gradient as it is now."""
        gradient = torch.is_grad_enabled() and any(t.requires_grad for t in (image, *self.module.parameters()))
        key = (self._layers(), image.device.type, image.dtype, gradient)
        if key not in self._planners:
            _keep_freed_memory()
            costs = Costs(speeds_of(image.device), gradient)
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
            patch; "auto" is "fragments" with gradient or on a GPU, else "dense". All give the same scores.
        precision : {"exact", "fast"}
            "fast" computes in bfloat16 where the device multiplies it faster.

        Returns
        -------
        Tensor of shape (B, K, [Z - fov + 1,] Y - fov + 1, X - fov + 1)
            Entry (y, x) is what the module gives for `image[:, :, y:y + fov, x:x + fov]`.

        Raises
        ------
        ImageError
            If the number type of the image is not the module's.
        ShapeError
            If the image is smaller than the field of view or has other channels.
        BackendError
            If the strategy or precision is unknown.

        References
        ----------
        Li, Zhao, Wang 2014, arXiv 1412.4526, section 3: "dense". Giusti et al. 2013, arXiv 1302.1700: "fragments".
        """
        check_choice("strategy", strategy, get_args(ForwardStrategy))
        check_choice("precision", precision, get_args(Precision))
        self.scores_px(image, any_float=precision == "fast")
        if precision == "fast":
            return in_fast_type(self.module, image, lambda values: self._score_all(values, strategy))
        return self._score_all(image, strategy)

    def _score_all(self, image: Tensor, strategy: ForwardStrategy) -> Tensor:
        scores_px, planner = self.scores_px(image), self.planner(image)
        if not len(image):
            # Only whole maps may be empty.
            strategy = "dense"
        if strategy == "selected":
            everywhere = all_positions(len(image), scores_px, image.device)
            rows = run_selected(self.program, planner.selected(everywhere, scores_px, scores_px), image, self.module)
            return rows.view(len(image), *scores_px, -1).movedim(-1, 1)
        if strategy == "patches":
            return patch_scan(self.module, image, self.fov)
        fragments = None if strategy == "auto" else strategy == "fragments"
        plan = planner.dense(len(image), tuple(image.shape[2:]), fragments=fragments)[-1]
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
            "patches" runs the module on the patches; "dense" one pass over a box that holds all of them;
            "windows" one pass over a batch of equal windows of the cheapest size; "selected" the first layers like
            "dense" and from the cheapest layer on only the places that the patches need. "auto" takes the cheapest.
        precision : {"exact", "fast"}
            "fast" computes in bfloat16 where the device multiplies it faster.

        Returns
        -------
        Tensor of shape (N, K)

        Raises
        ------
        ImageError
            If the number type of the image is not the module's.
        ShapeError
            If a position has no patch, or the image does not fit.
        BackendError
            If the strategy or precision is unknown.

        References
        ----------
        Li, Zhao, Wang 2014, arXiv 1412.4526, section 4: the error mask, here with the work cut down to the mask.
        """
        check_choice("strategy", strategy, get_args(SelectedStrategy))
        check_choice("precision", precision, get_args(Precision))
        places = with_batch(at_hand(positions), len(image), self.scores_px(image, any_float=precision == "fast"))
        if not len(places):
            return image.new_zeros((0, self.program.classes))
        if precision == "fast":
            return in_fast_type(self.module, image, lambda values: self._score_at(values, places, strategy))
        return self._score_at(image, places, strategy)

    def strategy_at(self, image: Tensor, positions: Tensor) -> SelectedStrategy:
        """Strategy that `at` takes by itself, with or without gradient as it is now.

        To find it takes a while. Whoever scores as many positions again and again, drawn from the same ones, may ask
        once and hand "patches" to `at`, which then plans nothing.

        Parameters
        ----------
        image, positions : Tensor
            As for `at`, in exact precision; one position at least.

        Returns
        -------
        {"patches", "windows", "selected"}

        Raises
        ------
        ImageError, ShapeError
            As for `at`.
        """
        scores_px = self.scores_px(image)
        places = with_batch(at_hand(positions), len(image), scores_px)
        return self.planner(image).at(places, scores_px, image.device).strategy

    def _score_at(self, image: Tensor, places: Tensor, strategy: SelectedStrategy) -> Tensor:
        scores_px, planner = self.scores_px(image), self.planner(image)
        if strategy == "selected":
            plan = planner.selected(places, scores_px, bounding_side(places, scores_px), image.device)
        elif strategy == "dense":
            plan = planner.windows(places, scores_px, bounding_side(places, scores_px))
        elif strategy == "auto":
            plan = planner.at(places, scores_px, image.device)
        else:
            plan = (planner.patches if strategy == "patches" else planner.windows)(places, scores_px)
        return run_selected(self.program, plan.on(image.device), image, self.module)

    def scores_px(self, image: Tensor, *, any_float: bool = False) -> tuple[int, ...]:
        """Spatial shape of the scores of an image, after a check that it and the module's mode fit.

        Parameters
        ----------
        image : Tensor of shape (B, C, [Z,] Y, X)
        any_float : bool
            Whether its number type may be another than the module's.

        Raises
        ------
        ImageError
            If the number type does not fit.
        ShapeError
            If the image is smaller than the field of view or has other channels.
        DensifyError
            If a BatchNorm is in train mode.
        """
        refuse_batch_statistics(self.module)
        check_number_type(self.module, image, any_float=any_float)
        return checked_scores_px(self.program, image)


@cache
def _keep_freed_memory() -> None:
    """Free one large, untouched tensor: from then on glibc keeps memory up to that size instead of giving it back.

    Maps of a piece are made and dropped thousands of times; fresh pages cost several times what is done with them.
    """
    torch.empty(_KEPT_BYTES, dtype=torch.uint8)
