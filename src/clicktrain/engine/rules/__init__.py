"""How each kind of layer looks in the dense network, one rule per kind."""

from clicktrain.engine.rules import conv, head, join, pointwise, pool

__all__ = ["conv", "head", "join", "pointwise", "pool"]
