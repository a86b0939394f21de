"""What a cell needs to know of each system and scheme that its class does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """How a system becomes a theory, and what a scheme finds there.

    Attributes
    ----------
    holds
        What kind of theory it is: a scheme fits that needs this kind.
    code
        Lines that set `theory`, given `rg` and the classes in `names`.
    names
        Where other classes than the system's own are imported from: "module:name".
    """

    holds: str
    code: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """What kind of theory a scheme needs, and how it is made: its call, without its class."""

    needs: str
    arguments: str = ""


def _one(kind: str, code: str) -> tuple[Source, ...]:
    return (Source(kind, code),)


#: class of a system or toy model → the ways in which a cell makes a theory of it
SYSTEMS: Mapping[str, tuple[Source, ...]] = {
    "Ising": _one(
        "spins", 'theory = rg.Ising(128, algorithm="swendsen_wang", seed=1).sample(8, every=2)'
    ),
    "DigitsMLP": (
        *_one("activation", "theory = rg.DigitsMLP().train(8).theory(n=128)"),
        Source(
            "weights",
            "digits = rg.DigitsMLP().train(8)\n"
            "images, labels = digits.test_images[:32], digits.test_labels[:32]\n"
            'theory = capture_weights(digits.module, images, "logits", labels=labels)',
            ("rgwidgets.systems.weights:capture_weights",),
        ),
    ),
    "CharacterModel": _one(
        "activation",
        "model = CharacterModel(width=32, blocks=2, context=32).train(100)\n"
        'theory = model.theory(layer="block1", n=8)',
    ),
    "DeepLinear": _one("activation", "theory = DeepLinear().theory()"),
    "MaxOfK": _one("one head", "theory = rg.MaxOfK(vocabulary=32).train(400).theory(n=1000)"),
    "SentenceEncoder": _one("many directions", "theory = SentenceEncoder().theory(n=8, tokens=12)"),
    "IndependentNumbers": _one("numbers", 'theory = IndependentNumbers("exponential").theory()'),
    "PercolationData": _one("tree", "theory = PercolationData(data=64, depth=4).theory()"),
    "RandomHierarchy": _one("tree", "theory = RandomHierarchy(rules=2, depth=2).theory()"),
    "UltrametricTree": _one("tree", "theory = UltrametricTree().theory()"),
    "PlantedFault": _one("tree", 'theory = PlantedFault("mistuned cutoff", depth=3).theory()'),
}

#: a theory that no system makes: name → (summary, source)
THEORIES: Mapping[str, tuple[str, Source]] = {
    "Couplings": (
        "couplings alone, without a lattice: what a step makes of K",
        Source("couplings", 'theory = rg.Theory(couplings={"K": 0.4})'),
    ),
    "Landau": (
        "couplings of φ⁴ below its transition: u fades, and bounds what grows",
        Source("couplings of φ⁴", 'theory = rg.Theory(couplings={"u": 0.5, "r": -0.01})'),
    ),
}

#: class of a scheme → the theory that it needs
SCHEMES: Mapping[str, tuple[Fit, ...]] = {
    "BlockSpin": (Fit("spins"),),
    "MigdalKadanoff": (Fit("couplings"),),
    "NaiveDecimation": (Fit("couplings"),),
    "Decimation": (Fit("couplings"),),
    "Cumulant": (Fit("couplings"),),
    "CentralLimit": (Fit("numbers"),),
    "MeanField": (Fit("couplings of φ⁴"),),
    "ActivationSpectrum": (
        Fit("activation"),
        Fit("tree"),
        Fit("many directions", "steps=4, restarts=1"),
    ),
    "GradientSpectrum": (
        Fit("activation"),
        Fit("tree"),
        Fit("many directions", "steps=4, restarts=1"),
    ),
    "CircuitSpectrum": (Fit("one head"),),
    "AttackSpectrum": (Fit("activation"), Fit("tree")),
    "ClusterTree": (Fit("activation"), Fit("tree")),
    "SparseAutoencoder": (Fit("activation", "latents=128, training_steps=300"),),
    "FisherSpectrum": (Fit("weights"),),
    "KernelSpectrum": (Fit("weights"),),
}

#: class of a lab → its arguments
LABS: Mapping[str, str] = {"IsingLab": "256", "DigitsLab": ""}

#: entries of the catalogue for which no one cell makes a lens → why
WITHOUT: Mapping[str, str] = {}
