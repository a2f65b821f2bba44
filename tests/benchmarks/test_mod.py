from __future__ import annotations

import torch
from _mod import tables
from _mod.clock import shortest_s
from _mod.digits import PLACES, RATIOS, body, macs_of, network
from torch import nn


def test_work_is_counted_where_it_happens() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Flatten(), nn.Linear(3 * 4 * 5, 7))
    assert macs_of(net, torch.zeros(1, 2, 4, 5)) == 4 * 5 * 3 * 2 * 9 + 60 * 7


def test_every_ratio_and_place_gives_a_network_of_less_work() -> None:
    image = torch.zeros(1, 1, 16, 16)
    plain = macs_of(network(0), image)
    twins = [macs_of(network(ratio, places), image) for ratio in RATIOS for places in PLACES]
    assert all(twin < plain for twin in twins)
    assert twins == sorted(twins, reverse=True)


def test_block_keeps_its_shape() -> None:
    values = torch.rand(2, 4, 5, 6)
    assert body(4)(values).shape == values.shape


def test_every_candidate_is_run_as_often_as_the_others() -> None:
    ran = {"one": 0, "other": 0}

    def count(name: str) -> None:
        ran[name] += 1

    seconds = shortest_s({name: lambda name=name: count(name) for name in ran}, 4)
    assert ran == {"one": 5, "other": 5}
    assert all(value >= 0 for value in seconds.values())


def test_report_shows_what_was_found_and_nothing_else() -> None:
    figures = {
        "mod.digits.c4_own.accuracy": 0.9, "mod.digits.c4_own.mmac": 3.0, "mod.digits.c4_own.parameters": 1234.0,
        "mod.digits.c4_own.ms": 51.0, "mod.digits.c4_own.speedup": 1.25,
    }  # fmt: skip
    text = tables.summary_text({"figures": figures, "machine": {"cores": 2, "processor": "P"}})
    assert "51 ms | 1.25x" in text
    assert "c = 4, added to their own places" in text
    assert "Encoder" not in text
