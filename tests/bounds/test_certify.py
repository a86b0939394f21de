"""Certificates: exact where the network is linear, never violated, tighter by CROWN."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rgwidgets.bounds import Opaque, SubspaceFibre, attack, certify, prove
from rgwidgets.bounds.certify import METHODS
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.linear import DeepLinear
from rgwidgets.systems.networks.observables import accuracy, logit_difference, loss

from .conftest import ACTIVATIONS, draw, make_fibre, make_theory

pytestmark = pytest.mark.slow

SLOW = pytest.mark.slow
NAMES = ("loss", "accuracy", "logit 0 − 1")


def changes(fibre: SubspaceFibre, observable: Observable, z: Tensor) -> Tensor:
    with torch.no_grad():
        before = fibre.evaluate(observable, torch.zeros_like(z[:1]))[0]
        return (fibre.evaluate(observable, z)[0] - before).abs()


@pytest.mark.parametrize("layer", ["linear1", "linear2"])
@pytest.mark.parametrize("discarded", [1, 5, 16])
@pytest.mark.parametrize("radius", [1e-3, 0.3, 10.0])
def test_on_a_linear_network_attack_and_certificate_are_the_norm_of_the_gradient(
    layer: str, discarded: int, radius: float
) -> None:
    system = DeepLinear(widths=(20, 18, 16, 3), samples=12, seed=3)
    fibre = make_fibre(system.theory(layer=layer), discarded=discarded, radius=radius)
    observable = fibre.theory.observables[0]
    exact = radius * float((fibre.basis.T @ system.weights(layer)).norm())
    for method in ("crown", "interval", "forms", "best"):
        assert certify(fibre, observable, method=method).tolist() == pytest.approx(
            [exact] * 12, rel=1e-6
        )
    assert attack(fibre, observable).change.tolist() == pytest.approx([exact] * 12, rel=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "radius, discarded",
    [pytest.param(0.05, 12, marks=SLOW), (0.5, 3), pytest.param(3.0, 7, marks=SLOW)],
)
def test_no_draw_of_100_000_violates_a_certificate(
    activation: str, radius: float, discarded: int
) -> None:
    fibre = make_fibre(make_theory(activation, samples=16), discarded=discarded, radius=radius)
    z = draw(fibre, 6250)
    assert z.shape[0] * z.shape[1] == 100_000
    for name in NAMES:
        observable = fibre.theory.observable(name)
        worst = changes(fibre, observable, z).amax(0)
        found = attack(fibre, observable, steps=10, restarts=3).change
        proofs = {method: certify(fibre, observable, method=method) for method in METHODS}
        smallest = torch.stack(list(proofs.values())).amin(0)
        assert torch.allclose(certify(fibre, observable), smallest, rtol=1e-9)
        for proved in proofs.values():
            assert bool((worst <= proved).all())
            assert bool((found <= proved).all())
        assert bool((proofs["crown"] <= proofs["interval"] * (1 + 1e-9) + 1e-9).all())
        assert bool((proofs["crown"] <= proofs["lipschitz"] * (1 + 1e-9) + 1e-9).all())


@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    seed=st.integers(0, 10**6),
    hidden=st.lists(st.integers(1, 12), min_size=0, max_size=3),
    inputs=st.integers(1, 8),
    classes=st.integers(2, 5),
    gain=st.floats(0.1, 5.0),
    radius=st.floats(1e-4, 20.0),
    data=st.data(),
)
@pytest.mark.slow
@settings(max_examples=60, deadline=None)
def test_attack_never_exceeds_certificate_on_random_networks(
    activation: str,
    seed: int,
    hidden: list[int],
    inputs: int,
    classes: int,
    gain: float,
    radius: float,
    data: st.DataObject,
) -> None:
    theory = make_theory(
        activation, widths=(inputs, *hidden, classes), samples=5, seed=seed, gain=gain
    )
    discarded = data.draw(st.integers(1, inputs))
    fibre = make_fibre(theory, discarded=discarded, radius=radius, seed=seed)
    z = draw(fibre, 100, seed)
    for name in NAMES:
        observable = theory.observable(name)
        found = attack(fibre, observable, steps=6, restarts=3).change
        proved = certify(fibre, observable)
        assert bool((found <= proved).all())
        assert bool((changes(fibre, observable, z).amax(0) <= proved).all())
        assert bool(
            (proved <= certify(fibre, observable, method="interval") * (1 + 1e-9) + 1e-9).all()
        )


@pytest.mark.parametrize(
    "activation",
    ["relu", *(pytest.param(a, marks=SLOW) for a in ACTIVATIONS if a != "relu")],
)
def test_bounds_grow_with_the_radius(activation: str) -> None:
    theory = make_theory(activation)
    radii = [0.0, 0.01, 0.1, 0.3, 1.0, 3.0]
    fibre = make_fibre(theory, discarded=6, radius=1.0)
    for name in NAMES:
        observable = theory.observable(name)
        for method in ("interval", "lipschitz"):
            curves = [certify(replace(fibre, ball=r), observable, method=method) for r in radii]
            for small, large in pairwise(curves):
                assert bool((small <= large + 1e-9).all())
        # the slopes of CROWN's lines jump with the radius; the mean over samples grows
        for method in ("crown", "forms"):
            proofs = [certify(replace(fibre, ball=r), observable, method=method) for r in radii]
            means = [float(proof.mean()) for proof in proofs]
            assert means == sorted(means)
            assert means[0] <= 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("name", ["loss", "logit 0 − 1"])
def test_crown_is_exact_to_first_order_in_the_radius(activation: str, name: str) -> None:
    theory = make_theory(activation, widths=(12, 32, 32, 4), samples=32)
    excess = []
    for radius in (1e-3, 1e-2, 1e-1):
        fibre = make_fibre(theory, discarded=8, radius=radius)
        found = attack(fibre, theory.observable(name), steps=30, restarts=6).change.mean()
        excess.append(float(certify(fibre, theory.observable(name)).mean() / found) - 1)
    assert excess[1] < 0.04
    assert excess[0] < excess[1] / 5 < excess[2] / 25


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_is_certain_exactly_where_a_linear_network_cannot_be_fooled(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Identity(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(200, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (200,), generator=generator)
    theory = capture(net, x, "0", "accuracy", labels=labels)
    fibre = make_fibre(theory, discarded=4, radius=0.4)
    proved = certify(fibre, theory.observable("accuracy"))
    found = attack(fibre, theory.observable("accuracy"), steps=60, restarts=12).change
    assert set(proved.tolist()) <= {0.0, 1.0}
    right = theory.samples("accuracy", {"activation": fibre.centre}) > 0.5
    weights, logits = net[1].weight.detach(), net(fibre.centre).detach()
    rows = weights[labels][:, None] - weights[None]
    margins = logits.gather(1, labels[:, None]) - logits
    reach = 0.4 * (rows @ fibre.basis).norm(dim=-1)
    own = nn.functional.one_hot(labels, 3).bool()
    safe = ((margins - reach).masked_fill(own, torch.inf) > 0).all(1)
    assert torch.equal(proved[right] == 0, safe[right])
    assert torch.equal(found[right], proved[right])  # a linear margin is attacked exactly
    assert bool((found <= proved).all())


def test_a_certificate_of_an_unknown_function_is_refused() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    specs = {"peak": lambda out: out.max(-1).values, "median": lambda out: out.median(-1).values}
    theory = capture(net, torch.randn(6, 4), "0", specs)
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    for method in ("crown", "interval", "lipschitz"):
        with pytest.raises(Opaque, match="'peak'"):
            certify(fibre, theory.observable("peak"), method=method)  # type: ignore[arg-type]
    with pytest.raises(Opaque, match=r"'median' is; affine forms: torch's median is not bounded"):
        certify(fibre, theory.observable("median"))
    assert prove(fibre, theory.observable("peak")).how == "affine forms in float64"


def test_the_method_that_gave_the_bound_is_named() -> None:
    def how(theory: Theory, radius: float) -> str:
        fibre = make_fibre(theory, discarded=2, radius=radius)
        return prove(fibre, theory.observable("logit 0 − 1")).how

    assert how(make_theory(widths=(3, 4)), 0.1) == "CROWN in float64"  # linear: exact
    assert "CROWN" in how(make_theory("gelu"), 0.1)
    one = make_theory("relu", widths=(4, 1, 2), samples=1, seed=1, gain=9.0)
    mixed = make_theory("tanh", widths=(12, 32, 4), samples=32)
    assert re.fullmatch(
        r"CROWN \(\d+ samples\) and affine forms \(\d+ samples\) in float64", how(mixed, 0.5)
    )
    names = {how(one, radius).split()[0] for radius in (0.01, 1.0, 100.0)}
    assert names & {"Lipschitz", "interval"}


def test_an_unknown_method_is_refused() -> None:
    fibre = make_fibre(make_theory(), discarded=2, radius=0.1)
    with pytest.raises(ParameterError, match="crown, interval, lipschitz"):
        certify(fibre, fibre.theory.observables[0], method="ibp")  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_samples_taken_in_pieces_give_the_same_certificates(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    theory = make_theory()
    whole = {
        n: certify(make_fibre(theory, discarded=5, radius=0.3), theory.observable(n)) for n in NAMES
    }
    monkeypatch.setattr("rgwidgets.bounds.fibre._ROOM", piece * 16 * 64)
    fibre = make_fibre(theory, discarded=5, radius=0.3)
    assert len(fibre.propagations) == -(-16 // piece)
    for name in NAMES:
        assert torch.allclose(certify(fibre, theory.observable(name)), whole[name], atol=1e-12)


def test_a_convolutional_network_is_certified_about_its_channels() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(5, 4, 3),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    labels = torch.randint(3, (6,))
    theory: Theory = capture(
        net,
        torch.randn(6, 1, 8, 8),
        "0",
        [loss(labels), accuracy(labels), logit_difference(0, 2)],
        feature_axis=1,
    )
    fibre = make_fibre(theory, discarded=2, radius=0.5)
    assert fibre.own.shape == (6, 8 * 8 * 2)
    for observable in theory.observables:
        proved, found = certify(fibre, observable), attack(fibre, observable).change
        assert bool((changes(fibre, observable, draw(fibre, 500)).amax(0) <= proved).all())
        assert bool((found <= proved).all())
        # the same numbers through the network itself
        point = attack(fibre, observable).point
        direct = observable.samples(
            {"activation": fibre.points(point).float()}
        ) - observable.samples({"activation": fibre.centre.float()})
        assert torch.allclose(direct.abs().double(), found, atol=1e-4)
