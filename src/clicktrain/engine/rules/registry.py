"""The registry of rules: how each kind of layer looks in the dense network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import nn

__all__ = ["find_module_rule", "function_rule", "functions", "method_rule", "methods", "module_rule"]

Rule = Callable[..., Any]
_R = TypeVar("_R", bound=Rule)

modules: dict[type, Rule] = {}
functions: dict[Any, Rule] = {}
methods: dict[str, Rule] = {}


def module_rule(*kinds: type) -> Callable[[_R], _R]:
    """Register a rule `(layer, module, *args) -> PatchMap` for kinds of module."""

    def register(rule: _R) -> _R:
        modules.update(dict.fromkeys(kinds, rule))
        return rule

    return register


def function_rule(*targets: Any) -> Callable[[_R], _R]:
    """Register a rule `(layer, *args, **kwargs)` for functions, as torch.fx records them."""

    def register(rule: _R) -> _R:
        functions.update(dict.fromkeys(targets, rule))
        return rule

    return register


def method_rule(*names: str) -> Callable[[_R], _R]:
    """Register a rule `(layer, self, *args, **kwargs)` for methods of a tensor."""

    def register(rule: _R) -> _R:
        methods.update(dict.fromkeys(names, rule))
        return rule

    return register


def find_module_rule(module: nn.Module) -> Rule | None:
    """Rule of a module; a subclass has its parent's only while it computes the same."""
    for kind in type(module).__mro__:
        if kind in modules:
            return modules[kind] if type(module).forward is kind.forward else None  # type: ignore[attr-defined]
    return None
