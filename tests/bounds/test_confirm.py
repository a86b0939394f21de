"""Nothing is proved of another function than the one that the user's own code computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from rgwidgets.bounds import Opaque, SubspaceFibre, certify, confirm, prove
from rgwidgets.core.errors import ObservableError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.observables import accuracy, logit_difference, loss

from .conftest import draw, make_fibre, make_theory

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))


def outside(limit: float) -> Callable[..., Tensor]:
    """A hook that does nothing within the data."""
    return lambda _, __, output: torch.where(output.abs() > limit, 50 * output, output)


def hooked(net: nn.Sequential, limit: float) -> None:
    net[1].register_forward_hook(outside(limit))


def prehooked(net: nn.Sequential, limit: float) -> None:
    net[2].register_forward_pre_hook(lambda _, given: (outside(limit)(_, _, given[0]),))


def whole_hooked(net: nn.Sequential, limit: float) -> None:
    bound = float(net(X).abs().max()) * 1.02
    net.register_forward_hook(outside(bound))


def patched(net: nn.Sequential, limit: float) -> None:
    own = net[1].forward
    net[1].forward = lambda x: outside(limit)(None, None, own(x))


@pytest.mark.parametrize("change", [hooked, prehooked, whole_hooked, patched])
def test_what_acts_outside_the_data_alone_is_not_overlooked(change: Callable[..., None]) -> None:
    net = chain()
    change(net, float(net[1](net[0](X)).abs().max()) * 1.02)
    theory = capture(net, X, "0", logit_difference(0, 1))
    fibre = make_fibre(theory, discarded=7, radius=3.0)
    with pytest.raises(Opaque, match="hooks"):
        certify(fibre, theory.observables[0], method="crown")
    found = fibre.influence(theory.observables[0])
    theory = capture(chain(), X, "0", logit_difference(0, 1))
    plain = make_fibre(theory, discarded=7, radius=3.0).influence(theory.observables[0])
    assert found.attack.largest > 10 * plain.attack.largest
    assert not found.certificate or found.certificate.largest > found.attack.largest


def test_hooks_that_do_what_they_say_are_certified() -> None:
    net = chain()
    net[1].register_forward_hook(lambda _, __, output: 2 * output)
    theory = capture(net, X, "0", logit_difference(0, 1))
    fibre = make_fibre(theory, discarded=7, radius=1.0)
    found = fibre.influence(theory.observables[0])
    assert found.certificate.how.startswith("affine forms")
    assert found.attack.value == pytest.approx(found.certificate.value, rel=1e-3)  # it is linear


OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax without an axis": lambda y: F.softmax(y.reshape(-1, 2, 1, 1))[:, 0, 0, 0],
    "where as a method": lambda y: torch.zeros(len(y)).where(y[:, 0] * 0 > 1, y[:, 1]),
    "logsumexp over two axes": lambda y: torch.logsumexp(y.reshape(-1, 2, 1), (1, 2), keepdim=True)[
        :, 0, 0
    ],
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("kind", OTHERS)
def test_functions_are_certified_as_torch_computes_them_or_not_at_all(kind: str) -> None:
    net = chain()
    net[1] = nn.Tanh()
    theory = capture(net, X, "0", {"o": OTHERS[kind]})
    fibre = make_fibre(theory, discarded=7, radius=1.0)
    found = fibre.influence(theory.observables[0])
    drawn = draw(fibre, 300)
    with torch.no_grad():
        values = torch.stack(
            [confirm.values(fibre, theory.observables[0], z) for z in (0 * drawn[0], *drawn)]
        )
    moved = (values[1:] - values[0]).abs().amax(0)
    assert found.attack.value > 0
    assert found.certificate.kind == "none" or bool((moved <= found.certificate.each + 1e-9).all())


@pytest.mark.parametrize(
    "wrong",
    [
        OutputObservable(
            "o", of_outputs=lambda z: 2 * z[..., 0], form="linear", weights=torch.ones(1)
        ),
        OutputObservable(
            "o",
            of_outputs=lambda z: z.softmax(-1)[..., 0],
            form="cross entropy",
            labels=torch.zeros(40, dtype=torch.int64),
        ),
        OutputObservable(
            "o",
            of_outputs=lambda z: (z[..., 0] < z[..., 1]).double(),
            form="accuracy",
            labels=torch.zeros(40, dtype=torch.int64),
        ),
    ],
)
def test_an_observable_that_is_not_what_it_declares_is_not_certified(
    wrong: OutputObservable,
) -> None:
    theory = capture(chain(), X, "0", wrong)
    fibre = make_fibre(theory, discarded=3, radius=1.0)
    for method in ("crown", "interval", "lipschitz"):
        with pytest.raises(Opaque, match="another function"):
            certify(fibre, theory.observables[0], method=method)
    found = fibre.influence(theory.observables[0])
    if wrong.form == "linear":  # by forms it is its code that is certified, not its name
        assert found.certificate.how.startswith("affine forms")
        assert found.attack.value == pytest.approx(found.certificate.value, rel=1e-3)
    else:
        assert found.certificate.kind == "none"


def test_a_proof_that_is_exceeded_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    theory = make_theory(samples=12)
    fibre, observable = make_fibre(theory, discarded=6, radius=1.0), theory.observables[0]
    honest = fibre.influence(observable)
    assert honest.certificate
    from rgwidgets.bounds import fibre as module

    def optimistic(fibre: Any, observable: Any) -> Any:
        proof = prove(fibre, observable)
        change = proof.change.clone()
        change[7] = 0.5 * honest.attack.each[7]
        return replace(proof, change=change)

    monkeypatch.setattr(module, "prove", optimistic)
    found = fibre.influence(observable)
    assert found.certificate.kind == "none"
    assert "withdrawn: the attack of sample 7" in found.certificate.how
    assert found.attack.value == pytest.approx(honest.attack.value)


def pruned(net: nn.Sequential) -> None:
    prune.l1_unstructured(net[2], "weight", 0.5)


def normed(net: nn.Sequential) -> None:
    parametrizations.weight_norm(net[2])


def old_normed(net: nn.Sequential) -> None:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(net[2])


def spectral(net: nn.Sequential) -> None:
    parametrizations.orthogonal(net[1])


@pytest.mark.parametrize("change", [pruned, normed, old_normed, spectral])
def test_what_cannot_be_read_falls_back_and_loses_no_number(change: Callable[..., None]) -> None:
    net = chain()
    change(net)
    labels = torch.arange(40) % 2
    theory = capture(net, X, "0", labels=labels)
    fibre = make_fibre(theory, discarded=4, radius=0.5)
    for observable in theory.observables:
        found = fibre.influence(observable)
        assert found.average
        assert found.resample
        assert found.attack
        assert found.certificate.kind == "proved"


def test_no_batch_is_too_large_for_its_size_alone() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 256), nn.Linear(256, 256))
    certificates = []
    for n in (6, 200):
        x = torch.randn(200, 16, generator=torch.Generator().manual_seed(1))[:n]
        theory = capture(net, x, "0", {"first": lambda o: o[:, 0]})
        theory = Theory(theory.features, theory.observables, attrs=theory.attrs)
        fibre = make_fibre(theory, discarded=250, radius=0.5)
        certificates.append(certify(fibre, theory.observables[0], method="forms"))
    assert certificates[0].shape == (6,)
    assert torch.allclose(certificates[1][:6], certificates[0], rtol=1e-6)  # the same slope for all


@pytest.mark.parametrize("where", ["network", "observable"])
def test_what_looks_at_the_whole_batch_is_not_certified_in_pieces(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate that is open for the share of samples above 0: decided, but by all of them."""
    x = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)).abs()
    x[6:, 0] = -10 - x[6:, 0]
    x[:6, 0] += 10

    def gated(h: Tensor) -> Tensor:
        return h[:, 1] * (h[:, 0] > 0).to(h.dtype).mean()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.id = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            h = self.id(x)
            return torch.stack([gated(h), h[:, 1]], 1) if where == "network" else h

    read = gated if where == "observable" else (lambda y: y[:, 0])
    theory = capture(Net(), x, "id", {"o": read})
    basis = torch.eye(4, dtype=torch.float64)[:, 1:]
    fine = x.double()
    tails = fine @ basis
    fibre = SubspaceFibre(theory, "activation", fine - tails @ basis.T, basis, tails, ball=0.5)
    whole = fibre.influence(theory.observables[0])
    monkeypatch.setattr("rgwidgets.bounds.enclosure.Enclosure._piece", lambda *_: 6)
    pieces = replace(fibre).influence(theory.observables[0])
    assert whole.certificate.kind == "proved"
    assert "withdrawn" not in pieces.certificate.how  # never of a piece's own share, 0 or 1
    assert bool(pieces.certificate) == (where == "observable")
    if where == "observable":
        assert torch.allclose(pieces.certificate.each, whole.certificate.each)


