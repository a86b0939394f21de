"""Draws and searches among the lattices that share their block spins."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.schemes.block_fibre import STARTS, BlockFibre, draw_step
from rgwidgets.schemes.block_spin import BlockSpin

from .lattices import LOCAL, belongs, block_totals, every_lattice, random_spins

STEPS = st.sampled_from([(2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 1), (4, 2), (5, 1)])
ISING_RULES = ("majority", "decimation")


def fibre(seed: int, b: int, level: int, rule: str, bias: float = 0.5, n: int = 2) -> BlockFibre:
    fine = random_spins(seed, n, 2 * b**level, 3 * b**level, bias)
    coarse = BlockSpin(b, rule=rule).pyramid(fine)[level]
    return BlockFibre(fine, coarse, b, rule, level, seed)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def in_fibre(spins: torch.Tensor, f: BlockFibre) -> bool:
    """By exhaustion over ties: some choice of signs for tied blocks leads to the coarse spins."""
    if f.rule == "mean":
        pairs = zip(spins, f.coarse, strict=True)
        return all(bool(belongs(s[None], c, f.factor, "mean")) for s, c in pairs)
    low = high = spins
    for _ in range(f.level):
        if f.rule == "decimation":
            low = high = low[:, :: f.b, :: f.b]
        else:  # monotone: the lowest and the highest lattice that ties allow
            low = torch.where(block_totals(low, f.b) > 0, 1, -1)
            high = torch.where(block_totals(high, f.b) >= 0, 1, -1)
    return bool(((low <= f.coarse) & (f.coarse <= high)).all())


@given(st.integers(0, 999), STEPS, st.sampled_from((*ISING_RULES, "mean")), st.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_draws_stay_in_the_fibre(seed, steps, rule, bias):
    f = fibre(seed, *steps, rule, bias)
    drawn = f.draw(generator(seed))
    assert drawn.shape == f.fine.shape
    assert bool((drawn.abs() == 1).all())
    assert in_fibre(drawn, f)


@pytest.mark.slow
@given(st.integers(0, 999), STEPS, st.sampled_from((*ISING_RULES, "mean")), st.floats(0.1, 0.9))
@settings(max_examples=25, deadline=None)
def test_searches_stay_in_the_fibre(seed, steps, rule, bias):
    f = fibre(seed, *steps, rule, bias)
    for observable in (LOCAL[0], LOCAL[1], LOCAL[2], LOCAL[5], LOCAL[6]):
        for spins in f.extremes(observable):
            assert in_fibre(spins, f)


@pytest.mark.parametrize("rule", ISING_RULES)
def test_one_step_draws_every_pattern_as_often_as_it_leads_to_the_block(rule):
    coarse = torch.ones(40_000, 1, 1, dtype=torch.int8)
    drawn = draw_step(coarse, 2, rule, generator(0)).flatten(1)
    code = ((drawn > 0).long() * 2 ** torch.arange(4)).sum(1)
    seen = torch.bincount(code, minlength=16).double() / len(code)
    patterns = every_lattice(2, 2).flatten(1)
    total = patterns.sum(1) if rule == "majority" else 2 * patterns[:, 0]
    weight = torch.where(total > 0, 1.0, torch.where(total == 0, 0.5, 0.0))
    expected = weight / weight.sum()
    spread = (expected * (1 - expected) / len(code)).sqrt()
    assert bool(((seen - expected).abs() <= 4.5 * spread).all())


def test_two_steps_draw_every_lattice_evenly():
    coarse = torch.ones(100_000, 1, 1, dtype=torch.int8)
    g = generator(1)
    drawn = draw_step(draw_step(coarse, 2, "majority", g), 2, "majority", g)
    # Bayes: each of the 2^16 lattices weighs with its chance to become +
    lattices = every_lattice(4, 4)
    chance = torch.zeros(len(lattices), dtype=torch.float64)
    totals = block_totals(lattices, 2).flatten(1)
    for signs in itertools.product((1, -1), repeat=4):
        blocks = torch.tensor(signs)
        ways = torch.where(totals == 0, 0.5, (totals.sign() == blocks).double()).prod(1)
        chance += ways * (0.5 * (1 + (blocks.sum() > 0).double() - (blocks.sum() < 0).double()))
    mean = (chance[:, None] * lattices.flatten(1).double()).sum(0) / chance.sum()
    error = 1 / len(drawn) ** 0.5
    found = drawn.flatten(1).double().mean(0)
    assert float((found - mean).abs().max()) < 4.5 * error
    for observable in (LOCAL[2], LOCAL[3], LOCAL[5]):
        exact = (chance * observable.samples({"spins": lattices})).sum() / chance.sum()
        values = observable.samples({"spins": drawn})
        assert abs(float(values.mean() - exact)) < 4 * float(values.std()) * error


def test_draws_repeat_with_their_seed():
    f = fibre(3, 2, 2, "majority")
    assert torch.equal(f.draw(generator(7)), f.draw(generator(7)))
    assert not torch.equal(f.draw(generator(7)), f.draw(generator(8)))


def test_real_fields_borrow_from_another_sample_and_keep_their_blocks():
    fine = torch.randn(3, 8, 8, generator=generator(0)).double()
    for rule in ("mean", "decimation"):
        coarse = BlockSpin(rule=rule).pyramid(fine)[1]
        f = BlockFibre(fine, coarse, 2, rule, 1, 0)
        drawn = f.draw(generator(0))
        torch.testing.assert_close(BlockSpin(rule=rule).step(drawn), coarse)
        assert not torch.allclose(drawn, fine)
        assert BlockFibre(fine[:1], coarse[:1], 2, rule, 1, 0).draw(generator(0)) is None


@pytest.mark.slow
@pytest.mark.parametrize("rule", ISING_RULES)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("index", [0, 2, 3, 4, 5])
def test_the_search_finds_the_extreme_of_a_small_lattice(rule, sign, index):
    lattices, observable = every_lattice(4, 4), LOCAL[index]
    values = sign * observable.polynomial(lattices)
    shown = every_lattice(2, 2)
    fine = shown.repeat_interleave(2, 1).repeat_interleave(2, 2)
    f = BlockFibre(fine, shown, 2, rule, 1, 0)
    found = torch.stack(
        [sign * observable.polynomial(f.climb(observable, sign, start)) for start in STARTS]
    ).amax(0)
    exact = torch.stack([values[belongs(lattices, c, 2, rule)].max() for c in shown])
    assert bool((found <= exact + 1e-12).all())
    if observable.degree <= 2:
        torch.testing.assert_close(found, exact)
    else:  # frustrated: every plaquette wants an odd number of − spins
        assert float((exact - found).max()) <= 0.5


def test_a_checkerboard_hides_below_uniform_blocks():
    fine = torch.ones(1, 16, 16, dtype=torch.int8)
    f = BlockFibre(fine, fine[:, ::2, ::2], 2, "majority", 1, 0)
    hidden = f.climb(LOCAL[2], -1, "uniform")
    assert float(LOCAL[2].polynomial(hidden)) == -1.0


def test_a_wide_observable_cannot_be_climbed():
    with pytest.raises(ValueError, match="plaquette"):
        fibre(0, 2, 1, "majority").climb(LOCAL[6], 1, "uniform")
