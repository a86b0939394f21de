"""A multilayer perceptron on real handwritten digits, trained in seconds."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import finite_loss, real, whole
from rgwidgets.core.progress import tick
from rgwidgets.core.system import System
from rgwidgets.core.theory import Theory
from rgwidgets.systems.capture import capture

from .observables import accuracy, logit_difference, loss


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training set came to: mean loss in nats, accuracy on test digits."""

    number: int
    loss: float
    accuracy: float


class DigitsMLP(System):
    """A ReLU network on the 1797 8×8 digits of scikit-learn, inputs scaled to [0, 1].

    The split is fixed: 1437 digits to train on, 360 to test. Weights and order of the batches
    come from `seed` alone; torch's own random state is not touched.

    Parameters
    ----------
    widths
        Units of each hidden layer.
    seed
        Of the initial weights and of the batches.
    learning_rate, batch_size
        Of AdamW, weight decay 0.01.

    Attributes
    ----------
    module
        The trained `nn.Sequential`: linear1, hidden1 (ReLU), linear2, hidden2, …, logits.
    history
        One `Epoch` for each pass.

    Raises
    ------
    ParameterError
        If a width, the seed, the learning rate or the batch size is out of range.

    Examples
    --------
    >>> digits = DigitsMLP(seed=1).train(2)
    >>> digits.history[-1].accuracy > 0.8
    True
    >>> digits.theory(n=100)
    Theory('digits · hidden1': activation (100, 64); loss, accuracy, logit 3 − 8)
    """

    name: ClassVar[str] = "digits"
    summary: ClassVar[str] = "a multilayer perceptron on scikit-learn's handwritten digits"
    citation: ClassVar[str] = (
        "E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, "
        "UCI Machine Learning Repository (1998), doi:10.24432/C50P49"
    )

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (64, 32),
        seed: int = 0,
        learning_rate: float = 3e-3,
        batch_size: int = 64,
    ) -> None:
        self.widths = _checked_widths(widths)
        self.seed = whole("seed", seed, 0)
        self.batch_size = whole("batch_size", batch_size, 1)
        self.learning_rate = real(
            "learning_rate", learning_rate, "(0, 1]", mend="pass learning_rate=3e-3"
        )
        self.images, self.labels, self.test_images, self.test_labels = digits()
        self.reset()

    def reset(self) -> None:
        """Initial weights again, history forgotten."""
        self._generator = torch.Generator().manual_seed(self.seed)
        sizes = (self.images.shape[1], *self.widths, 10)
        self.module = network(sizes, self._generator)
        self._optimiser_state: dict[str, object] | None = None
        self.history: list[Epoch] = []

    def train(self, epochs: int = 30) -> DigitsMLP:
        """Pass over the training set `epochs` times more, with cosine decay of the learning rate.

        Progress is reported at each step of the optimiser. If it is cancelled, or the loss stops
        being finite, the network keeps the weights of the last whole epoch.

        Raises
        ------
        ParameterError
            If `epochs` is not a whole number ≥ 1.
        ConvergenceError
            If the loss is not finite.
        """
        epochs = whole("epochs", epochs, 1)
        for epoch in range(epochs):
            fraction = 0.5 * (1 + math.cos(math.pi * epoch / epochs))
            self._pass(self.learning_rate * fraction, epoch, epochs)
        return self

    def step(self, n: int = 1) -> None:
        """`n` epochs at the full learning rate: what a live lens calls."""
        for epoch in range(whole("n", n, 1)):
            self._pass(self.learning_rate, epoch, n)

    def _pass(self, learning_rate: float, epoch: int, epochs: int) -> None:
        """One epoch on a copy, which becomes the network when it is whole."""
        module, generator = copy.deepcopy(self.module), _copied(self._generator)
        optimiser = torch.optim.AdamW(
            module.parameters(), lr=learning_rate, weight_decay=0.01, fused=True
        )
        if self._optimiser_state is not None:
            optimiser.load_state_dict(copy.deepcopy(self._optimiser_state))
            optimiser.param_groups[0]["lr"] = learning_rate
        order = torch.randperm(len(self.images), generator=generator)
        batches, total = order.split(self.batch_size), 0.0
        for i, rows in enumerate(batches):
            tick((epoch + i / len(batches)) / epochs, f"training, epoch {epoch + 1} of {epochs}")
            optimiser.zero_grad()
            value = nn.functional.cross_entropy(module(self.images[rows]), self.labels[rows])
            finite_loss(value).backward()
            optimiser.step()
            total += float(value.detach()) * len(rows)
        with torch.no_grad():
            right = module(self.test_images).argmax(1) == self.test_labels
        self.module, self._generator = module, generator
        self._optimiser_state = optimiser.state_dict()
        number = len(self.history) + 1
        self.history.append(Epoch(number, total / len(order), float(right.double().mean())))
        tick((epoch + 1) / epochs, f"accuracy {self.history[-1].accuracy:.1%}")

    @property
    def test_accuracy(self) -> float:
        """Fraction of the test digits that the network names."""
        with torch.no_grad():
            found = self.module(self.test_images).argmax(1)
        return float((found == self.test_labels).double().mean())

    def theory(
        self, *, layer: str = "hidden1", n: int = 256, classes: tuple[int, int] = (3, 8)
    ) -> Theory:
        """One layer's activation on the first `n` test digits, at the weights of this moment.

        Its `reference` holds the training digits: directions, order and radius are theirs.
        Observables: loss (tolerance 0.1 nats), accuracy (0.02), and the logit difference between
        two `classes` (0.5 nats).

        Raises
        ------
        LayerError
            If there is no such layer.
        ParameterError
            If `n` is not between 1 and 360.
        """
        n = whole("n", n, 1, len(self.test_images))

        def of(images: Tensor, labels: Tensor) -> Theory:
            observables = (
                loss(labels, tolerance=0.1),
                accuracy(labels, tolerance=0.02),
                logit_difference(*classes, tolerance=0.5),
            )
            return capture(self.module, images, layer, observables, name=f"{self.name} · {layer}")

        tested = of(self.test_images[:n], self.test_labels[:n])
        return replace(tested, reference=of(self.images, self.labels))


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (n, 64) in [0, 1] and classes, to train on and to test: 1437 and 360."""
    from sklearn.datasets import load_digits  # costs more than torch to import

    data = load_digits()
    images = torch.as_tensor(data.data, dtype=torch.float32) / 16
    labels = torch.as_tensor(data.target, dtype=torch.int64)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    test, train = order[:360], order[360:]
    return images[train], labels[train], images[test], labels[test]


def network(sizes: tuple[int, ...], generator: torch.Generator) -> nn.Sequential:
    """A ReLU network with He weights (He et al., 2015) and zero biases, from `generator` alone."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    last = len(sizes) - 1
    for i in range(1, len(sizes)):
        layer = nn.utils.skip_init(nn.Linear, sizes[i - 1], sizes[i])
        with torch.no_grad():
            noise = torch.randn(sizes[i], sizes[i - 1], generator=generator)
            layer.weight.copy_(noise * math.sqrt((2.0 if i < last else 1.0) / sizes[i - 1]))
            layer.bias.zero_()
        parts["logits" if i == last else f"linear{i}"] = layer
        if i < last:
            parts[f"hidden{i}"] = nn.ReLU()
    return nn.Sequential(parts)


def _copied(generator: torch.Generator) -> torch.Generator:
    copied = torch.Generator()
    copied.set_state(generator.get_state())
    return copied


def _checked_widths(widths: object) -> tuple[int, ...]:
    listed = tuple(widths) if isinstance(widths, (tuple, list)) else ()
    if not listed or any(type(w) is not int or not 1 <= w <= 4096 for w in listed):
        raise ParameterError(
            "widths",
            given=widths,
            allowed="one or more whole numbers, 1 to 4096",
            mend="pass widths=(64, 32)",
        )
    return listed
