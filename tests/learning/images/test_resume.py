"""A training that is killed and goes on ends as if it had never stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors import safe_open

from clicktrain import ImageClassifier
from clicktrain.errors import CancelledError, ModelFileError, StorageError
from tests.learning.images.cases import blobs, settings

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = {"checkpoint_every_s": 0, "epochs": 3, "dropout": 0.3, "sampling": 0.3, "validation_share": 0.25}
# Runs in a process of its own, which waits to be killed in the middle of the second epoch's third batch.
CHILD = """
import sys, time
import torch
from tests.learning.images.test_resume import classifier, DATA

torch.use_deterministic_algorithms(True)
# Sums over threads round as the threads are many.
torch.set_num_threads(int(sys.argv[2]))

def progress(step):
    if step.stage == "training" and step.step >= step.total // 3 + 2 * 4 + 2:
        print("here", flush=True)
        time.sleep(120)

classifier().fit(*DATA, checkpoint=sys.argv[1], progress=progress)
"""
DATA = blobs(10, (32, 48))


def classifier(**changes: object) -> ImageClassifier:
    return ImageClassifier(preset=settings(**(CHANGES | changes)), seed=5, device="cpu")


def assert_same_model(one: ImageClassifier, other: ImageClassifier) -> None:
    a, b = one._model.net.state_dict(), other._model.net.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert one._model.record == other._model.record


def position(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["clicktrain"])


def test_a_training_that_was_killed_goes_on_as_if_undisturbed(tmp_path) -> None:
    path = tmp_path / "training.checkpoint"
    words = [sys.executable, "-c", CHILD, str(path), str(torch.get_num_threads())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.kill()
    assert (position(path)["epoch"], position(path)["batch"]) == (1, 2)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    resumed_steps: list[int] = []
    resumed = classifier().fit(*DATA, checkpoint=path, progress=lambda p: resumed_steps.append(p.step))
    assert_same_model(resumed, classifier().fit(*DATA))


class Stop(Exception):
    pass


def stop_at(fraction: float):
    def progress(step):
        if step.stage == "training" and step.fraction >= fraction:
            raise Stop

    return progress


def test_a_training_that_was_stopped_again_and_again_ends_the_same(tmp_path) -> None:
    path = tmp_path / "training.checkpoint"
    for fraction in (0.1, 0.4, 0.7, 0.95):
        with pytest.raises(Stop):
            classifier().fit(*DATA, checkpoint=path, progress=stop_at(fraction))
    assert_same_model(classifier().fit(*DATA, checkpoint=path), classifier().fit(*DATA))


def test_a_checkpoint_of_an_ended_training_gives_its_model_at_once(tmp_path) -> None:
    path = tmp_path / "training.checkpoint"
    first = classifier().fit(*DATA, checkpoint=path)
    stages: set[str] = set()
    again = classifier().fit(*DATA, checkpoint=path, progress=lambda p: stages.add(p.stage))
    assert_same_model(first, again)
    assert stages == {"reading"}


def test_checkpoints_do_not_change_the_training(tmp_path) -> None:
    assert_same_model(classifier().fit(*DATA, checkpoint=tmp_path / "c"), classifier().fit(*DATA))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "training.checkpoint"
    with pytest.raises(Stop):
        classifier().fit(*DATA, checkpoint=path, progress=stop_at(0.5))
    return path


def other_image():
    images = [image.copy() for image in DATA[0]]
    images[3] += 1
    return images


@pytest.mark.parametrize(
    "data",
    [
        (DATA[0], DATA[1][::-1]),
        (DATA[0][::-1], DATA[1]),
        (other_image(), DATA[1]),
        (DATA[0], [label + "s" for label in DATA[1]]),
    ],
    ids=["labels", "order", "pixels", "names"],
)
def test_a_checkpoint_of_other_data_is_refused_and_kept(checkpoint: Path, data) -> None:
    before = checkpoint.read_bytes()
    with pytest.raises(ModelFileError, match="of the same images, labels, settings and seed"):
        classifier().fit(*data, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before


def test_a_checkpoint_of_other_settings_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ModelFileError, match="of the same images"):
        classifier(learning_rate=1e-5).fit(*DATA, checkpoint=checkpoint)


def test_a_damaged_checkpoint_is_refused(checkpoint: Path, tmp_path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(ModelFileError, match="damaged"):
        classifier().fit(*DATA, checkpoint=path)


def test_a_checkpoint_is_no_model_and_a_model_no_checkpoint(checkpoint: Path, tmp_path) -> None:
    with pytest.raises(ModelFileError, match="got a checkpoint of an ImageClassifier's training"):
        ImageClassifier.load(checkpoint)
    saved = classifier(epochs=1).fit(*DATA).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="got a model of whole images"):
        classifier().fit(*DATA, checkpoint=saved)


def test_a_checkpoint_that_cannot_be_written_is_told_before_anything_is_read(tmp_path) -> None:
    seen = []
    with pytest.raises(StorageError, match="could not be written"):
        classifier().fit(*DATA, checkpoint=tmp_path / "no" / "training", progress=seen.append)
    assert not seen


def test_a_cancelled_training_leaves_the_model_as_it_was() -> None:
    def cancel(step):
        if step.stage == "training" and step.fraction > 0.5:
            raise CancelledError("stopped")

    model = classifier().fit(*DATA)
    before = {name: tensor.clone() for name, tensor in model._model.net.state_dict().items()}
    answer = model.predict_proba(DATA[0])
    state = torch.random.get_rng_state()
    with pytest.raises(CancelledError):
        model.fit(DATA[0][:6], DATA[1][:6], progress=cancel)
    assert all(torch.equal(before[name], tensor) for name, tensor in model._model.net.state_dict().items())
    np.testing.assert_array_equal(model.predict_proba(DATA[0]), answer)
    assert torch.equal(torch.random.get_rng_state(), state)
