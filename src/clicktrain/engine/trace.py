"""From a module to its dense program: torch.fx records the layers, rules translate them one by one."""

from __future__ import annotations

import inspect
import operator
from dataclasses import replace
from functools import partial
from math import prod
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, cast

from torch import fx, nn

from clicktrain.engine.grid import Grid
from clicktrain.engine.program import Program
from clicktrain.engine.rules import registry
from clicktrain.engine.rules.exact_leaf import channels_of_leaf, exact_leaf, is_exact_leaf
from clicktrain.engine.rules.layer import Attribute, Builder, Layer, PatchMap
from clicktrain.engine.rules.refused import why_refused
from clicktrain.errors import DensifyError
from clicktrain.kernels.channels import add_to_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["build_program"]


# Torch records by other methods of all modules, which two recordings at once would not put back.
_RECORDING = Lock()


class _Tracer(fx.Tracer):
    """Records what one thread calls; modules that other threads use meanwhile are none of its business."""

    # Buffers are read anew at each call, as parameters are: what is computed from them must not be kept as a number.
    proxy_buffer_attributes = True

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(add_to_first,))
        self._thread = get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_exact_leaf(m) or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, fx.Proxy]) -> Any:
        if get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def build_program(module: nn.Module, ndim: int, fov: tuple[int, ...] | None) -> Program:
    """Translate `module` into its dense form.

    Parameters
    ----------
    module : Module
        Patch classifier.
    ndim : int
    fov : tuple of int or None
        Side of the patches in pixels; None finds it.

    Raises
    ------
    DensifyError
        If a layer has no exact dense form, or the field of view cannot be found.
    """
    for name, part in module.named_modules():
        _refuse_hooks(Layer(name or "module", Builder(ndim, fov)), part)
    graph = _trace(module)
    if fov is None:
        # The field of view may follow from a layer at the end, so it takes a walk of its own.
        builder = Builder(ndim, None)
        scores = _walk(module, graph, builder)
        fov = builder.fov or scores.grid.extent_px
    builder = Builder(ndim, fov)
    scores = _walk(module, graph, builder)
    last = Layer("output", builder)
    if not last.is_single(scores):
        last.refuse(
            f"the module gives {last.counts(scores)} scores on a patch of {fov} px",
            "Give fov= as the side of the patches that get one score.",
        )
    return Program(tuple(builder.steps), scores.number, fov, _input_channels(module, graph, fov), scores.channels)


def _trace(module: nn.Module) -> fx.Graph:
    try:
        with _RECORDING:
            graph = _Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, RuntimeError) as error:
        raise DensifyError(
            f"module must be traceable by torch.fx, got: {error} Remove control flow that depends on values, "
            "or declare the part an exact leaf."
        ) from error
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        raise DensifyError(f"module must take one tensor, got {len(inputs)} inputs. Wrap it in a module of one input.")
    return graph


def _input_channels(module: nn.Module, graph: fx.Graph, fov: tuple[int, ...] | None) -> int:
    """Channels that the first layer with an opinion takes."""
    for node in graph.nodes:
        layer = module.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(layer, nn.Linear):
            if fov is None or layer.in_features % prod(fov):
                break
            return layer.in_features // prod(fov)
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            return layer.in_channels
        if is_exact_leaf(layer):
            return channels_of_leaf(layer, str(node.target))
    raise DensifyError(
        "module must begin with a convolution or an exact leaf, or with a Linear over the pixels and fov= given, "
        "so that the channels of its patches are known, got neither."
    )


def _walk(module: nn.Module, graph: fx.Graph, builder: Builder) -> PatchMap:
    """Apply a rule to every node; the last one holds the scores."""
    values: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        layer = Layer(str(node.target if node.op == "call_module" else node.name), builder, node.target)
        args = fx.node.map_arg(node.args, values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, values.__getitem__)
        if node.op == "output":
            return _scores(layer, args[0])
        if node.op == "placeholder":
            channels = _input_channels(module, graph, builder.fov)
            values[node] = PatchMap(0, Grid.of_pixels(builder.ndim), channels)
        elif node.op == "get_attr":
            values[node] = Attribute(partial(_get_attribute, module, str(node.target)), str(node.target))
        else:
            values[node] = _apply(module, node, layer, args, kwargs)
            _follow_in_place(module, node, layer, values)
    raise AssertionError("a traced graph ends in an output")


def _get_attribute(module: nn.Module, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    tensor: Tensor = getattr(module.get_submodule(owner), name)
    return tensor


def _scores(layer: Layer, value: Any) -> PatchMap:
    if not isinstance(value, PatchMap):
        raise DensifyError(
            f"module must return one tensor of scores, got {type(value).__name__}. Return the scores alone."
        )
    return value


def _apply(module: nn.Module, node: fx.Node, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    is_module = node.op == "call_module"
    subject: Any = module.get_submodule(str(node.target)) if is_module else node.target
    if not _found(PatchMap, (args, kwargs)):
        return _constant(_method(subject) if node.op == "call_method" else subject, args, kwargs)
    if is_module:
        rule = exact_leaf if is_exact_leaf(subject) else registry.find_module_rule(subject)
        args = (subject, *args)
    else:
        rule = (registry.methods if node.op == "call_method" else registry.functions).get(subject)
    if rule is None:
        layer.refuse(*why_refused(subject))
    try:
        inspect.signature(rule).bind(layer, *args, **kwargs)
    except TypeError:
        layer.refuse("it is called with arguments that densify does not know", "Call it with its usual arguments.")
    return rule(layer, *args, **kwargs)


def _found(kind: type, values: Any) -> bool:
    """Whether there is a value of `kind` in nested arguments."""
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, tuple | list):
        return isinstance(values, kind)
    return any(_found(kind, value) for value in values)


def _method(name: str) -> Callable[..., Any]:
    return lambda owner, *args, **kwargs: getattr(owner, name)(*args, **kwargs)


def _constant(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What does not depend on the image: a number now, or a tensor computed from parameters at each call."""

    def compute() -> Any:
        return function(*(a.read() if isinstance(a, Attribute) else a for a in args), **kwargs)

    return Attribute(compute) if _found(Attribute, args) else compute()


def _refuse_hooks(layer: Layer, module: nn.Module) -> None:
    if module._forward_hooks or module._forward_pre_hooks:
        layer.refuse(
            "it has forward hooks, which the dense network would not run",
            "Remove them, or use torch.nn.utils.parametrizations.",
        )


def _follow_in_place(module: nn.Module, node: fx.Node, layer: Layer, values: dict[fx.Node, Any]) -> None:
    """Where a layer overwrote its input, later readers of that input get the new values."""
    if not _is_in_place(module, node):
        return
    source = cast("fx.Node", node.args[0])
    if operator.getitem in {source.target, *(user.target for user in source.users)}:
        layer.refuse("it overwrites a tensor that is sliced", "Use inplace=False.")
    old, new = values[source].number, values[node].number
    for other, value in values.items():
        if isinstance(value, PatchMap) and value.number == old:
            values[other] = replace(value, number=new)


def _is_in_place(module: nn.Module, node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(module.get_submodule(str(node.target)), "inplace", False))
    if node.op == "call_method":
        return str(node.target).endswith("_")
    return bool(node.kwargs.get("inplace")) or getattr(node.target, "__name__", "") in {
        "iadd",
        "isub",
        "imul",
        "itruediv",
    }
