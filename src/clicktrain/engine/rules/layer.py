"""What a rule sees: the maps that enter a layer, and the builder that takes the layer's dense form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

from clicktrain.engine.program import Step, Window, Work
from clicktrain.errors import DensifyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from clicktrain.engine.grid import Grid
    from clicktrain.kernels.taps import Taps

__all__ = ["PATCHES", "Attribute", "Builder", "Layer", "PatchMap"]

# Batch size of the patches that the rules reason about: 2, so that a batch axis is never mistaken for a size-1 axis.
PATCHES = 2


@dataclass(frozen=True, slots=True)
class PatchMap:
    """What the module holds at one node while it runs on a patch.

    Parameters
    ----------
    number : int
        Number of the tensor in the program.
    grid : Grid
    channels : int
    flat : bool
        True where the module holds (B, channels * values) instead of (B, channels, *values).
    """

    number: int
    grid: Grid
    channels: int
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """A parameter, a buffer or what was computed from them; read anew at each call, for parameters change.

    Parameters
    ----------
    read : callable
        Gives the tensor.
    name : str
        Qualified name of the parameter or buffer; empty for what is computed.
    """

    read: Callable[[], Tensor]
    name: str = ""


@dataclass
class Builder:
    """Collects the steps of the dense network.

    Parameters
    ----------
    ndim : int
    fov : tuple of int or None
        None while the field of view is still to be found.
    """

    ndim: int
    fov: tuple[int, ...] | None
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Layer:
    """One node of the module, as its rule sees it.

    Parameters
    ----------
    name : str
        Qualified name of the module, or name of the node for a function.
    builder : Builder
    target : object
        The function, or the name of the method, where the node is not a module.
    """

    name: str
    builder: Builder
    target: Any = None

    def with_target(self, target: Any) -> Layer:
        """Same node as if it called another function."""
        return replace(self, target=target)

    def with_name(self, name: str) -> Layer:
        """Same node, called by another name in plans and errors."""
        return replace(self, name=name)

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return self.builder.ndim

    def refuse(self, reason: str, way_out: str) -> NoReturn:
        """Say that this layer has no exact dense form.

        Raises
        ------
        DensifyError
        """
        raise DensifyError(f"layer {self.name!r} has no exact dense form: {reason}. {way_out}")

    def counts(self, node: PatchMap) -> tuple[int, ...]:
        """Values per axis that the module holds at `node` on one patch."""
        fov = self.builder.fov
        if fov is None:
            raise DensifyError(
                f"fov must be given for this module, because layer {self.name!r} takes patches of any size. "
                "Call densify(module, fov=...) with the side of the training patches in pixels."
            )
        counts = node.grid.counts(fov)
        if min(counts) < 1:
            raise DensifyError(
                f"fov must be at least {node.grid.extent_px} px to pass layer {self.name!r}, got {fov}. "
                "Give the side of the training patches."
            )
        return counts

    def is_single(self, node: PatchMap) -> bool:
        """Whether the module holds one value per channel at `node`."""
        return prod(self.counts(node)) == 1

    def require_map(self, node: PatchMap) -> None:
        """Refuse a flattened map where spatial axes are needed."""
        if node.flat:
            self.refuse("it takes a map with spatial axes after a Flatten", "Put it before the Flatten.")

    def shape(self, node: PatchMap) -> tuple[int, ...]:
        """Shape of the module's tensor at `node`, for a batch of PATCHES patches."""
        if node.flat:
            return PATCHES, node.channels * prod(self.counts(node))
        return PATCHES, node.channels, *self.counts(node)

    def emit(
        self,
        run: Callable[..., Tensor],
        inputs: Sequence[PatchMap],
        *,
        grid: Grid | None = None,
        channels: int | None = None,
        flat: bool | None = None,
        work: Work | None = None,
        window: Window | None = None,
        run_selected: Callable[[Tensor, Taps], Tensor] | None = None,
        run_in_place: Callable[..., Tensor] | None = None,
        overwritable: bool = False,
        random: bool = False,
    ) -> PatchMap:
        """Add a step; what is not said stays as in the first input."""
        first = inputs[0]
        grid = grid or first.grid
        channels = first.channels if channels is None else channels
        work = work or Work(dense_elements=channels * len(inputs), patch_elements=channels * len(inputs))
        numbers = tuple(node.number for node in inputs)
        step = Step(
            self.name, run, numbers, grid, channels, work, window, run_selected, run_in_place, overwritable, random
        )
        self.builder.steps.append(step)
        made = PatchMap(len(self.builder.steps), grid, channels, first.flat if flat is None else flat)
        if self.builder.fov is not None:
            self.counts(made)
        return made

    def emit_window(
        self,
        run: Callable[..., Tensor],
        node: PatchMap,
        *,
        size: Sequence[int],
        stride: Sequence[int] | None = None,
        dilation: Sequence[int] | None = None,
        channels: int | None = None,
        work: Work | None = None,
        run_selected: Callable[[Tensor, Taps], Tensor] | None = None,
        overwritable: bool = False,
    ) -> PatchMap:
        """Add a step whose values read a window of taps; stride and dilation are 1 where they are not said."""
        ones = (1,) * self.ndim
        dilation = ones if dilation is None else dilation
        dense_dilation = tuple(d * step for d, step in zip(node.grid.dilation, dilation, strict=True))
        return self.emit(
            run,
            [node],
            grid=node.grid.after_window(size, stride or ones, dilation),
            channels=channels,
            work=work,
            window=Window(tuple(size), dense_dilation, (0,) * self.ndim, (0,) * self.ndim),
            run_selected=run_selected,
            overwritable=overwritable,
        )

    def rename(self, node: PatchMap, *, grid: Grid | None = None, flat: bool | None = None) -> PatchMap:
        """Same tensor, seen differently by the module."""
        return replace(node, grid=grid or node.grid, flat=node.flat if flat is None else flat)
