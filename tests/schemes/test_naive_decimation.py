"""Decimation of the square lattice: against sums over every spin, with and without truncation."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.fixed_points import fixed_point, linearise
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.naive_decimation import NaiveDecimation

K_C = math.log(1 + math.sqrt(2)) / 2


def step(k: float, truncation: str = "add") -> list[float]:
    rest = [0.0, 0.0] if truncation == "none" else []
    point = torch.tensor([k, *rest], dtype=torch.float64)
    return NaiveDecimation(truncation).transform(point).tolist()


def log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)


def states(n: int) -> np.ndarray:
    """All states of n spins, (2ⁿ, n)."""
    return 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1


class Patch:
    """A 4 × 4 torus, all of whose 2¹⁶ states are summed over: the black sites stay, 2⁸ states."""

    def __init__(self) -> None:
        self.sites = list(product(range(4), repeat=2))
        self.kept = [site for site in self.sites if sum(site) % 2 == 0]
        self.spins = states(len(self.sites))
        black = [self.sites.index(site) for site in self.kept]
        self.state = ((self.spins[:, black] + 1) // 2) @ (1 << np.arange(len(black)))
        self.black = states(len(black))

    def free_energy(self, k: float) -> np.ndarray:
        """ln Σ e^{−βH} over the white spins, by state of the black ones."""
        energy = self.terms(self.sites, self.spins, ((0, 0), (0, 1)))
        energy += self.terms(self.sites, self.spins, ((0, 0), (1, 0)))
        return np.log(np.bincount(self.state, np.exp(k * energy)))

    def terms(
        self, sites: list[tuple[int, int]], spins: np.ndarray, shape: tuple[tuple[int, int], ...]
    ) -> np.ndarray:
        """Sum over the torus of the product of the spins of that shape."""
        total = np.zeros(len(spins))
        for y, x in sites:
            places = [sites.index(((y + dy) % 4, (x + dx) % 4)) for dy, dx in shape]
            total += spins[:, places].prod(1)
        return total

    def generated(self, k: float) -> np.ndarray:
        """What the black spins' energy would be with the three couplings that are generated."""
        nearest, second, four = step(k, "none")

        def sum_of(*shape: tuple[int, int]) -> np.ndarray:
            return self.terms(self.kept, self.black, shape)

        return (
            nearest * (sum_of((0, 0), (1, 1)) + sum_of((0, 0), (1, -1)))
            + second * (sum_of((0, 0), (2, 0)) + sum_of((0, 0), (0, 2)))
            + four * sum_of((0, 0), (1, 1), (2, 0), (1, -1))
        )


PATCH = Patch()


@given(st.floats(-1.5, 1.5))
@settings(max_examples=25)
def test_the_generated_couplings_are_those_of_a_patch_summed_spin_by_spin(k):
    difference = PATCH.free_energy(k) - PATCH.generated(k)
    assert difference.max() - difference.min() < 1e-11  # a constant: the free energy that is left


@pytest.mark.parametrize("k", [0.1, 0.4, K_C, 1.0])
def test_forgetting_what_is_generated_is_not_the_patch(k):
    nearest = step(k, "drop")[0]
    pairs = PATCH.terms(PATCH.kept, PATCH.black, ((0, 0), (1, 1)))
    pairs += PATCH.terms(PATCH.kept, PATCH.black, ((0, 0), (1, -1)))
    difference = PATCH.free_energy(k) - nearest * pairs
    assert difference.max() - difference.min() > k**2  # K₂' begins with K²


@given(st.floats(-5, 5))
@settings(max_examples=100)
def test_one_spin_among_four_couples_them_as_the_formulas_say(k):
    spins = states(4)
    energy = np.logaddexp(k * spins.sum(1), -k * spins.sum(1))
    pair = float((energy * spins[:, 0] * spins[:, 1]).mean())
    four = float((energy * spins.prod(1)).mean())
    # a bond between nearest neighbours has a spin that goes on either side
    assert step(k, "none") == pytest.approx([2 * pair, pair, four], abs=1e-13)


@given(st.floats(-20, 20))
@settings(max_examples=100)
def test_the_couplings_are_the_closed_forms_of_the_reference(k):
    two, four = log_cosh(2 * k), log_cosh(4 * k)
    expected = [four / 4, four / 8, four / 8 - two / 2]
    assert step(k, "none") == pytest.approx(expected, rel=1e-12, abs=1e-13)
    assert step(k, "drop") == pytest.approx(expected[:1], rel=1e-12, abs=1e-13)
    assert step(k, "add") == pytest.approx([3 / 8 * four], rel=1e-12, abs=1e-13)


def test_the_four_spin_coupling_at_two_fifths_is_the_reference():
    assert step(0.4, "none")[2] == pytest.approx(-0.0270, abs=5e-5)


@given(st.floats(1e-6, 1e4))
@settings(max_examples=100)
def test_the_four_spin_coupling_is_never_positive_and_the_pairs_never_negative(k):
    nearest, second, four = step(k, "none")
    assert nearest == 2 * second > 0
    assert four < 0
    assert -four < nearest


