"""How well the tool does where the truth is known: T0's cliffs and times, T3's planted faults."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator

import rgwidgets as rg
from rgwidgets.core.diagnosis import FAULTS
from rgwidgets.toy import PlantedFault, UltrametricTree

from .row import Row, at_most

TREES = 12
NETWORKS = 20


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


def _faults() -> Iterator[Row]:
    """The confusion table of the blind test, on seeds that no test uses."""
    draw = random.Random(77)
    table: Counter[tuple[str, str]] = Counter()
    for seed in range(NETWORKS):
        for fault in ("none", *FAULTS):
            toy = PlantedFault(
                fault,
                strength=draw.uniform(0.8, 1),
                branching=draw.choice((2, 3)),
                depth=3,
                seed=50_000 + seed,
            )
            flow = rg.Flow(toy.theory(), rg.ActivationSpectrum())
            table[fault, flow.diagnose(toy.cutoff).fault] += 1
    section = "T3, blind diagnosis"
    for fault in ("none", *FAULTS):
        found = {f: n for (planted, f), n in table.items() if planted == fault}
        yield Row(section, fault, ", ".join(f"{f} {n}" for f, n in found.items()))
    right = sum(n for (planted, found), n in table.items() if planted == found) / table.total()
    alarms = 1 - table["none", "none"] / NETWORKS
    yield Row(section, "right", f"{right:.0%}", "≥ 90 %", right >= 0.9)
    yield Row(section, "false alarms on clean networks", f"{alarms:.0%}", "≤ 5 %", alarms <= 0.05)


def rows() -> Iterator[Row]:
    """Both."""
    yield from _trees()
    yield from _faults()
