"""What is fitted to the clicks in one go: trees on the stem's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clicktrain.models.forest import MOST_EXAMPLES, Forest, thinned

if TYPE_CHECKING:
    from clicktrain.models.fitted import FittedModel
    from clicktrain.training.clicked import ClickedFeatures

__all__ = ["fit_forest"]


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