@pytest.mark.parametrize("k", [1e-3, 1e-6, 1e-9])
def test_weak_couplings_keep_their_relative_accuracy(k):
    assert step(k, "none") == pytest.approx([2 * k**2, k**2, -2 * k**4], rel=20 * k**2 + 1e-14)


@pytest.mark.parametrize("k", [20.0, 300.0, 1e5])
def test_strong_couplings_are_finite(k):
    log_2 = math.log(2)
    expected = [k - log_2 / 4, k / 2 - log_2 / 8, -k / 2 + 3 / 8 * log_2]
    assert step(k, "none") == pytest.approx(expected, rel=1e-14)


def test_the_two_forms_of_the_map_meet_where_one_takes_over():
    below, above = (np.array(step(0.5 + e, "none")) for e in (-1e-9, 1e-9))
    slope = torch.func.jacrev(NaiveDecimation().generated)(torch.tensor(0.5).double())
    assert (above - below) / 2e-9 == pytest.approx(slope.numpy(), rel=1e-5)


@pytest.mark.parametrize("k", [0.0, 1e-8, 0.2, 0.4999, 0.5001, 3.0, 40.0, -0.3, -2.0])
def test_the_map_is_differentiable_everywhere(k):
    point = torch.tensor(k, dtype=torch.float64)
    generated = NaiveDecimation().generated
    slope = torch.func.jacrev(generated)(point)
    numeric = (generated(point + 1e-6) - generated(point - 1e-6)) / 2e-6
    torch.testing.assert_close(slope, numeric, rtol=1e-7, atol=1e-8)


def test_adding_the_diagonals_gives_the_reference_fixed_point_and_exponent():
    scheme = NaiveDecimation("add")
    for start in (0.45, 0.5, 0.6):
        found = fixed_point(scheme, start)
        assert float(found) == pytest.approx(0.50698102, abs=5e-9)
        y = float(linearise(scheme, found).exponents[0])
        assert y == pytest.approx(1.069961, abs=5e-7)
        slope = 1.5 * math.tanh(4 * float(found))
        assert y == pytest.approx(math.log(slope) / math.log(math.sqrt(2)), abs=1e-12)


@given(st.floats(1e-9, 1e3))
@settings(max_examples=200)
def test_without_the_generated_couplings_there_is_no_fixed_point_but_zero_and_infinity(k):
    assert 0 < step(k, "drop")[0] < k


@pytest.mark.parametrize(("truncation", "factor"), [("drop", 8.0), ("add", 0.999)])
def test_flows_end_at_infinite_temperature(truncation, factor):
    scheme, point = NaiveDecimation(truncation), torch.tensor([factor * 0.50698102]).double()
    for _ in range(60):
        point = scheme.transform(point)
    assert 0 <= float(point) < 1e-12


def test_only_with_the_generated_couplings_is_there_order():
    for truncation, ordered in (("add", True), ("drop", False)):
        flow = Flow(Theory(couplings={"K": 0.55}), NaiveDecimation(truncation))
        last = float(flow[flow.scale.cutoffs[-1]].couplings["K"])
        assert (last > 2) is ordered


def test_the_exact_map_takes_one_step_and_no_second():
    scheme = NaiveDecimation("none")
    flow = Flow(Theory(couplings={"K": 0.4}), scheme)
    assert flow.scale.cutoffs == pytest.approx((1, math.sqrt(2)))
    coarse = flow[math.sqrt(2)]
    assert [float(v) for v in coarse.couplings.values()] == step(0.4, "none")
    assert list(coarse.couplings) == ["K", "K2", "K4"]
    assert len(coarse.relevance) == 0
    with pytest.raises(ParameterError, match=r"no second step.*truncation=\"add\""):
        scheme.coarsen(coarse, math.sqrt(2))
    with pytest.raises(CutoffError, match=r"nearest is 1\.41421"):
        scheme.coarsen(flow.theory, 2)
    with pytest.raises(ParameterError, match="no second step"):
        fixed_point(scheme, [0.4, 0.0, 0.0])


def test_the_exact_flow_can_be_recorded():
    data = Flow(Theory(couplings={"K": 0.4}), NaiveDecimation("none")).to_xarray()
    assert float(data["couplings"].sel(coupling="K4")[1]) == pytest.approx(-0.0270, abs=5e-5)


@pytest.mark.parametrize("truncation", ["ad", "all", "", None, 1])
def test_truncations_that_there_are_not_are_refused(truncation):
    with pytest.raises(ParameterError, match="truncation"):
        NaiveDecimation(truncation)


def test_a_misspelt_truncation_is_told_the_nearest():
    with pytest.raises(ParameterError, match="did you mean 'drop'"):
        NaiveDecimation("dropp")


@pytest.mark.parametrize("truncation", ["add", "drop"])
def test_a_truncated_map_refuses_the_couplings_that_it_forgets(truncation):
    with pytest.raises(ParameterError, match="couplings of naive_decimation"):
        NaiveDecimation(truncation).coarsen(Theory(couplings={"K": 0.4, "K2": 0.1}), 1)
