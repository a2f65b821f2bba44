"""Run a function while a module holds other parameters."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.func import functional_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["with_state"]


# Two calls that overlapped would each put back what they found, and one of them finds what the other has put in.
_LOCK = RLock()


class _Caller(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, function: Callable[[], Any]) -> Any:
        return function()


def with_state(module: nn.Module, state: Mapping[str, Tensor], function: Callable[[], Any]) -> Any:
    """Call `function` while parameters and buffers of `module` are replaced, one call of all threads at a time.

    Parameters
    ----------
    module : Module
    state : mapping of str to Tensor
        What takes the place of the parameters and buffers of these names.
    function : callable
    """
    with _LOCK:
        return functional_call(_Caller(module), {f"module.{name}": t for name, t in state.items()}, (function,))
