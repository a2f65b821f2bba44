"""Maximum and mean of dilated taps."""

from clicktrain.kernels.regular_pool.dispatch import regular_avg_pool, regular_max_pool

__all__ = ["regular_avg_pool", "regular_max_pool"]
