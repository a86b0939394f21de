"""Bare operations on blocks, and the signs that break ties."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rgwidgets.schemes.block_spin import BlockSpin
from rgwidgets.schemes.blocks import block_sums, is_ising, lift, tie_signs

from .lattices import block_totals, random_spins


@given(st.integers(0, 99), st.integers(2, 5), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_block_sums_are_sums_of_blocks(seed, b, height, width):
    spins = random_spins(seed, 2, b * height, b * width)
    assert torch.equal(block_sums(spins.int(), b).long(), block_totals(spins, b))


@given(st.integers(0, 99), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_a_lifted_lattice_has_uniform_blocks(seed, factor):
    spins = random_spins(seed, 2, 3, 4)
    raised = lift(spins, factor)
    assert raised.shape == (2, 3 * factor, 4 * factor)
    assert torch.equal(block_totals(raised, factor), spins.long() * factor**2)


@pytest.mark.parametrize("size", [2, 3, 4, 8, 9])
@pytest.mark.parametrize("wrong", [0, 2, -3, 127, -128])
def test_one_value_that_is_no_spin_is_seen(size, wrong):
    spins = random_spins(0, 2, size, size)
    assert is_ising(spins)
    assert is_ising(spins.long())
    assert not is_ising(spins.float())
    spins[1, -1, size // 2] = wrong
    assert not is_ising(spins)
    assert not is_ising(spins.long())
    assert not is_ising(torch.zeros_like(spins))


@given(st.integers(0, 999), st.sampled_from([2, 4, 6, 8, 10]), st.sampled_from([2, 4, 6, 14]))
@settings(max_examples=60, deadline=None)
def test_signs_are_odd_under_the_flip_of_all_spins(seed, height, width):
    spins = random_spins(seed, 3, height, width)
    shape = torch.Size((3, height // 2, width // 2))
    signs = tie_signs(spins, shape, 5)
    assert signs.dtype == torch.int8
    assert bool((signs.abs() == 1).all())
    assert torch.equal(tie_signs(-spins, shape, 5), -signs)


def test_signs_follow_from_the_lattice_alone_not_from_its_place_in_a_batch():
    spins = random_spins(1, 6, 16, 16)
    shape = torch.Size((6, 8, 8))
    together = tie_signs(spins, shape, 0)
    alone = torch.cat([tie_signs(s[None], torch.Size((1, 8, 8)), 0) for s in spins])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("site", [(0, 1), (3, 7), (63, 63)])
def test_one_spin_anywhere_renews_half_of_the_signs(site):
    spins = random_spins(2, 1, 64, 64)
    shape = torch.Size((1, 32, 32))
    before = tie_signs(spins, shape, 0)
    spins[(0, *site)] *= -1
    changed = int((tie_signs(spins, shape, 0) != before).sum())
    assert abs(changed - 512) < 4 * 16  # 4 standard deviations of 1024 fair coins


def test_another_seed_gives_other_signs():
    spins = random_spins(3, 1, 64, 64)
    shape = torch.Size((1, 32, 32))
    agree = int((tie_signs(spins, shape, 0) == tie_signs(spins, shape, 1)).sum())
    assert abs(agree - 512) < 4 * 16


def test_signs_are_fair_and_uncorrelated_with_each_other_and_with_the_lattice():
    spins = random_spins(4, 2000, 16, 16)
    signs = tie_signs(spins, torch.Size((2000, 8, 8)), 0).double()
    count = signs.numel() ** 0.5
    for other in (
        1.0,
        signs.roll(1, 2),
        signs.roll(1, 1),
        signs.roll(1, 0),
        spins[:, ::2, ::2].double(),
        spins[:, 1::2, 1::2].double(),
    ):
        assert abs(float((signs * other).mean())) < 4 / count
    by_block = signs.mean(0) * 2000**0.5  # no block prefers a sign
    assert float(by_block.abs().max()) < 4.5


def test_tied_blocks_have_no_mean_spin():
    spins = random_spins(5, 1000, 32, 32)
    coarse = BlockSpin(2).step(spins)
    ties = block_totals(spins, 2) == 0
    assert 0.36 < float(ties.double().mean()) < 0.39  # 6 of 16 patterns
    mean = coarse[ties].double().mean()
    assert abs(float(mean)) < 4 / int(ties.sum()) ** 0.5


@pytest.mark.slow
def test_ties_do_not_lean_towards_their_neighbours_or_their_corner(critical):
    spins = critical[:2000]
    coarse = BlockSpin(2).step(spins).double()
    ties = (block_totals(spins, 2) == 0).double()
    error = 1 / float(ties.sum()) ** 0.5
    for other in (coarse.roll(1, 2), coarse.roll(1, 1), spins[:, ::2, ::2].double()):
        assert abs(float((coarse * other * ties).sum() / ties.sum())) < 4 * error
