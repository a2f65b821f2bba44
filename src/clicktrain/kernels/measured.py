"""The faster of two ways, by measuring both once for every kind of input."""

from __future__ import annotations

import logging
from functools import cache, partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

__all__ = ["MEASURED", "MeasuredChoice", "cuda_seconds", "fastest_way", "is_worth_measuring", "problem_key"]

logger = logging.getLogger(__name__)

_REPETITIONS = 3
_WAYS = ("aten", "triton")
# A large GPU does as much in less than half a millisecond, of which the time to start it is a good part. To compile one
# kernel takes 1 to 2 s: thousands of such calls, each twice as fast, would hardly make up for it.
_LEAST_MACS, _LEAST_COMPARES = 4_000_000_000, 400_000_000


class MeasuredChoice:
    """Remembers per key which candidate measured fastest."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def choose(
        self, key: str, candidates: Mapping[str, Callable[[], object]], time: Callable[[Callable[[], object]], float]
    ) -> str:
        """Name the fastest candidate: as remembered for `key`, else by timing them all.

        Parameters
        ----------
        key : str
            Says all that the answer depends on.
        candidates : mapping of str to callable
            Ways to compute the same. One that raises is left out.
        time : callable
            Runs a candidate and gives its seconds.

        Raises
        ------
        Exception
            What the first candidate raised, if none ran.
        """
        known = self.known(key)
        if known is not None and known in candidates:
            return known
        seconds, refusals = _time_all(key, candidates, time)
        if not seconds:
            raise refusals[0]
        fastest = min(seconds, key=lambda name: seconds[name])
        logger.debug("%s: %s measured fastest of %s", key, fastest, seconds)
        # Where memory ran out, another time may tell otherwise.
        if not any(isinstance(reason, torch.OutOfMemoryError) for reason in refusals):
            self._answers[key] = fastest
        return fastest

    def known(self, key: str) -> str | None:
        """Name the fastest candidate as remembered for `key`, if it is."""
        return self._answers.get(key)

    def load(self, answers: Mapping[str, str]) -> None:
        """Take over answers of an earlier `snapshot`."""
        self._answers.update(answers)

    def snapshot(self) -> dict[str, str]:
        """Copy all answers, from key to the name of the fastest candidate."""
        return dict(self._answers)


def _time_all(
    key: str, candidates: Mapping[str, Callable[[], object]], time: Callable[[Callable[[], object]], float]
) -> tuple[dict[str, float], list[Exception]]:
    """Seconds of the candidates that ran, and why the others did not."""
    seconds: dict[str, float] = {}
    refusals: list[Exception] = []
    for name, run in candidates.items():
        try:
            run()  # the first run compiles, and fills caches
            seconds[name] = median(time(run) for _ in range(_REPETITIONS))
        except Exception as reason:  # noqa: BLE001, a way may fail for any reason, and the others still stand
            logger.debug("%s: %s is not chosen, as it raised %s: %s", key, name, type(reason).__name__, reason)
            refusals.append(reason)
    return seconds, refusals


def cuda_seconds(function: Callable[[], object]) -> float:
    """Seconds until the GPU has done all that `function` starts."""
    torch.cuda.synchronize()
    start_s = perf_counter()
    function()
    torch.cuda.synchronize()
    return perf_counter() - start_s


# One memory for the process: the engine may fill it from disk and keep its snapshot.
MEASURED = MeasuredChoice()


def is_worth_measuring(*, macs: int = 0, compares: int = 0, inputs: Sequence[Tensor | None] = ()) -> bool:
    """Whether a problem is so large that another way can gain more than it takes to find it out.

    Parameters
    ----------
    macs : int
        Multiply-accumulates of the forward pass.
    compares : int
        Values of a pool times its taps.
    inputs : sequence of Tensor or None
        The gradient of each that wants one takes about as long as the forward pass.
    """
    passes = 1 + len(_learned(inputs))
    return passes * macs >= _LEAST_MACS or passes * compares >= _LEAST_COMPARES


def fastest_way(key: str, run: Callable[..., Tensor], inputs: Sequence[Tensor | None]) -> str:
    """Name the way that measured faster on the GPU, "aten" or "triton".

    Parameters
    ----------
    key : str
        See `problem_key`.
    run : callable
        Computes the operation, given the name of a way and the inputs.
    inputs : sequence of Tensor or None
        The gradients of those that want one are timed as well.
    """
    learned = _learned(inputs)
    if learned:
        key = f"{key}, gradients of {'-'.join(map(str, learned))}"
    known = MEASURED.known(key)
    if known in _WAYS:
        return known
    # Neither the caller's graph nor hooks on the inputs may notice that something was tried.
    copies = [None if tensor is None else tensor.detach() for tensor in inputs]
    wanted = [tensor.requires_grad_() for n, tensor in enumerate(copies) if tensor is not None and n in learned]

    def timed(way: str) -> None:
        out = run(way, *copies)
        if wanted:
            torch.autograd.grad(out, wanted, torch.ones_like(out))

    with torch.set_grad_enabled(bool(wanted)), torch.autograd.graph.saved_tensors_hooks(_as_it_is, _as_it_is):
        return MEASURED.choose(key, {way: partial(timed, way) for way in _WAYS}, cuda_seconds)


def _learned(inputs: Sequence[Tensor | None]) -> list[int]:
    """Numbers of the inputs that want a gradient now."""
    if not torch.is_grad_enabled():
        return []
    return [n for n, tensor in enumerate(inputs) if tensor is not None and tensor.requires_grad]


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def problem_key(
    operation: str, image: Tensor, channels: Sequence[int], size: Sequence[int], dilation: Sequence[int]
) -> str:
    """Say all that the fastest way depends on; the number of pixels counts by its power of two.

    Parameters
    ----------
    operation : str
    image : Tensor of shape (B, C, Y, X)
    channels : sequence of int
        Channels in and out.
    size : sequence of int
        Taps per axis.
    dilation : sequence of int
    """
    pixels = image.numel() // max(1, image.shape[1])
    power = max(0, pixels.bit_length() - 1)
    state = (image.stride(1) == 1, torch.backends.cudnn.allow_tf32)
    return _key_of(operation, image.device, image.dtype, tuple(channels), tuple(size), tuple(dilation), power, state)


# Asked at every call: a device tells its name in as much time as it starts a kernel in.
@cache
def _key_of(
    operation: str,
    device: torch.device,
    dtype: torch.dtype,
    channels: tuple[int, ...],
    size: tuple[int, ...],
    dilation: tuple[int, ...],
    power: int,
    state: tuple[bool, bool],
) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    parts = [
        operation,
        name,
        str(dtype).removeprefix("torch."),
        "channels " + "-".join(map(str, channels)),
        "kernel " + "x".join(map(str, size)),
        "dilation " + "x".join(map(str, dilation)),
        f"2^{power} px",
        *["channels innermost"] * state[0],
        *["TF32"] * state[1],
    ]
    return ", ".join(parts)
