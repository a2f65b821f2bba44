"""Any patch classifier as an exact dense network."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn

from clicktrain.engine.cost import dense_cost, patch_cost
from clicktrain.engine.meta import output_shape
from clicktrain.engine.patch_scan import patch_scan, scores_of_patches
from clicktrain.engine.rules.layer import PATCHES
from clicktrain.engine.selected import bounding_side, cheapest_cover, cover, covered_scores
from clicktrain.engine.trace import build_program
from clicktrain.errors import BackendError, DensifyError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from clicktrain.engine.program import Program

__all__ = ["DenseNetwork", "densify"]

ForwardStrategy = Literal["auto", "dense", "patches"]
SelectedStrategy = Literal["auto", "windows", "dense", "patches"]


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
        program = build_program(module, ndim, fov)
        self.fov = program.fov
        self._programs[self._modes()] = program
        _check_against_module(module, program)

    def __getstate__(self) -> dict[str, Any]:
        # The steps hold layers of this module; a copy or a pickle makes its own from its own layers.
        return {**self.__dict__, "_programs": {}}

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

    def forward(self, image: Tensor, strategy: ForwardStrategy = "auto") -> Tensor:
        """Score every patch of an image.

        Parameters
        ----------
        image : Tensor of shape (B, C, [Z,] Y, X)
        strategy : {"auto", "dense", "patches"}
            "dense" is one pass with spaced taps, "patches" the module itself on every patch, "auto" the cheaper.

        Returns
        -------
        Tensor of shape (B, K, [Z - fov + 1,] Y - fov + 1, X - fov + 1)
            Entry (y, x) is what the module gives for `image[:, :, y:y + fov, x:x + fov]`.

        Raises
        ------
        ShapeError
            If the image is smaller than the field of view or has other channels.

        References
        ----------
        Li, Zhao, Wang 2014, arXiv 1412.4526, section 3.
        """
        _check_choice(strategy, get_args(ForwardStrategy))
        scores_px = self._scores_px(image)
        program = self.program
        if strategy == "auto":
            patches_cost = patch_cost(program) * prod(scores_px)
            strategy = "patches" if patches_cost < dense_cost(program, scores_px) else "dense"
        if strategy == "patches":
            return patch_scan(self.module, image, self.fov)
        return program.run(image)

    def at(self, image: Tensor, positions: Tensor, strategy: SelectedStrategy = "auto") -> Tensor:
        """Score chosen patches only; the backward pass is limited to the region that they need.

        Parameters
        ----------
        image : Tensor of shape (B, C, [Z,] Y, X)
        positions : Tensor of shape (N, ndim) or (N, 1 + ndim), int64
            First pixel of each patch, after the batch index where there are several images.
            A position that is given twice counts twice.
        strategy : {"auto", "windows", "dense", "patches"}
            "patches" runs the module on the patches, "dense" one pass over the smallest box that holds all of them,
            "windows" one pass over a batch of equal windows of the cheapest size; "auto" takes the cheapest.

        Returns
        -------
        Tensor of shape (N, K)

        Raises
        ------
        ShapeError
            If a position has no patch, or the image does not fit.

        References
        ----------
        Li, Zhao, Wang 2014, arXiv 1412.4526, section 4: the error mask, here with the region cut down to the mask.
        """
        _check_choice(strategy, get_args(SelectedStrategy))
        scores_px = self._scores_px(image)
        program = self.program
        places = _with_batch(positions, len(image), scores_px)
        if not len(places):
            return image.new_zeros((0, program.classes))
        if strategy == "patches":
            return scores_of_patches(self.module, image, places, self.fov)
        if strategy == "dense":
            return covered_scores(program, image, cover(places, scores_px, bounding_side(places)))
        covering = cheapest_cover(program, places, scores_px, patches=strategy == "auto")
        if strategy == "auto" and prod(covering.side_px) == 1:
            unique = scores_of_patches(self.module, image, covering.corners, self.fov)
            return unique[covering.within[:, 0]]
        return covered_scores(program, image, covering)

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


def densify(module: nn.Module, *, ndim: int = 2, fov: int | Sequence[int] | None = None) -> DenseNetwork:
    """Turn a patch classifier into the dense network that gives the same scores for every patch of an image.

    Every layer gets stride 1, and taps as far apart as the product of all strides before it; fully connected layers
    become convolutions.

    Parameters
    ----------
    module : Module
        Patch classifier without padding, from (B, C, *fov) to (B, K) or (B, K, 1, ...).
    ndim : int
        Number of spatial axes, 2 or 3.
    fov : int or sequence of int, optional
        Side of the patches in pixels. Needed only where the module takes patches of any size.

    Returns
    -------
    DenseNetwork
        It shares the parameters of `module`.

    Raises
    ------
    DensifyError
        If a layer has no exact dense form; the text names the layer, the reason and the way out.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 8, 4), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 4, 3))
    >>> dense = densify(net)
    >>> dense.fov
    (11, 11)
    >>> dense(torch.zeros(1, 1, 30, 20)).shape
    torch.Size([1, 3, 20, 10])

    References
    ----------
    Li, Zhao, Wang 2014, arXiv 1412.4526.
    """
    if ndim not in (2, 3):
        raise DensifyError(f"ndim must be 2 or 3, got {ndim}. Give the number of spatial axes of the patches.")
    sides = None if fov is None else (fov,) * ndim if isinstance(fov, int) else tuple(int(n) for n in fov)
    if sides is not None and (len(sides) != ndim or min(sides) < 1):
        raise DensifyError(f"fov must be one positive whole number, or one per spatial axis ({ndim}), got {fov}.")
    return DenseNetwork(module, ndim, sides)


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


def _check_choice(strategy: str, choices: tuple[str, ...]) -> None:
    if strategy not in choices:
        raise BackendError(f"strategy must be one of {', '.join(choices)}, got {strategy!r}.")


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
