"""Largest numbers, decisions and pooling by maxima."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .arithmetic import add, multiply
from .form import Form, rearranged, whole_owner
from .registry import composite, primitive
from .stand_in import called
from .structure import taken


@primitive("amax")
def largest(x: Form, dim: Any = (), keepdim: bool = False) -> Form:
    """The largest along axes: the one that is largest at the centre, and what others may add."""
    dims = tuple(range(x.ndim)) if dim == () else (dim,) if isinstance(dim, int) else tuple(dim)
    axes = sorted(d % x.ndim for d in dims)
    kept = [d for d in range(x.ndim) if d not in axes]
    found = _last(rearranged(x, lambda t: t.permute(*kept, *axes).flatten(len(kept))))
    for axis in axes if keepdim else ():
        found = rearranged(found, lambda t, axis=axis: t.unsqueeze(axis))  # type: ignore[misc]
    return found


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


@composite("amin")
def smallest(x: Any, dim: Any = (), keepdim: bool = False) -> Any:
    return -torch.amax(-x, dim, keepdim)


@composite("max")
def maximum_of(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest of one sample, along an axis with its place, or of two tensors."""
    if isinstance(dim, Tensor):
        return torch.maximum(x, dim)
    if dim is None:
        return torch.amax(x, tuple(range(x.ndim)))
    found = torch.return_types.max((torch.amax(x, dim, keepdim), torch.argmax(x, dim, keepdim)))
    return found


@composite("min")
def minimum_of(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if isinstance(dim, Tensor):
        return torch.minimum(x, dim)
    if dim is None:
        return torch.amin(x, tuple(range(x.ndim)))
    return torch.return_types.min((torch.amin(x, dim, keepdim), torch.argmax(-x, dim, keepdim)))


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


def _comparing(name: str) -> Any:
    """Truth values: 0 and 1 where it is decided, ½ ± ½ where not; plain where all are decided."""
    decide: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = {
        "gt": lambda low, high: (low > 0, high <= 0),
        "ge": lambda low, high: (low >= 0, high < 0),
        "eq": lambda low, high: ((low == 0) & (high == 0), (low > 0) | (high < 0)),
    }[name]

    def handler(x: Any, y: Any) -> Form | Tensor:
        like = x if isinstance(x, Form) else y
        if not like.dtype.is_floating_point and not isinstance(y, Form):
            y = y.double() if isinstance(y, Tensor) else float(y)
            low, high = (end - y for end in x.range)
            owner = x.owner.expand(low.shape)
        else:
            gap = add(x, multiply(y, -1.0)) if isinstance(y, Form) else add(x, -1.0 * y)
            (low, high), owner = gap.range, gap.owner
        true, false = decide(low, high)
        if bool((true | false).all()):
            decided: Tensor = true
            return decided
        return _between(like, true.double(), 1.0 - false.double(), owner, torch.bool)

    return handler


for _relation in ("gt", "ge", "eq"):
    primitive(_relation, {"gt": "greater", "ge": "greater_equal", "eq": "_equal"}[_relation])(
        _comparing(_relation)
    )


@composite("lt", "less")
def less(x: Any, y: Any) -> Any:
    return torch.gt(-x, -y)


@composite("le", "less_equal")
def less_equal(x: Any, y: Any) -> Any:
    return torch.ge(-x, -y)


@composite("ne", "not_equal")
def differs(x: Any, y: Any) -> Any:
    return torch.logical_not(torch.eq(x, y))


@primitive("logical_not")
def negation(x: Form) -> Form:
    low, high = x.range
    return _between(x, 1 - high, 1 - low, x.owner, torch.bool)


@primitive("logical_and")
def conjunction(x: Any, y: Any) -> Form:
    return multiply(_truth(x), _truth(y)).as_dtype(torch.bool)


@composite("logical_or")
def disjunction(x: Any, y: Any) -> Any:
    no = torch.logical_and(torch.logical_not(x), torch.logical_not(y))
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
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *rest: Any, **o: Any
) -> Any:
    def pair(value: Any, other: int) -> tuple[int, int]:
        return (other, value if isinstance(value, int) else value[0])

    dilation = o.pop("dilation", rest[0] if rest else 1)
    stride = stride or kernel_size
    wide = max_pool2d(
        x.unsqueeze(-2),
        pair(kernel_size, 1),
        pair(stride, 1),
        pair(padding, 0),
        pair(dilation, 1),
        **o,
    )
    return wide.squeeze(-2)


@composite("adaptive_max_pool1d", "adaptive_max_pool2d")
def adaptive_max_pool(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    sizes = {output_size} if isinstance(output_size, int) else set(output_size)
    if return_indices or sizes != {1}:
        raise Opaque("adaptive pooling by maxima to more than one place")
    count = 1 if isinstance(output_size, int) and x.ndim == 3 else 2
    count = len(output_size) if not isinstance(output_size, int) else count
    return torch.amax(x, tuple(range(-count, 0)), True)
