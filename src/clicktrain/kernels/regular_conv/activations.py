"""What may follow a convolution in the same pass over memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Activation", "ModActivation", "activate", "activation_gradient"]

Activation = Literal["none", "relu", "tanh"]
# Of the convolution of chosen channels.
ModActivation = Literal["none", "relu"]


def activate(scores: Tensor, activation: Activation) -> Tensor:
    """Apply the activation in place: nobody else has seen the scores, and no gradient needs them."""
    if activation == "none":
        return scores
    return scores.relu_() if activation == "relu" else scores.tanh_()


def activation_gradient(grad: Tensor, activated: Tensor, activation: Activation) -> Tensor:
    """Gradient of the scores from that of their activation, which its own values suffice for."""
    if activation == "none":
        return grad
    if activation == "relu":
        return grad.masked_fill(activated <= 0, 0)
    return grad * (1 - activated * activated)
