"""Forms rearranged, cut, joined and filled; what is asked of them without their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .form import Form, common_owner, each, rearranged, with_rows
from .registry import primitive

_VIEWED = (
    "reshape", "flatten", "unflatten", "permute", "transpose", "swapaxes", "swapdims",
    "movedim", "squeeze", "unsqueeze", "narrow", "select", "diagonal", "t", "T",
    "mT", "H", "mH", "broadcast_to", "expand", "reshape_as", "expand_as",
)  # fmt: skip
_SEVERAL = ("chunk", "split", "tensor_split", "unbind")
_COPIED = (
    "moveaxis", "repeat", "tile", "roll", "flip", "repeat_interleave", "index_select", "gather",
    "take_along_dim",
)  # fmt: skip
#: What is given another tensor for its shape alone.
_SHAPED = frozenset({"reshape_as", "expand_as"})


def _moving(name: str, several: bool) -> Any:
    """Numbers moved about by torch's own function, which is tried on plain tensors."""

    def handler(func: Any, x: Any, *args: Any, **options: Any) -> Any:
        if name in _SHAPED:
            args, options = _examples(args), _examples(options)
        _check_plain((args, options))
        if not isinstance(x, Form):
            return func(x, *args, **options)
        if name in _COPIED:
            return taken(x, lambda t: func(t, *args, **options))
        if not several:
            return rearranged(x, lambda t: func(t, *args, **options))
        return tuple(
            rearranged(x, lambda t, i=i: func(t, *args, **options)[i])  # type: ignore[misc]
            for i in range(len(func(x.centre, *args, **options)))
        )

    return handler


for _name in (*_VIEWED, *_SEVERAL):
    primitive(_name, view=True, written=True)(_moving(_name, _name in _SEVERAL))
for _name in _COPIED:  # moveaxis is a view, but torch.vmap does not know it
    primitive(_name, view=_name == "moveaxis", written=True)(_moving(_name, False))


@primitive("clone")
@primitive("contiguous", "detach", "positive", view=True)
def unchanged(x: Form) -> Form:
    return x


def _check_plain(value: Any) -> None:
    """Raise if there is a form in nested arguments."""
    if isinstance(value, Form):
        raise Opaque("positions that depend on the numbers themselves")
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, (tuple, list, dict)):
        for part in parts:
            _check_plain(part)


def _examples(value: Any) -> Any:
    """Arguments with empty tensors of their shape and dtype in place of forms."""
    if isinstance(value, Form):
        return torch.empty(value.shape, dtype=value.dtype, device=value.centre.device)
    if isinstance(value, dict):
        return {key: _examples(part) for key, part in value.items()}
    return tuple(_examples(part) for part in value) if isinstance(value, tuple) else value


def taken(x: Form, function: Any) -> Form:
    """Elements picked by a function that is tried on the elements' positions."""
    places = torch.arange(x.centre.numel(), device=x.centre.device).reshape(x.shape)
    found = function(places)
    return rearranged(x, lambda t: t.reshape(-1)[found])


@primitive("view", "view_as", view=True, written=True)
def view(func: Any, x: Any, *args: Any, **options: Any) -> Any:
    """As `reshape`, whatever lies where in memory; as another dtype it is refused."""
    given = [getattr(value, "shape", value) for value in (*args, *options.values())]
    if any(isinstance(value, torch.dtype) for value in given):
        raise Opaque("the bits of numbers that vary")
    if not isinstance(x, Form):
        return x.reshape(*given)
    return rearranged(x, lambda t: t.reshape(*given))


@primitive("__getitem__", view=True, written=True)
def item(func: Any, x: Form | Tensor, index: Any) -> Form:
    """Slices and index tensors, none of which may vary itself."""
    _check_plain((index,))
    assert isinstance(x, Form)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (Tensor, list)) for part in parts):
        return taken(x, lambda t: t[index])
    return rearranged(x, lambda t: t[index])


@primitive("__setitem__", written=True)
def set_item(func: Any, x: Form | Tensor, index: Any, value: Any) -> Form:
    """The form with some of its elements replaced: what an assignment leaves behind."""
    _check_plain((index,))
    if not isinstance(x, Form):
        raise Opaque("numbers that vary are written into a constant")
    places = torch.arange(x.centre.numel(), device=x.centre.device).reshape(x.shape)
    chosen = places[index].reshape(-1)
    if len(set(chosen.tolist())) < len(chosen):
        raise Opaque("several numbers assigned to one place")
    new = lifted(_kept(x, value), x).as_dtype(x.dtype)
    new = rearranged(new, lambda t: t.expand(places[index].shape).reshape(-1))
    flat = rearranged(x, lambda t: t.reshape(-1))
    order = places.reshape(-1).clone()
    order[chosen] = len(order) + torch.arange(chosen.numel(), device=order.device)
    return rearranged(cat([flat, new]), lambda t: t[order].reshape(x.shape))


