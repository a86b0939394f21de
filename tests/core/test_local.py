"""Local observables: what they evaluate to, and what they refuse."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import ObservableError, ParameterError, ShapeError
from rgwidgets.core.local import LocalObservable

OFFSET = st.tuples(st.integers(-3, 3), st.integers(-3, 3))
TERM = st.tuples(st.floats(-2, 2), st.lists(OFFSET, min_size=0, max_size=4, unique=True).map(tuple))


def random_spins(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randint(0, 2, shape, generator=generator) - 1).to(torch.int8)


def by_hand(terms, spins: torch.Tensor) -> float:
    """Sum over sites and terms, one product at a time."""
    height, width = spins.shape
    total = 0.0
    for y in range(height):
        for x in range(width):
            for coefficient, offsets in terms:
                factors = (int(spins[(y + dy) % height, (x + dx) % width]) for dy, dx in offsets)
                total += coefficient * math.prod(factors)
    return total / (height * width)


@given(st.lists(TERM, min_size=1, max_size=3), st.integers(0, 99), st.integers(3, 6))
@settings(max_examples=60, deadline=None)
def test_the_value_is_the_sum_over_sites_and_terms(terms, seed, width):
    spins = random_spins(seed, 2, 4, width)
    values = LocalObservable("o", terms=tuple(terms)).samples({"spins": spins})
    assert values.tolist() == pytest.approx([by_hand(terms, s) for s in spins], abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.float32, torch.float64])
def test_integer_and_real_spins_agree(dtype):
    spins = random_spins(1, 5, 6, 8)
    energy = LocalObservable("e", terms=((-1, ((0, 0), (0, 1))), (-1, ((0, 0), (1, 0)))))
    expected = energy.samples({"spins": spins})
    torch.testing.assert_close(energy.samples({"spins": spins.to(dtype)}), expected)


def test_absolute_is_taken_by_sample_not_of_the_mean():
    spins = torch.stack([torch.ones(4, 4), -torch.ones(4, 4)]).to(torch.int8)
    m = LocalObservable("|m|", terms=((1.0, ((0, 0),)),), absolute=True)
    assert m.samples({"spins": spins}).tolist() == [1.0, 1.0]


def test_offsets_that_differ_by_a_translation_are_the_same_observable():
    spins = random_spins(2, 3, 6, 6)
    one = LocalObservable("d", terms=((1.0, ((0, 0), (1, -1))),))
    other = LocalObservable("d", terms=((1.0, ((2, 3), (1, 4))),))
    torch.testing.assert_close(one.samples({"spins": spins}), other.samples({"spins": spins}))


def test_the_gradient_is_the_local_field():
    spins = random_spins(3, 1, 4, 4).double().requires_grad_()
    nearest = LocalObservable("nn", terms=((1, ((0, 0), (0, 1))), (1, ((0, 0), (1, 0)))))
    nearest.samples({"spins": spins}).sum().backward()
    s = spins.detach()
    field = sum(s.roll(step, axis) for axis in (1, 2) for step in (1, -1)) / 16
    torch.testing.assert_close(spins.grad, field)


def test_one_dimensional_chains_are_served_too():
    chain = torch.tensor([[1, 1, -1, -1]], dtype=torch.int8)
    bond = LocalObservable("bond", terms=((1.0, ((0,), (1,))),))
    assert bond.samples({"spins": chain}).tolist() == [0.0]


def test_replacing_the_tolerance_keeps_the_terms():
    bond = LocalObservable("bond", terms=((1.0, ((0, 0), (0, 1))),), unit="J")
    changed = dataclasses.replace(bond, tolerance=0.1)
    assert (changed.terms, changed.unit, changed.tolerance) == (bond.terms, "J", 0.1)
    assert changed != bond
    assert dataclasses.replace(bond) == bond


@pytest.mark.parametrize(
    "terms",
    [
        (),
        ((math.nan, ((0, 0),)),),
        ((math.inf, ((0, 0),)),),
        ((1.0, ((0, 0), (0, 0))),),
        ((1.0, ((0, 0), (1,))),),
    ],
)
def test_terms_that_mean_nothing_are_refused(terms):
    with pytest.raises(ParameterError, match="terms of o"):
        LocalObservable("o", terms=terms)


def test_missing_spins_and_wrong_dimension_are_refused():
    bond = LocalObservable("bond", terms=((1.0, ((0, 0), (0, 1))),))
    with pytest.raises(ObservableError, match="spins"):
        bond.samples({"activation": torch.ones(2, 3)})
    with pytest.raises(ShapeError, match="spins"):
        bond.samples({"spins": torch.ones(2, 3)})
