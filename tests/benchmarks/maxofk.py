"""Proofs over all inputs of a one-head transformer: how long, and how much they prove."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import rgwidgets as rg
from rgwidgets.bounds import Circuits, guarantee
from rgwidgets.bounds.operations import Operations

from .row import Row

#: tokens, at four positions: up to 16 every input is also proved by itself
VOCABULARIES = (16, 64)
ENUMERABLE = 1 << 20


def rows() -> Iterator[Row]:
    """The truth by running the network on every input, and the three strategies, two ranks."""
    for v in VOCABULARIES:
        started = perf_counter()
        system = rg.MaxOfK(vocabulary=v).train()
        trained = perf_counter() - started
        section = f"max of 4 of {v} tokens"
        yield Row(section, "training, 800 steps", f"{trained:.1f} s")
        started = perf_counter()
        with Operations() as counted:
            truth = system.accuracy()
        ran = perf_counter() - started
        said = f"running every input: {counted.count:.1e} operations, {ran:.1f} s"
        yield Row(section, said, f"{truth:.5%}")
        circuits = Circuits.of(system.module)
        heads = {"": circuits, ", of 1 direction": circuits.cut(1)}
        for strategy in ("brute force", "cubic", "quadratic"):
            for said, head in heads.items():
                if strategy == "brute force" and (said or system.inputs > ENUMERABLE):
                    continue
                started = perf_counter()
                found = guarantee(head, strategy)
                took = perf_counter() - started
                yield Row(
                    section,
                    f"{strategy}{said}: {found.operations:.1e} operations, {took:.2f} s",
                    f"≥ {found.accuracy:.3%}",
                    "≤ the truth",
                    found.accuracy <= truth,
                )
