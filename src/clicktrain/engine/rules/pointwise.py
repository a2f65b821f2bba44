"""Layers that treat every value alone: they are the same in the dense network."""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from clicktrain.engine.rules.layer import PatchMap
from clicktrain.engine.rules.registry import function_rule, method_rule, module_rule
from clicktrain.kernels.tanh import fast_tanh

if TYPE_CHECKING:
    from torch import Tensor

    from clicktrain.engine.rules.layer import Layer

__all__ = ["batch_norm", "pointwise_function", "pointwise_module", "relu", "softmax"]

_ACTIVATIONS = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.ReLU6,
    nn.RReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanhshrink,
    nn.Threshold,
)
_DROPOUTS = (nn.AlphaDropout, nn.Dropout, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)


def _run_module(module: nn.Module, values: Tensor) -> Tensor:
    # An in-place layer would overwrite a tensor that the dense network still needs, or the user's image.
    out: Tensor = module(values.clone() if getattr(module, "inplace", False) else values)
    return out


@module_rule(*_ACTIVATIONS, *_DROPOUTS)
def pointwise_module(layer: Layer, module: nn.Module, node: PatchMap) -> PatchMap:
    """Activation or dropout; in eval mode dropout gives the very tensor it gets, as in the module."""
    if isinstance(module, _DROPOUTS) and not module.training:
        return node
    random = isinstance(module, (*_DROPOUTS, nn.RReLU)) and module.training
    return layer.emit(partial(_run_module, module), [node], random=random)


@module_rule(nn.ReLU)
def relu_module(layer: Layer, module: nn.ReLU, node: PatchMap) -> PatchMap:
    """ReLU, as a module."""
    return relu(layer, node)


def relu(layer: Layer, node: PatchMap) -> PatchMap:
    """ReLU, which costs a quarter where it may overwrite what the convolution before it gave."""
    return layer.emit(torch.relu, [node], run_in_place=torch.relu_)


@module_rule(nn.Tanh)
def tanh_module(layer: Layer, module: nn.Tanh, node: PatchMap) -> PatchMap:
    """Tanh, as a module."""
    return layer.emit(fast_tanh, [node])


@module_rule(nn.PReLU)
def prelu(layer: Layer, module: nn.PReLU, node: PatchMap) -> PatchMap:
    """Activation with a slope per channel."""
    if module.num_parameters > 1:
        _require_class_axis(layer, node)
    return layer.emit(module, [node])


@module_rule(nn.Identity)
def identity(layer: Layer, module: nn.Identity, node: PatchMap) -> PatchMap:
    """No layer at all."""
    return node


_FUNCTIONS = (
    "abs absolute ceil celu clamp clamp_max clamp_min clip cos elu erf exp expm1 floor gelu hardshrink hardsigmoid "
    "hardswish hardtanh leaky_relu log log10 log1p log2 logsigmoid mish neg negative pow reciprocal relu relu6 round "
    "rsqrt selu sigmoid sign silu sin softplus softshrink softsign sqrt square tanh tanhshrink threshold"
).split()


@function_rule(
    *(getattr(home, name) for name in _FUNCTIONS for home in (torch, F) if hasattr(home, name)),
    operator.neg,
    operator.abs,
    operator.pow,
)
def pointwise_function(layer: Layer, node: Any, *args: Any, **kwargs: Any) -> PatchMap:
    """Activation as a function; only numbers may stand beside the map."""
    _check_arguments(layer, node, args, kwargs)
    kwargs.pop("inplace", None)
    if layer.target in (torch.relu, F.relu):
        return relu(layer, node)
    if layer.target in (torch.tanh, F.tanh):
        return layer.emit(fast_tanh, [node])
    function = layer.target
    return layer.emit(lambda values: function(values, *args, **kwargs), [node])


@method_rule(*(name for name in _FUNCTIONS if hasattr(torch.Tensor, name)))
def pointwise_method(layer: Layer, node: PatchMap, *args: Any, **kwargs: Any) -> PatchMap:
    """Activation as a method."""
    _check_arguments(layer, node, args, kwargs)
    name = layer.target
    return layer.emit(lambda values: getattr(values, name)(*args, **kwargs), [node])


def _check_arguments(layer: Layer, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    plain = all(value is None or isinstance(value, bool | int | float | str) for value in (*args, *kwargs.values()))
    if not isinstance(node, PatchMap) or not plain:
        layer.refuse("it takes a second tensor", "Use +, -, *, / or torch.cat to join maps.")


@method_rule("contiguous")
def contiguous(layer: Layer, node: PatchMap, memory_format: Any = None) -> PatchMap:
    """Change of layout, which changes no value."""
    return node


@function_rule(F.dropout, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout)
def dropout_function(
    layer: Layer, node: PatchMap, p: float = 0.5, training: bool = True, inplace: bool = False
) -> PatchMap:
    """Dropout as a function."""
    if inplace:
        layer.refuse("it overwrites its input", "Use inplace=False.")
    return layer.emit(partial(layer.target, p=p, training=training), [node], random=True) if training else node


def _require_class_axis(layer: Layer, node: PatchMap) -> None:
    """Refuse a per-channel layer on a flattened map in which channels and values share an axis."""
    if node.flat and not layer.is_single(node):
        layer.refuse("it works along an axis that mixes channels and pixels", "Put it before the Flatten.")


@function_rule(F.softmax, F.log_softmax, F.softmin, torch.softmax, torch.log_softmax)
@method_rule("softmax", "log_softmax")
def softmax(layer: Layer, node: PatchMap, dim: int | None = None, **kwargs: Any) -> PatchMap:
    """Softmax over the class axis."""
    if kwargs.get("dtype") is not None:
        layer.refuse("it changes the number type", "Leave dtype out.")
    rank = 2 if node.flat else layer.ndim + 2
    if dim is None or dim % rank != 1:
        layer.refuse(f"dim={dim} is not the class axis", "Use dim=1.")
    _require_class_axis(layer, node)
    name = layer.target if isinstance(layer.target, str) else layer.target.__name__
    return layer.emit(partial(getattr(F, name), dim=1), [node])


@module_rule(nn.Softmax, nn.LogSoftmax, nn.Softmin)
def softmax_module(layer: Layer, module: nn.Softmax, node: PatchMap) -> PatchMap:
    """Softmax over the class axis, as a module."""
    names = {nn.Softmax: "softmax", nn.LogSoftmax: "log_softmax", nn.Softmin: "softmin"}
    return softmax(layer.with_target(names[type(module)]), node, module.dim)


@module_rule(nn.Softmax2d)
def softmax_2d(layer: Layer, module: nn.Softmax2d, node: PatchMap) -> PatchMap:
    """Softmax over channels."""
    layer.require_map(node)
    return softmax(layer.with_target("softmax"), node, 1)


def _normalise(module: nn.modules.batchnorm._BatchNorm, values: Tensor) -> Tensor:
    return F.batch_norm(values, module.running_mean, module.running_var, module.weight, module.bias, eps=module.eps)


@module_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
def batch_norm(layer: Layer, module: nn.modules.batchnorm._BatchNorm, node: PatchMap) -> PatchMap:
    """BatchNorm with its running statistics."""
    if not module.track_running_stats:
        layer.refuse("without running statistics it depends on the other patches", "Use track_running_stats=True.")
    _require_class_axis(layer, node)
    return layer.emit(partial(_normalise, module), [node], overwritable=True)
