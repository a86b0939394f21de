"""The central limit as a flow: cumulants against convolutions, sums against exact shares."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rgwidgets.core.errors import CutoffError, GeometryError, ParameterError, ShapeError
from rgwidgets.core.fixed_points import fixed_point, linearise
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.central_limit import BAR, SIDE, CentralLimit, histogram
from rgwidgets.systems.data.independent_numbers import IndependentNumbers
from rgwidgets.widgets.frame import fitting_views

SCHEMES = st.builds(
    CentralLimit, st.integers(2, 5), alpha=st.floats(0.3, 2), highest=st.integers(3, 8)
)


def numbers(n: int, count: int, seed: int = 0) -> Tensor:
    return torch.randn(n, count, generator=torch.Generator().manual_seed(seed)).double()


def cumulants(values: np.ndarray, weights: np.ndarray, highest: int) -> dict[str, float]:
    """Of a discrete law, by the recursion from its moments."""
    mean = float(weights @ values)
    moments = [float(weights @ (values - mean) ** k) for k in range(highest + 1)]
    kappa = [0.0] * (highest + 1)
    for n in range(2, highest + 1):
        rest = sum(math.comb(n - 1, m - 1) * kappa[m] * moments[n - m] for m in range(1, n))
        kappa[n] = moments[n] - rest
    higher = {f"kappa{k}": kappa[k] for k in range(3, highest + 1)}
    return {**higher, "variance": kappa[2], "mean": mean}


laws = st.lists(st.floats(0.05, 1), min_size=2, max_size=6).map(lambda w: np.array(w) / sum(w))


@given(laws, SCHEMES)
@settings(max_examples=60)
def test_one_step_is_the_law_of_the_sum_convolved_and_rescaled(law, scheme):
    convolved = law
    for _ in range(scheme.numbers - 1):
        convolved = np.convolve(convolved, law)
    places = np.arange(len(convolved)) / scheme.numbers ** (1 / scheme.alpha)
    expected = cumulants(places, convolved, scheme.highest)
    fine = Theory(couplings=cumulants(np.arange(len(law)), law, scheme.highest))
    found = scheme.coarsen(fine, scheme.numbers).couplings
    assert list(found) == list(expected)
    size = 1 + max(abs(v) for v in expected.values())
    assert [float(v) for v in found.values()] == pytest.approx(
        list(expected.values()), rel=1e-9, abs=1e-9 * size
    )


def test_uniform_numbers_paired_five_times_have_the_reference_kurtosis():
    uniform = Theory(couplings={"variance": 1.0, "kappa4": -1.2})
    coarse = CentralLimit().coarsen(uniform, 32)
    assert float(coarse.couplings["kappa4"]) == pytest.approx(-0.0375, abs=1e-15)
    assert float(coarse.couplings["variance"]) == pytest.approx(1, abs=1e-15)


@given(SCHEMES)
@settings(max_examples=40)
def test_the_exponents_are_those_of_the_linearised_map(scheme):
    order = scheme.coarsen(Theory(couplings={"variance": 1.0}), 1).relevance
    assert order.quantity == "scaling exponent y"
    y = linearise(scheme, torch.ones(len(scheme.coupling_names))).exponents.tolist()
    assert list(order.values) == pytest.approx(y, abs=1e-12)
    assert order.names == ("mean", "variance", *[f"kappa{k}" for k in range(3, scheme.highest + 1)])


def test_the_gaussian_is_a_line_of_fixed_points_with_mean_relevant_and_variance_marginal():
    scheme = CentralLimit()
    for variance in (0.3, 1.0, 7.0):
        gaussian = torch.tensor([0, 0, variance, 0]).double()
        assert torch.equal(scheme.transform(gaussian), gaussian)
        y = linearise(scheme, gaussian).exponents.tolist()
        assert y == pytest.approx([0.5, 0, -0.5, -1], abs=1e-12)


def test_averages_keep_the_mean_and_lose_everything_else():
    scheme, sure = CentralLimit(alpha=1), torch.tensor([0, 0, 0, 0.2]).double()
    assert torch.equal(scheme.transform(sure), sure)
    y = linearise(scheme, sure).exponents.tolist()
    assert y == pytest.approx([0, -1, -2, -3], abs=1e-12)


@given(SCHEMES.filter(lambda s: all(abs(y) > 1e-3 for y in s.exponents)))
@settings(max_examples=20)
def test_where_no_cumulant_is_marginal_nothing_is_a_fixed_point_but_zero(scheme):
    start = torch.linspace(-1, 2, len(scheme.coupling_names)).double()
    assert float(fixed_point(scheme, start).abs().max()) < 1e-9


EXACT = {  # mean, variance, skewness, excess kurtosis at block size 1
    "uniform": (0.0, 1.0, 0.0, -1.2),
    "exponential": (0.0, 1.0, 2.0, 6.0),
    "coin": (0.0, 1.0, 0.0, -2.0),
    "normal": (0.3, 1.0, 0.0, 0.0),
}
POWERS = (0.5, 0.0, -0.5, -1.0)
SEEDS, LEAST, MOST = 20, 4.4, 52.4  # a chi-square of twenty leaves these once in 10⁴ each
NAMES = ("mean", "variance", "skewness", "excess kurtosis")


@pytest.mark.parametrize("law", EXACT)
@pytest.mark.parametrize("size", [2, 32])
def test_sampled_sums_agree_with_the_exact_flow_within_their_errors(law, size):
    """The squares of deviation over error add up to about the number of seeds."""
    squares = np.zeros(4)
    for seed in range(SEEDS):
        mean = EXACT[law][0]
        system = IndependentNumbers(law, samples=256, numbers=256, mean=mean, seed=seed)
        found = CentralLimit().coarsen(system.theory(), size).observe()
        for i, (name, start, power) in enumerate(zip(NAMES, EXACT[law], POWERS, strict=True)):
            exact = start * size**power
            squares[i] += ((found[name].value - exact) / found[name].error) ** 2
    assert (squares > LEAST).all()
    assert (squares < MOST).all()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("size", [4, 64])
def test_cauchys_law_keeps_its_shape_and_scales_by_its_own_index(alpha, size):
    """A sum of n such numbers is n of one: within ±1 lie (2/π) arctan(n^{1/α − 1}) of them."""
    pulls = []
    for seed in range(SEEDS):
        theory = IndependentNumbers("cauchy", samples=128, numbers=128, seed=seed).theory()
        share = CentralLimit(alpha=alpha).coarsen(theory, size).observe()["share within ±1"]
        exact = 2 / math.pi * math.atan(size ** (1 / alpha - 1))
        pulls.append((share.value - exact) / share.error)
    assert LEAST < sum(p**2 for p in pulls) < MOST


@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_uniform_numbers_fill_a_triangle(seed):
    theory = IndependentNumbers("uniform", samples=256, numbers=256, seed=seed).theory()
    share = CentralLimit().coarsen(theory, 2).observe()["share within ±1"]
    assert abs(share.value - (1 - (1 - 1 / math.sqrt(6)) ** 2)) < 3.5 * share.error


@given(st.sampled_from([2, 3]), st.floats(0.5, 2), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=30)
def test_coarsening_twice_is_coarsening_once_by_the_product(b, alpha, first, second):
    scheme = CentralLimit(b, alpha=alpha)
    theory = Theory({"x": numbers(3, b**6)}, couplings={"mean": 1.0, "kappa4": 2.0})
    twice = scheme.coarsen(scheme.coarsen(theory, b**first), b**second)
    once = scheme.coarsen(theory, b ** (first + second))
    assert torch.equal(twice.features["x"], once.features["x"])
    assert torch.equal(twice.features["histogram"], once.features["histogram"])
    assert dict(twice.couplings) == pytest.approx(dict(once.couplings), rel=1e-14)


@pytest.mark.parametrize(("b", "alpha"), [(2, 2.0), (2, 1.0), (3, 1.5), (4, 0.7)])
def test_each_number_is_the_sum_of_its_block_over_the_root_of_its_size(b, alpha):
    x = numbers(2, b**3)
    coarse = CentralLimit(b, alpha=alpha).coarsen(Theory({"x": x}), b**2).features["x"]
    for row in range(2):
        for block in range(b):
            total = sum(float(v) for v in x[row, block * b**2 : (block + 1) * b**2])
            assert float(coarse[row, block]) == pytest.approx(total / (b**2) ** (1 / alpha))


@pytest.mark.parametrize("alpha", [0.6, 1.0, 2.0])
def test_lifted_numbers_have_the_same_sums(alpha):
    scheme, theory = CentralLimit(alpha=alpha), Theory({"x": numbers(5, 64)})
    coarse = scheme.coarsen(theory, 8)
    again = scheme.coarsen(Theory(coarse.lift()), 8)
    torch.testing.assert_close(again.features["x"], coarse.features["x"])


def test_bounds_tell_what_is_lost_within_blocks_and_prove_nothing():
    theory = IndependentNumbers("uniform", samples=256, numbers=64, seed=3).theory()
    fourth = Observable("fourth", lambda f: (f["x"] ** 4).mean(-1))
    theory = Theory(theory.features, (theory.observables[0], fourth, theory.observables[3]))
    influence = CentralLimit().coarsen(theory, 4).bounds
    x = theory.features["x"].numpy()
    even = np.repeat(x.reshape(256, 16, 4).mean(-1), 4, axis=1)
    drawn = even + np.roll(x - even, 128, 0)
    own, other = (np.abs((fine**4).mean(-1) - (even**4).mean(-1)) for fine in (x, drawn))
    assert influence["fourth"].average.value == pytest.approx(own.mean(), rel=1e-12)
    assert influence["fourth"].resample.value == pytest.approx(other.mean(), rel=1e-12)
    attack = np.maximum(own, other).max()
    assert influence["fourth"].attack.value == pytest.approx(attack, rel=1e-12)
    assert influence["mean"].average.value < 1e-15
    assert influence["excess kurtosis"].average.value == pytest.approx(0.9, abs=0.15)
    assert not influence["excess kurtosis"].attack
    assert all(not i.certificate for i in influence.values())


def test_bounds_are_taken_on_samples_that_are_spread_evenly_where_there_are_many():
    x = numbers(1000, 1024)
    square = Observable("square", lambda f: f["x"].square().mean(-1))
    average = CentralLimit().coarsen(Theory({"x": x}, (square,)), 2).bounds["square"].average
    chosen = x[torch.linspace(0, 999, 512).round().long()]
    lost = (chosen[:, ::2] - chosen[:, 1::2]).square().mean() / 4
    assert average.quantifier == (
        "the mean over 512 samples, each with its own numbers within blocks"
    )
    assert average.value == pytest.approx(float(lost), rel=1e-12)


def test_bounds_at_the_finest_scale_are_zero_and_one_sample_draws_from_none():
    square = Observable("square", lambda f: f["x"].square().mean(-1))
    theory = Theory({"x": numbers(1, 16)}, (square,))
    assert CentralLimit().coarsen(theory, 1).bounds["square"].certificate.value == 0
    influence = CentralLimit().coarsen(theory, 4).bounds["square"]
    assert not influence.resample
    assert influence.attack.value == influence.average.value > 0


def test_the_relevance_and_the_couplings_travel_with_the_numbers():
    theory = IndependentNumbers("exponential", samples=8, numbers=16).theory()
    coarse = CentralLimit().coarsen(theory, 16)
    expected = {"kappa3": 0.5, "kappa4": 0.375, "variance": 1.0, "mean": 0.0}
    assert dict(coarse.couplings) == pytest.approx(expected)
    assert coarse.relevance.names[0] == "mean"
    assert not CentralLimit().coarsen(Theory({"x": numbers(2, 4)}), 2).couplings


# -- what a reader sees --------------------------------------------------------------------------


def columns(picture: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Height of each bar and of the line over it, as shares of the picture's height."""
    pixels = picture[0].numpy()
    bars = (pixels == -1)[:, 1::BAR]
    foot = SIDE - np.where(bars.any(0), bars.argmax(0), SIDE)
    line = np.where((pixels == 1).any(0), SIDE - (pixels == 1).argmax(0), 0)
    return foot / SIDE, line[1::BAR] / SIDE


