"""How each kind of layer looks in the dense network, one rule per kind."""

from clicktrain.engine.rules import channels, conv, head, join, pointwise, pool

__all__ = ["channels", "conv", "head", "join", "pointwise", "pool"]
