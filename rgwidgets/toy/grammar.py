"""A random unambiguous grammar on a regular tree: its strings, its moments, its parser."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from ..core.errors import ParameterError, ShapeError
from ..core.numeric import whole

#: Most strings that are enumerated.
STRINGS = 1 << 17
#: Largest dimension of one-hot data whose second moments are computed: a dense matrix of it.
MOMENTS = 2048
#: Most tuples of symbols, leaves, and products of leaves with productions: what memory holds.
TUPLES, LEAVES, WORK = 1 << 20, 4096, 1 << 25


class Grammar:
    """Each symbol of a level becomes one of m tuples of s symbols of the next, equally likely.

    The tuples of a level are drawn at random without replacement from the v^s that there are, so
    no two symbols share one and a string has one derivation at most.

    Parameters
    ----------
    classes
        Symbols of level 0, the root: n_c ≥ 2.
    vocabulary
        Symbols of every other level: v ≥ 2.
    rules
        m, 1 ≤ m ≤ v^{s−1}; and n_c m ≤ v^s.
    branching, depth
        s ≥ 2 and L ≥ 1: v^s ≤ 2^20, at most 4096 leaves, s^L v m ≤ 2^25.
    seed
        Of the productions, ≥ 0.

    Attributes
    ----------
    symbols
        How many there are at each level.
    productions
        For each level but the last, (symbols, m, s) int64.

    Raises
    ------
    ParameterError
        If a number is out of range.

    Examples
    --------
    >>> grammar = Grammar(classes=2, vocabulary=3, rules=2, branching=2, depth=2, seed=0)
    >>> grammar.symbols, grammar.count(2)
    ((2, 3, 3), 16)
    """

    def __init__(
        self, *, classes: int, vocabulary: int, rules: int, branching: int, depth: int, seed: int
    ) -> None:
        self.classes = whole("classes", classes, 2)
        self.vocabulary = whole("vocabulary", vocabulary, 2)
        self.rules = whole("rules", rules, 1)
        self.branching = whole("branching", branching, 2)
        self.depth = whole("depth", depth, 1)
        generator = torch.Generator().manual_seed(whole("seed", seed, 0))
        self._check()
        self.leaves = self.branching**self.depth
        self.symbols = (self.classes, *[self.vocabulary] * self.depth)
        self._place = self.vocabulary ** torch.arange(self.branching - 1, -1, -1)
        self.productions = tuple(self._draw(count, generator) for count in self.symbols[:-1])
        self._parents = tuple(self._table(p) for p in self.productions)

    def _check(self) -> None:
        v, m, s, depth = self.vocabulary, self.rules, self.branching, self.depth
        if s * math.log2(v) > math.log2(TUPLES) + 1e-9:
            raise ParameterError(
                "vocabulary^branching", given=f"{v}^{s}", allowed=f"at most {TUPLES}"
            )
        if m > v ** (s - 1):
            raise ParameterError(
                "rules",
                given=m,
                allowed=f"a whole number from 1 to vocabulary^(branching − 1) = {v ** (s - 1)}",
                mend="more than that cannot be unambiguous",
            )
        if self.classes * m > v**s:
            raise ParameterError(
                "classes",
                given=self.classes,
                allowed=f"2 to vocabulary^branching/rules = {v**s // m}",
            )
        if depth * math.log2(s) > math.log2(LEAVES) + 1e-9:
            raise ParameterError(
                "leaves", given=f"{s}^{depth}", allowed=f"branching^depth ≤ {LEAVES}"
            )
        work = s**depth * max(v, self.classes) * m
        if work > WORK:
            raise ParameterError(
                "branching^depth × vocabulary × rules", given=work, allowed=f"at most {WORK}"
            )

    def _draw(self, count: int, generator: torch.Generator) -> Tensor:
        tuples = self.vocabulary**self.branching
        chosen = torch.randperm(tuples, generator=generator)[: count * self.rules]
        digits = chosen[:, None].div(self._place, rounding_mode="floor") % self.vocabulary
        return digits.reshape(count, self.rules, self.branching)

    def _table(self, productions: Tensor) -> Tensor:
        """The symbol that each tuple comes from; −1 for those that no symbol becomes."""
        table = torch.full((self.vocabulary**self.branching,), -1)
        parents = torch.arange(len(productions)).repeat_interleave(self.rules)
        table[(productions * self._place).sum(-1).flatten()] = parents
        return table

    # -- strings ---------------------------------------------------------------------------------

    def count(self, level: int) -> int:
        """Strings that there are at a level, n_c m^{(s^l − 1)/(s − 1)}, all equally likely."""
        nodes = (self.branching**level - 1) // (self.branching - 1)
        return int(self.classes * self.rules**nodes)

    def expand(self, classes: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Derive a string from each class (n,): the symbols of every level, (n, s^l) int64."""
        latents = [classes[:, None]]
        for productions in self.productions:
            rule = torch.randint(self.rules, latents[-1].shape, generator=generator)
            latents.append(productions[latents[-1], rule].flatten(1))
        return tuple(latents)

    def strings(self, level: int) -> Tensor:
        """Every string of a level once, (count, s^level) int64.

        Raises `ParameterError` if they are more than 131072.
        """
        if self.count(level) > STRINGS:
            raise ParameterError(
                f"strings of level {level}",
                given=self.count(level),
                allowed=f"at most {STRINGS} to enumerate",
                mend="take a coarser level, fewer rules or less depth",
            )
        found = torch.arange(self.classes)[:, None]
        for productions in self.productions[:level]:
            nodes = found.shape[1]
            choice = torch.arange(self.rules**nodes)[:, None]
            rule = choice.div(self.rules ** torch.arange(nodes), rounding_mode="floor") % self.rules
            found = productions[found[:, None], rule[None]].flatten(2).flatten(0, 1)
        return found

    def parse(self, leaves: Tensor) -> tuple[Tensor, ...]:
        """The symbols of every level above strings (n, s^L), as `expand` gives them.

        Raises `ParameterError` if a string is none of the grammar's.
        """
        latents = [leaves]
        for parents in reversed(self._parents):
            index = (latents[0].unflatten(1, (-1, self.branching)) * self._place).sum(-1)
            latents.insert(0, parents[index])
            wrong = (latents[0] < 0).any(1)
            if wrong.any():
                raise ParameterError(
                    "x",
                    given=f"{int(wrong.sum())} strings, the first of which is number "
                    f"{int(wrong.nonzero()[0])}, that the grammar does not generate",
                    allowed="strings of the grammar",
                    mend="infer what noisy or erased leaves come from with `posterior`",
                )
        return tuple(latents)

    # -- the distribution, exactly ---------------------------------------------------------------

    def step(self, level: int) -> Tensor:
        """Probability (symbols, s, v) of each child's symbol, given that of a node at `level`."""
        productions = self.productions[level]
        hot = torch.nn.functional.one_hot(productions, self.vocabulary).double()
        return hot.mean(1)

    def below(self, level: int) -> Tensor:
        """E[leaves | a node's symbol at `level`], (symbols, s^{L−l}, v), float64."""
        mean = torch.eye(self.symbols[-1], dtype=torch.float64)[:, None]
        for upper in range(self.depth - 1, level - 1, -1):
            mean = torch.einsum("apc,ckd->apkd", self.step(upper), mean).flatten(1, 2)
        return mean

    def moments(self, level: int) -> Tensor:
        """P(node i has symbol a, node j has symbol b) at a level: (s^l, v_l, s^l, v_l), float64.

        From the root downwards: nodes of different parents are independent given those; siblings
        are parts of one tuple. Raises `ParameterError` if s^l v_l is over 2048.
        """
        size = self.branching**level * self.symbols[level]
        if size > MOMENTS:
            raise ParameterError(
                f"dimension at level {level}", given=size, allowed=f"at most {MOMENTS} for moments"
            )
        joint = torch.eye(self.classes, dtype=torch.float64)[None, :, None] / self.classes
        for upper in range(level):
            step = self.step(upper)
            single = joint.diagonal(dim1=0, dim2=2).diagonal(dim1=0, dim2=1)
            joint = torch.einsum("iajb,apc->ipcjb", joint, step)
            joint = torch.einsum("ipcjb,bqd->ipcjqd", joint, step)
            nodes = torch.arange(len(single))
            joint[nodes, :, :, nodes] = self._siblings(single, upper)
            joint = joint.flatten(3, 4).flatten(0, 1)
        return joint

    def _siblings(self, single: Tensor, level: int) -> Tensor:
        """Joint (nodes, s, v, s, v) of the children of nodes with the marginals (nodes, a)."""
        s, v = self.branching, self.vocabulary
        tuples = self.productions[level].flatten(0, 1)
        weight = single.repeat_interleave(self.rules, dim=1) / self.rules
        joint = torch.zeros(len(single), s, s, v * v, dtype=torch.float64)
        for p, q in itertools.product(range(s), repeat=2):
            joint[:, p, q].index_add_(1, tuples[:, p] * v + tuples[:, q], weight)
        return joint.unflatten(-1, (v, v)).permute(0, 1, 3, 2, 4)

    def mean(self) -> Tensor:
        """The mean of one-hot data, (s^L v,), the same at every level."""
        return self.below(0).mean(0).flatten()

    def covariance(self, level: int) -> Tensor:
        """Covariance (d, d) of E[one-hot data | symbols of `level`], d = s^L v ≤ 2048."""
        size = self.leaves * self.vocabulary
        if size > MOMENTS:
            raise ParameterError(
                "dimension", given=size, allowed=f"at most {MOMENTS} for a covariance"
            )
        joint, below = self.moments(level), self.below(level)
        single = joint.diagonal(dim1=0, dim2=2).diagonal(dim1=0, dim2=1)
        half = torch.einsum("iajb,akc->ikcjb", joint - single[:, :, None, None] * single, below)
        return torch.einsum("ikcjb,bmd->ikcjmd", half, below).reshape(size, size)

    # -- one-hot ---------------------------------------------------------------------------------

    def one_hot(self, leaves: Tensor) -> Tensor:
        """Strings (n, s^L) as data (n, s^L v), leaf by leaf, float64."""
        return torch.nn.functional.one_hot(leaves, self.vocabulary).flatten(1).double()

    def read(self, x: Tensor) -> Tensor:
        """One-hot data (n, s^L v) as strings (n, s^L); raises `ShapeError` for anything else."""
        size = self.leaves * self.vocabulary
        if x.ndim != 2 or x.shape[1] != size:
            raise ShapeError("x", given=tuple(x.shape), allowed=f"(n, {size})")
        leaves = x.unflatten(1, (self.leaves, self.vocabulary)).argmax(-1)
        if not torch.equal(self.one_hot(leaves).to(x), x):
            raise ShapeError(
                "x", given="other values", allowed="one-hot leaves, each of 0s and a 1"
            )
        return leaves
