"""What the members of a model say of a region: the local network, the trees, and the head on the embedding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clicktrain.engine.fold import fold, unfold
from clicktrain.geometry.region import Region
from clicktrain.geometry.schedule import cut_evenly
from clicktrain.inference.pixels.strided import StridedAxis, StridedRegion, slice_step
from clicktrain.kernels.regular_conv.aten import channels_last
from clicktrain.models.pixels.blend import blended
from clicktrain.models.pixels.window import stem_features
from clicktrain.workers import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from torch import Tensor

    from clicktrain.engine.network import DenseNetwork
    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.models.pixels.forest import Forest
    from clicktrain.models.pixels.pretrained import EmbeddedHead
    from clicktrain.models.pixels.window import ImageWindow
    from clicktrain.workers import Workers

__all__ = ["blend_members"]

# Stem, trees and local network work through a region in parts of at most this size, which workers share, and which stay
# close to the processor. Two of them are a tile with what postprocessing looks at around it.
_PART_PX = {2: (272, 272), 3: (36, 136, 136)}


def blend_members(
    model: PixelModel, window: ImageWindow, grey: ImageWindow, strided: StridedRegion, workers: Workers
) -> Generator[None, None, Tensor]:
    """Classify pixels by all members.

    Parameters
    ----------
    model : PixelModel
    window, grey : ImageWindow
        The region with its surroundings, as `region_to_read` says, in colour and in grey.
    strided : StridedRegion
        Inside the image; every so many pixels, as the model's `output_stride` says.
    workers : Workers

    Yields
    ------
    None
        After every part of the work.

    Returns
    -------
    Tensor of shape (K, *number of places)
        Probabilities, as if all classes were equally common.
    """
    # The longest piece, so it is begun first.
    embedded = [workers.submit(task) for task in _embedding_tasks(model, grey, strided)]
    try:
        maps = _FeatureMaps.empty(model, window, strided)
        yield from _fill_features(model, window, strided, maps, workers)
        answers = yield from _by_parts(model, maps, strided, workers)
        del maps
        parts = []
        while embedded:
            # Taken out, as a future that failed would hold all that its task had made.
            parts.append(embedded.pop(0).result())
            yield
    finally:
        settle(embedded)
    with torch.inference_mode():
        if parts:
            answers["embedding"] = _between_slices(model, torch.cat(parts, dim=1), strided, grey.shape_px[0])
        return blended(answers, model.n_clicks, ndim=model.ndim)


@dataclass(frozen=True, eq=False, slots=True)
class _FeatureMaps:
    """Features of what the local network sees of a region.

    Parameters
    ----------
    values : Tensor of shape (1, F, *places)
        Of every so many pixels: of those alone that are answered, if the local network sees no others.
    step : int
        Distance of the pixels in rows and columns.
    thinning : tuple of int
        Of how many places one is answered, along each axis.
    margins : tuple of int
        Places before the first that is answered.
    """

    values: Tensor
    step: int
    thinning: tuple[int, ...]
    margins: tuple[int, ...]

    @classmethod
    def empty(cls, model: PixelModel, window: ImageWindow, strided: StridedRegion) -> _FeatureMaps:
        """Make room for the features."""
        step = _step(model)
        flat = (1,) * (model.ndim - 2)
        steps, thinning = (*flat, step, step), (*flat, *(model.output_stride // step,) * 2)
        margins = tuple((fov - 1) // 2 // n for fov, n in zip(model.local_fov, steps, strict=True))
        seen = strided.span.seen_by(model.local_fov).shape_px
        places = [-(-n // distance) for n, distance in zip(seen, steps, strict=True)]
        values = window.values.new_empty((1, model.net.feature_channels, *places))
        return cls(values, step, thinning, margins)

    def seen(self, part: Region) -> Tensor:
        """What the local network sees of a part of the answered places, (1, F, ...)."""
        first = tuple(start * n for start, n in zip(part.start, self.thinning, strict=True))
        last = ((stop - 1) * n + 1 for stop, n in zip(part.stop, self.thinning, strict=True))
        region = Region(first, tuple(n + 2 * margin for n, margin in zip(last, self.margins, strict=True)))
        return self.values[(slice(None), slice(None), *region.slices)]

    def of(self, part: Region) -> Tensor:
        """Features of a part of the answered places, (F, *part.shape_px)."""
        along = zip(part.start, part.stop, self.thinning, self.margins, strict=True)
        places = (slice(margin + a * n, margin + (b - 1) * n + 1, n) for a, b, n, margin in along)
        return self.values[0][(slice(None), *places)]


def _step(model: PixelModel) -> int:
    return model.output_stride if model.net.feature_stride % model.output_stride == 0 else 1


def _fill_features(
    model: PixelModel, window: ImageWindow, strided: StridedRegion, maps: _FeatureMaps, workers: Workers
) -> Generator[None, None, None]:
    first = strided.span.seen_by(model.local_fov).start
    steps = (*(1,) * (model.ndim - 2), maps.step, maps.step)

    def fill(part: Region) -> None:
        start = [n + place * step for n, place, step in zip(first, part.start, steps, strict=True)]
        shape = [(n - 1) * step + 1 for n, step in zip(part.shape_px, steps, strict=True)]
        with torch.inference_mode():
            found = stem_features(model.net, window, Region.at(start, shape), stride=maps.step)
            maps.values[:, :, *part.slices] = found

    parts = _parts(model, maps.values.shape[2:], maps.step)
    yield from workers.run(partial(fill, part) for part in parts)


def _by_parts(
    model: PixelModel, maps: _FeatureMaps, strided: StridedRegion, workers: Workers
) -> Generator[None, None, dict[str, Tensor]]:
    """Answers (K, *number of places) of the local network and the trees."""
    shape = (len(model.classes), *strided.n_places)
    answers = {"local": maps.values.new_empty(shape)}
    if model.forest is not None:
        answers["trees"] = maps.values.new_empty(shape)

    def answer(part: Region) -> None:
        here = (slice(None), *part.slices)
        with torch.inference_mode():
            answers["local"][here] = _softmax_of_members(model, maps.seen(part), maps)
            if model.forest is not None:
                answers["trees"][here] = _by_trees(model.forest, maps.of(part))

    yield from workers.run(partial(answer, part) for part in _parts(model, shape[1:], model.output_stride))
    return answers


def _parts(model: PixelModel, places: Sequence[int], step: int) -> list[Region]:
    """Cut places that lie `step` pixels apart in rows and columns into parts."""
    *depth, rows, columns = _PART_PX[model.ndim]
    return cut_evenly(Region.whole(places), (*depth, max(1, rows // step), max(1, columns // step)))


def _softmax_of_members(model: PixelModel, features: Tensor, maps: _FeatureMaps) -> Tensor:
    """Probabilities (K, *places) by the local networks."""
    shifts = model.net.feature_stride // maps.step
    components = model.net.components(features)
    scores = torch.stack([_scores_at_every_place(member, components, shifts) for member in model.dense]).mean(dim=0)
    thinned = scores[:, :, *(slice(None, None, n) for n in maps.thinning)]
    return F.softmax(thinned, dim=1)[0]


def _scores_at_every_place(member: DenseNetwork, components: Tensor, shifts: int) -> Tensor:
    """Scores (1, K, ...) of a network that reads every so many places, at all of them."""
    if shifts == 1:
        scores: Tensor = member(channels_last(components))
        return scores
    sides = [n - (fov - 1) * shifts for n, fov in zip(components.shape[2:], member.fov, strict=True)]
    missing = [-n % shifts for n in components.shape[2:]]
    filled = F.pad(components, [n for side in reversed(missing) for n in (0, side)])
    whole, folded = (1,) * member.ndim, (shifts,) * member.ndim
    apart: Tensor = member(channels_last(fold(filled, whole, folded)))
    return unfold(apart, folded)[:, :, *map(slice, sides)]


def _by_trees(forest: Forest, features: Tensor) -> Tensor:
    """Probabilities (K, *places), given features (F, *places)."""
    rows = features.flatten(1).T.contiguous().cpu().numpy()
    return torch.from_numpy(forest.probabilities(rows)).to(features).T.reshape(-1, *features.shape[1:])


def _embedding_tasks(model: PixelModel, grey: ImageWindow, strided: StridedRegion) -> Iterator[Callable[[], Tensor]]:
    """What gives the head's probabilities (K, *number of places): at once, or for some of a volume's slices each."""
    if model.embedded is None:
        return
    if model.ndim == 2:
        yield partial(_by_embedding, model, model.embedded, grey, strided.span)
        return
    span = strided.span
    for number in _slices(model, grey.shape_px[0], strided).numbers:
        plane = Region((number, *span.start[1:]), (number + 1, *span.stop[1:]))
        yield partial(_by_embedding, model, model.embedded, grey, plane)


def _by_embedding(model: PixelModel, head: EmbeddedHead, grey: ImageWindow, span: Region) -> Tensor:
    stride = model.output_stride
    with torch.inference_mode():
        maps = head.embed(grey.seen(span, head.fov_among(model.ndim)), output_stride=stride)
        return head.probabilities_of(grey.with_codes(maps, span.start, stride=stride))


def _slices(model: PixelModel, length: int, strided: StridedRegion) -> StridedAxis:
    """Slices of a volume that are embedded: some way apart."""
    region, step = strided.region, slice_step(model.relative_voxel_size[0])
    return StridedAxis.around(region.start[0], region.shape_px[0], length=length, step=step, with_last=True)


def _between_slices(model: PixelModel, values: Tensor, strided: StridedRegion, length: int) -> Tensor:
    if model.ndim == 2:
        return values
    region = strided.region
    return _slices(model, length, strided).between(values, 1, region.start[0], region.shape_px[0])