def promoted(a: Any, b: Any) -> torch.dtype:
    """The dtype that torch gives to what is made of two forms, tensors or numbers."""
    one, other = (
        torch.empty((1,) * min(1, value.ndim), dtype=value.dtype)
        if isinstance(value, (Form, Tensor))
        else value
        for value in (a, b)
    )
    return torch.result_type(one, other)


def lifted(value: Any, like: Form) -> Form:
    """Any number or tensor as a form over the same ball."""
    if isinstance(value, Form):
        return value
    dtype = value.dtype if isinstance(value, Tensor) else None
    value = value if dtype else torch.tensor(value, dtype=torch.float64)
    return like.constant(value).as_dtype(dtype or torch.float64)


@primitive("cat", "concat", "concatenate")
def cat(tensors: Sequence[Form | Tensor], dim: int = 0) -> Form:
    return _joined(tensors, torch.cat, dim)


@primitive("stack")
def stack(tensors: Sequence[Form | Tensor], dim: int = 0) -> Form:
    return _joined(tensors, torch.stack, dim)


def _joined(tensors: Sequence[Form | Tensor], join: Any, dim: int) -> Form:
    like = next(t for t in tensors if isinstance(t, Form))
    forms = [lifted(t, like) for t in tensors]
    centre, slack, owner = (
        join([getattr(f, part) for f in forms], dim) for part in ("centre", "slack", "owner")
    )
    low, high = (join([f.range[i] for f in forms], dim) for i in (0, 1))
    rows = max(len(f.slopes) for f in forms)
    slopes = join([with_rows(f.slopes, rows) for f in forms], dim + 1 if dim >= 0 else dim)
    kinds = [t.dtype for t in tensors]
    made = like.made(centre, slopes, slack, owner, (low, high))
    return made.as_dtype(reduce(torch.promote_types, kinds))


