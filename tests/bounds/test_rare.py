"""How rare: splitting agrees with what is exact and with brute force, and knows its own error."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy.special import betainc
from torch import Tensor, nn

from rgwidgets.bounds import Probability, Rare, SubspaceFibre, TailLaw, rare_events
from rgwidgets.bounds.multilevel import Watch
from rgwidgets.bounds.rare import rare_of
from rgwidgets.core.errors import Cancelled, ObservableError, ParameterError, ShapeError
from rgwidgets.core.progress import listening
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.systems.capture import capture

from .conftest import make_fibre, make_theory


def linear(
    discarded: int, *, samples: int = 16, ball: float | None = None
) -> tuple[SubspaceFibre, Tensor]:
    """A fibre of a linear network, and the slope (K,) of "logit 0 − 1" in its coefficients."""
    width = max(3, discarded)
    fibre = make_fibre(
        make_theory(widths=(width, 4), samples=samples), discarded=discarded, radius=ball
    )
    z = torch.cat([0 * fibre.basis[:1], torch.eye(discarded, dtype=torch.float64)])
    spread = z[:, None].expand(-1, samples, -1)
    values = fibre.evaluate(fibre.theory.observable("logit 0 − 1"), spread)[0][:, 0]
    return fibre, values[1:] - values[0]


def test_an_effective_theory_says_how_rare_of_its_own_observables_unless_nothing_is_cut() -> None:
    fibre, _ = linear(2, samples=4)
    measure = rare_of(fibre)
    assert measure is not None
    name = "logit 0 − 1"
    stranger = Observable(name, lambda f: f["of another theory"])
    found = measure(stranger)
    expected = rare_events(fibre, fibre.theory.observable(name))
    assert torch.equal(found.epsilon, expected.epsilon)
    assert torch.equal(found.probability, expected.probability)
    assert rare_of(replace(fibre, tails=0 * fibre.tails)) is None


def deviations(found: Probability, exact: float, also: float = 0.0) -> float:
    """How many standard errors a probability is off; `also` is the relative error of the other."""
    error = math.log(found.high / found.low) / (2 * 1.96)
    return abs(math.log(found.value / exact)) / math.hypot(error, also)


def plain(function: object, n: int = 40, size: int = 1, **options: object) -> SubspaceFibre:
    """Inputs with Gaussian tails of variance 1 and an observable of the tail alone."""
    x = torch.randn(n, size, generator=torch.Generator().manual_seed(0)).double()
    x = (x - x.mean(0)) / x.std(0, correction=0)
    observable = Observable("one", lambda f: function(f["x"]), **options)  # type: ignore
    return SubspaceFibre(Theory({"x": x}, (observable,)), "x", 0 * x, torch.eye(size).double(), x)


def one(fibre: SubspaceFibre) -> Observable:
    return fibre.theory.observables[0]


@pytest.mark.parametrize("discarded, samples", [(1, 16), (2, 3), (5, 16), (12, 5), (40, 64)])
def test_where_all_is_linear_and_gaussian_the_curve_is_the_error_function(
    discarded: int, samples: int
) -> None:
    fibre, slope = linear(discarded, samples=samples)
    sigma = float((slope @ (fibre.own.T @ fibre.own / samples) @ slope).sqrt())
    found = rare_events(fibre, fibre.theory.observable("logit 0 − 1"), floor=1e-7)
    for k, exact in ((1, 0.3173), (3, 2.6998e-3), (4, 6.3342e-5), (5, 5.7330e-7)):
        assert math.isclose(exact, math.erfc(k / math.sqrt(2)), rel_tol=1e-4)
        assert deviations(found.at(k * sigma), exact) < 3
        assert abs(found.quantile(exact) / (k * sigma) - 1) < 0.05


@pytest.mark.parametrize("discarded", [1, 2, 3, 10])
def test_where_all_is_linear_and_the_ball_uniform_the_curve_is_the_cap(discarded: int) -> None:
    fibre, slope = linear(discarded, ball=0.7)
    reach = 0.7 * float(slope.norm())
    found = rare_events(fibre, fibre.theory.observable("logit 0 − 1"), law="ball")
    for exact in (0.3, 1e-2, 1e-4, 3e-6):
        low, high = 0.0, 1.0
        for _ in range(60):  # where the share outside two caps is the exact one
            t = (low + high) / 2
            outside = 1 - betainc(0.5, (discarded + 1) / 2, t * t)
            low, high = (t, high) if outside > exact else (low, t)
        assert deviations(found.at(low * reach), exact) < 3
    assert float(found.epsilon[-1]) <= reach * (1 + 1e-9)


def drawn(fibre: SubspaceFibre, law: str, rows: int) -> Tensor:
    """Tails (rows, n, K), drawn by the laws' definitions and not by the library."""
    generator = torch.Generator().manual_seed(11)
    own = fibre.own
    n, k = own.shape
    noise = torch.randn(rows, n, k, generator=generator, dtype=torch.float64)
    if law == "ball":
        length = torch.rand(rows, n, 1, generator=generator, dtype=torch.float64) ** (1 / k)
        return fibre.radius * length * noise / noise.norm(dim=-1, keepdim=True)
    centred = own - own.mean(0)
    gaussian = noise @ torch.linalg.cholesky(centred.T @ centred / n).T
    if law == "gaussian":
        return own.mean(0) + gaussian
    which = torch.randint(n, (rows, n), generator=generator)
    return own[which] + n ** (-1 / (k + 4)) * gaussian


