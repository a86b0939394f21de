"""How well the tool does where the truth is known: cliffs, learning times, orders."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import rgwidgets as rg
from rgwidgets.core.diagnosis import FAULTS
from rgwidgets.schemes.sparse_autoencoder import SparseAutoencoder
from rgwidgets.toy import (
    PercolationData,
    PlantedFault,
    RandomHierarchy,
    ToyModel,
    UltrametricTree,
    orders,
)

from .row import Row, at_most

TREES = 12


def _trees() -> Iterator[Row]:
    """Cliffs, subspaces and learning times of trees drawn at random."""
    draw = random.Random(2026)
    cliffs, overlap, late = 0, 1.0, 0.0
    for seed in range(TREES):
        depth = draw.randint(1, 4)
        tree = UltrametricTree(
            branching=draw.randint(2, 3),
            depth=depth,
            sigma=[draw.uniform(0.3, 2) for _ in range(depth + 1)],
            seed=seed,
        )
        scheme = rg.ActivationSpectrum()
        spectrum = scheme.spectrum(tree.theory())
        ranks = [tree.rank(level) for level in tree.levels()[1:]]
        cliffs += spectrum.relevance().cliffs() == ranks
        for level, rank in zip(tree.levels()[1:], ranks, strict=True):
            angles = tree.ground_truth_features(level).T @ spectrum.basis[:, :rank]
            overlap = min(overlap, float(angles.square().sum()) / rank)
        initial = 1e-4 * math.sqrt(tree.eigenvalues()[-1])
        for found, expected in zip(
            tree.learning(initial=initial, seed=seed).half_times,
            tree.learning_times(initial),
            strict=True,
        ):
            late = max(late, abs(found.value / expected - 1))
    named = f"T0, {TREES} random trees"
    yield Row(named, "all cliffs at b^j − 1", f"{cliffs} of {TREES}", "all", cliffs == TREES)
    yield Row(named, "smallest overlap with the truth", f"{overlap:.6f}", "≥ 0.99", overlap >= 0.99)
    yield at_most(named, "learning time off the formula, largest", 100 * late, 3, unit="%")


def _hypothesis() -> Iterator[Row]:
    """Whether training time and cutoff order the levels alike: on T0 by proof, else measured."""
    toys: dict[str, ToyModel] = {
        "T0": UltrametricTree(branching=2, depth=4),
        "T1, v = 8, m = 4": RandomHierarchy(seed=1),
        "T1, v = 4, m = 2": RandomHierarchy(vocabulary=4, rules=2, depth=3, seed=2),
        "T2, 256 data": PercolationData(seed=1),
        "T2, 128 data": PercolationData(data=128, seed=3),
        **{f"T3, {fault}": PlantedFault(fault, depth=3, seed=1) for fault in ("none", *FAULTS)},
    }
    for name, toy in toys.items():
        found = orders(toy)
        broken = ", ".join(f"{a} and {b}" for a, b in found.broken()) or "none"
        said = f"τ = {found.agreement:.2f}; levels in another order: {broken}"
        goal, met = ("τ = 1", found.agreement == 1) if name == "T0" else ("", None)
        yield Row("training time and cutoff", name, said, goal, met)


def _own_order() -> Iterator[Row]:
    """Attack at the same rank: the observables' own order beside PCA's and three autoencoders'."""
    t1 = RandomHierarchy(vocabulary=6, rules=3, depth=3, seed=1)
    data = t1.sample(200, seed=9)
    t2 = PercolationData(seed=1)
    theories: dict[str, tuple[rg.Theory, int]] = {
        f"T1, {layer}": (
            rg.capture(t1.network(), data.x.float(), layer, ["loss"], labels=data.latents[0][:, 0]),
            8,
        )
        for layer in ("active_1", "active_0")
    }
    value = {"value": lambda y: y[:, 0]}
    theories["T2, hidden1"] = rg.capture(t2.network(), t2.data().float(), "hidden1", value), 16
    for fault in FAULTS:
        toy = PlantedFault(fault, seed=3)
        theories[f"T3, {fault}"] = toy.theory(), toy.needed().shape[1]
    for name, (theory, rank) in theories.items():
        own = _attack(rg.GradientSpectrum(observable="*"), theory, rank)
        latents = 2 * theory.features["activation"].shape[-1]
        others = {"PCA": _attack(rg.ActivationSpectrum(), theory, rank)}
        for kind in ("topk", "batchtopk", "matryoshka"):
            others[kind] = _attack(
                SparseAutoencoder(kind, latents=latents).projection(), theory, rank
            )
        said = ", ".join(f"{own / other:.2g} of {label}'s" for label, other in others.items())
        worst = max(own / other for other in others.values())
        yield Row("own order under attack", f"{name}, rank {rank}", said, "≤ 0.5", worst <= 0.5)


def _attack(scheme: rg.Scheme, theory: rg.Theory, rank: int) -> float:
    """The largest over the observables."""
    return max(bound.attack.value for bound in scheme.coarsen(theory, rank).bounds.values())


def rows() -> Iterator[Row]:
    """All of them."""
    yield from _trees()
    yield from _hypothesis()
    yield from _own_order()
