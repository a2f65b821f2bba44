"""Other threads may use modules while one is made dense: recording it must neither hear nor disturb them."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import torch
from torch import nn

from clicktrain.engine.densify import densify


class Slow(nn.Module):
    """A patch classifier whose recording waits in the middle until others have used modules."""

    def __init__(self, begun: Event, go_on: Event) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 2, 1)
        self.begun, self.go_on = begun, go_on

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        values = self.first(values)
        self.begun.set()
        assert self.go_on.wait(10)
        return self.last(values)


def test_modules_work_in_other_threads_while_one_is_recorded() -> None:
    begun, go_on = Event(), Event()
    module, image = Slow(begun, go_on), torch.rand(1, 2, 8, 8)
    other = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU())
    expected = other(image), module.first(image)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(densify, module, ndim=2, fov=3)
        assert begun.wait(10)
        # Its own layers as well, whose parameters are what is recorded.
        found = other(image), module.first(image)
        go_on.set()
        dense = made.result()
    for one, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(one, wanted)
    torch.testing.assert_close(dense(image), module(image))


def test_several_threads_may_make_modules_dense_at_once() -> None:
    modules = [nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 1)) for _ in range(8)]
    image = torch.rand(1, 2, 8, 8)
    before = nn.Module.__call__
    with ThreadPoolExecutor(4) as pool:
        dense = list(pool.map(lambda module: densify(module, ndim=2), modules))
    assert nn.Module.__call__ is before
    for one, module in zip(dense, modules, strict=True):
        torch.testing.assert_close(one(image), module(image))


class Leaf(nn.Module):
    """An exact leaf, which is asked for the shape that it gives."""

    exact_fov = (3, 3)
    in_channels = 2

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.conv(values)


def test_several_threads_may_be_the_first_to_use_a_network() -> None:
    dense = densify(nn.Sequential(Leaf(), nn.ReLU(), nn.Conv2d(3, 2, 3)).eval(), ndim=2)
    image = torch.rand(1, 2, 200, 200)
    with torch.no_grad():
        expected = dense(image)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            # What is read from a pickle has to be recorded anew.
            fresh = pickle.loads(pickle.dumps(dense))
            for found in pool.map(lambda _, network=fresh: network(image).detach(), range(4)):
                torch.testing.assert_close(found, expected)
