"""The speeds of a device, measured at first use and kept on disk."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import lru_cache, reduce
from math import inf, prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from clicktrain.engine.calm import is_calm
from clicktrain.engine.speeds import Speeds
from clicktrain.engine.store import load_record, save_record
from clicktrain.kernels.regular_conv.aten import regular_conv_aten
from clicktrain.kernels.selected_conv.aten import gather_taps, tap_gradients
from clicktrain.kernels.taps import Taps

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["device_key", "fastest", "measure_speeds", "speeds_of"]

# Raise when what is measured, or how, changes: kept speeds are measured anew.
_VERSION = 4
# Several, as a process's first uses of memory are slow.
_ROUNDS, _CALM_ROUNDS = 3, 2
_CHANNELS = 48
# Elements of tensors that stay in the cache, and that are too large for memory to be kept between uses.
_CACHED, _UNCACHED = 1 << 18, 9 << 20
# At most so many times; more means that the pages were met for the first time.
_MEMORY_IS_SLOWER = 8
_LOCK = Lock()
_FINAL = "final"
# Just below the most that glibc lets its threshold grow to.
_KEPT_BYTES = 31 << 20


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
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{device.type} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()} threads"
    return f"v{_VERSION}, torch {torch.__version__}, {name}, {str(dtype).removeprefix('torch.')}, {ndim}D"


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
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        bench = _Bench(device, dtype, ndim)
        forward, backward = bench.conv(spacing_px=1)
        spaced, spaced_backward = bench.conv(spacing_px=8 if ndim == 2 else 4)
        patch, patch_backward = bench.patches()
        product, product_backward, gather, scatter = bench.rows()
        rows = bench.look_up()
        cached = bench.elementwise(_CACHED)
        memory = max(bench.elementwise(_UNCACHED, repeats=12), cached / _MEMORY_IS_SLOWER)
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
            call_s=bench.seconds(lambda: torch.relu(bench.small)),
        )


class _Bench:
    """Small, typical pieces of work on one device."""

    def __init__(self, device: torch.device, dtype: torch.dtype, ndim: int) -> None:
        self.device, self.dtype, self.ndim = device, dtype, ndim
        self.small = self._noise(8)

    def seconds(self, function: Callable[[], object], repeats: int = 5) -> float:
        """Shortest time of a few."""
        function()
        times = []
        for _ in range(repeats):
            self._wait()
            start = time.perf_counter()
            function()
            self._wait()
            times.append(time.perf_counter() - start)
        return max(min(times), 1e-9)

    def conv(self, spacing_px: int) -> tuple[float, float]:
        """Multiply-accumulates per second of a convolution and of its two gradients."""
        # Volumes are as large as most are: ATen convolves small ones, and their gradients, in another way.
        sides = (40 + 4 * spacing_px, 160 + 4 * spacing_px) if self.ndim == 2 else (24 + 2 * spacing_px,) * 3
        size = (5, 5) if self.ndim == 2 else (3, 3, 3)
        layout = torch.channels_last if self.ndim == 2 else torch.channels_last_3d
        image = self._noise(1, _CHANNELS, *sides).contiguous(memory_format=layout)
        weight = self._noise(_CHANNELS, _CHANNELS, *size)
        spacing = (spacing_px,) * self.ndim
        return self._conv_rates(lambda x, w: regular_conv_aten(x, w, None, spacing, 1), image, weight)

    def patches(self) -> tuple[float, float]:
        """The same for a batch of small patches in the module's own layout."""
        sides = (24, 24) if self.ndim == 2 else (10, 10, 10)
        convolve = F.conv2d if self.ndim == 2 else F.conv3d
        weight = self._noise(_CHANNELS, _CHANNELS, *(3,) * self.ndim)
        return self._conv_rates(convolve, self._noise(16, _CHANNELS, *sides), weight)

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
        count, taps = 1024, 16
        values = self._noise(32 * count, _CHANNELS)
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
        places, taps = 1 << 16, 16
        values = self._noise(places, 1)
        first = torch.arange(4096, device=self.device)
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

    def _noise(self, *shape: int) -> Tensor:
        return torch.randn(shape).to(self.device, self.dtype)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
