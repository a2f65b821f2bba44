"""Layers that have no exact dense form, with the reason and the way out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

__all__ = ["why_refused"]

_WHOLE_PATCH_NORM = (
    "its mean and variance are those of one patch, which no pixel of a dense map has",
    "Use BatchNorm in eval mode, or no normalisation.",
)
_UPSAMPLING = (
    "upsampled values lie between pixels of the patch grid",
    "Predict one label per patch: remove the upsampling; the dense network gives every pixel.",
)
_PADDING = (
    "padding invents pixels at the border of every patch",
    "Remove it and use a patch that is larger by the padding.",
)
_RECURRENT = ("it runs along an image axis as along a sequence", "Use convolutions.")
_UNKNOWN = ("densify does not know it", "Use layers of the list in the documentation, or declare it an exact leaf.")

_REASONS: dict[object, tuple[str, str]] = {
    **dict.fromkeys(
        (
            nn.GroupNorm,
            nn.InstanceNorm2d,
            nn.InstanceNorm3d,
            nn.LayerNorm,
            nn.LocalResponseNorm,
            F.group_norm,
            F.instance_norm,
            F.layer_norm,
            F.normalize,
        ),
        _WHOLE_PATCH_NORM,
    ),
    **dict.fromkeys(
        (
            nn.Upsample,
            nn.UpsamplingBilinear2d,
            nn.UpsamplingNearest2d,
            nn.ConvTranspose2d,
            nn.ConvTranspose3d,
            nn.PixelShuffle,
            nn.MaxUnpool2d,
            nn.MaxUnpool3d,
            F.interpolate,
            F.conv_transpose2d,
            F.conv_transpose3d,
            F.pixel_shuffle,
        ),
        _UPSAMPLING,
    ),
    **dict.fromkeys(
        (
            nn.ReflectionPad2d,
            nn.ReflectionPad3d,
            nn.ReplicationPad2d,
            nn.ReplicationPad3d,
            nn.ZeroPad2d,
            nn.ZeroPad3d,
            nn.ConstantPad2d,
            nn.ConstantPad3d,
            nn.CircularPad2d,
            nn.CircularPad3d,
            F.pad,
        ),
        _PADDING,
    ),
    **dict.fromkeys((nn.RNN, nn.LSTM, nn.GRU, nn.MultiheadAttention, nn.TransformerEncoderLayer), _RECURRENT),
}


def why_refused(target: object) -> tuple[str, str]:
    """Reason and way out for a module or function without a rule."""
    for kind in type(target).__mro__ if isinstance(target, nn.Module) else (target,):
        if kind in _REASONS:
            return _REASONS[kind]
    return _UNKNOWN
