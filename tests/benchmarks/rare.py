"""How rare: evaluations of the network that splitting needs, against drawing, at equal error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import nn

import rgwidgets as rg
from rgwidgets.bounds import SubspaceFibre, TailLaw, rare_events

from .row import Row, ratio

RUNS = 40
PARTICLES = 1000
DRAWS = 20_000_000
#: probability → what is asked of the ratio
GOALS = {1e-3: 1.0, 1e-4: 4.0, 1e-5: 20.0}


def fibre() -> SubspaceFibre:
    """Eight of sixteen directions of a random network's input, 32 inputs."""
    generator = torch.Generator().manual_seed(3)
    widths, parts = (16, 32, 32, 10), [nn.Identity()]
    for a, b in pairwise(widths):
        layer = nn.Linear(a, b, bias=False)
        with torch.no_grad():
            layer.weight.copy_(1.5 * torch.randn(b, a, generator=generator) / a**0.5)
        parts += [layer, nn.Tanh()]
    x = torch.randn(32, widths[0], generator=generator)
    labels = torch.randint(widths[-1], (32,), generator=generator)
    theory = rg.capture(nn.Sequential(*parts[:-1]), x, "0", ["loss"], labels=labels)
    coarse = rg.Flow(theory, rg.ActivationSpectrum())[8]
    found = coarse.attrs["fibre"]
    assert isinstance(found, SubspaceFibre)
    return found


def _drawn(cut: SubspaceFibre, epsilon: list[float]) -> list[float]:
    """The shares of tails drawn one by one that change the loss by more."""
    observable, law = cut.theory.observables[0], TailLaw.gaussian(cut)
    generator, rows = torch.Generator().manual_seed(9), DRAWS // len(cut) // 100
    above = torch.zeros(len(epsilon), dtype=torch.float64)
    component = torch.zeros(rows, len(cut), dtype=torch.int64)
    with torch.no_grad():
        before = cut.evaluate(observable, 0 * cut.own[None])[0]
        for _ in range(100):
            normal = torch.randn(rows, len(cut), law.size, generator=generator, dtype=torch.float64)
            change = (cut.evaluate(observable, law.tail(normal, component))[0] - before).abs()
            above += torch.stack([(change > e).sum() for e in epsilon])
    return (above / (100 * rows * len(cut))).tolist()


def rows() -> Iterator[Row]:
    """At each probability the ratio, and at the first two what drawing finds."""
    section, cut = "how rare", fibre()
    observable = cut.theory.observables[0]
    long = rare_events(cut, observable, particles=20_000)
    epsilon = [long.quantile(p) for p in GOALS]
    drawn = _drawn(cut, epsilon)
    for (p, goal), e, by_hand in zip(GOALS.items(), epsilon, drawn, strict=True):
        runs = [
            rare_events(cut, observable, epsilon=e, particles=PARTICLES, seed=1 + seed)
            for seed in range(RUNS)
        ]
        found = torch.tensor([run.at(e).value for run in runs], dtype=torch.float64)
        squared = float(found.var() / found.mean() ** 2)
        calls = sum(run.calls for run in runs) / RUNS
        what = "" if p > 2e-5 else ", extrapolated"
        gain = (1 - p) / p / squared / calls
        yield ratio(section, f"evaluations of drawing / splitting, P = {p:g}{what}", gain, goal)
        off = abs(float(found.mean()) / by_hand - 1)
        error = (1 / (by_hand * DRAWS) + squared / RUNS) ** 0.5
        said = f"{off:.1%} off, error {error:.1%}"
        yield Row(
            section, f"mean of {RUNS} runs against drawing, P = {p:g}", said, "3 σ", off < 3 * error
        )
        held = sum(run.at(e).low <= by_hand <= run.at(e).high for run in runs)
        yield Row(
            section, f"95 % intervals that hold what drawing found, P = {p:g}", f"{held} of {RUNS}"
        )
