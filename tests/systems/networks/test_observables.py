"""Loss, accuracy and logit differences against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rgwidgets.core.errors import ObservableError, ParameterError, ShapeError
from rgwidgets.systems.networks.observables import accuracy, logit_difference, loss

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1000.0])
def test_the_loss_is_torch_s_cross_entropy(classes: int, scale: float) -> None:
    logits = scale * torch.randn(50, classes, generator=GENERATOR)
    labels = torch.randint(classes, (50,), generator=GENERATOR)
    expected = nn.functional.cross_entropy(logits, labels, reduction="none")
    assert torch.allclose(loss(labels).samples({"outputs": logits}), expected, atol=1e-4 * scale)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_accuracy_is_the_fraction_of_largest_logits(classes: int) -> None:
    logits = torch.randn(200, classes, generator=GENERATOR)
    labels = torch.randint(classes, (200,), generator=GENERATOR)
    found = accuracy(labels).samples({"outputs": logits})
    assert torch.equal(found, (logits.argmax(1) == labels).float())
    margin = accuracy(labels).smooth({"outputs": logits})
    assert torch.equal(margin > 0, found.bool())


def test_a_tie_is_not_a_right_answer() -> None:
    assert accuracy(torch.tensor([0])).samples({"outputs": torch.ones(1, 3)}).tolist() == [0.0]


def test_leading_axes_are_tried_points_of_the_same_samples() -> None:
    logits = torch.randn(4, 6, 3, generator=GENERATOR)
    labels = torch.randint(3, (6,), generator=GENERATOR)
    for o in (loss(labels), accuracy(labels), logit_difference(0, 2)):
        rows = torch.stack([o.of_outputs(row) for row in logits])
        assert torch.equal(o.of_outputs(logits), rows)


def test_positions_are_averaged_over() -> None:
    logits = torch.randn(5, 7, 3, generator=GENERATOR)
    labels = torch.randint(3, (5, 7), generator=GENERATOR)
    expected = nn.functional.cross_entropy(logits.mT, labels, reduction="none").mean(1)
    assert torch.allclose(loss(labels).samples({"outputs": logits}), expected, atol=1e-6)
    assert accuracy(labels).samples({"outputs": logits}).shape == (5,)


@pytest.mark.parametrize(
    "labels",
    [
        torch.zeros(3),
        torch.tensor(1),
        torch.tensor([0, -1]),
        torch.zeros(0, dtype=torch.int64),
        [0],
    ],
)
def test_labels_that_are_not_classes_are_refused(labels: object) -> None:
    with pytest.raises(ShapeError, match="class indices"):
        loss(labels)  # type: ignore[arg-type]


def test_labels_that_do_not_fit_the_outputs_are_refused() -> None:
    with pytest.raises(ShapeError, match="one for each row"):
        loss(torch.zeros(3, dtype=torch.int64)).samples({"outputs": torch.ones(4, 2)})
    with pytest.raises(ObservableError, match="classes 0 to 1"):
        accuracy(torch.tensor([0, 2])).samples({"outputs": torch.ones(2, 2)})


def test_labels_are_the_observable_s_own() -> None:
    labels = torch.tensor([0, 1])
    o = accuracy(labels)
    labels.zero_()
    assert o.samples({"outputs": torch.tensor([[1.0, 0], [0, 1.0]])}).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("a, b", [(1, 1), (-1, 0), (0, -2)])
def test_a_logit_difference_is_of_two_classes(a: int, b: int) -> None:
    with pytest.raises(ParameterError, match="two different"):
        logit_difference(a, b)


def test_a_logit_difference_beyond_the_outputs_is_refused() -> None:
    with pytest.raises(ObservableError, match="0 to 2"):
        logit_difference(0, 3).samples({"outputs": torch.ones(2, 3)})