def test_a_declared_range_bounds_the_change_and_is_held() -> None:
    theory = make_theory(samples=20, gain=4.0)
    squared = OutputObservable(
        "squared",
        of_outputs=lambda z: (z[..., 0] ** 2).clamp(max=5.0),
        range=(0.0, 5.0),
        outputs=theory.observables[0].outputs,
    )
    theory = Theory(theory.features, (squared,), attrs=theory.attrs)
    fibre = make_fibre(theory, discarded=8, radius=3.0)
    now = confirm.values(fibre, squared, torch.zeros_like(fibre.own))
    clipped, whole = (prove(fibre, o).change for o in (squared, replace(squared, range=None)))
    assert bool((clipped <= torch.maximum(now, 5 - now) + 1e-6).all())
    assert bool((clipped <= whole).all())
    with pytest.raises(ObservableError, match=r"'squared'.*declared range"):
        replace(squared, range=(0.0, 0.1)).samples(theory.features)


def test_where_vectors_are_too_few_nothing_is_promised() -> None:
    x = torch.randn(8, 12, generator=torch.Generator().manual_seed(0))
    read = Observable("read", lambda f: f["activation"].sum(-1), tolerance=0.1)
    theory = Theory({"activation": x}, (read,))
    for rank in (7, 9, 11):
        found = ActivationSpectrum().coarsen(theory, rank).bounds["read"]
        assert found.average.value == pytest.approx(0, abs=1e-6)
        assert found.attack.kind == found.certificate.kind == "none"
        assert "8 vectors span less than 12" in found.certificate.how
    assert ActivationSpectrum().coarsen(theory, 12).bounds["read"].certificate.value == 0
    assert ActivationSpectrum().coarsen(theory, 4).bounds["read"].certificate.kind == "proved"