def test_the_bars_are_the_histogram_of_the_numbers():
    x = numbers(20, 500) ** 2
    bars = columns(histogram(x, (-1.0, 5.0), limit=False))[0]
    counts = np.histogram(x.numpy(), bins=SIDE // BAR, range=(-1.0, 5.0))[0]
    assert bars == pytest.approx(0.9 * counts / counts.max(), abs=1 / SIDE)


@pytest.mark.parametrize(("middle", "deviation"), [(0.0, 1.0), (0.8, 0.5), (-1.0, 2.0)])
def test_the_line_is_the_gaussian_of_the_same_mean_and_variance(middle, deviation):
    x = numbers(100, 1000, seed=4)
    x = middle + deviation * (x - x.mean()) / x.std(correction=0)
    bars, line = columns(histogram(x, (-4.0, 4.0)))
    centres = -4 + 8 * (np.arange(SIDE // BAR) + 0.5) / (SIDE // BAR)
    curve = np.exp(-((centres - middle) ** 2) / (2 * deviation**2))
    scale = (line.max() - 1 / SIDE) / curve.max()
    steep = scale * np.abs(np.gradient(curve)) / 2 / BAR  # the line joins neighbouring columns
    assert (np.abs(line - scale * curve) < steep + 2 / SIDE).all()
    assert (np.abs(bars - scale * curve)[line > 0.1] < 0.12).all()  # what it is the limit of


def test_turning_the_dial_brings_the_bars_to_the_line_for_the_uniform_law():
    flow = Flow(IndependentNumbers("uniform", samples=512, numbers=64).theory(), CentralLimit())

    def gap(size: int) -> float:
        picture = flow[size].features["histogram"]
        normal = columns(histogram(numbers(512, 2048), (-4.0, 4.0)))[0]
        return float(np.abs(columns(picture)[0] - normal).mean())

    assert gap(1) > 3 * gap(2) > 4 * gap(8)
    assert flow[1].features["histogram"].shape == (512, SIDE, SIDE)
    assert fitting_views(flow) == ("field", "spectrum", "observables", "bounds")
    assert flow.picture(4).shape == (SIDE, SIDE)


def test_without_features_the_lens_shows_the_flow_of_the_cumulants():
    flow = Flow(Theory(couplings={"kappa3": 2.0, "kappa4": 6.0}), CentralLimit())
    assert fitting_views(flow) == ("flow", "spectrum")
    assert CentralLimit().coupling_names[:2] == ("kappa3", "kappa4")  # the axes of the plane


def test_the_flow_of_numbers_can_be_recorded():
    theory = IndependentNumbers("uniform", samples=32, numbers=8).theory()
    data = Flow(theory, CentralLimit()).to_xarray()
    assert data.sizes["cutoff"] == 4
    assert set(np.unique(data["field_3"])) == {0, 128, 255}
    assert data.attrs["palette"] == "diverging"


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_the_window_stays_where_it_was_however_far_the_numbers_go(alpha):
    theory = Theory({"x": 5 + numbers(64, 64)})
    low, high = CentralLimit(alpha=alpha).coarsen(theory, 16).attrs["window"]
    assert (low, high) == pytest.approx((1, 9), abs=0.2)
    given_one = Theory(theory.features, attrs={"window": (-2, 3)})
    assert CentralLimit().coarsen(given_one, 64).attrs["window"] == (-2, 3)


@pytest.mark.parametrize("x", [torch.ones(2, 8), torch.zeros(1, 2), torch.full((2, 2), 1e30)])
def test_numbers_without_spread_still_make_a_picture(x):
    for scheme in (CentralLimit(), CentralLimit(alpha=1)):
        picture = scheme.coarsen(Theory({"x": x.double()}), 2).features["histogram"]
        assert set(picture.unique().tolist()) <= {-1.0, 0.0, 1.0}


@pytest.mark.parametrize("window", [(1, 0), (0, 0), (0, math.inf), 3, (0, 1, 2), "ab"])
def test_a_window_that_is_none_is_refused(window):
    theory = Theory({"x": numbers(2, 4)}, attrs={"window": window})
    with pytest.raises(ParameterError, match="window"):
        CentralLimit().coarsen(theory, 2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"b": 1}, "b: got 1"),
        ({"b": 2.5}, "b: got"),
        ({"b": True}, "b: got"),
        ({"alpha": 0}, "alpha: got"),
        ({"alpha": 2.1}, "Gaussian"),
        ({"alpha": math.nan}, "alpha: got"),
        ({"alpha": "2"}, "alpha: got"),
        ({"alpha": True}, "alpha: got"),
        ({"highest": 2}, "highest: got"),
        ({"highest": 13}, "highest: got"),
    ],
)
def test_parameters_outside_their_range_are_refused(arguments, named):
    with pytest.raises(ParameterError, match=named):
        CentralLimit(**arguments)


