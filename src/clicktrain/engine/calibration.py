"""The speeds of a device, measured at first use and kept on disk."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, reduce
from math import inf, prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from clicktrain.engine.calm import is_calm
from clicktrain.engine.cost import DENSE_CALLS
from clicktrain.engine.speeds import Speeds
from clicktrain.engine.store import load_record, save_record
from clicktrain.kernels.regular_conv import regular_conv
from clicktrain.kernels.selected_conv.aten import gather_taps, tap_gradients
from clicktrain.kernels.taps import Taps

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["device_key", "fastest", "measure_speeds", "speeds_of"]

# Raise when what is measured, or how, changes: kept speeds are measured anew.
_VERSION, _CUDA_VERSION = 4, 5
# Several, as a process's first uses of memory are slow.
_ROUNDS, _CALM_ROUNDS = 3, 2
_CHANNELS = 48
# At most so many times; more means that the pages were met for the first time.
_MEMORY_IS_SLOWER = 8
_LOCK = Lock()
_FINAL = "final"
# Just below the most that glibc lets its threshold grow to.
_KEPT_BYTES = 31 << 20
# Layers started one after the other, as in a pass: to wait for a GPU is no part of what one of them costs.
_STARTED = 20


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How large the pieces of work are that are timed.

    Parameters
    ----------
    plane, volume : tuple of int
        Spatial shape of what a convolution gives.
    patches : int
    positions, places : int
        Positions whose taps are gathered, and rows of the table.
    looked_up, looked_in : int
        Positions whose rows are looked up, and places that have one.
    cached, uncached : int
        Elements of tensors that stay in the cache, and that are too large for memory to be kept between uses.
    most_s : float
        A piece of work is not timed again once so much time is spent on it.
    """

    plane: tuple[int, int] = (40, 160)
    # Volumes are as large as most are: ATen convolves small ones, and their gradients, in another way.
    volume: tuple[int, int, int] = (24, 24, 24)
    patches: int = 16
    positions: int = 1 << 10
    places: int = 1 << 15
    looked_up: int = 1 << 12
    looked_in: int = 1 << 16
    cached: int = 1 << 18
    uncached: int = 9 << 20
    most_s: float = inf


_SIZES = _Sizes()
# A GPU starts an operation in some 10 us, however small it is: only what takes it many times that shows its speed. Maps
# that stay in its cache are too small for that, so they count as any others.
_CUDA_SIZES = _Sizes(
    plane=(416, 416),
    volume=(56, 56, 56),
    patches=512,
    positions=1 << 16,
    places=1 << 17,
    looked_up=1 << 20,
    looked_in=1 << 21,
    cached=1 << 26,
    uncached=1 << 26,
    most_s=0.03,
)


def speeds_of(device: torch.device, dtype: torch.dtype, ndim: int) -> Speeds:
    """Speeds of a device; measured, in about a second, if this device and library have not been met before.

    Other work on the machine makes each kind of operation look slow by another factor. What is measured then serves
    until a process finds the processor free.
    """
    with _LOCK:
        return _speeds_of(device, dtype, ndim, device_key(device, dtype, ndim))


@lru_cache
def _speeds_of(device: torch.device, dtype: torch.dtype, ndim: int, key: str) -> Speeds:
    _settle_memory()
    kept, final = _kept(key)
    if kept is not None and final:
        return kept
    rounds = [_round(device, dtype, ndim) for _ in range(_ROUNDS)]
    measured = [speeds for speeds, _ in rounds]
    speeds = reduce(fastest, measured if kept is None else [kept, *measured])
    if device.type == "cuda":
        # A gigabyte that PyTorch would keep from other programs.
        torch.cuda.empty_cache()
    save_record("speeds", key, {**asdict(speeds), _FINAL: sum(calm for _, calm in rounds) >= _CALM_ROUNDS})
    return speeds


def _round(device: torch.device, dtype: torch.dtype, ndim: int) -> tuple[Speeds, bool]:
    """Speeds, and whether no other work was seen before and after."""
    calm = is_calm()
    speeds = measure_speeds(device, dtype, ndim)
    return speeds, calm and is_calm()


def fastest(one: Speeds, other: Speeds) -> Speeds:
    """Take of each speed the faster one."""
    pairs = {name: (value, getattr(other, name)) for name, value in asdict(one).items()}
    return Speeds(**{name: (min if name == "call_s" else max)(pair) for name, pair in pairs.items()})


