from __future__ import annotations

import pytest
import torch

from clicktrain import ImageClassifier
from clicktrain.learning.images import epochs as loop
from tests.learning.images.cases import blobs, settings


def test_training_stops_when_validation_gets_no_better_and_keeps_the_best_weights(monkeypatch) -> None:
    losses = iter([1.0, 0.5, 0.7, 0.6, 0.4])
    after_epoch = []

    def validation_loss(state, data, config):
        after_epoch.append({name: tensor.clone() for name, tensor in state.net.state_dict().items()})
        return next(losses)
        yield

    monkeypatch.setattr(loop, "_validation_loss", validation_loss)
    images, labels = blobs(8, (16, 32))
    model = ImageClassifier(preset=settings(epochs=10, patience=2, validation_share=0.25)).fit(images, labels)
    record = model._model.record
    assert (record.epochs_run, record.best_epoch, record.validation_loss) == (4, 2, 0.5)
    kept = model._model.net.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in after_epoch[1].items())
    assert not torch.equal(after_epoch[3]["head.to_scores.weight"], kept["head.to_scores.weight"])


def test_without_validation_images_all_epochs_are_run() -> None:
    images, labels = blobs(4, (16, 32))
    model = ImageClassifier(preset=settings(epochs=3, patience=1)).fit(images, labels)
    summary = model.summary()
    assert (summary.images.validated, summary.epochs_run, summary.best_epoch) == (0, 3, 3)
    assert summary.validation_loss is None


@pytest.mark.parametrize("symmetries", [True, False])
def test_progress_never_goes_back_and_ends_at_its_total(symmetries: bool) -> None:
    steps = []
    images, labels = blobs(6, (32, 48))
    ImageClassifier(preset=settings(validation_share=0, symmetries=symmetries)).fit(
        images, labels, progress=lambda step: steps.append(step) if step.stage == "training" else None
    )
    counts = [step.step for step in steps]
    assert counts == sorted(counts)
    assert counts[-1] == steps[-1].total
    assert {step.total for step in steps} == {2 * 3 * 4}
    assert steps[-1].loss is not None
