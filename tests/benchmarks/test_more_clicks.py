from __future__ import annotations

from functools import partial

import more_clicks
import numpy as np
from _few_clicks.sets import Example, Picture
from _more_clicks import summary_text

from clicktrain import PixelClassifier
from tests.textures import two_textures


def test_every_way_is_trained_and_scored_on_images_that_were_not(monkeypatch) -> None:
    monkeypatch.setattr(more_clicks, "MORE_PX", 60)
    # The default network takes minutes where other work keeps the machine busy.
    monkeypatch.setattr(more_clicks, "PixelClassifier", partial(PixelClassifier, preset="fast"))
    textures = [two_textures(96, seed=seed) for seed in range(3)]
    examples = [Example(Picture(image, "YX"), truth) for image, truth in textures]
    rows = list(more_clicks.rows_of("textures", examples))
    assert [row["way"] for row in rows] == [
        "first strokes",
        "more strokes, going on",
        "more strokes, anew",
        "still more on that image",
        "as many more on a second image",
    ]
    assert all(np.isfinite([row["iou"], row["ap"]]).all() and row["iou"] > 0.5 for row in rows)
    text = summary_text({"rows": rows, "machine": {"cores": 2, "processor": "some"}})
    assert f"| as many more on a second image | {rows[-1]['iou']:.3f} |" in text
