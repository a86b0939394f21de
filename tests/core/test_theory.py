"""Theories refuse what makes no sense when it enters, and bounds wait until they are looked at."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import rgwidgets as rg
from rgwidgets.core import EffectiveTheory, Influence, Observable, Theory
from rgwidgets.core.errors import ObservableError, ParameterError, ShapeError

X = torch.arange(12.0).reshape(6, 2)
TOTAL = Observable("total", lambda f: f["x"].sum(1), "J", 0.5)
FIRST = Observable("first", lambda f: f["x"][:, 0])


def theory(*observables: Observable, **changes: Any) -> Theory:
    return Theory(**{"features": {"x": X}, "observables": observables, **changes})


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Theory)])
def test_a_theory_is_frozen(field: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(theory(), field, None)


@pytest.mark.parametrize("mapping", ["features", "couplings", "attrs"])
def test_its_mappings_are_copies_that_nobody_can_write(mapping: str) -> None:
    given = {"x": X}
    made = theory(**{mapping: given})
    given["y"] = X
    assert list(getattr(made, mapping)) == ["x"]
    with pytest.raises(TypeError):
        getattr(made, mapping)["y"] = X


def test_theories_are_told_apart_by_identity() -> None:
    one, two = theory(TOTAL), theory(TOTAL)
    assert one != two
    assert len({one, two, one}) == 2


def test_features_with_unequal_numbers_of_samples_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \{'x': 6, 'y': 5\}; allowed: the same number"):
        Theory({"x": X, "y": X[:5]})


def test_a_feature_without_samples_axis_goes_with_any_number() -> None:
    assert Theory({"x": X, "temperature": torch.tensor(2.0)}, (TOTAL,)).samples("total").shape == (
        6,
    )


@pytest.mark.parametrize("feature", [[1.0, 2.0], None, X.numpy(), "x"])
def test_a_feature_that_is_no_tensor_is_refused(feature: object) -> None:
    with pytest.raises(ShapeError, match=r"feature 'x'.*a tensor, samples first"):
        Theory({"x": feature})  # type: ignore[dict-item]


def test_two_observables_of_one_name_are_refused() -> None:
    with pytest.raises(ObservableError, match="distinct names"):
        theory(TOTAL, FIRST, Observable("total", FIRST.function))


@pytest.mark.parametrize("chains", [0, -2, 1.5, True, "two"])
def test_less_than_one_chain_is_refused(chains: Any) -> None:
    with pytest.raises(ParameterError, match="chains"):
        theory(chains=chains)


@pytest.mark.parametrize("tolerance", [-1e-9, -math.inf, math.nan])
def test_a_tolerance_that_is_no_size_is_refused(tolerance: float) -> None:
    with pytest.raises(ParameterError, match="tolerance of m"):
        Observable("m", FIRST.function, tolerance=tolerance)


@pytest.mark.parametrize(
    "asked, mend", [("totl", "did you mean 'total'"), ("Total", "'total'"), ("zzz", None)]
)
def test_an_unknown_observable_names_the_nearest(asked: str, mend: str | None) -> None:
    with pytest.raises(ObservableError, match=r"allowed: total, first") as caught:
        theory(TOTAL, FIRST).observable(asked)
    assert (mend or "") in str(caught.value)
    assert bool(mend) == ("Mend" in str(caught.value))


def test_a_theory_without_observables_says_so() -> None:
    with pytest.raises(ObservableError, match="allowed: none"):
        theory().samples("total")


@pytest.mark.parametrize(
    "function, given",
    [
        (lambda f: f["x"].sum(), r"got \(\)"),
        (lambda f: f["x"], r"got \(6, 2\)"),
        (lambda f: f["x"].sum(0), r"got \(2,\)"),
        (lambda f: 1.0, "got float"),
        (lambda f: [1.0] * 6, "got list"),
        (lambda f: None, "got NoneType"),
        (lambda f: f["x"].numpy()[:, 0], "got ndarray"),
    ],
    ids=["their sum", "two each", "sum over samples", "number", "list", "nothing", "numpy"],
)
def test_an_observable_that_is_not_one_number_a_sample_is_refused(
    function: Callable[..., Tensor], given: str
) -> None:
    with pytest.raises(ObservableError, match=f"observable 'm'.*{given}.*one value for each"):
        theory(Observable("m", function)).observe()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_observable_that_is_not_finite_is_refused_by_name(bad: float) -> None:
    broken = Observable("free energy", lambda f: f["x"][:, 0] + bad)
    with pytest.raises(ObservableError, match=r"observable 'free energy'.*NaN or infinity"):
        theory(TOTAL, broken).observe()


def test_moments_go_with_a_reduction_and_only_with_one() -> None:
    def moments(f: Any) -> Tensor:
        return torch.stack([f["x"][:, 0] ** 2, f["x"][:, 0] ** 4], 1)

    def binder(m: Tensor) -> Tensor:
        return 1 - m[1] / (3 * m[0] ** 2)

    observable = Observable("binder", moments, reduce=binder)
    assert theory(observable).samples("binder").shape == (6, 2)
    found = theory(observable).observe()["binder"]
    assert found.value == pytest.approx(float(binder(moments({"x": X.double()}).mean(0))))
    with pytest.raises(ObservableError):
        theory(Observable("binder", moments)).observe()
    with pytest.raises(ObservableError):
        theory(Observable("binder", FIRST.function, reduce=binder)).observe()


def test_observing_gives_every_mean_of_its_own_or_of_given_features() -> None:
    made = theory(TOTAL, FIRST)
    assert {n: e.value for n, e in made.observe().items()} == {"total": 11.0, "first": 5.0}
    assert made.observe({"x": 2 * X[:2]})["total"].value == 6.0
    assert made.samples("first", {"x": X[:2]}).tolist() == [0.0, 2.0]


def test_chains_reach_the_error_and_are_given_up_where_they_do_not_divide() -> None:
    x = torch.tensor([0.0] * 4 + [1.0] * 4 + [2.0] * 4)[:, None]
    chained = theory(FIRST, features={"x": x}, chains=3)
    single = theory(FIRST, features={"x": x}, chains=1)
    scatter = math.sqrt(1 / 3)  # of the three chains' means
    assert chained.observe()["first"].error == pytest.approx(scatter)
    assert chained.observe({"x": x[:10]}) == single.observe({"x": x[:10]})


def test_samples_of_a_data_set_have_no_order() -> None:
    """Sorted by class, they would look like a chain with a long memory."""
    x = torch.arange(400, dtype=torch.float64)[:, None] // 100
    mixed = x[torch.randperm(400, generator=torch.Generator().manual_seed(0))]
    sorted_, shuffled = (
        theory(FIRST, features={"x": each}).observe()["first"] for each in (x, mixed)
    )
    assert sorted_.error == pytest.approx(float(x.std()) / 20, rel=1e-12)
    assert shuffled.error == pytest.approx(sorted_.error, rel=1e-12)
    assert (sorted_.tau, shuffled.tau) == (pytest.approx(0.5), pytest.approx(0.5))
    assert theory(FIRST, features={"x": x}, chains=1).observe()["first"].tau > 20


@pytest.mark.parametrize("scheme", [rg.ActivationSpectrum(), rg.GradientSpectrum()])
def test_the_order_of_the_samples_changes_no_error(scheme: rg.Scheme) -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)
    ).double()
    x = torch.randn(60, 4, dtype=torch.float64).cumsum(0) / 10  # as if it were a walk
    classes = (x[:, 0] > 0).long()
    order = torch.randperm(60)
    found = []
    for kept in (torch.arange(60), order):
        made = rg.capture(net, x[kept], "1", labels=classes[kept])
        effective = scheme.coarsen(made, 3)
        influence = effective.bounds["loss"]
        found.append(
            [made.observe()["loss"], made.observe()["accuracy"], effective.bounds["loss"].average]
            + [effective.observe()[o.name] for o in effective.observables]
            + [influence.average]
        )
    for one, other in zip(*found, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-9, abs=1e-12)
        assert other.error == pytest.approx(one.error, rel=1e-9, abs=1e-12)


def test_an_effective_theory_has_the_chains_of_its_parent() -> None:
    chained = theory(FIRST, chains=2)
    assert EffectiveTheory({"x": X}, (FIRST,), parent=chained).chains == 2
    assert EffectiveTheory({"x": X}, (FIRST,), parent=theory(FIRST)).chains is None
    assert (
        rg.ActivationSpectrum()
        .coarsen(theory(FIRST, features={"activation": X}, chains=3), 1)
        .chains
        == 3
    )


def test_its_repr_tells_shapes_or_couplings_and_observables() -> None:
    assert repr(theory(TOTAL, name="six")) == "Theory('six': x (6, 2); total)"
    assert repr(Theory(couplings={"K": 0.3})) == "Theory('': {'K': 0.3}; )"


class Measure:
    """Counts how often each observable's influence is worked out."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, observable: Observable) -> Influence:
        self.calls.append(observable.name)
        return Influence.exact(observable.name)


