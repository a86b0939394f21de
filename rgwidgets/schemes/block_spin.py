"""Block spins: b × b spins of a lattice become one, by majority, mean or decimation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from threading import RLock
from typing import ClassVar, Literal, get_args
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..core.errors import GeometryError, ParameterError, ShapeError, choose
from ..core.numeric import instance, whole
from ..core.relevance import Relevance
from ..core.scale import Scale
from ..core.scheme import Scheme
from ..core.theory import EffectiveTheory, Features, Theory
from . import monte_carlo_rg
from .block_fibre import BlockFibre
from .blocks import block_sums, is_ising, lift, tie_signs

Rule = Literal["majority", "mean", "decimation"]
SMALLEST = 2  # a lattice of side 1 has no neighbours to correlate


class BlockSpin(Scheme):
    """Real-space coarse-graining of spins on a periodic lattice (n, y, x).

    The effective theory lives on the lattice of blocks; its observables are the parent's, taken
    of the block spins. `lift` fills each block with its spin. `relevance` holds the scaling
    exponents of the last step by Swendsen's Monte Carlo RG (from 8 samples on, NaN below):
    magnetic (odd), thermal (even) and the next even direction. The mean of spins has no fixed
    point unless the field is rescaled, so it orders nothing. `bounds` answer for all lattices
    with the same block spins; a tied block counts as belonging to either sign.

    Ties are broken by random signs that are a hash of the whole lattice and the seed: the same
    lattice gives the same blocks whenever it is looked at, coarsening twice is coarsening once,
    and the flipped lattice gives the flipped blocks, so that Z₂ holds exactly.

    Parameters
    ----------
    b
        Block side ≥ 2.
    rule
        "majority" (ties at random), "mean" (real values, exact for the magnetisation) or
        "decimation" (the first spin of each block stays).
    seed
        Of the tie-breaking signs and of the draws behind the bounds.

    Raises
    ------
    ParameterError
        If `b` is no integer ≥ 2 or the rule is unknown.
    GeometryError
        On use, if b does not divide both sides of the lattice, or leaves no 2 × 2 blocks.
    ShapeError
        On use, if there are no spins (n, y, x), or majority is asked of anything but int8 ±1.

    References
    ----------
    L. P. Kadanoff, Physics 2, 263 (1966); Th. Niemeijer and J. M. J. van Leeuwen, Phys. Rev.
    Lett. 31, 1411 (1973); R. H. Swendsen, Phys. Rev. Lett. 42, 859 (1979).

    Examples
    --------
    >>> spins = torch.ones(1, 8, 8, dtype=torch.int8)
    >>> spins[:, :2, :2] = -1
    >>> coarse = BlockSpin(2).coarsen(Theory({"spins": spins}), 4)
    >>> coarse.features["spins"]
    tensor([[[1, 1], [1, 1]]], dtype=torch.int8)
    """

    name: ClassVar[str] = "block_spin"
    summary: ClassVar[str] = "b × b spins become one by majority, mean or decimation"
    citation: ClassVar[str] = "Kadanoff, Physics 2, 263 (1966)"
    composes: ClassVar[bool] = True

    def __init__(self, b: int = 2, *, rule: Rule = "majority", seed: int = 0) -> None:
        if isinstance(b, bool) or not isinstance(b, int) or b < 2:
            raise ParameterError("b", given=b, allowed="an integer ≥ 2", mend="pass b=2")
        choose("rule", rule, get_args(Rule))
        self.b, self.rule, self.seed = b, rule, whole("seed", seed, 0, 2**63 - 1)
        self._known: WeakKeyDictionary[Theory, list[Tensor]] = WeakKeyDictionary()
        self._lock = RLock()

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), self.b, rule=self.rule, seed=self.seed), ()

    def __repr__(self) -> str:
        return f"BlockSpin({self.b}, rule={self.rule!r}, seed={self.seed})"

    def scale(self, theory: Theory) -> Scale:
        """Block sizes b^k that divide both sides and leave a lattice of side ≥ 2."""
        sides = self._spins(theory).shape[1:]
        if any(side % self.b or side // self.b < SMALLEST for side in sides):
            common, most = math.gcd(*sides), min(sides) // SMALLEST
            allowed = [d for d in range(2, most + 1) if common % d == 0]
            raise GeometryError(
                f"b for a lattice of {sides[0]} × {sides[1]}",
                given=self.b,
                allowed=", ".join(map(str, allowed)) or "none that leaves 2 × 2 blocks",
                mend=f"pass b={allowed[0]}" if allowed else "choose another lattice size",
            )
        steps = _steps(tuple(sides), self.b)
        return Scale("block size", "b", "spins", tuple(self.b**k for k in range(steps + 1)))

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """Blocks of `cutoff` × `cutoff` spins of `theory`, which may itself be effective.

        Raises `CutoffError` for a block size that is not on the scale.
        """
        scale = self.scale(theory)
        level = scale.index(cutoff)
        levels = self._levels(theory, level)
        factor = self.b**level

        fibre = BlockFibre(
            theory.features["spins"], levels[level], self.b, self.rule, level, self.seed, theory
        )

        def raised(features: Features) -> Features:
            return {"spins": lift(features["spins"], factor)}

        return EffectiveTheory(
            {"spins": levels[level]},
            theory.observables,
            name=theory.name,
            attrs=theory.attrs,
            cutoff=scale.cutoffs[level],
            relevance=self._relevance(levels, level),
            parent=theory,
            influence=fibre.influence,
            raised=raised,
        )

    def step(self, spins: Tensor) -> Tensor:
        """One step on bare spins: (n, y, x) → (n, y / b, x / b), on any device."""
        if self.rule == "decimation":
            return spins[..., :: self.b, :: self.b].contiguous()
        if self.rule == "mean" and spins.is_floating_point():
            return block_sums(spins, self.b) / self.b**2
        # the narrowest integers that hold twice a block's sum: narrow is fast
        wide = next(
            t for t in (torch.int8, torch.int16, torch.int32) if 2 * self.b**2 < torch.iinfo(t).max
        )
        if self.rule == "mean":
            return block_sums(spins.to(wide), self.b).double() / self.b**2
        total = block_sums(spins.to(wide), self.b)
        if self.b % 2 == 0:  # doubled, so that a tie-breaking ±1 decides ties and nothing else
            total.mul_(2).add_(tie_signs(spins, total.shape, self.seed))
        sign = total.bitwise_right_shift_(torch.iinfo(wide).bits - 1).bitwise_or_(1)
        return sign.to(torch.int8)

    def pyramid(self, spins: Tensor) -> list[Tensor]:
        """Every level of bare spins (n, y, x), the finest (as given) first."""
        return list(self._pyramid(spins, _steps(tuple(spins.shape[-2:]), self.b)))

    def _pyramid(self, spins: Tensor, steps: int) -> Iterator[Tensor]:
        yield spins
        for _ in range(steps):
            spins = self.step(spins)
            yield spins

    def _levels(self, theory: Theory, level: int) -> list[Tensor]:
        """Levels 0 … `level`, each computed once for as long as the theory lives."""
        with self._lock:
            levels = self._known.setdefault(theory, [theory.features["spins"]])
            levels.extend(list(self._pyramid(levels[-1], level + 1 - len(levels)))[1:])
            return levels

    def _spins(self, theory: Theory) -> Tensor:
        theory = instance("theory", theory, Theory, "a Theory", mend="rg.Ising(64).theory(), say")
        spins = theory.features.get("spins")
        if spins is None or spins.ndim != 3 or min(spins.shape) < 1:
            raise ShapeError(
                "spins",
                given=sorted(theory.features) if spins is None else tuple(spins.shape),
                allowed="a feature 'spins' of shape (n, y, x)",
            )
        if self.rule == "majority" and (spins.dtype != torch.int8 or not is_ising(spins)):
            raise ShapeError(
                "spins under the majority rule",
                given=f"{spins.dtype}, values not all ±1"
                if spins.dtype == torch.int8
                else spins.dtype,
                allowed="int8 spins, each +1 or -1",
                mend='use rule="mean" for a real field, or spins.sign().to(torch.int8)',
            )
        return spins

    def _relevance(self, levels: list[Tensor], level: int) -> Relevance | None:
        if self.rule == "mean":
            return None
        pair = (levels[level - 1], levels[level]) if level else None
        return monte_carlo_rg.relevance(pair, self.b)


def _steps(sides: tuple[int, ...], b: int) -> int:
    """How often b divides both sides and leaves at least the smallest lattice."""
    steps = 0
    while all(side % b == 0 and side // b >= SMALLEST for side in sides):
        sides = tuple(side // b for side in sides)
        steps += 1
    return steps