@pytest.mark.parametrize(
    "activation, name, law",
    [
        ("tanh", "loss", "gaussian"),
        ("relu", "logit 0 − 1", "gaussian"),
        ("relu", "loss", "ball"),
        ("gelu", "loss", "data"),
    ],
)
def test_of_a_nonlinear_network_it_agrees_with_brute_force(
    activation: str, name: str, law: str
) -> None:
    theory = make_theory(activation, samples=8, seed=1)
    fibre = make_fibre(theory, discarded=4, radius=1.0 if law == "ball" else None)
    observable = theory.observable(name)
    with torch.no_grad():
        z = drawn(fibre, law, 100_000)
        before = fibre.evaluate(observable, 0 * z[:1])[0]
        change = (fibre.evaluate(observable, z)[0] - before).abs().flatten().sort().values
    found = rare_events(fibre, observable, law=law, seed=3)
    for p in (0.1, 1e-3, 1e-4):
        epsilon = float(change[-round(p * len(change))])
        assert deviations(found.at(epsilon), p, (p * len(change)) ** -0.5) < 3


@pytest.mark.slow
def test_the_interval_holds_in_90_percent_of_200_seeds_or_more() -> None:
    fibre, slope = linear(5)
    sigma = float((slope @ (fibre.own.T @ fibre.own / len(fibre)) @ slope).sqrt())
    observable = fibre.theory.observable("logit 0 − 1")
    held = dict.fromkeys((1, 3, 4, 5), 0)
    for seed in range(200):
        found = rare_events(fibre, observable, particles=500, floor=1e-7, seed=seed)
        for k in held:
            here = found.at(k * sigma)
            held[k] += here.low <= math.erfc(k / math.sqrt(2)) <= here.high
    assert min(held.values()) >= 180, held


