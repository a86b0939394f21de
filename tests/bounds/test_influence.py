"""Four numbers, always together, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.bounds.fibre import SubspaceFibre
from rgwidgets.core.share import Share
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.capture import capture

from .conftest import make_fibre, make_theory

NAMES = ("loss", "accuracy", "logit 0 − 1")


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("discarded", [1, 6, 12])
def test_average_and_attack_stay_below_the_certificate(activation: str, discarded: int) -> None:
    fibre = make_fibre(make_theory(activation, samples=50), discarded=discarded, radius=None)
    fibre = replace(fibre, quantile=1.0)  # every sample's own tail lies in the fibre
    for name in NAMES:
        found = fibre.influence(fibre.theory.observable(name))
        assert found.average.value <= found.attack.value + 1e-12
        assert found.resample.value <= found.certificate.value
        assert found.attack.value <= found.certificate.value
        kinds = [getattr(found, n).kind for n in ("average", "resample", "attack", "certificate")]
        assert kinds == ["measured", "measured", "measured", "proved"]
        assert found.attack.error is None  # the largest has none
        assert bool((found.average.each <= found.attack.each + 1e-12).all())
        assert bool((found.attack.each <= found.certificate.each).all())
        assert "100% quantile" in found.certificate.quantifier


def test_average_is_the_mean_change_by_each_sample_s_own_tail() -> None:
    theory = make_theory("tanh", samples=30)
    fibre = make_fibre(theory, discarded=5, radius=None)
    for name in NAMES:
        o = theory.observable(name)
        change = o.samples(theory.features) - o.samples({"activation": fibre.centre.float()})
        found = fibre.influence(o).average
        assert found.value == pytest.approx(float(change.abs().mean()), abs=1e-5)
        assert found.error == pytest.approx(float(change.abs().std()) / 30**0.5, rel=1e-3)


@pytest.mark.parametrize("discarded", [0, 3])
def test_where_nothing_is_neglected_every_number_is_exactly_zero(discarded: int) -> None:
    theory = make_theory()
    fibre = make_fibre(theory, discarded=discarded, radius=None if discarded == 0 else 0.0)
    fibre = replace(fibre, tails=0 * fibre.tails)
    for name in NAMES:
        found = fibre.influence(theory.observable(name))
        bounds = (found.average, found.resample, found.attack, found.certificate)
        assert [b.value for b in bounds] == [0.0] * 4
        assert "nothing was neglected" in found.certificate.how


def test_tails_outside_a_ball_of_no_radius_are_measured_and_nothing_is_promised_of_them() -> None:
    """One feature in the tail, rarer than the quantile leaves out: the radius is zero."""
    x = torch.zeros(400, 2, dtype=torch.float64)
    x[:2, 1] = torch.tensor([1.0, -1.0])
    read = Observable("read", lambda f: 5 * f["activation"][:, 1])
    fibre = SubspaceFibre(
        Theory({"activation": x}, (read,)),
        "activation",
        0 * x,
        torch.eye(2).double()[:, 1:],
        x[:, 1:],
    )
    found = fibre.influence(read)
    assert found.average.value == pytest.approx(5 * 2 / 400)
    assert found.resample.value == pytest.approx(5 * 2 / 400)
    assert (found.attack.value, found.certificate.value) == (0.0, 0.0)
    assert "‖tail‖ ≤ 0, the 99% quantile" in found.certificate.whom
    assert found.outside == Share(2, 400)


class Recurrent(nn.Module):
    """A layer, then an LSTM, then its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.lstm, self.out = (
            nn.Linear(4, 6),
            nn.LSTM(6, 5, batch_first=True),
            nn.Linear(5, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(torch.tanh(self.embed(x)))
        return self.out(states[:, -1])


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
    return nn.Sequential(nn.Linear(4, 6), layer, nn.Flatten(), nn.Linear(18, 3))


class Sorting(nn.Module):
    """A function that no proof knows."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.embed(x).sort(-1).values.mean(1))


def test_attention_is_certified_and_the_attack_is_measured_in_double_precision() -> None:
    torch.manual_seed(0)
    labels = torch.randint(3, (8,))
    theory = capture(transformer(), torch.randn(8, 3, 4), "0", labels=labels)
    fibre = make_fibre(theory, discarded=3, radius=0.05)
    for name in ("loss", "accuracy"):
        found = replace(fibre, steps=6, restarts=3).influence(theory.observable(name))
        assert found.certificate.kind == "proved"
        assert found.certificate.how == "affine forms in float64"
        assert found.certificate.whom == (
            "8 inputs, every tail with ‖tail‖ ≤ 0.05; 8 of them lie outside by themselves"
        )
        assert found.attack.value <= found.certificate.value
    assert fibre.influence(theory.observable("loss")).certificate.value < 0.5


def test_where_a_proof_is_exact_single_precision_does_not_contradict_it() -> None:
    """The attack in single precision may overshoot by rounding what is proved of exact numbers."""

    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            h = 1000 * self.one(x)
            return (h + 0.5 * self.two(h))[:, 0]

    torch.manual_seed(0)
    theory = capture(Skip(), torch.randn(40, 4), "one", {"o": lambda out: out})
    found = make_fibre(theory, discarded=2, radius=1e-5).influence(theory.observables[0])
    assert 0.99 * found.certificate.value < found.attack.value <= found.certificate.value


@pytest.mark.parametrize(
    "make, layer, reason",
    [
        (Recurrent, "embed", "torch's lstm is not bounded, in layer 'lstm' (LSTM)"),
        (Sorting, "embed", "torch's sort is not bounded, in layer 'the module itself' (Sorting)"),
    ],
)
def test_where_nothing_is_proved_the_reason_is_given_and_the_attack_still_works(
    make: Callable[[], nn.Module], layer: str, reason: str
) -> None:
    torch.manual_seed(0)
    labels = torch.randint(3, (8,))
    theory = capture(make(), torch.randn(8, 3, 4), layer, labels=labels)
    found = replace(make_fibre(theory, discarded=3, radius=None), steps=6, restarts=3).influence(
        theory.observable("loss")
    )
    assert found.certificate.kind == "none"
    assert reason in found.certificate.how
    assert 0 < found.average.value <= found.attack.value


def test_a_single_sample_has_no_resample() -> None:
    theory = make_theory(samples=1)
    fibre = make_fibre(theory, discarded=3, radius=0.3)
    found = fibre.influence(theory.observable("loss"))
    assert found.resample.kind == "none"
    assert 0 < found.attack.value <= found.certificate.value


def test_an_observable_of_moments_changes_with_the_ensemble_and_with_no_sample() -> None:
    theory = make_theory()
    moments = Observable("binder", lambda f: f["activation"][:, :2] ** 2, reduce=lambda m: m[0])
    theory = Theory(theory.features, (moments,))
    fibre = make_fibre(theory, discarded=3, radius=0.3)
    found = fibre.influence(moments)
    change = fibre.points(fibre.own)[:, 0].square().mean() - fibre.centre[:, 0].square().mean()
    assert found.average.value == pytest.approx(abs(float(change)))
    assert (found.average.statistic, found.average.each) == ("single", None)
    assert not found.attack
    assert not found.certificate
