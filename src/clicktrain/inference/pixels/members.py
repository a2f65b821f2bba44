"""What the members of a model say of a region: the local network, the trees, and the head on the embedding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut_equal
from clicktrain.inference.pixels.strided import StridedAxis, StridedRegion, slice_step
from clicktrain.kernels.regular_conv.aten import channels_last
from clicktrain.models.pixels.blend import blended
from clicktrain.models.pixels.window import stem_features

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.models.pixels.forest import Forest
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.models.pixels.window import ImageWindow

__all__ = ["blend_members"]

# Stem and local network work through a region in parts of at most this size, so that what they keep stays close to the
# processor and a stop takes effect sooner. Two of them are a tile with what postprocessing looks at around it.
_PART_PX = {2: (272, 272), 3: (36, 136, 136)}


def blend_members(
    model: PixelModel, window: ImageWindow, grey: ImageWindow, region: Region
) -> Generator[None, None, Tensor]:
    """Classify a region's pixels by all members.

    Parameters
    ----------
    model : PixelModel
    window, grey : ImageWindow
        The region with its surroundings, as `region_to_read` says, in colour and in grey.
    region : Region
        Inside the image.

    Yields
    ------
    None
        Before every part of the region and every member's answer, and in volumes between slices.

    Returns
    -------
    Tensor of shape (K, *region.shape_px)
        Probabilities, as if all classes were equally common.
    """
    answers: dict[str, Tensor] = {}
    features = yield from _features(model, window, region)
    if model.forest is not None:
        yield
        answers["trees"] = _by_trees(model, model.forest, features, region, window.shape_px)
    answers["local"] = yield from _by_local_network(model, features, region)
    del features
    if model.embedded is not None:
        yield
        answers["embedding"] = yield from _by_embedding(model, model.embedded, grey, region)
    with torch.inference_mode():
        return blended(answers, model.n_clicks, ndim=model.ndim)


def _features(model: PixelModel, window: ImageWindow, region: Region) -> Generator[None, None, Tensor]:
    """Features that the local network needs of a region, (1, F, *region.seen_by(local_fov))."""
    needed = region.seen_by(model.local_fov)
    largest = [side + fov - 1 for side, fov in zip(_PART_PX[model.ndim], model.local_fov, strict=True)]
    parts = cut_equal(needed, largest)
    features = window.values.new_empty((1, model.net.feature_channels, *needed.shape_px) if len(parts) > 1 else 0)
    for part in parts:
        yield
        with torch.inference_mode():
            found = stem_features(model.net, window, part)
            if len(parts) == 1:
                return found
            features[(slice(None), slice(None), *part.within(needed))] = found
    return features


def _by_local_network(model: PixelModel, features: Tensor, region: Region) -> Generator[None, None, Tensor]:
    needed = region.seen_by(model.local_fov)
    answer = features.new_empty((len(model.classes), *region.shape_px))
    for part in cut_equal(region, _PART_PX[model.ndim]):
        yield
        with torch.inference_mode():
            seen = features[(slice(None), slice(None), *part.seen_by(model.local_fov).within(needed))]
            answer[(slice(None), *part.within(region))] = _softmax_of_members(model, seen)
    return answer


def _softmax_of_members(model: PixelModel, features: Tensor) -> Tensor:
    # Laid out once as convolutions read it, not by every layer that begins at the features.
    standardised = channels_last(model.net.standardise(features))
    scores = torch.stack([member(standardised) for member in model.dense])
    return F.softmax(scores.mean(dim=0), dim=1)[0]


def _by_trees(model: PixelModel, forest: Forest, features: Tensor, region: Region, shape_px: tuple[int, ...]) -> Tensor:
    """Probabilities by the trees, given the features that the local network needs."""
    strided = StridedRegion.of(region, shape_px, model.output_stride, with_last=True)
    first = region.seen_by(model.local_fov).start
    chosen = features[0]
    for axis, (places, start) in enumerate(zip(strided.along, first, strict=True), start=1):
        chosen = chosen.index_select(axis, torch.tensor(places.numbers, device=features.device) - start)
    rows = chosen.movedim(0, -1).reshape(-1, len(chosen)).cpu().numpy()
    found = torch.from_numpy(forest.probabilities(rows)).to(features)
    return strided.between(found.T.reshape(-1, *chosen.shape[1:]))


def _by_embedding(
    model: PixelModel, head: EmbeddedHead, grey: ImageWindow, region: Region
) -> Generator[None, None, Tensor]:
    stride = model.output_stride
    strided = StridedRegion.of(region, grey.shape_px, stride)
    if model.ndim == 3:
        return (yield from _by_slices(model, head, grey, strided))
    with torch.inference_mode():
        maps = head.embed(grey.seen(strided.span, head.fov), output_stride=stride)
        return strided.between(head.probabilities_of(grey.with_codes(maps, strided.span.start, stride=stride)))


def _by_slices(
    model: PixelModel, head: EmbeddedHead, grey: ImageWindow, strided: StridedRegion
) -> Generator[None, None, Tensor]:
    """Probabilities of a region of a volume: slices some way apart are embedded, those between lie between."""
    region = strided.region
    step = slice_step(model.relative_voxel_size[0])
    slices = StridedAxis.around(region.start[0], region.shape_px[0], length=grey.shape_px[0], step=step, with_last=True)
    strided = replace(strided, along=(slices, *strided.along[1:]))
    parts: list[Tensor] = []
    for number in slices.numbers:
        yield
        span = strided.span
        plane = Region((number, *span.start[1:]), (number + 1, *span.stop[1:]))
        with torch.inference_mode():
            maps = head.embed(grey.seen(plane, head.fov_among(3)), output_stride=model.output_stride)
            parts.append(head.probabilities_of(maps))
    return strided.between(torch.cat(parts, dim=1))