@pytest.mark.slow
def test_the_interval_holds_where_a_few_of_the_inputs_make_up_the_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scales = torch.randn(20, generator=torch.Generator().manual_seed(5)).exp().double()

    class Uneven(Watch):
        def __call__(self, inputs: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
            return ((z[:, 0] * scales[inputs]).abs(),) * 2

    monkeypatch.setattr("rgwidgets.bounds.rare.Watch", Uneven)
    fibre = plain(lambda x: x[:, 0], n=20, size=4)
    held = dict.fromkeys((10, 30, 45, 60), 0)
    exact = {k: sum(math.erfc(k / s / math.sqrt(2)) for s in scales.tolist()) / 20 for k in held}
    assert exact[10] > 0.01 > 1e-6 > exact[60] > 1e-8
    law = TailLaw.normal(torch.eye(4))
    for seed in range(200):
        found = rare_events(fibre, one(fibre), law=law, particles=500, floor=1e-8, seed=seed)
        for k in held:
            held[k] += found.at(k).low <= exact[k] <= found.at(k).high
    assert min(held.values()) >= 180, held


def test_an_accuracy_is_followed_down_its_margin_to_where_no_draw_would_reach() -> None:
    theory = make_theory("tanh", samples=6, seed=1)
    fibre, observable = make_fibre(theory, discarded=5, radius=None), theory.observable("accuracy")
    covariance = fibre.own.T @ fibre.own / 6
    law = TailLaw.normal(0.05**2 * covariance)
    with torch.no_grad():
        z = 0.05 * drawn(fibre, "gaussian", 200_000)
        flips = fibre.evaluate(observable, z)[0] != fibre.evaluate(observable, 0 * z[:1])[0]
    count = int(flips.sum())
    assert count < 1e-3 * flips.numel()
    found = rare_events(fibre, observable, law=law)
    assert found.epsilon.tolist() == [0.0, 1.0]
    assert deviations(found.at(0.5), count / flips.numel(), count**-0.5) < 3
    assert found.at(1e-9) == found.at(1 - 1e-9)
    assert found.at(1.0) == Probability(0.0, 0.0, 0.0)  # there is no larger change
    rarer = rare_events(fibre, observable, law=TailLaw.normal(0.03**2 * covariance), floor=1e-9)
    assert 0 < rarer.at(0.5).value < found.at(0.5).value / 10


def test_more_than_is_meant_strictly_where_the_changes_are_tied() -> None:
    fibre = plain(lambda x: x[:, 0].abs().floor())
    found = rare_events(fibre, one(fibre), particles=1000)
    for epsilon, exact in ((0.5, 1), (0.999, 1), (1.0, 2), (1.5, 2), (2.0, 3), (3.0, 4)):
        assert deviations(found.at(epsilon), math.erfc(exact / math.sqrt(2))) < 3
    assert found.epsilon[:5].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_plateau_says_that_nothing_was_found_beyond_it() -> None:
    fibre = plain(lambda x: x[:, 0].clamp(-1, 1))
    found = rare_events(fibre, one(fibre), particles=400)
    edge = found.at(0.999999)
    assert deviations(edge, math.erfc(1 / math.sqrt(2))) < 3
    beyond = found.at(1.0)
    assert (beyond.value, beyond.low) == (0, 0)
    assert math.isclose(beyond.high, edge.value * -math.log(0.025) / 400, rel_tol=0.6)
    assert "not reached" in str(found)


def test_an_observable_that_never_moves_has_probability_0_up_to_the_rule_of_three() -> None:
    fibre = plain(lambda x: 0 * x[:, 0])
    found = rare_events(fibre, one(fibre), particles=400)
    assert found.probability.tolist() == [0.0]
    assert found.at(1e-9) == Probability(0.0, 0.0, -math.log(0.025) / 400)
    assert found.quantile(0.5) == 0
    assert str(found).startswith("P(|Δ| > 0): < 0.0092; 1e-06 is not reached")


def test_one_input_with_one_coefficient_is_enough_for_a_law_that_needs_no_covariance() -> None:
    fibre = make_fibre(make_theory(widths=(1, 4), samples=1), discarded=1, radius=2.0)
    observable = fibre.theory.observable("logit 0 − 1")
    with torch.no_grad():
        ends = torch.tensor([[[0.0]], [[2.0]]]).double()
        reach = float(fibre.evaluate(observable, ends)[0].diff(dim=0).abs())
    found = rare_events(fibre, observable, law="ball")
    assert deviations(found.at(0.9999 * reach), 1e-4) < 3
    with pytest.raises(ParameterError, match="1 tail without a covariance"):
        rare_events(replace(fibre, tails=1 + fibre.tails), observable)
    unit = rare_events(fibre, observable, law=TailLaw.normal(torch.eye(1)))
    assert deviations(unit.at(3 * reach / 2), math.erfc(3 / math.sqrt(2))) < 3
    assert "the one input" in unit.quantifier


@pytest.mark.parametrize("name", ["loss", "accuracy", "logit 0 − 1"])
def test_inputs_taken_singly_give_what_the_observable_s_own_code_gives(name: str) -> None:
    fibre = make_fibre(make_theory("gelu"), discarded=5, radius=None)
    watch = Watch(fibre, fibre.theory.observable(name))
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randint(16, (50,), generator=generator)
    z = torch.randn(50, 5, generator=generator, dtype=torch.float64)
    for single, packed in zip(watch._single(inputs, z), watch._packed(inputs, z), strict=True):
        assert torch.allclose(single, packed, atol=1e-12)


def test_a_transformer_is_split_through_its_own_code() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(8, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.3)
    )
    theory = capture(net, torch.randn(12, 3, 8), "0", {"first": lambda out: out[:, 0, 0]})
    fibre = make_fibre(theory, discarded=4, radius=0.7)
    found = rare_events(fibre, one(fibre), law="ball", particles=48, moves=2, floor=1e-3)
    assert float(found.probability[-1]) <= 1e-3
    assert found.calls % 12 == 0  # the whole batch each time


def test_more_inputs_than_particles_are_sampled() -> None:
    fibre, _ = linear(3, samples=100)
    found = rare_events(fibre, fibre.theory.observable("loss"), particles=32, floor=0.1)
    assert found.inputs == 100
    assert bool((found.low <= found.probability).all() & (found.probability <= found.high).all())


