"""Largest numbers, decisions and pooling by maxima."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .arithmetic import add, constant, multiply, subtract
from .form import Form, rearranged, whole_owner
from .registry import composite, primitive
from .stand_in import called
from .structure import along, taken


@primitive("amax")
def largest(x: Form, dim: Any = (), keepdim: bool = False) -> Form:
    """The largest along axes: the one that is largest at the centre, and what others may add."""
    return along(x, dim, keepdim, _last)


def _last(x: Form) -> Form:
    """The largest along the last axis."""
    first = x.centre.argmax(-1, keepdim=True)
    best = taken(x, lambda t: t.gather(-1, first))
    ahead = add(x, multiply(best, -1.0))
    own = torch.zeros_like(x.centre, dtype=torch.bool).scatter(-1, first, True)
    more = ahead.range[1].masked_fill(own, 0.0).amax(-1).clamp_min(0)
    best = rearranged(best, lambda t: t[..., 0])
    owner = whole_owner(x.owner, (x.ndim - 1,))[..., 0]
    low, high = (end.amax(-1) for end in x.range)
    slack = best.slack + 0.5 * more
    return x.made(best.centre + 0.5 * more, best.slopes, slack, owner, (low, high)).settled()


@primitive("amin")
def smallest(x: Form, dim: Any = (), keepdim: bool = False) -> Form:
    return multiply(largest(multiply(x, -1), dim, keepdim), -1).as_dtype(x.dtype)


def _extreme(name: str) -> Any:
    """The largest or smallest of all, along an axis with its place, or of two tensors."""
    kind = getattr(torch.return_types, name)
    sign = 1 if name == "max" else -1

    def handler(x: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        if other is not None:
            return called(f"{name}imum", x, other)
        found = called(f"a{name}", x, () if dim is None else dim, keepdim)
        return found if dim is None else kind((found, called("argmax", sign * x, dim, keepdim)))

    return handler


for _name in ("max", "min"):
    composite(_name)(_extreme(_name))


@primitive("argmax")
def place_of_largest(x: Form, dim: int | None = None, keepdim: bool = False) -> Form:
    """Which is largest along an axis: any that can be."""
    if dim is None:
        raise Opaque("the place of the largest of all")
    low, high = x.range
    best = low.amax(dim, keepdim=True)
    places = torch.arange(x.shape[dim], dtype=torch.float64, device=low.device)
    places = places.reshape(-1, *(1,) * (x.ndim - 1 - dim % x.ndim)).expand(x.shape)
    possible = high >= best
    first = places.masked_fill(~possible, torch.inf).amin(dim, keepdim)
    last = places.masked_fill(~possible, -torch.inf).amax(dim, keepdim)
    owner = whole_owner(x.owner, (dim % x.ndim,))
    owner = owner if keepdim else owner.squeeze(dim)
    return _between(x, first, last, owner, torch.int64)


def _between(x: Form, low: Tensor, high: Tensor, owner: Tensor, dtype: torch.dtype) -> Form:
    """Numbers of which only an interval is known."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    return x.made(middle, x.still(middle), half, owner, (low, high)).as_dtype(dtype)


def _comparing(decide: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Any:
    """Truth values: 0 and 1 where it is decided, ½ ± ½ where not; plain where all are decided."""

    def handler(x: Any, other: Any) -> Form | Tensor:
        like = x if isinstance(x, Form) else other
        if x is like and not isinstance(other, Form) and not x.dtype.is_floating_point:
            low, high = (end - constant(other, x) for end in x.range)  # whole numbers, no rounding
            owner = x.owner.expand(low.shape)
        else:
            one, two = (v.as_dtype(torch.float64) if isinstance(v, Form) else v for v in (x, other))
            like = subtract(one, two)
            (low, high), owner = like.range, like.owner
        true, false = decide(low, high)
        if bool((true | false).all()) and not like.ball.apart:
            return true
        return _between(like, true.double(), 1.0 - false.double(), owner, torch.bool)

    return handler


for _names, _decide in {
    ("gt", "greater"): lambda low, high: (low > 0, high <= 0),
    ("ge", "greater_equal"): lambda low, high: (low >= 0, high < 0),
    ("lt", "less"): lambda low, high: (high < 0, low >= 0),
    ("le", "less_equal"): lambda low, high: (high <= 0, low > 0),
    ("eq",): lambda low, high: ((low == 0) & (high == 0), (low > 0) | (high < 0)),
    ("ne", "not_equal"): lambda low, high: ((low > 0) | (high < 0), (low == 0) & (high == 0)),
}.items():
    primitive(*_names)(_comparing(_decide))


@primitive("logical_not")
def negation(x: Form) -> Form:
    low, high = _truth(x).range
    return _between(x, 1 - high, 1 - low, x.owner, torch.bool)


@primitive("logical_and")
def conjunction(x: Any, other: Any) -> Form:
    return multiply(_truth(x), _truth(other)).as_dtype(torch.bool)


@composite("logical_or")
def disjunction(x: Any, other: Any) -> Any:
    no = torch.logical_and(torch.logical_not(x), torch.logical_not(other))
    return torch.logical_not(no)


def _truth(x: Any) -> Any:
    if x.dtype is not torch.bool:
        raise Opaque("the truth of numbers")
    return x if isinstance(x, Form) else x.double()


@primitive("_windows")
def windows(x: Form, places: Tensor) -> Form:
    """Numbers of the last axis by their places, (…, *places.shape); −∞ where a place is < 0."""
    inside = places >= 0
    found = rearranged(x, lambda t: t[..., places.clamp_min(0)])
    low, high = (end.masked_fill(~inside, -torch.inf) for end in found.range)
    centre = found.centre.masked_fill(~inside, -torch.inf)
    slopes, slack = found.slopes.masked_fill(~inside, 0.0), found.slack.masked_fill(~inside, 0.0)
    return x.made(centre, slopes, slack, found.owner, (low, high))


@composite("max_pool2d")
def max_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima over windows of the last two axes."""
    if return_indices or ceil_mode:
        raise Opaque("pooling that returns places or leaves windows incomplete")
    height, width = x.shape[-2:]
    numbers = torch.arange(1, height * width + 1, dtype=torch.float64).reshape(1, 1, height, width)
    places = (
        functional.unfold(numbers, kernel_size, dilation, padding, stride or kernel_size)[0].long()
        - 1
    )
    shape = functional.max_pool2d(numbers, kernel_size, stride, padding, dilation).shape[-2:]
    found = torch.amax(called("_windows", x.flatten(-2), places), -2)
    return found.reshape(*found.shape[:-1], *shape)


@composite("max_pool1d")
def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, **o: Any
) -> Any:
    def pair(value: Any, other: int) -> tuple[int, int]:
        return (other, value if isinstance(value, int) else value[0])

    wide = max_pool2d(
        x.unsqueeze(-2),
        pair(kernel_size, 1),
        pair(stride or kernel_size, 1),
        pair(padding, 0),
        pair(dilation, 1),
        **o,
    )
    return wide.squeeze(-2)


def _adapting(count: int) -> Any:
    def handler(x: Any, output_size: Any, return_indices: bool = True) -> Any:
        sizes = {output_size} if isinstance(output_size, int) else set(output_size)
        if return_indices or sizes != {1}:
            raise Opaque("adaptive pooling by maxima to more than one place, or with places")
        return torch.amax(x, tuple(range(-count, 0)), True)

    return handler


for _count in (1, 2):
    composite(f"adaptive_max_pool{_count}d")(_adapting(_count))
