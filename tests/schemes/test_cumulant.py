"""The cumulant expansion on the triangular lattice: against sums over every spin of clusters."""

import cmath
import math
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.fixed_points import fixed_point, linearise
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.cumulant import Cumulant

STARTS = {1: [0.3, 0.0], 2: [0.28, -0.014, -0.015, 0.0]}
LENGTHS = (1.0, math.sqrt(3), 2.0)
#: Centres of blocks lie on a triangular lattice of length √3, turned by 30° to that of the spins.
CENTRES = [
    math.sqrt(3) * cmath.exp(1j * math.pi / 6) * (i + j * cmath.exp(1j * math.pi / 3))
    for i, j in product(range(-3, 4), repeat=2)
]
CORNERS = [cmath.exp(1j * math.pi * (1 / 2 + 2 * n / 3)) / math.sqrt(3) for n in range(3)]


def step(scheme: Cumulant, *couplings: float) -> list[float]:
    return scheme.transform(torch.tensor(couplings, dtype=torch.float64)).tolist()


def apart(one: complex, other: complex, length: float) -> bool:
    return math.isclose(abs(one - other), length, abs_tol=1e-9)


def at(length: float) -> list[complex]:
    """Centres of the six blocks at that many block lengths from the one at 0."""
    found = [c for c in CENTRES if apart(c, 0, math.sqrt(3) * length)]
    assert len(found) == 6
    return found


@cache
def enumerated(n: int) -> np.ndarray:
    """All states of n spins, (2ⁿ, n) int8."""
    bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    return (2 * bits - 1).astype(np.int8)


def summed(centres: tuple[complex, ...], bonds: tuple[float, ...], h: float) -> list[np.ndarray]:
    """First and second cumulant by state of the blocks, from the sum over all spins of a cluster.

    K and h are of first order in what is expanded, K₂ and K₃ of second.
    """
    sites = [c + corner for c in centres for corner in CORNERS]
    spins = enumerated(len(sites))
    block = [spins[:, 3 * i : 3 * i + 3].sum(1) > 0 for i in range(len(centres))]
    state = sum(up.astype(np.int64) << i for i, up in enumerate(block))
    within, first, second = np.zeros(len(spins)), h * spins.sum(1), np.zeros(len(spins))
    for a, b in product(range(len(sites)), repeat=2):
        for length, k in zip(LENGTHS, bonds, strict=True):
            if a < b and apart(sites[a], sites[b], length):
                inside, nearest = a // 3 == b // 3, length == 1
                part = within if inside else first if nearest else second
                part += k * (spins[:, a] * spins[:, b])
    weight = np.exp(within)

    def average(values: np.ndarray) -> np.ndarray:
        return np.bincount(state, weight * values) / np.bincount(state, weight)

    mean = average(first)
    return [mean, (average(first**2) - mean**2) / 2 + average(second)]


def projected(energies: np.ndarray, chosen: tuple[int, ...]) -> float:
    """Coupling of the product of these blocks' spins."""
    signs = enumerated(energies.size.bit_length() - 1)[:, list(chosen)]
    return float((energies * signs.prod(1)).mean())


def pair(other: complex, bonds: tuple[float, ...], h: float = 0.0) -> list[float]:
    """First and second order of the coupling of two blocks, with every block between them."""
    third = [c for c in at(1) if c != other and apart(c, other, math.sqrt(3))]
    cumulants = summed((0j, other, *third), bonds, h)
    return [projected(cumulant, (0, 1)) for cumulant in cumulants]


couplings = st.tuples(st.floats(-1.0, 1.5), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))


@given(couplings, st.floats(-0.5, 0.5))
@settings(max_examples=25)
def test_second_order_couplings_are_those_of_every_spin_of_a_cluster_summed(bonds, h):
    new = step(Cumulant(2), *bonds, h)
    for length, found in zip(LENGTHS, new[:3], strict=True):
        assert found == pytest.approx(sum(pair(at(length)[0], bonds, h)), abs=1e-12)


@given(st.floats(-1.0, 2.0), st.floats(-0.5, 0.5))
@settings(max_examples=25)
def test_first_order_couplings_are_those_of_two_blocks_summed(k, h):
    cumulants = summed((0j, at(1)[0]), (k, 0, 0), h)
    new = projected(cumulants[0], (0, 1)), projected(cumulants[0], (0,))
    assert step(Cumulant(1), k, h) == pytest.approx(new, abs=1e-12)