@primitive("pad")
def pad(x: Form, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Form:
    if mode != "constant":
        return rearranged(x, lambda t: functional.pad(t.double(), pad, mode).to(t.dtype))
    edge = 0.0 if value is None else float(_kept(x, value))

    def wide(t: Tensor, fill: float = 0.0) -> Tensor:
        return functional.pad(t, pad, "constant", fill)

    centre = wide(x.centre, edge)
    box = wide(x.range[0], edge), wide(x.range[1], edge)
    return x.made(centre, each(wide, x.slopes, centre), wide(x.slack), wide(x.owner, -1), box)


@primitive("masked_fill")
def masked_fill(x: Form | Tensor, mask: Tensor | Form, value: Any) -> Form:
    """Numbers in place of some elements."""
    if isinstance(mask, Form):
        raise Opaque("a mask that depends on the numbers themselves")
    return where(mask, _kept(x, value), x)


def _kept(x: Form | Tensor, value: Any) -> Any:
    """A number that is written among others, if it stays what it is there."""
    if promoted(x, value) is not x.dtype:
        raise Opaque(f"rounding to {str(x.dtype).removeprefix('torch.')}")
    return value


@primitive("fill", "zero")
def filled(x: Form | Tensor, value: Any = False) -> Form:
    """One number in place of all."""
    if not isinstance(x, Form):
        raise Opaque("numbers that vary are written into a constant")
    new = lifted(_kept(x, value), x).as_dtype(x.dtype)
    return rearranged(new, lambda t: t.expand(x.shape))


@primitive("where")
def where(condition: Any, input: Any = None, other: Any = None) -> Form:
    """Elements of one or the other; the condition must not vary."""
    if isinstance(condition, Form) or input is None:
        raise Opaque("a choice that depends on the numbers themselves")
    like = input if isinstance(input, Form) else other
    assert isinstance(like, Form)
    mask = condition.to(like.centre.device).bool()
    a, b = lifted(input, like), lifted(other, like)
    low, high = (torch.where(mask, a.range[i], b.range[i]) for i in (0, 1))
    owner = torch.where(mask, a.owner, b.owner)
    rows = max(len(a.slopes), len(b.slopes))
    centre = torch.where(mask, a.centre, b.centre)
    slopes = torch.where(mask, a.grown(centre.shape, rows), b.grown(centre.shape, rows))
    slack = torch.where(mask, a.slack, b.slack)
    made = like.made(centre, slopes, slack, owner, (low, high))
    return made.as_dtype(promoted(input, other))


@primitive("scatter")
def scatter(x: Form | Tensor, dim: int, index: Any, value: Any = None) -> Form:
    """A constant at some places along an axis."""
    if not isinstance(x, Form) or isinstance(index, Form) or value is None:
        raise Opaque("a scatter of anything but one number")
    chosen = torch.zeros(x.shape, dtype=torch.bool, device=x.centre.device)
    return masked_fill(x, chosen.scatter(dim, index.to(chosen.device), True), value)


@primitive("tril")
def lower_triangle(x: Form, diagonal: int = 0) -> Form:
    return where(torch.ones_like(x.centre).tril(diagonal), x, 0).as_dtype(x.dtype)


@primitive("triu")
def upper_triangle(x: Form, diagonal: int = 0) -> Form:
    return where(torch.ones_like(x.centre).triu(diagonal), x, 0).as_dtype(x.dtype)


@primitive(
    "to", "type_as", "type", "cpu", "cuda", "float", "double", "half", "bfloat16",
    view=True, written=True,
)  # fmt: skip
def cast(func: Any, x: Form | Tensor, *args: Any, **options: Any) -> Any:
    """Another precision or device; what a coarser one may round off is slack."""
    example = x if isinstance(x, Tensor) else torch.empty((), dtype=x.dtype)
    made = func(example, *_examples(args), **_examples(options))
    if not isinstance(x, Form) or not isinstance(made, Tensor):
        return made
    if not made.dtype.is_floating_point and made.dtype is not x.dtype:
        raise Opaque(f"rounding to {str(made.dtype).removeprefix('torch.')}")
    return _rounded(x, made.dtype)


def _rounded(x: Form, dtype: torch.dtype) -> Form:
    if not dtype.is_floating_point or not x.dtype.is_floating_point:
        return x.as_dtype(dtype)
    info = torch.finfo(dtype)
    if info.eps <= torch.finfo(x.dtype).eps:
        return x.as_dtype(dtype)
    if bool((x.size > info.max).any()):
        raise Opaque(f"numbers beyond what {str(dtype).removeprefix('torch.')} holds")
    lost = info.eps * x.size + info.tiny
    low, high = x.range
    box = (low - lost, high + lost)
    return x.made(x.centre, x.slopes, x.slack + lost, x.owner, box).as_dtype(dtype)


@primitive("isfinite")
def isfinite(x: Form) -> Tensor:
    return x.centre.isfinite()


@primitive("isnan")
def isnan(x: Form) -> Tensor:
    return torch.zeros(x.shape, dtype=torch.bool, device=x.centre.device)


@primitive("nan_to_num")
def nan_to_num(x: Form, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Form:
    """The numbers themselves, which are finite."""
    if not bool(x.centre.isfinite().all()):
        raise Opaque("infinities among numbers that vary")
    return x


@primitive(
    *(f"new_{kind}" for kind in ("zeros", "ones", "full", "empty", "tensor")),
    *(f"{kind}_like" for kind in ("zeros", "ones", "full", "empty")),
    written=True,
)
def new(func: Any, x: Form, *args: Any, **options: Any) -> Tensor:
    """Constants of a shape and kind of their own."""
    _check_plain((args, options))
    made: Tensor = func(_examples((x,))[0], *args, **options)
    return made


def broadcast(*shapes: torch.Size) -> torch.Size:
    """The shape that tensors of these shapes broadcast to."""
    return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def paired(a: Form, b: Form) -> tuple[torch.Size, Tensor]:
    """The shape that two forms broadcast to, and the owner of each pair."""
    shape = broadcast(a.shape, b.shape)
    return shape, common_owner(a.owner, b.owner).expand(shape)


def axes_of(x: Any, dim: Any) -> tuple[int, ...]:
    """Axes ≥ 0 by torch's `dim`: one, several, or all where it names none; none of a number."""
    if dim is None or (not isinstance(dim, int) and not len(dim)):
        return tuple(range(x.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if not x.ndim:
        return (0,) * len(dims)
    return tuple(d % x.ndim for d in dims)


def along(x: Form, dim: Any, keepdim: bool, function: Callable[[Form], Form]) -> Form:
    """What a function that takes the last axis away makes of several axes together."""
    axes = sorted(axes_of(x, dim)) if x.ndim else []
    kept = [d for d in range(x.ndim) if d not in axes]
    rows = (
        rearranged(x, lambda t: t.permute(*kept, *axes).flatten(len(kept)))
        if axes
        else rearranged(x, lambda t: t.unsqueeze(-1))
    )
    found = function(rows)
    for axis in axes if keepdim else ():
        found = rearranged(found, lambda t, axis=axis: t.unsqueeze(axis))  # type: ignore[misc]
    return found
