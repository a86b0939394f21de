"""Affine forms: numbers known as linear functions of a ball and of noise, within a slack."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from ..opaque import Opaque

#: Relative rounding allowance of one operation: float64 sums of 5000 terms lose less.
ROUNDING = 1e-12
#: Numbers in the largest array of slopes.
ROOM = 2**25
#: Symbols of noise for each sample.
NOISE = 4096
#: Slack below this, relatively, is not worth a symbol.
_SMALL = 1e-9

Map = Callable[[Tensor], Tensor]


@dataclass(eq=False)
class Account:
    """What was computed: elements of the largest form and of all, and symbols of noise in use."""

    largest: int = 0
    total: int = 0
    symbols: int = 0


@dataclass(frozen=True, eq=False)
class Ball:
    """{z ∈ R^size : ‖z‖₂ ≤ radius}, one for each sample.

    Attributes
    ----------
    radius, size
        Of the ball, and how many coefficients there are.
    noise
        Symbols of noise that may be made for each sample; what comes after stays slack.
    room
        Numbers beyond which an array of slopes is not made.
    work
        Elements of all forms together beyond which there is too much work.
    account
        Kept while computing.
    apart
        Decisions that are the same everywhere belong to their samples all the same, so that what
        mixes samples by them is seen.
    """

    radius: float
    size: int
    noise: int = NOISE
    room: int = ROOM
    work: float = math.inf
    account: Account = field(default_factory=Account)
    apart: bool = False

    @property
    def varies(self) -> bool:
        """Whether there is anything in it but one point."""
        return bool(self.size or self.noise or self.account.symbols)

    def enter(self, elements: int, rows: int) -> None:
        """Note that a form of so many elements is made; `Opaque` if its slopes have no room."""
        self.account.largest = max(self.account.largest, elements)
        self.account.total += elements
        if elements * rows > self.room:
            raise Opaque(
                f"too large to certify: {elements:,} numbers as functions of {rows:,} "
                f"coefficients are more than {self.room:.2g}"
            )
        if self.account.total > self.work:
            raise Opaque(
                f"too large to certify: more than {self.work:.2g} numbers in all on the way"
            )

    def parts(self, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """How far slopes (K + noise, …) go by the ball, radius·‖·‖₂, and by noise, ‖·‖₁."""
        still = slopes.new_zeros(slopes.shape[1:])
        ball, noise = slopes[: self.size], slopes[self.size :]
        return (
            self.radius * ball.norm(dim=0) if len(ball) else still,
            noise.abs().sum(0) if len(noise) else still,
        )

    def reach(self, slopes: Tensor) -> Tensor:
        """How far slopes go in all."""
        by_ball, by_noise = self.parts(slopes)
        return by_ball + by_noise


@dataclass(frozen=True, eq=False)
class Form:
    """x = centre + slopes·(z, ε) + e with ‖z‖₂ ≤ radius, |ε| ≤ 1 and |e| ≤ slack.

    Affine arithmetic (de Figueiredo and Stolfi, Numerical Algorithms 37, 2004) over an L2 ball and
    symbols of noise, the multi-norm zonotopes of Bonaert et al., "Fast and precise certification
    of transformers", PLDI 2021, with a box beside. All in float64.

    Attributes
    ----------
    centre, slack
        Any shape; an entry of `centre` may be −∞, a masked score, and is then exactly that.
    slopes
        (K + noise, *shape): how each number moves with each coefficient of its own sample's z, then
        with each symbol ε of its own sample's noise; symbols that are left out count as 0.
    owner
        Whose sample's coefficients each number depends on, int64; −1 where on none.
    ball
        What z may be.
    dtype
        What the module takes it for.
    box
        Bounds that hold beside those of the form itself, (low, high), or None.
    simplex
        Whether the last axis is known to hold numbers ≥ 0 that sum to 1.
    """

    centre: Tensor
    slopes: Tensor
    slack: Tensor
    owner: Tensor
    ball: Ball
    dtype: torch.dtype = torch.float64
    box: tuple[Tensor, Tensor] | None = None
    simplex: bool = False

    def __post_init__(self) -> None:
        self.ball.enter(self.centre.numel(), len(self.slopes))
        box = () if self.box is None else self.box
        lost = any(bool(numbers.isnan().any()) for numbers in (self.centre, *box))
        if lost or not bool(self.slack.isfinite().all()):
            raise Opaque("no finite bounds hold here")

    @property
    def shape(self) -> torch.Size:
        return self.centre.shape

    @property
    def ndim(self) -> int:
        return self.centre.ndim

    @cached_property
    def parts(self) -> tuple[Tensor, Tensor]:
        """How far the ball and the noise move it."""
        return self.ball.parts(self.slopes)

    @cached_property
    def reach(self) -> Tensor:
        """How far the linear part goes."""
        return self.parts[0] + self.parts[1]

    @cached_property
    def range(self) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds."""
        away = self.reach + self.slack
        low, high = self.centre - away, self.centre + away
        if self.box is not None:
            low, high = torch.maximum(low, self.box[0]), torch.minimum(high, self.box[1])
        return low, high

    @cached_property
    def size(self) -> Tensor:
        """Largest absolute values, 0 for a masked score: what rounding is relative to."""
        known = self.centre.abs().masked_fill(self.centre.isinf(), 0.0)
        return known + self.reach + self.slack

    @property
    def exact(self) -> bool:
        """Whether it does not depend on z at all."""
        return not bool(((self.reach > 0) | (self.slack > 0)).any())

    def made(
        self,
        centre: Tensor,
        slopes: Tensor,
        slack: Tensor,
        owner: Tensor,
        box: tuple[Tensor, Tensor] | None = None,
        *,
        simplex: bool = False,
    ) -> Form:
        """A form over the same ball, of the same dtype."""
        owner = owner.expand(centre.shape)
        return Form(centre, slopes, slack, owner, self.ball, self.dtype, box, simplex)

    def settled(self) -> Form:
        """The form with symbols of noise in place of its slack; where its box is tighter, the box.

        Each number with slack gets a symbol of its own, until none is left.
        """
        if not self.ball.noise:
            return self
        x = self._boxed() if self.box is not None else self
        wanted = (x.slack > _SMALL * (x.size + x.size.median())) & (x.owner >= 0)
        places = wanted.reshape(-1).nonzero()[:, 0]
        rank = _ranks(x.owner.reshape(-1)[places])
        new, used = int(rank.max()) + 1 if len(rank) else 0, self.ball.account.symbols
        if not new or used + new > self.ball.noise:
            return x
        self.ball.account.symbols = used + new
        rows = x.slopes.new_zeros(self.ball.size + used + new, x.centre.numel())
        rows[: len(x.slopes)] = x.slopes.reshape(len(x.slopes), x.centre.numel())
        rows[self.ball.size + used + rank, places] = x.slack.reshape(-1)[places]
        slack = x.slack.masked_fill(wanted, 0.0)
        slopes = rows.reshape(-1, *x.shape)
        return x.made(x.centre, slopes, slack, x.owner, x.box, simplex=x.simplex)

    def _boxed(self) -> Form:
        """Constants in place of numbers whose box alone is tighter than their noise and slack."""
        assert self.box is not None
        low, high = self.box
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        half = half + ROUNDING * (low.abs() + high.abs())
        better = half < self.parts[1] + self.slack
        if not bool(better.any()):
            return self
        centre, slack = (
            torch.where(better, middle, self.centre),
            torch.where(better, half, self.slack),
        )
        slopes = self.slopes.masked_fill(better, 0.0)
        return self.made(centre, slopes, slack, self.owner, self.box, simplex=self.simplex)

    def constant(self, value: Tensor) -> Form:
        """A form over the same ball that does not depend on z."""
        centre = self.known(value)
        nobody = torch.full(centre.shape, -1, device=centre.device)
        return self.made(centre, self.still(centre), torch.zeros_like(centre), nobody)

    def known(self, value: Tensor) -> Tensor:
        """A constant in double precision, where the form is."""
        return value.detach().to(self.centre.device, torch.float64)

    def still(self, like: Tensor) -> Tensor:
        """Slopes (K, *shape) that are all zero, without taking memory for them."""
        return like.new_zeros(()).expand(self.ball.size, *like.shape)

    def grown(self, shape: torch.Size, rows: int = 0) -> Tensor:
        """Slopes broadcast to a shape, with zeros for symbols up to so many rows."""
        count = len(self.slopes)
        lead = (1,) * (len(shape) - self.ndim)
        slopes = self.slopes.reshape(count, *lead, *self.shape).expand(-1, *shape)
        return with_rows(slopes, rows)

    def as_dtype(self, dtype: torch.dtype) -> Form:
        """The same numbers taken for another dtype."""
        return self if dtype is self.dtype else replace(self, dtype=dtype)