def effective(measure: Measure | None = None, **changes: Any) -> EffectiveTheory:
    return EffectiveTheory(
        {"x": X[:, :1]},
        (FIRST,),
        cutoff=1.0,
        parent=theory(TOTAL, FIRST),
        influence=measure,
        **changes,
    )


def test_bounds_are_on_the_parents_observables_and_wait_until_looked_at() -> None:
    measure = Measure()
    bounds = effective(measure).bounds
    assert list(bounds) == ["total", "first"]
    assert len(bounds) == 2
    assert "total" in bounds
    assert "energy" not in bounds
    assert measure.calls == []


def test_a_bound_is_worked_out_once() -> None:
    measure = Measure()
    made = effective(measure)
    first = made.bounds["total"]
    assert made.bounds["total"] is first
    assert dict(made.bounds)["total"] is first
    assert measure.calls == ["total", "first"]


def test_a_bound_that_failed_is_tried_again() -> None:
    measure = Measure()
    broken = [True]

    def fails_once(observable: Observable) -> Influence:
        if broken:
            broken.pop()
            raise ZeroDivisionError
        return measure(observable)

    bounds = EffectiveTheory({"x": X}, (FIRST,), influence=fails_once).bounds
    with pytest.raises(ZeroDivisionError):
        bounds["first"]
    assert bounds["first"].average.how == "first"


