"""Single-spin update rules as tables: how likely a spin is to flip in each surrounding."""

from __future__ import annotations

import math

Table = tuple[tuple[float, ...], tuple[float, ...]]

RULES = ("metropolis", "heat_bath")


def flip_table(temperature: float, field: float, rule: str) -> Table:
    """Flip probabilities `table[spin][ups]` of the square-lattice Ising model with J = 1.

    `spin` is 0 for −1 and 1 for +1; `ups` counts the neighbours that are +1, from 0 to 4. Flipping
    costs ΔE = 2 s (Σ neighbours + field). "metropolis" is min(1, exp(−ΔE/T)), Metropolis et al.,
    J. Chem. Phys. 21, 1087 (1953); "heat_bath" is 1/(1 + exp(ΔE/T)), Glauber, J. Math. Phys. 4,
    294 (1963). Both keep detailed balance.

    >>> table = flip_table(2.0, 0.0, "metropolis")
    >>> table[1][4] == math.exp(-4.0), table[1][2]
    (True, 1.0)
    """

    def probability(spin: int, ups: int) -> float:
        exponent = 2 * (2 * spin - 1) * (2 * ups - 4 + field) / temperature
        if rule == "metropolis":
            return 1.0 if exponent <= 0 else math.exp(-exponent)
        # the two forms of the logistic function, each where it does not overflow
        if exponent >= 0:
            return math.exp(-exponent) / (1 + math.exp(-exponent))
        return 1 / (1 + math.exp(exponent))

    down, up = (tuple(probability(spin, ups) for ups in range(5)) for spin in (0, 1))
    return down, up


def is_symmetric(table: Table) -> bool:
    """Whether a table is Metropolis without field: all but two of its classes surely flip.

    >>> is_symmetric(flip_table(2.0, 0.0, "metropolis"))
    True
    """
    down, up = table
    return up == down[::-1] and up[:3] == (1.0, 1.0, 1.0)


def threshold(probability: float, bits: int) -> int:
    """The integer p for which a random integer u < 2^bits satisfies u < p with `probability`.

    >>> threshold(0.25, 8), threshold(1.0, 8)
    (64, 256)
    """
    return round(math.ldexp(probability, bits))
