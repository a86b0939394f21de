"""The fibre of block spins: all fine lattices that have the same coarse one. Draws and search."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.bounds import Influence
from ..core.fibre import Fibre, Found, Proof
from ..core.local import LocalObservable
from ..core.theory import Observable, Theory
from . import block_certificate as certificate
from .blocks import block_sums, is_ising, lift
from .monte_carlo_rg import MAGNETISATION, NEAREST

SWEEPS = 4
STARTS = ("uniform", "checkerboard", "draw 0", "rows", "columns", "draw 1", "draw 2", "draw 3")
EASY, HARD = 1 << 14, 1 << 18  # spins up to which all, and from which only two starts are tried
MOST = 16  # lattices on which resample, attack and certificate are taken, evenly spread …
SITES = 2**20  # … or as many as have this many sites together, and at least one
ENUMERATED = 3  # up to this b all 2^(b·b) patterns of a block are tried


@dataclass(frozen=True, eq=False)
class BlockFibre(Fibre):
    """Lattices with block spins `coarse` (n, y, x) under `level` steps by b of one rule.

    Attributes
    ----------
    fine
        The lattices that the block spins came from, (n, y·b^level, x·b^level).
    theory
        Whose samples they are; by default independent ones.
    """

    noun: ClassVar[str] = "lattice"  # type: ignore[misc]
    own_in_words: ClassVar[str] = "each with its own spins within blocks"
    all_in_words: ClassVar[str] = "every arrangement of spins within blocks"

    fine: Tensor
    coarse: Tensor
    b: int
    rule: str
    level: int
    seed: int
    theory: Theory = field(default_factory=Theory)

    @property
    def drawn_in_words(self) -> str:  # type: ignore[override]
        whose = "drawn at random" if self.ising else "of another lattice"
        return f"each with spins within blocks {whose}"

    @property
    def fresh(self) -> bool:
        return self.theory.chains is None

    @property
    def own(self) -> Tensor:
        return self.fine

    def part(self) -> BlockFibre:
        """Some of the lattices, evenly spread."""
        count = min(len(self), MOST, max(1, SITES // self.fine[0].numel()))
        chosen = torch.linspace(0, len(self) - 1, count).round().long().to(self.fine.device)
        return replace(self, fine=self.fine[chosen], coarse=self.coarse[chosen])

    def known(self, observable: Observable) -> Influence | None:
        return None if self.level else self.untouched("nothing is neglected")

    def value(self, observable: Observable, point: Tensor, *, exactly: bool = False) -> Tensor:
        spins = {"spins": point.to(self.fine.device)}
        return observable.samples(spins).detach().double().cpu()

    def drawn(self) -> Tensor | str:
        found = self.draw(torch.Generator().manual_seed(self.seed))
        return "one sample of a real field leaves no other to draw from" if found is None else found

    def attack(self, observable: Observable) -> Found:
        if not self.ising:
            return Found((), "best of the fields at hand")
        how = "best arrangement" if self.rule == "mean" else "best climb within the fibre"
        return Found(self.extremes(observable), how)

    def certify(self, observable: Observable) -> Proof | str:
        return certificate.prove(observable, self)

    @property
    def factor(self) -> int:
        """Side of a block in spins."""
        return self.b**self.level

    @cached_property
    def lifted(self) -> Tensor:
        """The representative: each block filled with its spin."""
        return lift(self.coarse, self.factor)

    @cached_property
    def ising(self) -> bool:
        """Whether the fine spins are ±1, so that the fibre is finite."""
        return is_ising(self.fine)

    def draw(self, generator: torch.Generator) -> Tensor | None:
        """One lattice at random from each fibre; None for a single sample of a real field.

        Spins ±1 are drawn with the probability that a fair lattice has, given its block spins: a
        tied block counts half. Each step's blocks then are equally likely, so that drawing level
        by level is exact. Real fields take what another sample has within its blocks.
        """
        if not self.ising:
            return self._borrowed() if len(self.fine) > 1 else None
        if self.rule == "mean":
            return _arranged(self._counts(), self.factor, generator=generator)
        spins = self.coarse.cpu()
        for _ in range(self.level):
            spins = draw_step(spins, self.b, self.rule, generator)
        return spins

    def extremes(self, observable: Observable) -> list[Tensor]:
        """Lattices of the fibre (of spins ±1) that push the observable far up or down."""
        if self.rule == "mean":
            return [_arranged(self._counts(), self.factor, order=o) for o in ("mixed", "sorted")]
        drivers: tuple[LocalObservable, ...] = (MAGNETISATION, NEAREST)
        absolute = False
        if isinstance(observable, LocalObservable):
            absolute = observable.absolute
            if certificate.plaquette_table(observable) is not None:
                drivers = (observable,)
        found = []
        for driver in drivers:
            found += [self._best(driver, sign) for sign in (1, -1)]
            if absolute:
                found.append(_nearest_zero(driver, found[-2], found[-1], self.factor))
        return found

    def climb(self, observable: LocalObservable, sign: int, start: str) -> Tensor:
        """A lattice of each fibre on which sign × polynomial is as large as a search can make it.

        From the top down: at each level the plaquette function that bounds all finer levels is
        climbed within one step's fibre; at the finest level it is the observable itself. The
        search starts from one of `STARTS`: a pattern, turned block by block to fit, or a draw.
        """
        table = certificate.plaquette_table(observable)
        if table is None:
            raise ValueError(f"{observable.name} does not fit a plaquette")
        signed = tuple(sign * value for value in table)
        known = self.level - 1 if self.b <= certificate.LARGEST_WINDOW else 0
        tables = certificate.levels_of(signed, self.b, self.rule, known)
        word, _, number = start.partition(" ")
        generator = torch.Generator().manual_seed(self.seed + int(number or 0))
        spins = self.coarse.cpu()
        for level in reversed(range(self.level)):
            if word == "draw":
                begin = draw_step(spins, self.b, self.rule, generator)
            else:
                begin = _patterned(spins, self.b, self.rule, word)
            spins = _climb_step(begin, spins, tables[min(level, known)], self.b, self.rule)
        return spins

    def _best(self, driver: LocalObservable, sign: int) -> Tensor:
        """The best of several climbs by sample; stops once the proved maximum is attained."""
        where = (self.coarse.cpu(), self.b, self.rule, self.level)
        enough = certificate.upper_bound(driver, *where, sign=sign) - 1e-9
        spins = self.fine.numel()
        count = len(STARTS) if spins <= EASY else 4 if spins < HARD else 2
        best = self.climb(driver, sign, STARTS[0])
        most = sign * driver.polynomial(best)
        for start in STARTS[1:count]:
            if bool((most >= enough).all()):
                break
            trial = self.climb(driver, sign, start)
            value = sign * driver.polynomial(trial)
            best = torch.where((value > most)[:, None, None], trial, best)
            most = torch.maximum(value, most)
        return best

    def _counts(self) -> Tensor:
        """Number of + spins in each block, from its mean."""
        return ((self.coarse.double().cpu() + 1) / 2 * self.factor**2).round().long()

    def _borrowed(self) -> Tensor:
        other = self.fine.roll(1, 0)
        if self.rule == "mean":
            return self.lifted + other - self.lifted.roll(1, 0)
        kept = torch.zeros_like(self.fine, dtype=torch.bool)
        kept[:, :: self.factor, :: self.factor] = True
        return torch.where(kept, self.fine, other)


def draw_step(coarse: Tensor, b: int, rule: str, generator: torch.Generator) -> Tensor:
    """Spins ±1 one level finer at random: (n, y, x) → (n, y·b, x·b), on the CPU."""
    if rule == "decimation":
        n, height, width = coarse.shape
        fine = torch.randint(0, 2, (n, height * b, width * b), generator=generator)
        fine = (2 * fine - 1).to(torch.int8)
        fine[:, ::b, ::b] = coarse
        return fine
    sites = b * b
    weight = torch.tensor([float(math.comb(sites, k)) for k in range(sites + 1)]).double()
    weight *= torch.tensor([(2 * k > sites) + 0.5 * (2 * k == sites) for k in range(sites + 1)])
    uniform = torch.rand(coarse.shape, generator=generator, dtype=torch.float64)
    counts = torch.searchsorted((weight / weight.sum()).cumsum(0), uniform).clamp_max(sites)
    counts = torch.where(coarse > 0, counts, sites - counts)
    return _arranged(counts, b, generator=generator)


def _arranged(
    counts: Tensor, side: int, *, generator: torch.Generator | None = None, order: str = "mixed"
) -> Tensor:
    """Spins ±1 with `counts` (n, y, x) of + in each block of side², int8.

    The + go to random sites with a generator; otherwise one sublattice first ("mixed") or row
    after row ("sorted"), which make many and few unequal neighbours.
    """
    n, height, width = counts.shape
    if generator is not None:
        rank = torch.rand((*counts.shape, side * side), generator=generator).argsort(-1)
    else:
        site = torch.arange(side * side)
        odd = (site // side + site % side) % 2 if order == "mixed" else torch.zeros_like(site)
        rank = (odd * side * side + site).argsort().argsort()
    up = (rank < counts[..., None]).view(n, height, width, side, side)
    lattice = up.permute(0, 1, 3, 2, 4).reshape(n, height * side, width * side)
    return lattice.to(torch.int8).mul_(2).sub_(1)


def _patterned(coarse: Tensor, b: int, rule: str, pattern: str) -> Tensor:
    """A regular pattern one level finer, each block of it flipped if its block spin asks for it."""
    y, x = torch.meshgrid(*(torch.arange(b * side) for side in coarse.shape[1:]), indexing="ij")
    odd = {"uniform": 0 * x, "checkerboard": y + x, "rows": y, "columns": x}[pattern] % 2
    wave = (1 - 2 * odd).to(torch.int8)[None]
    decisive = block_sums(wave.int(), b).sign() if rule == "majority" else wave[:, ::b, ::b]
    against = decisive.to(torch.int8) * coarse < 0
    return wave * lift(1 - 2 * against.to(torch.int8), b)


def _nearest_zero(driver: LocalObservable, high: Tensor, low: Tensor, side: int) -> Tensor:
    """The first rows of blocks from `high`, the others from `low`, where |polynomial| is least.

    For a linear polynomial single sites are mixed: on each block one of the two extremes is
    uniform, and all that lies between two lattices of the fibre is in the fibre too.
    """
    if driver.degree <= 1:
        return _crossing(driver, high, low)
    best, least = high, driver.polynomial(high).abs()
    for row in range(0, high.shape[1], side):
        mixed = torch.cat([high[:, :row], low[:, row:]], 1)
        value = driver.polynomial(mixed).abs()
        best = torch.where((value < least)[:, None, None], mixed, best)
        least = torch.minimum(value, least)
    return best


def _crossing(driver: LocalObservable, high: Tensor, low: Tensor) -> Tensor:
    """Bisection for how many sites must come from `high` until the polynomial turns positive."""
    order = torch.arange(high[0].numel()).view(high.shape[1:])

    def mixed(count: Tensor) -> Tensor:
        return torch.where(order < count[:, None, None], high, low)

    least = torch.zeros(len(high), dtype=torch.long)
    most = torch.full_like(least, order.numel())
    for _ in range(order.numel().bit_length()):
        middle = (least + most) // 2
        positive = driver.polynomial(mixed(middle)) >= 0
        most, least = torch.where(positive, middle, most), torch.where(positive, least, middle)
    above, below = mixed(most), mixed(least)
    nearer = driver.polynomial(above).abs() < driver.polynomial(below).abs()
    return torch.where(nearer[:, None, None], above, below)


def _climb_step(
    begin: Tensor, coarse: Tensor, table: certificate.Table, b: int, rule: str
) -> Tensor:
    """Climb Σ table[plaquette] from `begin` within one step's fibre of `coarse`, on the CPU."""
    from ..compute.kernels import block_spin_cpu as kernels

    spins, above = begin.contiguous().clone().numpy(), coarse.contiguous().numpy()
    values = np.asarray(table)
    if b <= ENUMERATED:
        kernels.climb_patterns(spins, above, *_patterns(b, rule), values, b, SWEEPS)
    else:
        for fine, blocks in zip(spins, above, strict=True):
            kernels.climb_flips(fine, blocks, values, b, rule == "majority", SWEEPS)
    return torch.from_numpy(spins)


@lru_cache(maxsize=8)
def _patterns(b: int, rule: str) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Patterns (2, p, b, b) that a block may show, by block spin (−, +), and how many each has."""
    sites = b * b
    spins = (2 * ((np.arange(1 << sites)[:, None] >> np.arange(sites)) & 1) - 1).astype(np.int8)
    decisive = spins.sum(1) if rule == "majority" else spins[:, 0]
    allowed = [spins[decisive <= 0], spins[decisive >= 0]]
    result = np.stack(allowed).reshape(2, -1, b, b)
    return result, np.array([len(a) for a in allowed])
