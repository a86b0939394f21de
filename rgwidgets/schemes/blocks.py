"""Bare operations on blocks of spins (n, y, x): sums, lifts, and signs that break ties."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 2^64 / golden ratio, as signed
_ONES = 0x0101010101010101  # bit 0 of eight spins: set for ±1, clear for 0


def lift(spins: Tensor, factor: int) -> Tensor:
    """Each spin as a block of `factor` × `factor`: (n, y, x) → (n, y·factor, x·factor)."""
    if factor == 1:
        return spins
    return spins.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def is_ising(spins: Tensor) -> bool:
    """Whether every value of an integer tensor is +1 or -1."""
    if spins.is_floating_point() or spins.numel() == 0:
        return False
    low, high = torch.aminmax(spins)
    if low < -1 or high > 1:
        return False
    if spins.dtype != torch.int8:
        return bool((spins != 0).all())
    least, most = torch.aminmax(_words(spins).bitwise_and(_ONES))
    return bool(least == _ONES) and bool(most == _ONES)


def block_sums(spins: Tensor, b: int) -> Tensor:
    """(n, y, x) → (n, y/b, x/b) sums; row slices first, which are contiguous and vectorise."""
    rows = spins[:, 0::b] + spins[:, 1::b]
    for i in range(2, b):
        rows += spins[:, i::b]
    total = rows[..., 0::b] + rows[..., 1::b]
    for i in range(2, b):
        total += rows[..., i::b]
    return total


def _words(spins: Tensor) -> Tensor:
    """int8 (n, y, x) as 64-bit words (n, w), filled up with +1."""
    flat = spins.reshape(len(spins), -1)
    missing = -flat.shape[1] % 8
    if missing:
        flat = torch.nn.functional.pad(flat, (0, missing), value=1)
    return flat.contiguous().view(torch.int64)


def tie_signs(spins: Tensor, shape: torch.Size, seed: int) -> Tensor:
    """Signs ±1 (int8) by block: odd under the flip of all spins, else a hash of lattice and seed.

    Each lattice is first flipped to make its corner spin +1; the sign bits, weighted by odd
    random words and summed modulo 2^64, make the key of a counter-based generator.
    """
    words = _words(spins)
    corner = spins[:, 0, 0].to(torch.int8)
    bits = (words >> 7).bitwise_and_(_ONES).bitwise_xor_(((corner < 0).long() * _ONES)[:, None])
    if spins.shape[1] * spins.shape[2] % 8:  # the filling is not flipped with the lattice
        bits[:, -1] &= (1 << 8 * (spins.shape[1] * spins.shape[2] % 8)) - 1
    key = _mix(bits.mul_(_weights(words.shape[1], str(words.device))).sum(1) + seed)
    blocks = shape[1] * shape[2]
    count = torch.arange(-(-blocks // 8), device=spins.device)
    noise = _mix(key[:, None] + count * _GOLDEN).view(torch.int8)[:, :blocks]
    return (noise & 2).sub_(1).mul_(corner[:, None]).reshape(shape)


def _mix(z: Tensor) -> Tensor:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014), word by word."""
    z = (z ^ _shift(z, 30)) * -4658895280553007687
    z = (z ^ _shift(z, 27)) * -7723592293110705685
    return z ^ _shift(z, 31)


def _shift(z: Tensor, bits: int) -> Tensor:
    """Logical right shift, which torch lacks for signed words."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


@lru_cache(maxsize=16)
def _weights(words: int, device: str) -> Tensor:
    """Odd random 64-bit words, the same everywhere."""
    return _mix(torch.arange(1, words + 1, device=device) * _GOLDEN) | 1
