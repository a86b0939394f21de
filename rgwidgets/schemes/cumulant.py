"""Niemeijer and van Leeuwen's cumulant expansion for the Ising model on the triangular lattice."""

from __future__ import annotations

import math
from functools import cache
from itertools import combinations, product
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..core.errors import ParameterError
from ..core.scheme import CouplingScheme

#: A site x a₁ + y a₂ of the triangular lattice, a₁ and a₂ at 60°.
Site = tuple[int, int]
#: The three sites of a block, and the blocks' own lattice vectors, √3 long and again at 60°.
BLOCK: tuple[Site, ...] = ((0, 0), (1, 0), (0, 1))
VECTORS: tuple[Site, Site] = ((2, -1), (1, 1))
#: Squared distance of nearest, next-nearest and third neighbours; their separations by name.
RANGES = (1, 3, 4)
SEPARATIONS: tuple[Site, ...] = ((1, 0), (1, 1), (2, 0))


class Cumulant(CouplingScheme):
    """Majority of three spins on the triangular lattice, expanded in what couples the blocks.

    −βH = K Σ s s' + K₂ Σ s s' + K₃ Σ s s' + h Σ s over nearest, next-nearest and third
    neighbours. H₀ holds the bonds within the blocks, V all else and the field. Averages ⟨·⟩ are
    taken with e^{H₀} over the four configurations of each block that have its majority:

        H' = ⟨V⟩ + ½ (⟨V²⟩ − ⟨V⟩²) + …

    First order closes on K and h, with m = ⟨s⟩ = (e^{3K} + e^{−K}) / (e^{3K} + 3e^{−K}):

        K' = 2 m² K,   h' = 3 m h.

    Second order makes K₂ and K₃, which therefore count as second order themselves: they enter
    through ⟨V⟩ alone, and nothing beyond third neighbours appears. Its sums are counted from the
    lattice, not written down; with g = ⟨s_a s_b⟩ of two spins of a block they come to

        K'  = 2 m² K + 4 m² (1 + g − 2m²) K² + 3 m² K₂ + 2 m² K₃,
        K₂' = m² (1 + 7g − 8m²) K² + m² K₃,     K₃' = 4 m² (g − m²) K²,
        h'  = 3 m h + 12 m (1 + 2g − 3m²) K h.

    The field is a perturbation like the bonds, so that h' is of no use where h is not small. The
    expansion has no small parameter: that the second order comes so near is no promise.

    =====  ================================  =======  ========  ========
    order  fixed point K, K₂, K₃             K_c      y_t       y_h
    =====  ================================  =======  ========  ========
    1      0.335614                          0.33561  0.882203  1.369070
    2      0.278869, −0.014248, −0.015231    0.25748  1.042378  1.845013
    exact                                    0.27465  1         1.875
    =====  ================================  =======  ========  ========

    K_c is where the flow parts that starts with nearest neighbours alone; exactly it is ¼ ln 3.

    Parameters
    ----------
    order
        1 or 2. The couplings are K, h at first order and K, K2, K3, h at second.

    Raises
    ------
    ParameterError
        If the order is neither, or a theory has other couplings.

    References
    ----------
    Th. Niemeijer and J. M. J. van Leeuwen, Phys. Rev. Lett. 31, 1411 (1973); Physica 71, 17
    (1974).

    Examples
    --------
    >>> from rgwidgets.core.fixed_points import fixed_point, linearise
    >>> scheme = Cumulant()
    >>> point = fixed_point(scheme, [0.3, 0.0])
    >>> round(float(point[0]), 7), round(math.log(1 + 2 * math.sqrt(2)) / 4, 7)
    (0.3356135, 0.3356135)
    >>> [round(y, 6) for y in linearise(scheme, point).exponents.tolist()]
    [1.36907, 0.882203]
    """

    name: ClassVar[str] = "cumulant"
    summary: ClassVar[str] = (
        "majority of three spins on the triangular lattice, cumulant by cumulant"
    )
    citation: ClassVar[str] = (
        "Niemeijer and van Leeuwen, Phys. Rev. Lett. 31, 1411 (1973); Physica 71, 17 (1974)"
    )
    b = math.sqrt(3)

    def __init__(self, order: int = 1) -> None:
        if isinstance(order, bool) or not isinstance(order, int) or order not in (1, 2):
            raise ParameterError("order", given=order, allowed="1 or 2", mend="pass order=2")
        self.order = order
        self.coupling_names = ("K", "h") if order == 1 else ("K", "K2", "K3", "h")

    def __repr__(self) -> str:
        return f"Cumulant(order={self.order})"

    def transform(self, couplings: Tensor) -> Tensor:
        """(K, h) → (2,), or (K, K2, K3, h) → (4,): one step of length √3."""
        k, bonds, field = couplings[0], couplings[:-1], couplings[-1]
        count, ranges = _counted(), len(bonds)
        m, pairs = _block_averages(k)
        even = torch.einsum("Rrab,r,a,b->R", count.once[:ranges, :ranges], bonds, m, m)
        odd = m.sum()
        if self.order == 2:
            spread = pairs - torch.outer(m, m)
            even = even + k**2 * torch.einsum("Rabcd,a,bc,d->R", count.twice, m, spread, m)
            odd = odd + k * torch.einsum("bc,ab,c->", count.around, spread, m)
        return torch.cat([even, (odd * field)[None]])


