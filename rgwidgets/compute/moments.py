"""Mean and covariance of vectors that come in pieces, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ParameterError, ShapeError
from ..core.numeric import in_double

#: Numbers that are added at once, 32 MB: threads that share less spend their time waiting.
_ROOM = 2**22
#: Strips of a symmetric matrix: of each, what lies left of the diagonal is not computed.
_STRIPS = 2


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of vectors of dimension d, in double precision.

    Two of them add up to those of all vectors together, by the pairwise formula of T. F. Chan,
    G. H. Golub, R. J. LeVeque, Algorithms for computing the sample variance, Am. Stat. 37, 242
    (1983), eq. 2.1: no difference of large numbers, so that vectors far from zero lose nothing.

    Attributes
    ----------
    count
        How many vectors.
    mean, scatter
        (d,), and (d, d): Σ (x − mean)(x − mean)ᵀ, float64.

    Examples
    --------
    >>> first, second = Moments.of(torch.tensor([[1.0], [3.0]])), Moments.of(torch.tensor([[5.0]]))
    >>> both = first + second
    >>> both, both.mean.item(), round(both.covariance.item(), 4)
    (Moments(count=3, d=1), 3.0, 2.6667)
    """

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, chunks: Tensor | Iterable[Tensor]) -> Moments:
        """Those of all vectors (n, …, d) in one tensor, or in a stream of them.

        One pass; memory holds one chunk. Every chunk is centred about means of its own.

        Raises
        ------
        ShapeError
            If a chunk is no floating-point tensor (n, …, d), or d changes, or there is no vector.
        ParameterError
            If a chunk holds NaN or infinity.
        """
        total: _Total | None = None
        count = 0
        for chunk in [chunks] if isinstance(chunks, Tensor) else chunks:
            _check(chunk, count, None if total is None else len(total.mean))
            total = total or _Total(chunk)
            if len(chunk):
                total.add(chunk, count)
            count += 1
            del chunk  # two need not be held while the next is made
        if total is None or not total.count:
            raise ShapeError("chunks", given=f"no vector in {count}", allowed="one vector or more")
        return total.moments()

    @property
    def covariance(self) -> Tensor:
        """scatter / count, (d, d)."""
        return self.scatter / self.count

    def __add__(self, other: Moments) -> Moments:
        if not isinstance(other, Moments):
            return NotImplemented
        if self.mean.shape != other.mean.shape:
            raise ShapeError(
                "moments", given=len(other.mean), allowed=f"vectors of dimension {len(self.mean)}"
            )
        count = self.count + other.count
        apart = other.mean.to(self.mean) - self.mean
        between = self.count * other.count / count * torch.outer(apart, apart)
        return Moments(
            count,
            self.mean + other.count / count * apart,
            self.scatter + other.scatter.to(self.scatter) + between,
        )

    def __repr__(self) -> str:
        return f"Moments(count={self.count}, d={len(self.mean)})"


class _Total:
    """A running sum; of the scatter only the upper triangle is kept up."""

    def __init__(self, chunk: Tensor) -> None:
        device, d = in_double(chunk[:0]).device, chunk.shape[-1]
        self.count, self.mean = 0, torch.zeros(d, dtype=torch.float64, device=device)
        self._upper = torch.zeros(d, d, dtype=torch.float64, device=device)
        self._rows = max(1, _ROOM // d)
        width = max(1, -(-d // _STRIPS))
        self._strips = [(start, min(d, start + width)) for start in range(0, d, width)]

    def add(self, chunk: Tensor, number: int) -> None:
        for part in chunk.detach().flatten(0, -2).split(self._rows):
            rows = part.to(self.mean.device).to(torch.float64, copy=True)
            n, mean = len(rows), rows.mean(0)
            if not bool(mean.isfinite().all()):
                raise ParameterError(
                    f"chunk {number}", given="NaN or infinity", allowed="finite vectors"
                )
            rows -= mean
            for start, stop in self._strips:
                self._upper[start:stop, start:].addmm_(rows[:, start:stop].T, rows[:, start:])
            apart, whole = mean - self.mean, self.count + n
            self._upper.addr_(apart, apart, alpha=self.count * n / whole)
            self.mean += n / whole * apart
            self.count = whole

    def moments(self) -> Moments:
        upper = self._upper.triu()
        return Moments(self.count, self.mean, upper + upper.triu(1).T)


def _check(chunk: object, number: int, d: int | None) -> None:
    good = isinstance(chunk, Tensor) and chunk.ndim >= 2 and chunk.is_floating_point()
    if good and (chunk.shape[-1] == d or (d is None and chunk.shape[-1])):  # type: ignore[attr-defined]
        return
    given = f"{chunk.dtype} {tuple(chunk.shape)}" if isinstance(chunk, Tensor) else chunk
    raise ShapeError(
        f"chunk {number}",
        given=given,
        allowed=f"floating-point vectors (n, …, {'d' if d is None else d})",
    )
