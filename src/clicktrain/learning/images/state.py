"""All that a training has come to: kept in a file, it goes on as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from clicktrain.errors import ModelFileError, StorageError
from clicktrain.models.files import FORMAT_VERSION, pack, unpack
from clicktrain.stores.whole_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor

    from clicktrain.models.images.image_net import ImageNet

__all__ = ["Position", "TrainingState", "read_state", "write_state"]

_NET, _BEST, _OPTIMIZER = "net.", "best.", "optimizer."


class Position(BaseModel):
    """Where a training is; with the seed it determines all random numbers that are still to be drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["image_training"] = "image_training"
    format_version: Annotated[int, Field(ge=1)] = FORMAT_VERSION
    sha256: str
    epoch: Annotated[int, Field(ge=0)] = 0
    batch: Annotated[int, Field(ge=0)] = 0
    best_epoch: Annotated[int, Field(ge=0)] = 0
    best_loss: float | None = None
    done: bool = False

    def moved(self, **changes: object) -> Position:
        """Return the position with some fields changed."""
        return self.model_copy(update=changes)


@dataclass(eq=False)
class TrainingState:
    """What a training changes.

    Parameters
    ----------
    net : ImageNet
    optimizer : Optimizer
    position : Position
    best : dict of str to Tensor
        Weights of the epoch with the lowest validation loss; empty before the first.
    """

    net: ImageNet
    optimizer: torch.optim.Optimizer
    position: Position
    best: dict[str, Tensor] = field(default_factory=dict)

    def keep_as_best(self) -> None:
        """Copy the weights as they are now."""
        self.best = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}


def write_state(path: Path, state: TrainingState) -> None:
    """Write a training into a file, whole or not at all: weights, optimizer and position.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    tensors = {f"{_NET}{name}": tensor for name, tensor in state.net.state_dict().items()}
    tensors |= {f"{_BEST}{name}": tensor for name, tensor in state.best.items()}
    for number, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{number}.{name}": tensor for name, tensor in moments.items()}
    content = pack(state.position, tensors)
    write_whole(path, lambda beside: beside.write_bytes(content))


def read_state(path: Path, state: TrainingState) -> bool:
    """Bring a new training to where the one in a file was.

    Parameters
    ----------
    path : Path
    state : TrainingState
        At the beginning; its position's fingerprint is of the same settings, images and labels, or it is refused.

    Returns
    -------
    bool
        Whether there was such a file.

    Raises
    ------
    StorageError
        If the file cannot be read.
    ModelFileError
        If it is damaged, no checkpoint, or of another training.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"`{path}` must be a readable checkpoint, got: {error.strerror}.") from error
    position, tensors = unpack(content, str(path), Position)
    if position.sha256 != state.position.sha256:
        raise ModelFileError(
            f"`{path}` must be a checkpoint of the same images, labels, settings and seed, got one of another "
            "training. Give another path, or remove the file."
        )
    try:
        state.net.load_state_dict(_named(tensors, _NET))
        _restore_moments(state.optimizer, _named(tensors, _OPTIMIZER))
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(f"`{path}` must be a whole checkpoint, got a damaged one. Remove it.") from error
    like = next(state.net.parameters())
    state.best = {name: tensor.to(like.device) for name, tensor in _named(tensors, _BEST).items()}
    state.position = position
    return True


def _restore_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
