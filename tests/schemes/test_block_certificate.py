"""Proved ranges against exhaustion, and against every lattice that anyone finds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.local import LocalObservable
from rgwidgets.schemes import block_certificate as certificate
from rgwidgets.schemes.block_spin import BlockSpin

from .lattices import LOCAL, belongs, every_lattice, random_spins

ISING_RULES = ("majority", "decimation")
SMOOTH = [o for o in LOCAL if not o.absolute]


def exact_maximum(observable, sign, rule, height=4, width=4):
    """Largest sign × polynomial over the fibre of each 2 × 2 lattice of blocks, by exhaustion."""
    lattices = every_lattice(height, width)
    values = sign * observable.polynomial(lattices)
    return torch.stack(
        [
            values[belongs(lattices, c, 2, rule)].max()
            for c in every_lattice(height // 2, width // 2)
        ]
    )


@pytest.mark.parametrize("observable", LOCAL, ids=lambda o: o.name)
def test_the_mean_of_the_plaquette_function_is_the_observable(observable):
    spins = random_spins(0, 5, 6, 8)
    table = certificate.plaquette_table(observable)
    if observable.name == "far":
        assert table is None
        return
    mean = certificate.lattice_sum(table, spins) / 48
    torch.testing.assert_close(mean, observable.polynomial(spins))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ISING_RULES)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("observable", SMOOTH, ids=lambda o: o.name)
def test_no_lattice_exceeds_the_bound(observable, sign, rule):
    shown = every_lattice(2, 2)
    bound = certificate.upper_bound(observable, shown, 2, rule, 1, sign)
    exact = exact_maximum(observable, sign, rule)
    assert bool((bound >= exact - 1e-12).all())
    assert float((bound - exact).max()) <= 0.8  # and it is no empty promise
    if observable.degree == 1:
        torch.testing.assert_close(bound, exact)


def test_the_bound_of_the_hidden_checkerboard_is_attained():
    uniform = torch.ones(1, 2, 2, dtype=torch.int8)
    bound = certificate.upper_bound(LOCAL[2], uniform, 2, "majority", 1, -1)
    assert float(bound) == pytest.approx(1.0, abs=1e-12)  # −(−1)


@pytest.mark.parametrize("rule", ISING_RULES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_window_is_maximised_exactly(rule, seed):
    """Row by row equals all 2^16 windows of 4 × 4 spins at once."""
    table = tuple(torch.randn(16, generator=torch.Generator().manual_seed(seed)).double().tolist())
    windows = every_lattice(4, 4)
    up = (windows > 0).long()
    code = up[:, :-1, :-1] + 2 * up[:, :-1, 1:] + 4 * up[:, 1:, :-1] + 8 * up[:, 1:, 1:]
    share = torch.tensor([0.5, 1.0, 0.5]).double()
    value = (torch.tensor(table).double()[code] * share[:, None] * share).sum((1, 2))
    raised = certificate.raised_table(table, 2, rule)
    for index in range(16):
        blocks = torch.tensor([2 * (index >> k & 1) - 1 for k in range(4)]).view(2, 2)
        exact = value[belongs(windows, blocks, 2, rule)].max()
        assert raised[index] == pytest.approx(float(exact), abs=1e-12)


@given(
    st.integers(0, 999),
    st.sampled_from([(2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 1), (5, 1)]),
    st.sampled_from(ISING_RULES),
    st.sampled_from(SMOOTH),
    st.floats(0.05, 0.95),
)
@settings(max_examples=80, deadline=None)
def test_every_lattice_lies_within_the_range_of_its_own_blocks(seed, steps, rule, observable, bias):
    b, level = steps
    spins = random_spins(seed, 3, 2 * b**level, 3 * b**level, bias)
    coarse = BlockSpin(b, rule=rule).pyramid(spins)[level]
    value = observable.polynomial(spins)
    high = certificate.upper_bound(observable, coarse, b, rule, level, 1)
    low = -certificate.upper_bound(observable, coarse, b, rule, level, -1)
    assert bool((low - 1e-12 <= value).all())
    assert bool((value <= high + 1e-12).all())


@pytest.mark.parametrize("rule", ISING_RULES)
@pytest.mark.parametrize("observable", SMOOTH, ids=lambda o: o.name)
def test_two_steps_are_bounded_too(rule, observable):
    """All 2^16 lattices of 4 × 4 against their single block two levels up, on a doubled torus."""
    lattices = every_lattice(4, 4)[::7]
    doubled = lattices.repeat(1, 2, 2)
    coarse = BlockSpin(rule=rule).pyramid(doubled)[2]
    high = certificate.upper_bound(observable, coarse, 2, rule, 2, 1)
    assert bool((observable.polynomial(doubled) <= high + 1e-12).all())


@given(st.integers(0, 999), st.sampled_from(SMOOTH), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_counting_minority_spins_bounds_every_lattice_of_that_mean(seed, observable, bias):
    spins = random_spins(seed, 4, 6, 6, bias)
    low, high = certificate.counting_range(observable, spins.double().mean((1, 2)))
    value = observable.polynomial(spins)
    assert bool((low - 1e-12 <= value).all())
    assert bool((value <= high + 1e-12).all())
    if observable.degree == 1:
        torch.testing.assert_close(low, high)


def test_wide_terms_and_wide_blocks_fall_back_to_the_size_of_the_terms():
    coarse = random_spins(0, 2, 4, 4)
    wide = LocalObservable("w", terms=((0.7, ((0, 0), (0, 2))), (-0.2, ((0, 0), (2, 0)))))
    bound = certificate.upper_bound(wide, coarse, 2, "majority", 1, 1)
    assert bound.tolist() == pytest.approx([0.9, 0.9])
    assert not certificate.is_windowed(wide, 2)
    assert certificate.is_windowed(LOCAL[2], 3)
    assert not certificate.is_windowed(LOCAL[2], 4)
    bound = certificate.upper_bound(LOCAL[2], coarse, 4, "majority", 1, 1)
    assert bound.tolist() == pytest.approx([1.0, 1.0])
