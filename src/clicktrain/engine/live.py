"""The memory of tensors that live at once, and what some operations need inside."""

from __future__ import annotations

import weakref
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from clicktrain.kernels.regular_conv.aten import is_single_volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["LiveBytes"]

_CONV, _CONV_BACKWARD = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default
_TANH = torch.ops.aten.tanh.default


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that are made while it is on and still live.

    Parameters
    ----------
    device : str
        Type of the device that tensors on the meta device stand for.

    Attributes
    ----------
    now, peak : int
    """

    def __init__(self, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device, self.now, self.peak = device, 0, 0
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count the memory that is new in what it gives."""
        out = function(*args, **(kwargs or {}))
        inside_bytes = 0
        if self.device == "cpu" and function in (_CONV, _CONV_BACKWARD):
            maps, geometry = ([args[0]], args[3:]) if function is _CONV else ([args[1], args[0]], args[4:10])
            if function is _CONV_BACKWARD or not is_single_volume(_on_cpu(args[0])):
                out, inside_bytes = _convolved(out, maps, args[len(maps)], geometry)
        elif self.device == "cpu" and function is _TANH and out.dtype == torch.bfloat16:
            # `fast_tanh` computes in float32: two maps of twice the size, before there is the one that it gives.
            inside_bytes = 3 * _bytes(out.shape, out)
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        self.peak = max(self.peak, self.now + inside_bytes)
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def forget(_: object) -> None:
            del self._known[key]
            self.now -= size

        self._known[key] = weakref.ref(storage, forget)
        self.now += size


def _convolved(out: Any, maps: Sequence[Tensor], weight: Tensor, geometry: Sequence[Any]) -> tuple[Any, int]:
    """What a convolution on the processor gives, as it lies in memory, and the bytes that it needs inside.

    Where oneDNN does not convolve (float64; some in 3D) ATen unrolls the taps: of all images, or of one at a time where
    taps are apart. In 3D it also copies the maps that it reads to lay channels outermost, and leaves its results so.

    Parameters
    ----------
    out : Tensor, or tuple of Tensor or None
    maps : sequence of Tensor
        The image; in the backward pass the gradient of the scores as well.
    weight : Tensor
    geometry : sequence
        Stride, padding, dilation, whether it is transposed, output padding and groups.
    """
    image, (stride, padding, dilation, *_) = maps[0], geometry
    shapes = [_on_cpu(t) for t in (image, weight)]
    way = str(torch._C._select_conv_backend(*shapes, None, *geometry, None))
    planes = "Slow" in way and image.ndim == 5
    last = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
    layout = torch.contiguous_format if planes or image.stride(1) != 1 else last
    out = tree_map_only(torch.Tensor, lambda t: t.contiguous(memory_format=layout) if t.ndim == image.ndim else t, out)
    copied = sum(_bytes(t.shape, t) for t in maps if not t.is_contiguous()) if planes else 0
    size, apart = weight.shape[2:], "Dilated" in way
    if "Slow" not in way or (prod(size) == 1 and not apart):
        return out, copied
    axes = zip(image.shape[2:], size, stride, padding, dilation, strict=True)
    places = [(n + 2 * p - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in axes]
    return out, copied + _bytes((1 if apart else len(image), image.shape[1], *size, *places), image)


def _on_cpu(like: Tensor) -> Tensor:
    """Tensor of the same shape that takes no memory."""
    return torch.empty((), dtype=like.dtype).expand(like.shape)


def _bytes(shape: Sequence[int], like: Tensor) -> int:
    return prod(shape) * like.element_size()
