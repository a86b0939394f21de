"""The attack stays in the fibre, finds what is there, and reports what it found."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rgwidgets.bounds import SubspaceFibre, attack, certify
from rgwidgets.core.errors import Cancelled, ParameterError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.progress import listening
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.capture import capture

from .conftest import draw, make_fibre, make_theory

NAMES = ("loss", "accuracy", "logit 0 − 1")


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("radius", [0.1, 1.0])
def test_the_point_found_is_in_the_ball_and_changes_the_observable_that_much(
    activation: str, name: str, radius: float
) -> None:
    fibre = make_fibre(make_theory(activation), discarded=5, radius=radius)
    observable = fibre.theory.observable(name)
    result = attack(fibre, observable)
    assert float(result.point.norm(dim=1).max()) <= radius * (1 + 1e-12)
    with torch.no_grad():
        both = torch.stack([result.point, 0 * result.point])
        values = fibre.evaluate(observable, both)[0]
    assert torch.allclose((values[0] - values[1]).abs(), result.change, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_find_more_than_5000_random_draws(name: str) -> None:
    fibre = make_fibre(make_theory("relu", samples=32), discarded=8, radius=1.0)
    observable = fibre.theory.observable(name)
    with torch.no_grad():
        z = draw(fibre, 5000)
        before = fibre.evaluate(observable, 0 * z[:1])[0]
        drawn = (fibre.evaluate(observable, z)[0] - before).abs().amax(0)
    found = attack(fibre, observable).change
    assert float(found.mean()) >= float(drawn.mean()) * (1.0 if name == "accuracy" else 1.05)
    assert bool((found >= drawn - 1e-12).double().mean() > 0.95)


def test_more_effort_never_finds_less_on_average_and_soon_saturates() -> None:
    fibre = make_fibre(make_theory("relu", samples=64), discarded=8, radius=0.5)
    observable = fibre.theory.observable("loss")
    means = [
        float(attack(fibre, observable, steps=s, restarts=r).change.mean())
        for s, r in ((1, 1), (12, 5), (60, 20))
    ]
    assert means[0] <= means[1] <= means[2] + 1e-9
    assert means[1] > 0.97 * means[2]


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_s_own_tail_is_among_the_points_tried(name: str) -> None:
    fibre = make_fibre(make_theory("relu", samples=40), discarded=6, radius=None)
    observable = fibre.theory.observable(name)
    with torch.no_grad():
        both = torch.stack([fibre.own, 0 * fibre.own])
        values = fibre.evaluate(observable, both)[0]
    own = (values[0] - values[1]).abs()
    inside = fibre.own.norm(dim=1) <= fibre.radius
    assert int(inside.sum()) == 40  # the 99 % quantile of 40 samples is the largest
    found = attack(fibre, observable, steps=1, restarts=1).change
    assert bool((found >= own - 1e-12).all())
    assert bool((own <= certify(fibre, observable)).all())


def test_changes_are_searched_both_up_and_down() -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    bowl = Observable("bowl", lambda f: (f["activation"][:, 0] - 1.0) ** 2)
    theory = Theory({"activation": x}, (bowl,))
    fibre = SubspaceFibre(
        theory, "activation", x, torch.ones(1, 1, dtype=torch.float64), 0 * x, ball=0.5
    )
    distance = (x[:, 0] - 1).abs()
    worst = torch.maximum(
        (distance + 0.5) ** 2 - distance**2, distance**2 - (distance - 0.5).clamp_min(0) ** 2
    )
    assert torch.allclose(attack(fibre, bowl).change, worst, atol=1e-9)


def test_an_observable_without_gradient_is_tried_at_points() -> None:
    x = torch.zeros(6, 3, dtype=torch.float64)
    step = Observable("step", lambda f: (f["activation"][:, 0] > 0.2).double())
    theory = Theory({"activation": x}, (step,))
    fibre = SubspaceFibre(theory, "activation", x, torch.eye(3, dtype=torch.float64), x, ball=1.0)
    result = attack(fibre, step)
    assert "points tried" in result.how
    assert result.change.tolist() == [1.0] * 6
    assert bool((result.point[:, 0] > 0.2).all())


def test_an_observable_that_ignores_the_feature_does_not_change() -> None:
    x = torch.randn(4, 3, dtype=torch.float64)
    constant = Observable("constant", lambda f: (0 * f["activation"]).sum(-1) + 2.0)
    theory = Theory({"activation": x}, (constant,))
    fibre = SubspaceFibre(theory, "activation", x, torch.eye(3, dtype=torch.float64), x, ball=1.0)
    assert attack(fibre, constant).change.tolist() == [0.0] * 4


@pytest.mark.parametrize("layer, shape", [("0", (5, 3, 8)), ("1.norm1", (5, 3, 8))])
def test_a_transformer_is_attacked_through_its_own_code(layer: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(8, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.3)
    )
    theory = capture(net, torch.randn(shape), layer, {"first": lambda out: out[:, 0, 0]})
    fibre = make_fibre(theory, discarded=4, radius=0.7)
    result = attack(fibre, theory.observable("first"), steps=8, restarts=3)
    assert result.how.startswith("PGD, 8 steps, 3 restarts")
    assert float(result.change.min()) > 0.01
    assert fibre.own.shape == (5, 3 * 4)
    assert float(result.point.norm(dim=1).max()) <= 0.7 * (1 + 1e-12)


def test_the_same_seed_finds_the_same_and_torch_s_random_state_is_untouched() -> None:
    fibre = make_fibre(make_theory(), discarded=5, radius=1.0)
    before = torch.get_rng_state()
    first, second = (attack(fibre, fibre.theory.observables[0], seed=4) for _ in range(2))
    assert torch.equal(first.point, second.point)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_attack_reports_progress_and_can_be_cancelled_between_steps() -> None:
    fibre = make_fibre(make_theory(), discarded=5, radius=1.0)
    heard: list[float] = []

    def stop(fraction: float | None, label: str) -> None:
        assert label == "attacking loss"
        heard.append(fraction or 0.0)
        if len(heard) == 4:
            raise Cancelled

    with pytest.raises(Cancelled), listening(stop):
        attack(fibre, fibre.theory.observables[0])
    assert heard == sorted(heard)
    assert 0 < heard[-1] < 1


@pytest.mark.parametrize("name", ["steps", "restarts"])
@pytest.mark.parametrize("given", [0, -3, 1.5, math.nan])
def test_efforts_that_are_not_whole_numbers_are_refused(name: str, given: float) -> None:
    fibre = make_fibre(make_theory(), discarded=5, radius=1.0)
    with pytest.raises(ParameterError, match=name):
        attack(fibre, fibre.theory.observables[0], **{name: given})  # type: ignore[arg-type]


def pitch(outputs: torch.Tensor) -> torch.Tensor:
    return 20.0 * outputs.argmax(-1)


def listener(seed: int) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 24))
    return net, torch.randn(12, 10)


@pytest.mark.parametrize("seed", range(5))
def test_the_place_of_a_maximum_is_attacked_through_the_outputs(seed: int) -> None:
    theory = capture(*listener(seed), "0", {"pitch": pitch})
    fibre = make_fibre(theory, discarded=44, radius=0.4)
    observable = theory.observable("pitch")
    result = attack(fibre, observable)
    assert "on the outputs" in result.how
    assert bool((result.point.norm(dim=-1) <= 0.4 + 1e-9).all())
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(500, *fibre.own.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        at, still = (
            fibre.evaluate(observable, z)[0]
            for z in (0.4 * drawn / drawn.norm(dim=-1, keepdim=True), 0 * drawn[:1])
        )
    blind = (at - still).abs().amax(0)
    assert float(result.change.mean()) > 1.1 * float(blind.mean())
    assert bool((result.change >= blind).all())


@pytest.mark.parametrize("soft", [True, False])
def test_a_surrogate_is_followed_where_one_is_named(soft: bool) -> None:
    net, x = listener(0)
    places = torch.arange(24.0)
    named = OutputObservable(
        "pitch",
        of_outputs=pitch,
        surrogate=(lambda z: 20 * (z.softmax(-1) * places).sum(-1)) if soft else None,
    )
    theory = capture(net, x, "0", named)
    result = attack(make_fibre(theory, discarded=44, radius=0.4), theory.observable("pitch"))
    assert result.how == "PGD, 12 steps, 8 restarts" + (
        "" if soft else ", on the outputs: the observable has no gradient"
    )
    assert float(result.change.mean()) > 40


def test_steps_whose_gradient_is_zero_are_no_gradient() -> None:
    theory = capture(*listener(1), "0", {"rounded": lambda z: (10 * z[:, 0]).round()})
    result = attack(make_fibre(theory, discarded=44, radius=0.4), theory.observable("rounded"))
    assert "on the outputs" in result.how
    assert bool((result.change >= 1).all())
