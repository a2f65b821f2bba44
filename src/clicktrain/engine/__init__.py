"""The engine: any patch CNN as an exact dense network, run in the cheapest of several exact ways."""

import os

# Maps are hundreds of MB, made and dropped at every pass. In huge pages PyTorch gets them several times faster;
# it reads this once, before its first large tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
