from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from scipy import optimize
from torch import Tensor, nn

from rgwidgets import DigitsMLP
from rgwidgets.bounds import (
    Opaque,
    Refined,
    Search,
    SubspaceFibre,
    certify,
    certify_region,
    confirm,
    tighten,
)
from rgwidgets.bounds.goals import Row
from rgwidgets.bounds.problems import of_fibre
from rgwidgets.bounds.region import kept_directions
from rgwidgets.bounds.relaxation import Relaxation
from rgwidgets.bounds.trust import largest
from rgwidgets.core.errors import Cancelled, ParameterError, ShapeError
from rgwidgets.core.progress import listening
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.observables import logit_difference

from .conftest import draw, make_fibre, make_theory

LINEAR = "logit 0 − 1"


def _small(
    activation: str = "relu",
    *,
    widths: tuple[int, ...] = (6, 6, 3),
    discarded: int = 2,
    radius: float = 1.5,
    seed: int = 0,
) -> SubspaceFibre:
    theory = make_theory(activation, widths=widths, samples=4, seed=seed)
    return make_fibre(theory, discarded=discarded, radius=radius, seed=seed)


def _changes(fibre: SubspaceFibre, observable: Observable, z: Tensor) -> Tensor:
    """|o(x) − o(cut)| at z (r, n, K)."""
    with torch.no_grad():
        now = fibre.evaluate(observable, torch.zeros_like(fibre.own)[None])[0]
        return (fibre.evaluate(observable, z)[0] - now).abs()


def _inputs(fibre: SubspaceFibre, z: Tensor) -> Tensor:
    """Inputs of all units at z (…, n, 1)."""
    along, centre = fibre.start
    y, found = z @ along.T + centre, []
    for curve, affine in fibre.tail.layers:
        found.append(y)
        y = affine(curve(y))
    return torch.cat(found, -1)


def _on_a_line(fibre: SubspaceFibre, observable: Observable, count: int = 4001) -> Tensor:
    """The exact maximum for K = 1: both observables are convex between the kinks."""
    grid = torch.linspace(-fibre.radius, fibre.radius, count, dtype=torch.float64)
    z = grid[:, None, None].expand(-1, len(fibre), 1)
    largest_seen = _changes(fibre, observable, z).amax(0)
    signs = _inputs(fibre, z) > 0
    for i, sample, unit in (signs[1:] != signs[:-1]).nonzero().tolist():
        low, high = grid[i].clone(), grid[i + 1].clone()
        for _ in range(60):
            middle = 0.5 * (low + high)
            here = _inputs(fibre, middle.expand(len(fibre), 1))[sample, unit] > 0
            low, high = (middle, high) if here == signs[i, sample, unit] else (low, middle)
        kink = _changes(fibre, observable, low.expand(1, len(fibre), 1))[0, sample]
        largest_seen[sample] = largest_seen[sample].maximum(kink)
    return largest_seen


def _by_patterns(fibre: SubspaceFibre, weights: Tensor) -> Tensor:
    """The exact maximum of |weights·change| of one hidden layer: a convex problem a pattern."""
    along, centre = (one.numpy() for one in fibre.start)
    ((_, affine),) = fibre.tail.layers
    row, units, found = (weights @ affine.weight).numpy(), along.shape[0], []
    ball = {"type": "ineq", "fun": lambda z: fibre.radius**2 - z @ z, "jac": lambda z: -2 * z}
    for here in centre:
        now, best = row @ here.clip(0), 0.0
        for pattern in range(2**units):
            on = torch.tensor([pattern >> i & 1 for i in range(units)]).double().numpy()
            side = (2 * on - 1)[:, None] * along
            place = (2 * on - 1) * here
            halves = {
                "type": "ineq",
                "fun": lambda z, a=side, b=place: a @ z + b,
                "jac": lambda z, a=side: a,
            }
            for sign in (1.0, -1.0):
                slope = sign * (row * on) @ along
                solved = optimize.minimize(
                    lambda z, s=slope: -s @ z,
                    torch.zeros(along.shape[1]).double().numpy(),
                    jac=lambda z, s=slope: -s,
                    constraints=[ball, halves],
                    method="SLSQP",
                    options={"ftol": 1e-13, "maxiter": 200},
                )
                inside = (side @ solved.x + place).min() > -1e-9
                if inside and solved.x @ solved.x <= fibre.radius**2 + 1e-9:
                    best = max(best, slope @ solved.x + sign * ((row * on) @ here - now))
        found.append(best)
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("widths", [(3, 5, 3), (3, 4, 4, 3)])
@pytest.mark.parametrize("activation", ["relu", "leaky"])
def test_a_linear_observable_is_exact_on_every_line(
    widths: tuple[int, ...], activation: str
) -> None:
    fibre = _small(activation, widths=widths, discarded=1, seed=2)
    observable = fibre.theory.observable(LINEAR)
    found = tighten(fibre, observable, tolerance=1e-8)
    torch.testing.assert_close(found.change, _on_a_line(fibre, observable), atol=1e-6, rtol=0)
    assert not bool(found.open.any())