def test_the_bound_of_an_unknown_observable_names_the_nearest() -> None:
    bounds = effective(Measure()).bounds
    with pytest.raises(ObservableError, match="did you mean 'total'"):
        bounds["totla"]
    assert bounds.get("energy") is None
    assert bounds.get("energy", 3) == 3
    assert bounds.get("total") is bounds["total"]


def test_an_error_inside_a_bound_is_not_taken_for_a_missing_one() -> None:
    def broken(observable: Observable) -> Influence:
        raise ObservableError("observable", given="NaN")

    with pytest.raises(ObservableError):
        EffectiveTheory({"x": X}, (FIRST,), influence=broken).bounds.get("first")


def test_a_scheme_without_bounds_says_that_it_has_none() -> None:
    influence = effective().bounds["total"]
    assert influence.worst == (0.0, math.inf)
    assert influence.certificate.how == "the scheme gives no bound on what it neglects"


def test_lifting_leads_back_to_the_parents_features() -> None:
    made = effective(raised=lambda f: {"x": torch.cat([f["x"], 0 * f["x"]], 1)})
    assert made.lift()["x"].shape == X.shape
    assert made.lift({"x": X[:3, :1]})["x"].shape == (3, 2)
    assert made.parent is not None
    assert made.parent.observe(made.lift())["first"] == made.observe()["first"]


def test_lifting_without_a_way_back_says_what_to_use_instead() -> None:
    with pytest.raises(ParameterError, match="use the parent's own features"):
        effective().lift()