@pytest.mark.parametrize(("k", "h"), [(0.2789, 0.1), (-0.4, 0.3), (0.9, -0.05)])
def test_the_field_is_that_of_a_block_among_its_six_neighbours(k, h):
    one = projected(summed((0j,), (k, 0, 0), h)[0], (0,))
    # what the neighbours add, they add one by one
    added = sum(projected(summed((0j, c), (k, 0, 0), h)[1], (0,)) for c in at(1))
    assert step(Cumulant(2), k, 0.2, -0.1, h)[3] == pytest.approx(one + added, abs=1e-12)


@pytest.mark.slow
def test_six_neighbours_together_do_what_they_do_one_by_one():
    cumulants = summed((0j, *at(1)), (0.2789, 0, 0), 0.1)
    whole = sum(projected(c, (0,)) for c in cumulants)
    assert step(Cumulant(2), 0.2789, 0, 0, 0.1)[3] == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("length", LENGTHS)
def test_all_six_separations_of_one_length_carry_the_same_coupling(length):
    values = [pair(c, (0.35, -0.05, 0.07), 0.2) for c in at(length)]
    for first, other in pairwise(values):
        assert first == pytest.approx(other, abs=1e-13)


def test_no_coupling_is_made_beyond_third_neighbours_nor_between_more_than_two_blocks():
    bonds, h = (0.4, 0.1, -0.1), 0.2
    line = (0j, at(1)[0], 2 * at(1)[0], 3 * at(1)[0])
    triangle = (0j, at(1)[0], next(c for c in at(1) if apart(c, at(1)[0], math.sqrt(3))))
    for cumulant in summed(line, bonds, h):
        assert projected(cumulant, (0, 3)) == pytest.approx(0, abs=1e-14)
        assert projected(cumulant, (0, 1, 2, 3)) == pytest.approx(0, abs=1e-14)
    for cumulant in summed(triangle, bonds, h):
        assert projected(cumulant, (0, 1, 2)) == pytest.approx(0, abs=1e-14)


@given(couplings, st.floats(-1, 1))
@settings(max_examples=50)
def test_both_orders_are_the_closed_forms_of_the_docstring(bonds, h):
    k, k2, k3 = bonds
    total = math.exp(3 * k) + 3 * math.exp(-k)
    m = (math.exp(3 * k) + math.exp(-k)) / total
    g = (math.exp(3 * k) - math.exp(-k)) / total
    assert step(Cumulant(), k, h) == pytest.approx([2 * m**2 * k, 3 * m * h], abs=1e-13)
    expected = [
        m**2 * (2 * k + 4 * (1 + g - 2 * m**2) * k**2 + 3 * k2 + 2 * k3),
        m**2 * ((1 + 7 * g - 8 * m**2) * k**2 + k3),
        4 * m**2 * (g - m**2) * k**2,
        3 * m * h + 12 * m * (1 + 2 * g - 3 * m**2) * k * h,
    ]
    assert step(Cumulant(2), *bonds, h) == pytest.approx(expected, abs=1e-13)


def test_first_order_has_the_fixed_point_and_exponents_of_the_reference():
    found = fixed_point(Cumulant(), STARTS[1])
    assert found.tolist() == pytest.approx([math.log(1 + 2 * math.sqrt(2)) / 4, 0], abs=1e-12)
    y = linearise(Cumulant(), found).exponents.tolist()
    assert y == pytest.approx([1.369070, 0.882203], abs=1e-6)


def test_second_order_has_the_published_fixed_point():
    found = fixed_point(Cumulant(2), STARTS[2])
    assert found.tolist() == pytest.approx([0.2789, -0.0143, -0.0152, 0], abs=1e-4)
    assert found.tolist() == pytest.approx([0.278869, -0.014248, -0.015231, 0], abs=5e-7)


