"""Flows small enough to count on, and a lens that writes down what it sends."""

import time

import pytest
import torch

import rgwidgets as rg
from rgwidgets.core import Bound, EffectiveTheory, Influence, Relevance, Scheme


class Truncate(Scheme):
    """Keep the first r of four coordinates. Every number can be checked by hand."""

    name = "truncate"
    summary = "keep the first coordinates"
    citation = "tests"

    def __init__(self):
        self.calls = []

    def scale(self, theory):
        return rg.Scale("rank", "r", "directions", (4, 2, 1, 0), direction="decreasing")

    def coarsen(self, theory, cutoff):
        self.calls.append(cutoff)
        x = theory.features["x"].clone()
        x[:, int(cutoff) :] = 0

        def influence(observable):
            change = (observable.samples(theory.features) - observable.samples({"x": x})).abs()
            size = float(change.mean())
            certificate = Bound(3 * size, "proved", "triangle") if cutoff else Bound.none("rank 0")
            return Influence(
                Bound(size, "measured", "own", 0.1),
                Bound(size, "measured", "other"),
                Bound(2 * size, "measured", "search"),
                certificate,
            )

        return EffectiveTheory(
            {"x": x},
            theory.observables,
            name=theory.name,
            attrs=theory.attrs,
            cutoff=cutoff,
            parent=theory,
            influence=influence,
            relevance=Relevance(("a", "b", "c", "d"), (4.0, 3.0, 2.0, 1.0), quantity="variance"),
        )


def until(condition, seconds=20):
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


@pytest.fixture
def theory():
    x = torch.arange(40, dtype=torch.float64).reshape(10, 4) / 40
    total = rg.Observable("sum", lambda f: f["x"].sum(1), unit="nats", tolerance=1.0)
    first = rg.Observable("first", lambda f: f["x"][:, 0])
    return rg.Theory({"x": x}, (total, first), name="toy", attrs={"picture": "x"})


@pytest.fixture
def flow(theory):
    return rg.Flow(theory, Truncate())


@pytest.fixture
def uneven():
    """A flow that knows the change of every sample; their largest is far from their mean."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x * torch.tensor([3.0, 2.0, 1.0, 0.5]) * torch.linspace(0.1, 2, 60)[:, None].exp()
    bent = rg.Observable("bent", lambda f: f["activation"].sigmoid().sum(1), "nats", tolerance=1.5)
    first = rg.Observable("first", lambda f: f["activation"][:, 0])
    return rg.Flow(rg.Theory({"activation": x}, (bent, first)), rg.ActivationSpectrum())


@pytest.fixture
def sent(monkeypatch):
    """Messages that lenses send, as (content, buffers)."""
    messages = []
    monkeypatch.setattr(
        rg.Lens, "send", lambda self, content, buffers=None: messages.append((content, buffers))
    )
    return messages