def _kept(key: str) -> tuple[Speeds | None, bool]:
    """Speeds kept on disk, if they can be used, and whether they are final."""
    record = load_record("speeds", key) or {}
    final = record.pop(_FINAL, None)
    if not isinstance(final, bool) or not _is_usable(record):
        return None, False
    return Speeds(**record), final


def _is_usable(record: dict[str, Any]) -> bool:
    """Whether a record has all speeds, each a number that may be divided by."""
    numbers = [value for value in record.values() if isinstance(value, int | float) and 0 < value < inf]
    return record.keys() == asdict(Speeds()).keys() and len(numbers) == len(record)


def _settle_memory() -> None:
    """Free one large, untouched tensor: from then on glibc keeps memory up to that size instead of giving it back.

    Maps of a piece are made and dropped thousands of times; fresh pages cost several times what is done with them.
    """
    torch.empty(_KEPT_BYTES, dtype=torch.uint8)


def device_key(device: torch.device, dtype: torch.dtype, ndim: int) -> str:
    """What speeds depend on, in words: another device, library or number of threads has another key."""
    if device.type == "cuda":
        tf32 = " with TF32" if torch.backends.cudnn.allow_tf32 else ""
        version, name = _CUDA_VERSION, torch.cuda.get_device_name(device) + tf32
    else:
        version = _VERSION
        name = f"{device.type} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()} threads"
    return f"v{version}, torch {torch.__version__}, {name}, {str(dtype).removeprefix('torch.')}, {ndim}D"


def _cuda_sizes(device: torch.device, dtype: torch.dtype) -> _Sizes:
    """What fills a GPU, but takes no more than a quarter of the memory that is free."""
    # Two tensors are read, one is written, and both were drawn as numbers of 32 bits.
    most = torch.cuda.mem_get_info(device)[0] // 4 // (3 * dtype.itemsize + 4)
    elements = min(_CUDA_SIZES.uncached, most)
    return replace(_CUDA_SIZES, cached=elements, uncached=elements)


def measure_speeds(device: torch.device, dtype: torch.dtype, ndim: int) -> Speeds:
    """Time each kind of work that the planner chooses between.

    Parameters
    ----------
    device : device
    dtype : dtype
    ndim : int
        Number of spatial axes.
    """
    # Not inside an inference_mode of the caller, whose tensors know no gradient.
    with torch.inference_mode(False), torch.no_grad():
        bench = _Bench(device, dtype, ndim)
        forward, backward = bench.conv(spacing_px=1)
        spaced, spaced_backward = bench.conv(spacing_px=8 if ndim == 2 else 4)
        patch, patch_backward = bench.patches()
        product, product_backward, gather, scatter = bench.rows()
        rows = bench.look_up()
        cached = bench.elementwise(bench.sizes.cached)
        memory = max(bench.elementwise(bench.sizes.uncached, repeats=12), cached / _MEMORY_IS_SLOWER)
        return Speeds(
            conv_macs_per_s=forward,
            conv_backward_macs_per_s=backward,
            spaced_conv_macs_per_s=spaced,
            spaced_conv_backward_macs_per_s=spaced_backward,
            product_macs_per_s=product,
            product_backward_macs_per_s=product_backward,
            gather_per_s=gather,
            scatter_per_s=scatter,
            rows_per_s=rows,
            patch_macs_per_s=patch,
            patch_backward_macs_per_s=patch_backward,
            cached_per_s=cached,
            memory_per_s=memory,
            call_s=bench.call_s(),
        )


