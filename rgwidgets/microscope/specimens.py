"""Models that come with the package, ready for the microscope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compute.moments import Moments
from ..core.scheme import Scheme
from ..core.theory import Theory
from ..schemes.activation_spectrum import ActivationSpectrum
from ..schemes.cluster_tree import ClusterTree
from ..schemes.gradient_spectrum import GradientSpectrum
from ..schemes.sparse_autoencoder import SparseAutoencoder
from ..schemes.subspace import ALL
from ..systems.networks.characters import CharacterModel
from ..systems.networks.mlp import DigitsMLP
from ..systems.networks.sentences import SentenceEncoder
from ..systems.stream import activations
from .report import Report
from .view import View


@dataclass(frozen=True, eq=False)
class Specimen:
    """A layer of a model, and what one compares when looking at it.

    Attributes
    ----------
    theory
        The layer's activation with observables and tolerances.
    schemes
        {label: scheme}, the one that the report is about first.
    cutoffs
        The ranks on the dial; all that the scheme admits if None.
    cutoff
        The one that the report is about; where an average would let one cut if None.
    before
        The same layer of the network before training, to put beside it.
    """

    theory: Theory
    schemes: Mapping[str, Scheme]
    cutoffs: Sequence[float] | None = None
    cutoff: float | None = None
    before: Theory | None = None

    def report(self) -> Report:
        """Look through the microscope and write down what is seen."""
        (main, scheme), *others = self.schemes.items()
        view = View(self.theory, scheme, cutoffs=self.cutoffs)
        against = {label: View(self.theory, other, cutoffs=self.cutoffs) for label, other in others}
        if self.before is not None:
            against[f"{main}, untrained"] = View(self.before, scheme, cutoffs=self.cutoffs)
        return view.report(self.cutoff, against=against, label=main)


def digits(*, quick: bool = False) -> Specimen:
    """The first hidden layer of a perceptron on handwritten digits, trained here."""
    network = DigitsMLP(seed=0).train(4 if quick else 30)
    schemes: dict[str, Scheme] = {
        "variance (PCA)": ActivationSpectrum(),
        "own gradient": GradientSpectrum(observable=ALL),
        "clusters": ClusterTree(),
    }
    theory = network.theory(layer="hidden1", n=64 if quick else 360)
    if not quick:
        schemes["autoencoder's span"] = SparseAutoencoder().projection()
    ranks = (64, 32, 16, 8, 4) if quick else (64, 60, 56, 52, 48, 40, 32, 24, 16, 12, 8, 6, 4, 2, 1)
    return Specimen(theory, schemes, ranks)


def minilm(*, quick: bool = False) -> Specimen:
    """Block 3 of the sentence encoder MiniLM, half of whose directions hold most of the variance.

    The principal components are those of 800 sentences, streamed; observables, attacks and
    gradients are of a few, because a network of this size runs a hundred times for each attack.
    """
    encoder = SentenceEncoder()
    many = encoder.batch(n=128 if quick else 800, tokens=16)
    parts = zip(*(part.split(64) for part in many.values()), strict=True)
    batches = (dict(zip(many, part, strict=True)) for part in parts)
    moments = Moments.of(activations(encoder.module, batches, "block3"))
    effort: dict[str, Any] = {"steps": 4, "restarts": 1} if quick else {"steps": 12, "restarts": 2}
    schemes: dict[str, Scheme] = {
        "variance (PCA)": ActivationSpectrum(moments=moments, **effort),
        "own gradient": GradientSpectrum(observable=ALL, **effort),
    }
    ranks = (384, 192, 96) if quick else (384, 272, 192, 96, 48)
    n, others = (8, 8) if quick else (24, 48)
    theory = encoder.theory(layer="block3", n=n, tokens=16, others=others)
    return Specimen(theory, schemes, ranks, cutoff=192)


def characters(*, quick: bool = False) -> Specimen:
    """The middle of a transformer on Python's documentation, before and after it is trained here.

    Six hundred steps take about two minutes; the same layer before any stands beside it.
    """
    effort: dict[str, Any] = {"steps": 4, "restarts": 1} if quick else {"steps": 12, "restarts": 2}
    size: dict[str, Any] = {"width": 32, "blocks": 2, "context": 32} if quick else {}
    model = CharacterModel(**size).train(20 if quick else 600, checkpoints=(0,))
    layer, n = ("block1", 8) if quick else ("block2", 32)
    schemes: dict[str, Scheme] = {
        "variance (PCA)": ActivationSpectrum(**effort),
        "own gradient": GradientSpectrum(observable=ALL, **effort),
    }
    ranks = (32, 16, 8) if quick else (128, 91, 64, 32, 16, 8)
    before, theory = (
        model.theory(layer=layer, n=n, others=2 * n, checkpoint=step) for step in (0, None)
    )
    return Specimen(theory, schemes, ranks, before=before)


SPECIMENS: dict[str, Callable[..., Specimen]] = {
    "digits": digits,
    "minilm": minilm,
    "characters": characters,
}