def with_rows(slopes: Tensor, rows: int) -> Tensor:
    """Slopes with zeros for symbols up to so many rows."""
    missing = rows - len(slopes)
    return (
        torch.cat([slopes, slopes.new_zeros(missing, *slopes.shape[1:])]) if missing > 0 else slopes
    )


def _ranks(owner: Tensor) -> Tensor:
    """The how manieth of its owner's each entry is."""
    order = owner.argsort(stable=True)
    ordered = owner[order]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(owner), device=owner.device) - torch.searchsorted(
        ordered, ordered
    )
    return rank


def each(function: Map, slopes: Tensor, example: Tensor, *, alike: bool = False) -> Tensor:
    """A linear function of every coefficient's slopes, (K, *example.shape).

    With `alike`, samples come first and are all treated alike: what they share is done once.
    """
    if not len(slopes):
        return example.new_zeros(0, *example.shape)
    if alike and slopes.ndim > 1 and slopes.shape[1] > 1 and slopes.stride(1) == 0:
        once: Tensor = torch.vmap(function)(slopes[:, :1])
        return once.expand(-1, slopes.shape[1], *once.shape[2:])
    mapped: Tensor = torch.vmap(function)(slopes)
    return mapped


def through(
    x: Form,
    function: Map,
    absolute: Map,
    owner: Tensor,
    *,
    bias: Tensor | None = None,
    alike: bool = False,
) -> Form:
    """An affine map of a form: exact on centre and slopes, |weights| on the slack.

    Parameters
    ----------
    function, absolute
        The linear part, and the same with absolute weights.
    owner
        Of the results.
    bias
        What is added, of a shape that broadcasts to the results'.
    alike
        As for `each`.
    """
    centre, size = function(x.centre), absolute(x.size)
    slopes = each(function, x.slopes, centre, alike=alike)
    low, high = x.range
    middle, half = function(0.5 * (low + high)), absolute(0.5 * (high - low))
    if bias is not None:
        centre, middle, size = centre + bias, middle + bias, size + bias.abs()
    lost = ROUNDING * size
    slack, half = absolute(x.slack) + lost, half + lost
    return x.made(centre, slopes, slack, owner, (middle - half, middle + half))


def rearranged(x: Form, function: Map) -> Form:
    """A form whose elements are some of x's own."""
    centre = function(x.centre)
    box = None if x.box is None else (function(x.box[0]), function(x.box[1]))
    slopes = each(function, x.slopes, centre)
    return x.made(centre, slopes, function(x.slack), function(x.owner), box)


def whole_owner(owner: Tensor, dims: Sequence[int]) -> Tensor:
    """The one sample that numbers along `dims` depend on, those axes kept with length 1.

    Raises `Opaque` where they depend on several.
    """
    dims = tuple(dims)
    if not dims or not owner.numel():
        return owner
    last = owner.amax(dims, keepdim=True)
    nobody = torch.iinfo(owner.dtype).max
    first = owner.masked_fill(owner < 0, nobody).amin(dims, keepdim=True)
    if bool(((last >= 0) & (first != last)).any()):
        raise Opaque("it mixes samples: one's outputs depend on another's features")
    return last


def common_owner(one: Tensor, other: Tensor) -> Tensor:
    """The sample that pairs of numbers depend on; `Opaque` where on two."""
    if bool(((one >= 0) & (other >= 0) & (one != other)).any()):
        raise Opaque("it mixes samples: one's outputs depend on another's features")
    return torch.maximum(one, other)
