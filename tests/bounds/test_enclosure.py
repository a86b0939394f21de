"""Certificates of whole modules by affine forms: never violated, exact where all is linear."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgwidgets.bounds import Opaque, SubspaceFibre, attack, certify, confirm, prove
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.linear import DeepLinear
from rgwidgets.systems.networks.observables import accuracy, logit_difference, loss

from .conftest import draw, make_fibre, make_theory
from .modules import CLASSES, MODULES, Gated, Pooled, Rest, encoder

SLOW = pytest.mark.slow
#: too much for the quick check
LONG = ("attention 1", "encoder 1 post", "encoder 4 post", "two encoders")


def theory_of(name: str, samples: int = 4, seed: int = 0) -> Theory:
    torch.manual_seed(seed)
    make, shape, width = MODULES[name]
    net = Rest(make(), width)
    labels = torch.randint(CLASSES, (samples,))
    peak: dict[str, Any] = {
        "softest": lambda out: out.softmax(-1).amax(-1),
        "cosine": lambda out: 1 - F.cosine_similarity(out, torch.ones(samples, CLASSES), dim=-1),
    }
    declared = {o.name: o for o in (loss(labels), accuracy(labels), logit_difference(0, 2))}
    return capture(net, torch.randn(samples, *shape), "start", {**declared, **peak})


def outputs_at(fibre: SubspaceFibre, z: Tensor) -> Tensor:
    """Outputs (r, n, c) in double precision of the whole module at points z (r, n, K)."""
    net = copy.deepcopy(fibre.theory.attrs["readout"].module).double().eval()
    with torch.no_grad():
        points = torch.stack([fibre.points(row) for row in z])
        return net(points.flatten(0, 1)).unflatten(0, z.shape[:2])


def changes(observable: Observable, outputs: Tensor, before: Tensor) -> Tensor:
    function = observable.of_outputs  # type: ignore[attr-defined]
    if observable.name == "cosine":
        function = lambda out: 1 - F.cosine_similarity(out, torch.ones_like(out), dim=-1)  # noqa: E731
    found: Tensor = (function(outputs) - function(before)).abs()
    return found


def assert_sound(name: str, radius: float, discarded: int, count: int, seed: int = 0) -> None:
    theory = theory_of(name, seed=seed)
    fibre = make_fibre(theory, discarded=discarded, radius=radius, seed=seed)
    z = draw(fibre, count, seed)
    outputs, before = outputs_at(fibre, z), outputs_at(fibre, 0 * z[:1])
    for observable in theory.observables:
        proved = certify(fibre, observable, method="forms")
        worst = changes(observable, outputs, before).amax(0)
        assert bool((worst <= proved).all()), observable.name
        point = attack(fibre, observable, steps=6, restarts=2).point[None]
        found = changes(observable, outputs_at(fibre, point), before)[0]
        assert bool((found <= proved).all()), observable.name


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW) if n in LONG else n for n in MODULES])
def test_no_draw_and_no_attack_exceeds_a_certificate(name: str) -> None:
    assert_sound(name, 0.3, 2, 200)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("radius, discarded", [(0.005, 2), (0.1, 3), (0.5, 1), (1.5, 2), (10.0, 3)])
@pytest.mark.parametrize("name", MODULES)
def test_no_draw_of_many_more_exceeds_a_certificate(
    name: str, radius: float, discarded: int, seed: int
) -> None:
    assert_sound(name, radius, discarded, 5000, seed)


@pytest.mark.parametrize("discarded", [1, 5, 16])
@pytest.mark.parametrize("radius", [1e-3, 0.3, 10.0])
def test_on_a_linear_network_the_certificate_is_the_norm_of_the_gradient(
    discarded: int, radius: float
) -> None:
    system = DeepLinear(widths=(20, 18, 16, 3), samples=12, seed=3)
    fibre = make_fibre(system.theory(layer="linear1"), discarded=discarded, radius=radius)
    exact = radius * float((fibre.basis.T @ system.weights("linear1")).norm())
    proved = certify(fibre, fibre.theory.observables[0], method="forms")
    assert proved.tolist() == pytest.approx([exact] * 12, rel=1e-6)


def test_where_positions_are_averaged_and_skipped_linearly_it_is_exact_too() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start, self.inner, self.out = nn.Identity(), nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.start(x)
            return self.out((h + 0.5 * self.inner(h)).mean(1))[:, 0]

    torch.manual_seed(0)
    net = Mixed().double()
    theory = capture(net, torch.randn(5, 3, 6).double(), "start", {"o": lambda out: out})
    fibre = make_fibre(theory, discarded=4, radius=0.7)
    gradient = net.out.weight[0] @ (torch.eye(6).double() + 0.5 * net.inner.weight) / 3
    exact = 0.7 * float((gradient.detach() @ fibre.basis).norm()) * 3**0.5
    assert certify(fibre, theory.observables[0]).tolist() == pytest.approx([exact] * 5, rel=1e-6)
    found = attack(fibre, theory.observables[0]).change
    assert found.tolist() == pytest.approx([exact] * 5, rel=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("name", ["loss", "logit 0 − 1"])
@pytest.mark.parametrize("radius, looser", [(0.01, 1.01), (0.5, 1.4)])
def test_on_perceptrons_it_is_little_looser_than_crown(
    activation: str, name: str, radius: float, looser: float
) -> None:
    theory = make_theory(activation, widths=(12, 32, 32, 4), samples=16)
    fibre = make_fibre(theory, discarded=8, radius=radius)
    crown = certify(fibre, theory.observable(name), method="crown").mean()
    forms = certify(fibre, theory.observable(name), method="forms").mean()
    assert 0.9 <= float(forms / crown) <= looser


@pytest.mark.parametrize(
    "first, at", [(True, (1.05, 1.5)), pytest.param(False, (1.04, 1.4), marks=SLOW)]
)
def test_on_a_transformer_block_it_is_near_the_attack(first: bool, at: tuple[float, float]) -> None:
    """T = 6, d = 16, four heads; 4 of 16 directions discarded at every position."""
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(
        16, 4, 32, batch_first=True, norm_first=first, activation="gelu"
    )
    net = Rest(nn.Sequential(block, nn.LayerNorm(16), Pooled(nn.Identity())), 16)
    labels = torch.randint(CLASSES, (4,))
    theory = capture(net, torch.randn(4, 6, 16), "start", [loss(labels), logit_difference(0, 1)])
    for radius, ratio in zip((0.01, 0.1), at, strict=True):
        fibre = make_fibre(theory, discarded=4, radius=radius)
        for observable in theory.observables:
            found = attack(fibre, observable, steps=16, restarts=3).change.mean()
            proved = certify(fibre, observable, method="forms").mean()
            assert 1 - 1e-4 <= float(proved / found) <= ratio


@pytest.mark.parametrize(
    "name",
    ["layer norm", *(pytest.param(n, marks=SLOW) for n in ("encoder 2 pre", "gated", "sentences"))],
)
def test_certificates_grow_with_the_radius(name: str) -> None:
    theory = theory_of(name)
    fibre = make_fibre(theory, discarded=2, radius=1.0)
    for observable in theory.observables[:3]:
        means = [
            float(certify(replace(fibre, ball=r), observable, method="forms").mean())
            for r in (0.0, 0.01, 0.05, 0.2, 0.5)
        ]
        assert all(small <= large + 1e-9 for small, large in pairwise(means))
        assert means[0] <= 1e-8


@pytest.mark.parametrize("piece", [pytest.param(1, marks=SLOW), 3])
def test_samples_taken_in_pieces_give_the_same_certificates(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    theory = theory_of("sentences", samples=5)
    whole = make_fibre(theory, discarded=2, radius=0.1)
    cut = replace(whole)
    monkeypatch.setattr("rgwidgets.bounds.enclosure.Enclosure._piece", lambda *_: piece)
    assert theory.observables[-1].name == "cosine"  # which works on all samples at once only
    for observable in theory.observables:
        parts = certify(cut, observable, method="forms")
        monkeypatch.undo()
        once = certify(whole, observable, method="forms")
        assert torch.allclose(parts, once, rtol=1e-9)
        monkeypatch.setattr("rgwidgets.bounds.enclosure.Enclosure._piece", lambda *_: piece)


def test_what_is_too_large_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    theory = theory_of("sentences")
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    for name, room in (("WORK", 100), ("WORK", 4000)):
        monkeypatch.setattr(f"rgwidgets.bounds.enclosure.{name}", room)
        with pytest.raises(Opaque, match="too large to certify"):
            certify(replace(fibre), theory.observable("loss"), method="forms")
        monkeypatch.undo()


def test_less_room_for_noise_is_looser_and_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    theory = theory_of("encoder 2 pre")
    fibre = make_fibre(theory, discarded=2, radius=0.05)
    observable = theory.observable("loss")
    tight = certify(fibre, observable).mean()
    monkeypatch.setattr("rgwidgets.bounds.enclosure.NOISE", 0)
    loose = certify(replace(fibre), observable).mean()
    assert tight < loose < 20 * tight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_proved_of_its_own_weights(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net = Rest(nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)), 8).to(dtype)
    labels = torch.randint(CLASSES, (4,))
    theory = capture(net, torch.randn(4, 8).to(dtype), "start", labels=labels)
    fibre = make_fibre(theory, discarded=2, radius=0.2)
    proved = certify(fibre, theory.observable("loss"), method="forms")
    z = draw(fibre, 300)
    outputs, before = outputs_at(fibre, z), outputs_at(fibre, 0 * z[:1])
    worst = changes(theory.observable("loss"), outputs, before).amax(0)
    assert bool((worst <= proved).all())
    assert float(proved.mean()) < 3 * float(worst.mean())


def test_labels_at_several_positions_are_averaged() -> None:
    torch.manual_seed(0)
    net = Rest(encoder(2, True), 8).double()
    labels = torch.randint(CLASSES, (4, 3))
    batch = torch.randn(4, 3, 8).double()
    theory = capture(net, batch, "start", [loss(labels), accuracy(labels)])
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    z = draw(fibre, 500)
    outputs, before = outputs_at(fibre, z), outputs_at(fibre, 0 * z[:1])
    for observable in theory.observables:
        worst = changes(observable, outputs, before).amax(0)
        proof = prove(fibre, observable)
        assert bool((worst <= proof.change).all())
        assert "affine forms" in proof.how
    assert float(certify(fibre, theory.observable("loss")).mean()) < 0.2


def test_a_function_of_features_alone_is_certified_without_a_network() -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    bowl = Observable("bowl", lambda f: (f["activation"][:, 0] - 1.0) ** 2)
    theory = Theory({"activation": x}, (bowl,))
    fibre = SubspaceFibre(
        theory, "activation", x, torch.ones(1, 1, dtype=torch.float64), 0 * x, ball=0.5
    )
    distance = (x[:, 0] - 1).abs()
    exact = (distance + 0.5) ** 2 - distance**2
    assert torch.allclose(certify(fibre, bowl), exact, atol=1e-9)


def test_a_tuple_a_mapping_and_another_axis_are_certified() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.mix, self.out = nn.LSTM(4, 5, batch_first=True), Gated(), nn.Linear(5, 2)
            self.mix = nn.Sequential(nn.Linear(5, 8), Gated(), nn.Linear(8, 5))

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            states, _ = self.rnn(x)
            return {"hidden": states, "logits": self.out(self.mix(states)[:, -1])}

    torch.manual_seed(0)
    theory = capture(Model(), torch.randn(4, 3, 4), "rnn", logit_difference(0, 1))
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    proof = prove(fibre, theory.observables[0])
    found = attack(fibre, theory.observables[0], steps=8, restarts=2)
    exact = confirm.values(fibre, theory.observables[0], found.point)
    before = confirm.values(fibre, theory.observables[0], 0 * found.point)
    assert bool(((exact - before).abs() <= proof.change).all())
    assert float(proof.change.mean() / found.change.mean()) < 1.5


def test_a_module_that_knows_it_is_watched_is_refused() -> None:
    class Sly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start, self.out = nn.Identity(), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.start(x)
            return self.out(h) if type(h) is Tensor else self.out(0 * h)

    theory = capture(Sly(), torch.randn(5, 4), "start", logit_difference(0, 1))
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    with pytest.raises(Opaque, match="another function"):
        certify(fibre, theory.observables[0], method="forms")


def test_an_output_that_mixes_samples_is_refused() -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start, self.out = nn.Identity(), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.start(x)
            return self.out(h - h.mean(0))

    theory = capture(Mixing(), torch.randn(5, 4), "start", logit_difference(0, 1))
    fibre = make_fibre(theory, discarded=2, radius=0.1)
    with pytest.raises(Opaque, match="mixes samples"):
        certify(fibre, theory.observables[0])
    moved = capture(
        Rest(nn.Identity(), 4), torch.randn(5, 4), "start", {"roll": lambda y: y[:, 0].roll(1)}
    )
    with pytest.raises(Opaque, match="another sample's features"):
        certify(make_fibre(moved, discarded=2, radius=0.1), moved.observables[0])
