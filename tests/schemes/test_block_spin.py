"""Block spins: rules, scale, composition, lifts, and the Ising model level by level."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.core.errors import CutoffError, GeometryError, ParameterError, ShapeError
from rgwidgets.core.estimate import estimate
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Theory
from rgwidgets.schemes.block_spin import BlockSpin
from rgwidgets.schemes.monte_carlo_rg import NEAREST

from .lattices import LOCAL, belongs, block_totals, every_lattice, random_spins

RULES = ("majority", "mean", "decimation")


def theory(spins: torch.Tensor, chains: int = 1) -> Theory:
    return Theory({"spins": spins}, LOCAL, chains=chains, name="spins", attrs={"field": "spins"})


@given(st.integers(0, 99), st.integers(2, 9), st.floats(0.1, 0.9))
@settings(max_examples=40, deadline=None)
def test_majority_is_the_sign_of_the_sum_wherever_there_is_one(seed, b, bias):
    spins = random_spins(seed, 2, 2 * b, 3 * b, bias)
    coarse, totals = BlockSpin(b).step(spins), block_totals(spins, b)
    assert coarse.dtype == torch.int8
    assert bool((coarse.abs() == 1).all())
    assert torch.equal(coarse[totals != 0].long(), totals[totals != 0].sign())


@pytest.mark.parametrize("b", [11, 12, 16, 32])
def test_large_blocks_do_not_overflow(b):
    for value in (1, -1):
        spins = torch.full((1, 2 * b, 2 * b), value, dtype=torch.int8)
        for rule in RULES:
            assert bool((BlockSpin(b, rule=rule).step(spins) == value).all())


@given(st.integers(0, 99), st.integers(2, 5))
@settings(max_examples=20, deadline=None)
def test_mean_and_decimation_do_what_they_say(seed, b):
    spins = random_spins(seed, 2, 2 * b, 3 * b)
    assert torch.equal(BlockSpin(b, rule="decimation").step(spins), spins[:, ::b, ::b])
    mean = BlockSpin(b, rule="mean").step(spins)
    torch.testing.assert_close(mean, block_totals(spins, b).double() / b**2)
    real = torch.randn(2, 2 * b, 3 * b, generator=torch.Generator().manual_seed(seed))
    expected = torch.nn.functional.avg_pool2d(real, b)
    torch.testing.assert_close(BlockSpin(b, rule="mean").step(real), expected)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("b", "size"), [(2, 64), (3, 54), (4, 64), (6, 72)])
def test_coarsening_twice_is_coarsening_once_by_the_product(rule, b, size):
    scheme = BlockSpin(b, rule=rule, seed=3)
    whole = theory(random_spins(0, 3, size, size))
    once = scheme.coarsen(whole, b * b).features["spins"]
    twice = scheme.coarsen(scheme.coarsen(whole, b), b).features["spins"]
    assert torch.equal(once, twice)
    assert torch.equal(scheme.pyramid(whole.features["spins"])[2], once)


@pytest.mark.parametrize("rule", RULES)
def test_the_same_lattice_is_coarsened_the_same_way_whatever_was_asked_before(rule):
    spins = random_spins(1, 2, 32, 32)
    scheme, other = BlockSpin(rule=rule), BlockSpin(rule=rule)
    whole = theory(spins)
    order = [8, 2, 16, 1, 4]
    there = {b: scheme.coarsen(whole, b).features["spins"] for b in order}
    back = {b: other.coarsen(theory(spins.clone()), b).features["spins"] for b in sorted(order)}
    assert all(torch.equal(there[b], back[b]) for b in order)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("b", [2, 3, 4])
def test_the_flipped_lattice_gives_the_flipped_blocks(rule, b):
    spins = random_spins(2, 4, 2 * b * b, b * b)
    for fine, flipped in zip(
        BlockSpin(b, rule=rule).pyramid(spins), BlockSpin(b, rule=rule).pyramid(-spins), strict=True
    ):
        assert torch.equal(fine, -flipped)


@given(
    st.integers(0, 99),
    st.sampled_from([(2, 1), (2, 3), (3, 1), (3, 2), (4, 1), (5, 1)]),
    st.sampled_from(RULES),
)
@settings(max_examples=40, deadline=None)
def test_lifting_then_coarsening_is_the_identity(seed, steps, rule):
    b, level = steps
    scheme = BlockSpin(b, rule=rule)
    effective = scheme.coarsen(theory(random_spins(seed, 2, 2 * b**level, 3 * b**level)), b**level)
    raised = effective.lift()["spins"]
    assert raised.shape == effective.parent.features["spins"].shape
    again = scheme.coarsen(theory(raised), b**level).features["spins"]
    if rule == "mean":
        torch.testing.assert_close(again, effective.features["spins"], rtol=0, atol=1e-12)
    else:
        assert torch.equal(again, effective.features["spins"])


def test_every_lattice_belongs_to_the_fibre_of_its_blocks():
    lattices = every_lattice(4, 4)
    for rule in ("majority", "decimation"):
        coarse = BlockSpin(rule=rule).step(lattices)
        for shown in every_lattice(2, 2):
            own = (coarse == shown).all(2).all(1)
            assert bool(belongs(lattices[own], shown, 2, rule).all())


def test_each_block_sign_has_half_of_all_lattices():
    coarse = BlockSpin().step(every_lattice(4, 4)).double()
    assert abs(float(coarse.mean())) < 1e-12  # Z₂, exactly
    for shown in every_lattice(2, 2):
        share = (coarse == shown.double()).all(2).all(1).double().mean()
        assert float(share) == pytest.approx(1 / 16, abs=4 * (15 / 16**2 / 2**16) ** 0.5)


@pytest.mark.parametrize(
    ("b", "sides", "cutoffs"),
    [
        (2, (64, 64), (1, 2, 4, 8, 16, 32)),
        (2, (12, 20), (1, 2, 4)),
        (3, (81, 54), (1, 3, 9, 27)),
        (2, (4, 4), (1, 2)),
        (5, (50, 20), (1, 5)),
        (6, (72, 72), (1, 6, 36)),
    ],
)
def test_the_scale_holds_every_block_that_fits_and_leaves_two(b, sides, cutoffs):
    assert BlockSpin(b).scale(theory(random_spins(0, 1, *sides))).cutoffs == cutoffs


@pytest.mark.parametrize(
    ("b", "sides", "allowed"),
    [
        (3, (64, 64), "allowed: 2, 4, 8, 16, 32"),
        (5, (8, 12), "allowed: 2, 4. "),
        (64, (64, 64), "32. Mend: pass b=2"),
        (4, (18, 12), "allowed: 2, 3, 6"),
        (2, (9, 8), "none that leaves 2 × 2 blocks"),
        (2, (2, 2), "none that leaves"),
    ],
)
def test_a_block_that_does_not_fit_is_refused_and_those_that_do_are_named(b, sides, allowed):
    with pytest.raises(GeometryError, match=allowed):
        BlockSpin(b).scale(theory(random_spins(0, 1, *sides)))


@pytest.mark.parametrize("cutoff", [3, 64, 0, -2, float("nan"), "2"])
def test_cutoffs_off_the_scale_are_refused(cutoff):
    with pytest.raises(CutoffError, match="block size"):
        BlockSpin().coarsen(theory(random_spins(0, 1, 64, 64)), cutoff)


@pytest.mark.parametrize("b", [1, 0, -2, 2.0, True, "2", None])
def test_b_must_be_an_integer_of_at_least_two(b):
    with pytest.raises(ParameterError, match="allowed: an integer ≥ 2"):
        BlockSpin(b)


def test_an_unknown_rule_names_the_nearest():
    with pytest.raises(ParameterError, match="did you mean 'majority'"):
        BlockSpin(rule="majorty")


@pytest.mark.parametrize(
    "spins",
    [
        torch.ones(4, 4, dtype=torch.int8),
        torch.ones(1, 2, 4, 4, dtype=torch.int8),
        torch.ones(1, 4, 4),
        torch.zeros(1, 4, 4, dtype=torch.int8),
        torch.full((1, 4, 4), 3, dtype=torch.int8),
        torch.empty(0, 4, 4, dtype=torch.int8),
    ],
)
def test_what_is_no_lattice_of_spins_is_refused(spins):
    with pytest.raises(ShapeError, match="spins"):
        BlockSpin().coarsen(Theory({"spins": spins}), 2)


def test_a_theory_without_spins_is_refused():
    with pytest.raises(ShapeError, match="spins"):
        BlockSpin().scale(Theory({"activation": torch.ones(2, 3)}))


@pytest.mark.parametrize("rule", RULES)
def test_the_effective_theory_is_a_theory_of_block_spins(rule):
    whole = theory(random_spins(3, 12, 16, 16), chains=3)
    effective = BlockSpin(rule=rule).coarsen(whole, 4)
    assert effective.features["spins"].shape == (12, 4, 4)
    assert (effective.cutoff, effective.chains, effective.parent) == (4, 3, whole)
    assert effective.attrs["field"] == "spins"
    values = effective.observe()
    expected = LOCAL[2].samples({"spins": effective.features["spins"]}).mean()
    assert values["nearest"].value == pytest.approx(float(expected))
    assert BlockSpin(rule=rule).coarsen(effective, 2).features["spins"].shape == (12, 2, 2)


def test_at_block_size_one_nothing_is_neglected():
    whole = theory(random_spins(4, 3, 8, 8))
    effective = BlockSpin().coarsen(whole, 1)
    assert torch.equal(effective.features["spins"], whole.features["spins"])
    for influence in effective.bounds.values():
        assert influence.worst == (0.0, 0.0)


@pytest.mark.parametrize("rule", RULES)
def test_a_flow_of_block_spins_can_be_recorded(rule):
    flow = Flow(theory(random_spins(5, 4, 8, 8)), BlockSpin(rule=rule))
    data = flow.to_xarray()
    assert data["cutoff"].values.tolist() == [1, 2, 4]
    assert bool(
        (data["attack"] <= data["certificate"] + 1e-9)
        .where(data["certificate"].notnull(), True)
        .all()
    )


def test_dragging_to_and_fro_computes_each_level_once():
    scheme, whole = BlockSpin(), theory(random_spins(6, 1, 64, 64))
    first = scheme.coarsen(whole, 8).features["spins"]
    assert scheme.coarsen(whole, 8).features["spins"] is first
    scheme.coarsen(whole, 32)
    assert scheme.coarsen(whole, 8).features["spins"] is first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("critical", (0.712, 0.704, 0.712, 0.732, 0.773)),
        ("warm", (0.553, 0.451, 0.334, 0.206, 0.099)),
    ],
)
def test_nearest_correlations_by_level_agree_with_the_reference(sample, expected, request):
    pyramid = BlockSpin().pyramid(request.getfixturevalue(sample))
    for spins, value in zip(pyramid[:5], expected, strict=True):
        found = estimate(NEAREST.polynomial(spins) / 2, chains=4)
        assert found.error < 0.006
        # at the coarsest level 16 spins are left, and three standard errors exceed 0.008
        assert abs(found.value - value) < max(0.008, 3 * found.error)


@pytest.mark.slow
def test_the_majority_flow_is_nearly_stationary_at_criticality_and_runs_away_above(critical, warm):
    def drift(spins):
        levels = BlockSpin().pyramid(spins)[1:4]
        values = [float(NEAREST.polynomial(s).mean()) / 2 for s in levels]
        return max(values) - min(values)

    assert drift(critical) < 0.04
    assert drift(warm) > 0.2