class _Counts(NamedTuple):
    """How often bonds join the sites a, b, … of blocks, float64."""

    once: Tensor  # (R, r, a, b): bonds of range r from a to b in the block at separation R
    twice: Tensor  # (R, a, b, c, d): nearest bonds a–b and c–d through a third block of b and c
    around: Tensor  # (b, c): nearest bonds from b in any other block to c


def _squared(x: int, y: int) -> int:
    """Squared length of x a₁ + y a₂."""
    return x * x + x * y + y * y


def _bonds(separation: Site, squared: int) -> list[tuple[int, int]]:
    """Sites (a, b) at that distance, b in the block that is `separation` away."""
    i, j = separation
    x = i * VECTORS[0][0] + j * VECTORS[1][0]
    y = i * VECTORS[0][1] + j * VECTORS[1][1]
    return [
        (a, b)
        for (a, (ax, ay)), (b, (bx, by)) in product(enumerate(BLOCK), repeat=2)
        if _squared(x + bx - ax, y + by - ay) == squared
    ]


@cache
def _counted() -> _Counts:
    once = torch.zeros(3, 3, 3, 3, dtype=torch.float64)
    twice = torch.zeros(3, 3, 3, 3, 3, dtype=torch.float64)
    around = torch.zeros(3, 3, dtype=torch.float64)
    neighbours = [(i, j) for i, j in product((-1, 0, 1), repeat=2) if _squared(i, j) == 1]
    for R, (x, y) in enumerate(SEPARATIONS):
        for r, squared in enumerate(RANGES):
            for a, b in _bonds((x, y), squared):
                once[R, r, a, b] += 1
        for i, j in neighbours:
            first, second = _bonds((i, j), 1), _bonds((x - i, y - j), 1)
            if (i, j) != (x, y):
                for (a, b), (c, d) in product(first, second):
                    twice[R, a, b, c, d] += 1
    for separation in neighbours:
        for c, b in _bonds(separation, 1):
            around[b, c] += 1
    return _Counts(once, twice, around)


def _block_averages(k: Tensor) -> tuple[Tensor, Tensor]:
    """⟨s_a⟩ (3,) and ⟨s_a s_b⟩ (3, 3) over the configurations of a block with majority +."""
    states = [s for s in product((1.0, -1.0), repeat=len(BLOCK)) if sum(s) > 0]
    spins = torch.tensor(states, dtype=k.dtype, device=k.device)
    inner = sum(spins[:, a] * spins[:, b] for a, b in combinations(range(len(BLOCK)), 2))
    weight = torch.softmax(k * inner, 0)
    return weight @ spins, torch.einsum("s,sa,sb->ab", weight, spins, spins)