class _Bench:
    """Small, typical pieces of work on one device."""

    def __init__(self, device: torch.device, dtype: torch.dtype, ndim: int) -> None:
        self.device, self.dtype, self.ndim = device, dtype, ndim
        self.sizes = _cuda_sizes(device, dtype) if device.type == "cuda" else _SIZES
        self.generator = torch.Generator(device if device.type == "cuda" else "cpu").manual_seed(0)

    def seconds(self, function: Callable[[], object], repeats: int = 5) -> float:
        """Shortest time of a few."""
        function()
        times: list[float] = []
        while len(times) < repeats and sum(times) < self.sizes.most_s:
            self._wait()
            start = time.perf_counter()
            function()
            self._wait()
            times.append(time.perf_counter() - start)
        return max(min(times), 1e-9)

    def conv(self, spacing_px: int) -> tuple[float, float]:
        """Multiply-accumulates per second of a convolution and of its two gradients."""
        size = (5, 5) if self.ndim == 2 else (3, 3, 3)
        made = self.sizes.plane if self.ndim == 2 else self.sizes.volume
        sides = [n + (k - 1) * spacing_px for n, k in zip(made, size, strict=True)]
        layout = torch.channels_last if self.ndim == 2 else torch.channels_last_3d
        image = self._noise(1, _CHANNELS, *sides).contiguous(memory_format=layout)
        weight = self._noise(_CHANNELS, _CHANNELS, *size)
        spacing = (spacing_px,) * self.ndim
        return self._conv_rates(lambda x, w: regular_conv(x, w, spacing_px=spacing), image, weight)

    def patches(self) -> tuple[float, float]:
        """The same for a batch of small patches in the module's own layout."""
        sides = (24, 24) if self.ndim == 2 else (10, 10, 10)
        convolve = F.conv2d if self.ndim == 2 else F.conv3d
        weight = self._noise(_CHANNELS, _CHANNELS, *(3,) * self.ndim)
        return self._conv_rates(convolve, self._noise(self.sizes.patches, _CHANNELS, *sides), weight)

    def _conv_rates(
        self, convolve: Callable[[Tensor, Tensor], Tensor], image: Tensor, weight: Tensor
    ) -> tuple[float, float]:
        forward_s = self.seconds(lambda: convolve(image, weight))
        with torch.enable_grad():
            inputs = image.requires_grad_(), weight.requires_grad_()
            scores = convolve(*inputs)
        ones = torch.ones_like(scores)
        backward_s = self.seconds(lambda: torch.autograd.grad(scores, inputs, ones, retain_graph=True))
        macs = scores.numel() * prod(weight.shape[1:])
        return macs / forward_s, 2 * macs / backward_s

    def rows(self) -> tuple[float, float, float, float]:
        """Rates of a matrix product of gathered taps, of its gradients, of gathering and of adding back."""
        count, taps = self.sizes.positions, 16
        values = self._noise(self.sizes.places, _CHANNELS)
        index = torch.arange(count, device=self.device) + 1200 * torch.arange(taps, device=self.device)[:, None]
        flat = index.reshape(-1)
        rows, sums = values.index_select(0, flat), torch.zeros_like(values)
        gather_s = self.seconds(lambda: values.index_select(0, flat))
        scatter_s = self.seconds(lambda: sums.index_add_(0, flat, rows))
        gathered, kernel = gather_taps(values, index, 1), self._noise(_CHANNELS, taps * _CHANNELS, 1, 1)
        grad, macs = self._noise(count, _CHANNELS), count * taps * _CHANNELS**2
        forward_s = self.seconds(lambda: F.conv2d(gathered, kernel))
        backward_s = self.seconds(lambda: tap_gradients(grad, gathered, kernel, 1, (True, True)))
        return macs / forward_s, 2 * macs / backward_s, rows.numel() / gather_s, rows.numel() / scatter_s

    def look_up(self) -> float:
        """Rows of one value per second, the search for their numbers included."""
        places, taps = self.sizes.looked_in, 16
        values = self._noise(places, 1)
        first = torch.arange(self.sizes.looked_up, device=self.device)
        steps = 1200 * torch.arange(taps, device=self.device)
        near = Taps(first, steps, torch.arange(places, device=self.device), (taps,))

        def gather() -> None:
            for _, rows in near.chunks(len(first)):
                values.index_select(0, rows.view(-1))

        return len(first) * taps / self.seconds(gather)

    def elementwise(self, count: int, repeats: int = 5) -> float:
        """Elements per second of a maximum of two tensors, written to new memory.

        Memory that no process has used before can be ten times slower at first touch, hence many repeats.
        """
        one, other = self._noise(count), self._noise(count)
        return 2 * count / self.seconds(lambda: torch.maximum(one, other), repeats)

    def call_s(self) -> float:
        """Seconds to start one operation; on a GPU its share of what a layer takes that has next to nothing to do."""
        if self.device.type != "cuda":
            small = self._noise(8)
            return self.seconds(lambda: torch.relu(small))
        image, weight = self._noise(1, 1, *(4,) * self.ndim), self._noise(1, 1, *(2,) * self.ndim)
        bias = self._noise(1)

        def start_layers() -> None:
            for _ in range(_STARTED):
                regular_conv(image, weight, bias, spacing_px=2)

        return self.seconds(start_layers) / (_STARTED * DENSE_CALLS)

    def _noise(self, *shape: int) -> Tensor:
        # Drawn where it is used: the processor would take seconds to draw as much as a GPU is measured with.
        noise = torch.randn(shape, generator=self.generator, device=self.generator.device)
        return noise.to(self.device, self.dtype)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
