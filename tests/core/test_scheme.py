"""Schemes are abstract; maps of couplings become schemes by giving one step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rgwidgets.core import CouplingScheme, EffectiveTheory, Flow, Observable, Scheme, Theory
from rgwidgets.core.errors import CutoffError, ParameterError


class Linear(CouplingScheme):
    """K → M K, whose exponents are known."""

    name = "linear"
    citation = "a test"
    b = 2.0
    coupling_names = ("K", "h")
    steps = 4

    def __init__(self, matrix: list[list[float]]) -> None:
        self.matrix = torch.tensor(matrix, dtype=torch.float64)

    def transform(self, couplings: Tensor) -> Tensor:
        return self.matrix @ couplings


DIAGONAL = Linear([[0.5, 0.0], [0.0, 2.0]])


def values(theory: Theory) -> list[float]:
    return [float(v) for v in theory.couplings.values()]


@pytest.mark.parametrize("kind", [Scheme, CouplingScheme])
def test_a_scheme_without_its_verb_cannot_be_made(kind: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_the_scale_counts_lengths_in_powers_of_b() -> None:
    scale = DIAGONAL.scale(Theory(couplings={"K": 1.0}))
    assert scale.cutoffs == (1, 2, 4, 8, 16)
    assert scale.direction == "increasing"


@pytest.mark.parametrize("k", range(5))
def test_k_steps_are_taken_at_cutoff_b_to_the_k(k: int) -> None:
    theory = Theory(couplings={"h": 3.0, "K": 1.0}, name="two", attrs={"palette": "spins"})
    found = DIAGONAL.coarsen(theory, 2.0**k)
    assert isinstance(found, EffectiveTheory)
    assert list(found.couplings) == ["K", "h"]
    assert values(found) == [0.5**k, 3 * 2.0**k]
    assert (found.cutoff, found.name, found.parent) == (2.0**k, "two", theory)
    assert found.attrs["palette"] == "spins"


@pytest.mark.parametrize("first, second", [(1, 8), (2, 4), (4, 4), (8, 2), (16, 1)])
def test_coarsening_twice_is_coarsening_once_by_the_product(first: int, second: int) -> None:
    scheme = Linear([[0.9, 0.3], [-0.2, 1.1]])
    theory = Theory(couplings={"K": 0.4, "h": 0.1})
    twice = scheme.coarsen(scheme.coarsen(theory, first), second)
    once = scheme.coarsen(theory, first * second)
    assert scheme.composes
    assert values(twice) == pytest.approx(values(once), rel=1e-12)


def test_a_coupling_that_is_not_given_starts_at_zero() -> None:
    assert values(DIAGONAL.coarsen(Theory(couplings={"K": 1.0}), 4)) == [0.25, 0.0]


@pytest.mark.parametrize("couplings", [{}, {"J": 1.0}, {"K": 1.0, "J": 1.0}])
def test_couplings_that_the_scheme_does_not_know_are_refused(couplings: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=r"couplings of linear.*allowed: K, h"):
        DIAGONAL.coarsen(Theory(couplings=couplings), 2)


def test_a_cutoff_between_two_steps_is_refused() -> None:
    with pytest.raises(CutoffError, match="the nearest is 4"):
        DIAGONAL.coarsen(Theory(couplings={"K": 1.0}), 3.9)


def test_relevance_gives_the_local_exponents_in_order() -> None:
    order = DIAGONAL.coarsen(Theory(couplings={"K": 1.0}), 2).relevance
    assert order is not None
    assert order.names == ("along h", "along K")
    assert order.values == pytest.approx((1.0, -1.0), abs=1e-12)


def test_two_directions_along_one_coupling_keep_two_names() -> None:
    scheme = Linear([[2.0, 1.0], [0.0, 1.9]])  # both eigenvectors lie mostly along K
    order = scheme.coarsen(Theory(couplings={"K": 1.0}), 2).relevance
    assert order is not None
    assert set(order.names) == {"along K", "along h"}
    assert order.values == pytest.approx((1.0, math.log2(1.9)), abs=1e-12)


def test_complex_directions_have_names_too() -> None:
    order = Linear([[0.0, -1.5], [1.5, 0.0]]).coarsen(Theory(couplings={"K": 1.0}), 2).relevance
    assert order is not None
    assert len(set(order.names)) == 2
    assert order.values == pytest.approx((math.log2(1.5),) * 2, abs=1e-12)


def test_a_flow_of_couplings_has_numbers_but_nothing_observed() -> None:
    theory = Theory(
        {"spins": torch.ones(2, 4, 4)},
        couplings={"K": 1.0},
        attrs={"picture": "spins"},
        observables=(Observable("m", lambda f: f["spins"].mean((-2, -1)), tolerance=0.1),),
    )
    flow = Flow(theory, DIAGONAL)
    level = flow.level(4)
    assert level.couplings == {"K": 0.25, "h": 0.0}
    assert level.values == {}
    assert level.influences == {}
    assert level.field is None
    assert flow.to_xarray()["couplings"].sel(coupling="K").values.tolist() == [
        1,
        0.5,
        0.25,
        0.125,
        0.0625,
    ]