@pytest.mark.parametrize(
    "features",
    [
        {"y": torch.zeros(2, 4)},
        {"x": torch.zeros(4)},
        {"x": torch.zeros(2, 4, 4)},
        {"x": torch.zeros(2, 4, dtype=torch.int64)},
        {"x": torch.zeros(2, 0)},
        {"x": torch.tensor([[1.0, math.nan]])},
        {"x": torch.tensor([[1.0, -math.inf]])},
    ],
)
def test_features_that_are_no_numbers_are_refused(features):
    with pytest.raises(ShapeError, match="x"):
        CentralLimit().scale(Theory(features))


def test_counts_that_do_not_divide_and_sizes_off_the_scale_are_refused():
    with pytest.raises(GeometryError, match=r"b for 15 numbers: got 2; allowed: 3, 5"):
        CentralLimit().scale(Theory({"x": numbers(2, 15)}))
    assert CentralLimit().scale(Theory({"x": numbers(2, 24)})).cutoffs == (1, 2, 4, 8)
    assert CentralLimit().scale(Theory({"x": numbers(2, 1)})).cutoffs == (1,)
    with pytest.raises(CutoffError, match="nearest is 4"):
        CentralLimit().coarsen(Theory({"x": numbers(2, 16)}), 5)
    with pytest.raises(ParameterError, match="couplings of central_limit"):
        CentralLimit().coarsen(Theory(couplings={"kappa5": 1.0}), 2)
    with pytest.raises(ParameterError, match="couplings of central_limit"):
        CentralLimit().coarsen(Theory(), 2)