def test_observables_that_change_between_two_looks_are_refused() -> None:
    theory = make_theory(samples=6)
    calls = []

    def late(features: Any) -> Tensor:
        calls.append(1)
        return features["activation"].sum(-1) + (len(calls) > 20)

    theory = Theory(theory.features, (Observable("late", late),))
    fibre = make_fibre(theory, discarded=3, radius=0.3)
    with pytest.raises(ObservableError, match=r"'late'.*another value when it is evaluated again"):
        fibre.influence(theory.observables[0])


def test_every_sample_is_looked_at() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.id, self.p = nn.Identity(), nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            h = self.id(x)
            return 0.1 * h[:, :1] + (h[:, :1] > 20) * 20 * torch.tanh(h[:, 4:5])

    x = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    x = x * torch.tensor([4.0, 3, 2.5, 2, 0.5, 0.3, 0.2, 0.1])
    x[:4, 0] = 30.0
    from rgwidgets import Microscope

    view = Microscope(Gated(), "id").fit(x, {"o": lambda o: o[:, 0]}, {"o": 0.2}, held_out=0.0)
    bounds = view[4].bounds["o"]
    assert bounds.attack.mean < 0.2 < 80 * 0.2 < bounds.attack.value
    diagnosis = view.diagnose(4)
    assert diagnosis.fault != "none"
    assert diagnosis.evidence["attack"] > 80


def test_losses_and_accuracies_by_forms_are_what_they_are() -> None:
    labels = torch.arange(40) % 2
    theory = capture(chain(), X, "0", (loss(labels), accuracy(labels)))
    fibre = make_fibre(theory, discarded=4, radius=0.3)
    for observable in theory.observables:
        forms = certify(fibre, observable, method="forms")
        crown = certify(fibre, observable, method="crown")
        assert torch.allclose(forms, crown, rtol=0.2, atol=1e-6)