@pytest.mark.slow
def test_the_loss_is_exact_on_a_line() -> None:
    fibre = _small(widths=(3, 5, 3), discarded=1, seed=3)
    observable = fibre.theory.observable("loss")
    found = tighten(fibre, observable, tolerance=2e-7)
    torch.testing.assert_close(found.change, _on_a_line(fibre, observable), atol=1e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("discarded", [2, 3])
def test_a_linear_observable_is_the_best_of_all_activation_patterns(discarded: int) -> None:
    fibre = _small(widths=(6, 4, 3), discarded=discarded)
    found = tighten(fibre, fibre.theory.observable(LINEAR), tolerance=1e-8)
    exact = _by_patterns(fibre, torch.tensor([1.0, -1.0, 0.0]).double())
    torch.testing.assert_close(found.change, exact, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("widths", "seed"),
    [
        ((6, 5, 2), 0),
        *(pytest.param(w, 2, marks=pytest.mark.slow) for w in ((6, 6, 3), (6, 4, 4, 3))),
    ],
)
def test_run_to_the_end_attack_and_certificate_meet(widths: tuple[int, ...], seed: int) -> None:
    fibre = _small(widths=widths, seed=seed)
    for name in ("loss", LINEAR):
        observable = fibre.theory.observable(name)
        found = tighten(fibre, observable)
        assert not bool(found.open.any())
        now = confirm.values(fibre, observable, torch.zeros_like(fibre.own))
        own = (confirm.values(fibre, observable, found.point) - now).abs()
        assert bool((fibre.radius * (1 + 1e-9) >= found.point.norm(dim=-1)).all())
        assert bool((found.change >= own - 1e-9).all())
        assert bool((found.change - own <= 1e-6 * (1 + own) + 1e-9).all())


@pytest.mark.parametrize("activation", ["relu", "leaky", "tanh", "sigmoid", "gelu", "silu"])
@pytest.mark.parametrize("discarded", [3, 8])
def test_no_point_is_above_and_crown_is_not_below(activation: str, discarded: int) -> None:
    theory = make_theory(activation, samples=6)
    fibre = make_fibre(theory, discarded=discarded, radius=1.0)
    z = draw(fibre, 10_000)
    for name in ("loss", LINEAR):
        observable = theory.observable(name)
        found = tighten(fibre, observable, nodes=24)
        assert bool((found.change <= certify(fibre, observable, method="crown") + 1e-12).all())
        assert bool((found.change >= _changes(fibre, observable, z).amax(0) - 1e-9).all())
        assert bool((found.change >= found.attack).all())


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_smooth_activation_functions_are_divided_until_nothing_is_left(activation: str) -> None:
    fibre = _small(activation, widths=(4, 3, 2), discarded=1, radius=0.8)
    found = tighten(fibre, fibre.theory.observable(LINEAR), tolerance=1e-5)
    assert float((found.change - found.attack).max()) < 1e-4


@pytest.mark.slow
def test_more_work_never_loosens_and_stopping_changes_nothing() -> None:
    fibre = _small(widths=(6, 6, 6, 3), discarded=5)
    loss = fibre.theory.observable("loss")
    once, parts = Search(fibre, loss), Search(fibre, loss)
    before = once.refined.change
    assert bool((before == certify(fibre, loss)).all())
    while parts.refined.nodes < 60:
        after = parts.more(nodes=20).change
        assert bool((after <= before).all())
        before = after
    whole = once.more(nodes=parts.refined.nodes)
    assert whole.nodes == parts.refined.nodes
    assert torch.equal(whole.change, parts.refined.change)
    assert torch.equal(whole.attack, parts.refined.attack)


@pytest.mark.slow
def test_cancelled_it_keeps_what_is_proved_and_goes_on() -> None:
    fibre = _small(widths=(6, 6, 6, 3), discarded=5)
    loss = fibre.theory.observable("loss")
    search, undisturbed, heard = Search(fibre, loss), Search(fibre, loss), []

    def stop(fraction: float | None, label: str) -> None:
        heard.append(label)
        if len(heard) > 150:
            raise Cancelled

    with pytest.raises(Cancelled), listening(stop):
        search.more(nodes=1000)
    kept = search.refined
    assert 0 < kept.nodes < 1000
    assert bool((kept.change < certify(fibre, loss)).any())
    go_on = 2 * kept.nodes
    same = undisturbed.more(nodes=go_on)
    assert torch.equal(search.more(nodes=same.nodes - kept.nodes).change, same.change)


def test_what_is_open_is_said() -> None:
    fibre = _small(widths=(6, 6, 6, 3), discarded=5)
    found = tighten(fibre, fibre.theory.observable("loss"), nodes=0)
    assert found.nodes == 0
    assert found.open.tolist() == [2] * 4
    assert "0 of 4 samples settled; 8 parts of 4 are open" in found.proved
    more = found.more(nodes=64)
    assert isinstance(more, Refined)
    assert more.nodes >= 64


@pytest.mark.slow
def test_a_certificate_of_digits_is_close_to_the_attack() -> None:
    theory = DigitsMLP(seed=0).train(5).theory(n=40)
    for rank, goal in ((16, 1.15), (8, 1.3)):
        fibre = ActivationSpectrum().coarsen(theory, rank).attrs["fibre"]
        fibre = replace(fibre, unspanned="", ball=float(fibre.own.norm(dim=-1).median()))
        for name in ("loss", "logit 3 − 8"):
            found = tighten(fibre, theory.observable(name), nodes=160)
            assert float(found.change.max() / found.attack.max()) < goal
            assert float(found.change.mean() / found.attack.mean()) < goal


def test_parabolas_are_tighter_than_chords_where_many_kinks_share_a_ball() -> None:
    fibre = make_fibre(make_theory(widths=(40, 30, 3)), discarded=30, radius=3.0)
    problem = of_fibre(fibre, fibre.theory.observable(LINEAR), None)
    relaxation = Relaxation(problem.chain, problem.goals[0])
    assert isinstance(problem.goals[0], Row)
    sample = torch.arange(len(fibre))
    nodes = relaxation.roots(sample, None, torch.full((len(fibre),), torch.inf).double())
    both = relaxation.improve(nodes, 60).bound
    relaxation.part(relaxation.most[None], "share").zero_()
    chords = relaxation.improve(nodes, 60).bound
    assert float((chords / both).min()) > 1.02
    assert float((chords / both).mean()) > 1.1


def test_the_largest_quadratic_on_a_ball_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(50, 3, 3, generator=generator, dtype=torch.float64)
    linear = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    linear[:10] = 0.0  # the hard case: nothing says which way to go
    radius = 0.5 + torch.rand(50, generator=generator, dtype=torch.float64)
    matrix = root @ root.mT
    found = largest(matrix, linear, radius)
    z = torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    z = radius[:, None, None] * torch.nn.functional.normalize(z, dim=-1)
    seen = ((z @ matrix) * z).sum(-1) + (z * linear[:, None]).sum(-1)
    assert bool((found.value >= seen.amax(1)).all())
    here = ((matrix @ found.place[..., None])[..., 0] * found.place).sum(-1)
    here = here + (linear * found.place).sum(-1)
    assert bool((found.place.norm(dim=-1) <= radius * (1 + 1e-9)).all())
    torch.testing.assert_close(found.value, here, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_a_region_is_never_exceeded_and_without_reach_it_is_the_fibre() -> None:
    fibre = _small(widths=(4, 5, 3), discarded=2, radius=0.7)
    kept = kept_directions(fibre)
    generator = torch.Generator().manual_seed(1)
    z = draw(fibre, 4000)
    u = torch.randn(4000, len(fibre), 2, generator=generator, dtype=torch.float64)
    ball = 0.4 * torch.nn.functional.normalize(u, dim=-1)
    box = torch.tensor([0.4, 0.1]) * u.clamp(-1, 1)
    for name, reach, moved in (
        ("loss", 0.4, ball),
        (LINEAR, 0.4, ball),
        (LINEAR, torch.tensor([0.4, 0.1]), box),
    ):
        observable = fibre.theory.observable(name)
        here = tighten(fibre, observable, nodes=8)
        still = certify_region(fibre, observable, reach=0.0 * reach, nodes=8)
        assert bool((still.change >= here.attack - 1e-9).all())
        assert bool((here.change >= still.attack - 1e-9).all())
        found = certify_region(fibre, observable, reach=reach, nodes=16)
        seen = _in_region(fibre, observable, z, moved @ kept.T).amax(0)
        assert bool((found.change >= seen - 1e-9).all())
        assert bool((found.change >= found.attack).all())
        assert bool((found.attack >= 0.9 * seen).all())


def _in_region(fibre: SubspaceFibre, observable: Observable, z: Tensor, moved: Tensor) -> Tensor:
    """|o(x + basis·z) − o(x)| at x = centre + moved, (r, n)."""
    tail = fibre.tail
    outputs = [tail(fibre.centre + moved + one @ fibre.basis.T) for one in (z, 0 * z)]
    first, second = (observable.of_outputs(y) for y in outputs)
    return (first - second).abs()


@pytest.mark.slow
def test_a_wider_region_has_a_larger_certificate() -> None:
    fibre = _small(widths=(4, 5, 3), discarded=2, radius=0.7)
    observable = fibre.theory.observable(LINEAR)
    found = [certify_region(fibre, observable, reach=r, nodes=40) for r in (0.0, 0.2, 0.5)]
    for narrow, wide in pairwise(found):
        assert bool((wide.change >= narrow.attack).all())
        assert bool((wide.attack >= 0.99 * narrow.attack).all())


def test_a_radius_of_zero_and_no_samples_are_settled_at_once() -> None:
    fibre = _small(radius=0.0)
    for found in (
        tighten(fibre, fibre.theory.observable("loss")),
        certify_region(fibre, fibre.theory.observable("loss"), reach=0.3),
    ):
        assert found.change.tolist() == [0.0] * 4
        assert not bool(found.open.any())
    empty = replace(fibre, centre=fibre.centre[:0], tails=fibre.tails[:0], ball=1.0)
    assert len(tighten(empty, fibre.theory.observable("loss")).change) == 0


def test_what_cannot_be_read_is_refused_with_the_reason() -> None:
    fibre = _small()
    with pytest.raises(Opaque, match="neither linear nor"):
        tighten(fibre, fibre.theory.observable("accuracy"))
    general = Observable("square", lambda f: f["activation"].square().sum(-1))
    with pytest.raises(Opaque, match="does not know"):
        tighten(fibre, general)
    plain = Theory({"activation": fibre.theory.features["activation"]}, fibre.theory.observables)
    with pytest.raises(Opaque, match="does not say what is computed"):
        tighten(replace(fibre, theory=plain), fibre.theory.observable("loss"))
    with pytest.raises(Opaque, match="too few"):
        tighten(replace(fibre, unspanned="too few"), fibre.theory.observable("loss"))


def test_attention_is_refused_with_the_reason() -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start, self.inner = nn.Identity(), nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            h = self.start(x)[:, None]
            return self.inner(h, h, h, need_weights=False)[0][:, 0]

    theory = capture(Attending(), torch.randn(5, 4), "start", (logit_difference(0, 1),))
    fibre = make_fibre(theory, discarded=2, radius=0.5)
    with pytest.raises(Opaque, match="__getitem__"):
        tighten(fibre, theory.observable(LINEAR))


def test_budgets_and_reaches_out_of_range_are_refused() -> None:
    fibre = _small()
    loss = fibre.theory.observable("loss")
    for wrong in ({"seconds": -1.0}, {"nodes": -1}, {"tolerance": 0.0}, {"seconds": float("nan")}):
        with pytest.raises(ParameterError):
            tighten(fibre, loss, **wrong)
    with pytest.raises(ParameterError, match="reach"):
        certify_region(fibre, loss, reach=-0.1)
    with pytest.raises(ShapeError, match="reach"):
        certify_region(fibre, loss, reach=torch.ones(3))
