"""Independent numbers: their laws against distribution functions, their cumulants by sampling."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from rgwidgets.core.errors import ParameterError
from rgwidgets.systems.data.independent_numbers import LAWS, IndependentNumbers

ROOT_2, ROOT_3 = math.sqrt(2), math.sqrt(3)
#: P(number < x), from textbooks
BELOW: dict[str, Callable[[float], float]] = {
    "uniform": lambda x: min(1.0, max(0.0, (x + ROOT_3) / (2 * ROOT_3))),
    "exponential": lambda x: 1 - math.exp(-(x + 1)) if x > -1 else 0.0,
    "coin": lambda x: 0.0 if x <= -1 else 0.5 if x <= 1 else 1.0,
    "laplace": lambda x: math.exp(ROOT_2 * x) / 2 if x < 0 else 1 - math.exp(-ROOT_2 * x) / 2,
    "normal": lambda x: (1 + math.erf(x / ROOT_2)) / 2,
    "cauchy": lambda x: 0.5 + math.atan(x) / math.pi,
}
PLACES = (-2.5, -1.3, -0.4, 0.1, 0.7, 1.6, 3.0)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("mean", [0.0, -0.7])
def test_the_numbers_follow_their_law(law, mean):
    n = 200_000
    x = IndependentNumbers(law, samples=200, numbers=1000, mean=mean, seed=5).theory().features["x"]
    for place in PLACES:
        exact = BELOW[law](place)
        found = float((x < place + mean).double().mean())
        assert abs(found - exact) <= 4 * math.sqrt(exact * (1 - exact) / n)


@pytest.mark.parametrize(
    ("law", "mean"),
    [("uniform", 1.5), ("exponential", 0.0), ("coin", -0.5), ("laplace", 1.0), ("normal", 0.0)],
)
def test_what_is_observed_are_the_cumulants_that_are_stated(law, mean):
    squares = np.zeros(4)
    names = ("mean", "variance", "skewness", "excess kurtosis")
    for seed in range(20):
        theory = IndependentNumbers(law, samples=256, numbers=256, mean=mean, seed=seed).theory()
        found = theory.observe()
        stated = list(theory.couplings.values())  # of variance 1, so that κ₃ is the skewness
        for i, name in enumerate(names):
            deviation = found[name].value - stated[i]
            # a coin's variance has no error to first order: what is left is its mean's square
            error = found[name].error or 1e-3
            squares[i] += (deviation / error) ** 2
    assert stated[:2] == [mean, 1.0]
    assert (squares < 52.4).all()  # a chi-square of twenty leaves these once in 10⁴ each
    assert (squares[[0, 2]] > 4.4).all()


@pytest.mark.parametrize("law", LAWS)
def test_every_number_is_finite_and_none_repeats_the_other(law):
    x = IndependentNumbers(law, samples=64, numbers=4096).theory().features["x"]
    assert x.dtype == torch.float64
    assert bool(torch.isfinite(x).all())
    if law != "coin":
        assert len(x.unique()) == x.numel()
    between = np.corrcoef(x.clamp(-5, 5).numpy())
    assert np.abs(between - np.eye(64)).max() < 5 / math.sqrt(4096)


def test_the_same_seed_gives_the_same_numbers_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    first, again, other = (
        IndependentNumbers(samples=4, numbers=8, seed=seed).theory().features["x"]
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_cauchys_law_claims_no_cumulants_and_observes_none():
    theory = IndependentNumbers("cauchy", samples=4, numbers=8).theory()
    assert [o.name for o in theory.observables] == ["share within ±1"]
    assert not theory.couplings
    assert IndependentNumbers("uniform", samples=4, numbers=8).theory().couplings


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"law": "uniforn"}, "did you mean 'uniform'"),
        ({"law": 3}, "law: got"),
        ({"samples": 0}, "samples: got"),
        ({"numbers": 2.0}, "numbers: got"),
        ({"numbers": 1 << 20, "samples": 65}, "samples: got 65"),
        ({"mean": math.inf}, "mean: got"),
        ({"mean": "0"}, "mean: got"),
        ({"seed": -1}, "seed: got"),
    ],
)
def test_arguments_outside_their_range_are_refused(arguments, named):
    with pytest.raises(ParameterError, match=named):
        IndependentNumbers(**arguments)