def test_the_curve_falls_inside_its_interval_and_its_quantile_is_its_inverse() -> None:
    theory = make_theory("relu", samples=8)
    found = rare_events(make_fibre(theory, discarded=5, radius=None), theory.observable("loss"))
    assert bool((found.epsilon.diff() > 0).all())
    for curve in (found.probability, found.low, found.high):
        assert bool((curve.diff() <= 0).all())
    assert bool((found.low <= found.probability).all() & (found.probability <= found.high).all())
    for p in (0.5, 1e-2, 1e-4):
        epsilon = found.quantile(p)
        assert found.at(epsilon).value <= p < found.at(epsilon * (1 - 1e-12)).value


def test_the_floor_ends_the_curve_and_what_is_below_is_said_to_be_so() -> None:
    fibre, _ = linear(4)
    found = rare_events(fibre, fibre.theory.observable("logit 0 − 1"), floor=1e-3)
    assert found.probability[-2] > 1e-3 >= found.probability[-1]
    assert str(found.at(1e6)).startswith("< 0.00")
    with pytest.raises(ParameterError, match="smallest that was reached"):
        found.quantile(1e-5)


def test_the_curve_ends_at_a_given_change_and_costs_less() -> None:
    fibre, slope = linear(4)
    observable = fibre.theory.observable("logit 0 − 1")
    epsilon = 2 * float((slope @ (fibre.own.T @ fibre.own / 16) @ slope).sqrt())
    found = rare_events(fibre, observable, epsilon=epsilon)
    assert deviations(found.at(epsilon), math.erfc(2 / math.sqrt(2))) < 3
    assert found.calls < rare_events(fibre, observable).calls / 2
    with pytest.raises(ParameterError, match="epsilon"):
        found.at(1.1 * epsilon)
    with pytest.raises(ParameterError, match="pass no epsilon"):
        found.quantile(1e-5)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf, "1"])
def test_a_change_that_is_not_positive_is_refused(epsilon: float) -> None:
    fibre, _ = linear(2)
    with pytest.raises(ParameterError, match="epsilon"):
        rare_events(fibre, fibre.theory.observable("loss"), epsilon=epsilon)
    curve = Rare(*torch.tensor([[0.0], [1.0], [1.0], [1.0]]), law="", inputs=1, how="", calls=1)
    with pytest.raises(ParameterError, match="epsilon"):
        curve.at(epsilon)


@pytest.mark.parametrize(
    "wrong",
    [{"floor": 0.0}, {"floor": 1.0}, {"particles": 31}, {"moves": 0}, {"seed": -1}, {"law": "bal"}],
    ids=str,
)
def test_a_number_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    fibre, _ = linear(2)
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        rare_events(fibre, fibre.theory.observable("loss"), **wrong)  # type: ignore[arg-type]


def test_a_law_of_other_tails_is_refused() -> None:
    fibre, _ = linear(2)
    with pytest.raises(ShapeError, match="tails of length 3"):
        rare_events(fibre, fibre.theory.observable("loss"), law=TailLaw.normal(torch.eye(3)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_observable_that_is_not_finite_somewhere_is_refused(bad: float) -> None:
    fibre = plain(lambda x: torch.where(x[:, 0] > 1, bad, x[:, 0]))
    with pytest.raises(ObservableError, match="NaN or infinity"):
        rare_events(fibre, one(fibre), particles=400)


def test_an_observable_of_moments_is_refused() -> None:
    fibre = plain(lambda x: x, reduce=lambda m: m[0])
    with pytest.raises(ObservableError, match="several moments"):
        rare_events(fibre, one(fibre))


def test_the_same_seed_finds_the_same_and_torch_s_random_state_is_untouched() -> None:
    fibre, _ = linear(3)
    before = torch.get_rng_state()
    first, second, other = (
        rare_events(fibre, fibre.theory.observable("loss"), particles=200, seed=s)
        for s in (4, 4, 5)
    )
    assert torch.equal(first.epsilon, second.epsilon)
    assert torch.equal(first.probability, second.probability)
    assert not torch.equal(first.epsilon[:50], other.epsilon[:50])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("direct", [True, False])
def test_progress_is_reported_and_the_work_can_be_cancelled(direct: bool) -> None:
    fibre = linear(3)[0] if direct else plain(lambda x: x[:, 0], n=8)
    heard: list[float] = []

    def listen(fraction: float | None, label: str) -> None:
        assert label == f"splitting {one(fibre).name}"
        assert fraction is not None
        heard.append(fraction)
        if len(heard) == 60:
            raise Cancelled

    with listening(listen), pytest.raises(Cancelled):
        rare_events(fibre, one(fibre), particles=200)
    assert len(heard) == 60
    assert heard == sorted(heard)
    assert 0 <= heard[0] < heard[-1] <= 1 or not direct