def test_second_order_exponents_are_those_of_the_summed_clusters():
    """The slope of the brute sums at the fixed point, where no closed form is differentiated."""
    point = fixed_point(Cumulant(2), STARTS[2]).tolist()[:3]
    slope = np.zeros((3, 3))
    for column, row in product(range(3), repeat=2):
        shifted = [[*point], [*point]]
        shifted[0][column] += 1e-4
        shifted[1][column] -= 1e-4
        up, down = (sum(pair(at(LENGTHS[row])[0], tuple(s))) for s in shifted)
        slope[row, column] = (up - down) / 2e-4
    values = sorted(np.linalg.eigvals(slope).real, key=abs, reverse=True)
    assert values == pytest.approx([1.772843, 0.194778, -0.136354], abs=1e-6)
    found = linearise(Cumulant(2), [*point, 0.0])
    assert found.eigenvalues.real.tolist() == pytest.approx([2.755165, *values], abs=1e-6)
    assert found.exponents.tolist()[:2] == pytest.approx([1.845013, 1.042378], abs=1e-6)


def test_second_order_is_nearer_to_the_exact_exponents_than_first():
    exact = torch.tensor([15 / 8, 1.0], dtype=torch.float64)
    first, second = (
        linearise(Cumulant(o), fixed_point(Cumulant(o), STARTS[o])).exponents[:2] - exact
        for o in (1, 2)
    )
    assert bool((second.abs() < first.abs() / 2).all())


@pytest.mark.parametrize(("order", "critical"), [(1, 0.335614), (2, 0.257484)])
def test_the_flow_of_nearest_neighbours_parts_at_the_critical_coupling(order, critical):
    for k, grows in ((critical - 2e-6, False), (critical + 2e-6, True)):
        point = torch.zeros(len(STARTS[order]), dtype=torch.float64)
        point[0] = k
        for _ in range(40):
            if 1e-3 < float(point.abs().max()) < 5:
                point = Cumulant(order).transform(point)
        assert float(point[0]) > 5 if grows else float(point.abs().max()) < 1e-3


@given(st.floats(-3, 3), st.floats(-1, 1), st.sampled_from([1, 2]))
@settings(max_examples=40)
def test_the_map_is_odd_in_the_field_and_even_couplings_do_not_see_it(k, h, order):
    rest = [] if order == 1 else [0.1, -0.2]
    up, down = (step(Cumulant(order), k, *rest, sign * h) for sign in (1, -1))
    assert up[:-1] == pytest.approx(down[:-1], abs=1e-15)
    assert up[-1] == pytest.approx(-down[-1], abs=1e-15)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("k", [0.0, 1e-9, 0.3, -0.7, 50.0, 1e4, -1e4])
def test_the_map_is_finite_and_differentiable_however_strong_the_coupling(order, k):
    scheme = Cumulant(order)
    point = torch.full((len(scheme.coupling_names),), 0.1, dtype=torch.float64)
    point[0] = k
    jacobian = torch.func.jacrev(scheme.transform)(point)
    assert bool(torch.isfinite(jacobian).all())
    if abs(k) < 1:
        assert torch.autograd.gradcheck(scheme.transform, point.clone().requires_grad_())


@pytest.mark.parametrize("k", [20.0, 300.0])
@pytest.mark.parametrize("order", [1, 2])
def test_strong_couplings_double_as_the_bonds_between_two_blocks_do(order, k):
    assert step(Cumulant(order), k, *[0.0] * (2 * order - 1))[0] == pytest.approx(2 * k, rel=1e-12)


def test_a_flow_goes_from_length_to_length_by_the_root_of_three():
    flow = Flow(Theory(couplings={"K": 0.2}), Cumulant(2))
    assert flow.scale.cutoffs[:3] == pytest.approx((1, math.sqrt(3), 3))
    assert list(flow[3].couplings) == ["K", "K2", "K3", "h"]
    twice = step(Cumulant(2), *step(Cumulant(2), 0.2, 0, 0, 0))
    assert [float(v) for v in flow[3].couplings.values()] == pytest.approx(twice, rel=1e-14)
    assert float(flow[flow.scale.cutoffs[-1]].couplings["K"]) < 1e-3


@pytest.mark.parametrize("order", [0, 3, -1, 1.5, 2.0, True, "2"])
def test_orders_other_than_one_and_two_are_refused(order):
    with pytest.raises(ParameterError, match="order: got"):
        Cumulant(order)


def test_couplings_that_the_order_does_not_have_and_lengths_between_steps_are_refused():
    with pytest.raises(ParameterError, match=r"couplings of cumulant.*allowed: K, h"):
        Cumulant(1).coarsen(Theory(couplings={"K": 0.3, "K2": 0.1}), 1)
    with pytest.raises(CutoffError, match=r"nearest is 1\.73205"):
        Cumulant(2).coarsen(Theory(couplings={"K": 0.3}), 2)
