"""One region of an image classified: the same numbers whatever regions the image is cut into."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from clicktrain.geometry.schedule import strips
from clicktrain.inference.pixels.constants import read_window
from clicktrain.inference.pixels.guided_filter import guide_values
from clicktrain.inference.pixels.members import blend_members
from clicktrain.inference.pixels.postprocess import reach_px, smooth, weigh
from clicktrain.inference.pixels.strided import StridedRegion, slice_step
from clicktrain.progress import drained
from clicktrain.workers import Workers, on_one_core

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clicktrain.geometry.region import Region
    from clicktrain.images.source import ImageSource
    from clicktrain.inference.pixels.constants import ImageConstants
    from clicktrain.models.pixels.fitted import PixelModel
    from clicktrain.models.pixels.window import ImageWindow
    from clicktrain.types import FloatArray

__all__ = ["classify_window", "predict_region", "region_to_read"]


def predict_region(model: PixelModel, source: ImageSource, constants: ImageConstants, region: Region) -> FloatArray:
    """Classify a region's pixels; what lies around it is read as far as it is seen.

    Parameters
    ----------
    model : PixelModel
    source : ImageSource
    constants : ImageConstants
        Of the whole image.
    region : Region
        Inside the image.

    Returns
    -------
    ndarray of shape (K, *region.shape_px), float32
        Probabilities, which sum to 1 in every pixel.
    """
    window = read_window(source, constants, region_to_read(model, region, source.shape_px), model.device)
    with on_one_core(), Workers(model.device) as workers:
        return drained(classify_window(model, window, constants, region, workers))


def region_to_read(model: PixelModel, region: Region, shape_px: tuple[int, ...]) -> Region:
    """What of an image is seen when a region is classified; it may reach over the image's border."""
    blended = _region_to_blend(model, region, shape_px)
    # Answers between strided places need those before and after.
    slack = [model.output_stride] * model.ndim
    if model.ndim == 3:
        slack[0] = slice_step(model.relative_voxel_size[0])
    return blended.seen_by(model.fov).grown(slack)


def classify_window(
    model: PixelModel, window: ImageWindow, constants: ImageConstants, region: Region, workers: Workers
) -> Generator[None, None, FloatArray]:
    """Do what `predict_region` does with what was read already, step by step.

    Parameters
    ----------
    model : PixelModel
    window : ImageWindow
        Holds `region_to_read`.
    constants : ImageConstants
    region : Region
    workers : Workers

    Yields
    ------
    None
        Where the work can be given up.
    """
    grown = _region_to_blend(model, region, window.shape_px)
    strided = StridedRegion.of(grown, window.shape_px, model.output_stride)
    grey = window.grey(*constants.grey)
    blended = yield from blend_members(model, window, grey, strided, workers)
    answer: FloatArray = np.empty((len(blended), *region.shape_px), np.float32)

    def finish(part: Region) -> None:
        answer[(slice(None), *part.within(region))] = _finished(model, window, constants, strided, blended, part)

    yield from workers.run(partial(finish, part) for part in strips(region))
    return answer


def _finished(
    model: PixelModel,
    window: ImageWindow,
    constants: ImageConstants,
    strided: StridedRegion,
    blended: Tensor,
    region: Region,
) -> FloatArray:
    """Probabilities of a region's pixels, between blended ones and smoothed."""
    grown = _region_to_blend(model, region, window.shape_px)
    # A copy: where nothing lies between, it would be what other strips read while this one is smoothed in place.
    probabilities: FloatArray = strided.between(blended, grown).cpu().numpy().copy()
    guide = None
    if model.postprocess.guided_px:
        guide = guide_values(window, constants.guide, grown, model.relative_voxel_size)
    smooth(probabilities, guide, model.postprocess, model.relative_voxel_size)
    wanted = probabilities[(slice(None), *region.within(grown))]
    weigh(wanted, constants.class_weights)
    return wanted


def _region_to_blend(model: PixelModel, region: Region, shape_px: tuple[int, ...]) -> Region:
    """A region with what its postprocessing looks at."""
    return region.grown(reach_px(model.postprocess, model.relative_voxel_size)).clipped(shape_px)
