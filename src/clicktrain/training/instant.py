"""What is fitted to the clicks in one go: trees on the stem's features, a head on the pretrained embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clicktrain.clicks import Clicks
from clicktrain.models.forest import MOST_EXAMPLES, Forest, thinned
from clicktrain.training.embedded import embed_clicks

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from clicktrain.models.fitted import FittedModel
    from clicktrain.models.pretrained import EmbeddedHead
    from clicktrain.training.clicked import ClickedFeatures, Example
    from clicktrain.types import Progress

__all__ = ["fit_forest", "fit_head"]


def fit_forest(clicked: ClickedFeatures, model: FittedModel, *, n_trees: int, seed: int) -> Forest:
    """Grow trees on the stem's features of the clicks.

    Parameters
    ----------
    clicked : ClickedFeatures
        Not yet standardised.
    model : FittedModel
    n_trees : int
    seed : int
        Of the draw of clicks where there are very many.
    """
    window, *corner = clicked.positions.T
    middle = [start + (n - 1) // 2 for start, n in zip(corner, model.context_fov, strict=True)]
    features = clicked.windows[(window, slice(None), *middle)].cpu().numpy()
    targets = model.targets(clicked.classes).cpu().numpy()
    kept = thinned(targets, MOST_EXAMPLES, seed=seed)
    return Forest(features[kept], targets[kept], n_trees=n_trees)


def fit_head(
    unfitted: EmbeddedHead, model: FittedModel, examples: Sequence[Example], *, every_px: int, seed: int
) -> Generator[Progress, None, EmbeddedHead]:
    """Fit a head to the embeddings of the clicks, in closed form.

    Parameters
    ----------
    unfitted : EmbeddedHead
    model : FittedModel
        Tells the classes.
    examples : sequence of Example
    every_px : {1, 2}
        Pixels that are embedded, here as later where the model answers; clicks between them are interpolated.
    seed : int
        Of the draw of clicks where there are very many.

    Yields
    ------
    Progress

    Returns
    -------
    EmbeddedHead
    """
    targets = [model.targets(torch.from_numpy(example.clicks.classes)) for example in examples]
    kept = torch.from_numpy(thinned(torch.cat(targets).numpy(), MOST_EXAMPLES, seed=seed))
    embedded: list[Tensor] = []
    first = 0
    for example in examples:
        clicks = example.clicks
        mine = (kept[(kept >= first) & (kept < first + len(clicks))] - first).numpy()
        first += len(clicks)
        if len(mine):
            some = Clicks(clicks.positions_px[mine], clicks.classes[mine], clicks.shape_px)
            embedded.append((yield from embed_clicks(unfitted, example, some, every_px)))
    return unfitted.fitted(torch.cat(embedded), torch.cat(targets)[kept], len(model.classes))
