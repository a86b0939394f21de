"""Forms rearranged, cut, joined and filled; what is asked of them without their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .form import Form, common_owner, each, rearranged, with_rows
from .registry import primitive

_VIEWED = (
    "reshape", "flatten", "unflatten", "permute", "transpose", "swapaxes", "swapdims",
    "movedim", "squeeze", "unsqueeze", "narrow", "select", "diagonal", "t",
    "broadcast_to", "expand",
)  # fmt: skip
_SEVERAL = ("chunk", "split", "tensor_split", "unbind")
_COPIED = (
    "moveaxis",
    "repeat",
    "tile",
    "roll",
    "flip",
    "repeat_interleave",
    "index_select",
    "gather",
)
_SAME = ("contiguous", "detach", "positive")
_CASTS = {"float": torch.float32, "double": torch.float64, "half": torch.float16,
          "bfloat16": torch.bfloat16}  # fmt: skip


def _register() -> None:
    """One handler for each function that only moves numbers about."""
    for name in _VIEWED:
        primitive(name, view=True)(_moving(name))
    for name in _COPIED:
        primitive(name)(_moving(name))
    for name in _SEVERAL:
        primitive(name, view=True)(_parting(name))
    for name in _SAME:
        primitive(name, view=True)(_unchanged)
    for name, dtype in _CASTS.items():
        primitive(name, view=True)(_casting(dtype))


def _moving(name: str) -> Any:
    method = getattr(Tensor, name)

    def handler(x: Form, *args: Any, **options: Any) -> Form:
        _check_plain(args, options)
        if name in _COPIED:
            return taken(x, lambda t: method(t, *args, **options))
        return rearranged(x, lambda t: method(t, *args, **options))

    return handler


def _parting(name: str) -> Any:
    method = getattr(Tensor, name, None) or getattr(torch, name)

    def handler(x: Form, *args: Any, **options: Any) -> tuple[Form, ...]:
        _check_plain(args, options)
        count = len(method(x.centre, *args, **options))
        return tuple(
            rearranged(x, lambda t, i=i: method(t, *args, **options)[i])  # type: ignore[misc]
            for i in range(count)
        )

    return handler


def _casting(dtype: torch.dtype) -> Any:
    return lambda x, memory_format=None: x.as_dtype(dtype)


def _unchanged(x: Form, memory_format: Any = None) -> Form:
    return x


def _check_plain(args: Sequence[Any], options: dict[str, Any]) -> None:
    for value in (*args, *options.values()):
        if isinstance(value, Form):
            raise Opaque("positions that depend on the numbers themselves")
        if isinstance(value, (tuple, list)):
            _check_plain(value, {})


def taken(x: Form, function: Any) -> Form:
    """Elements picked by a function that is tried on the elements' positions."""
    places = torch.arange(x.centre.numel(), device=x.centre.device).reshape(x.shape)
    found = function(places)
    return rearranged(x, lambda t: t.reshape(-1)[found])


_register()


@primitive("view", view=True)
def view(x: Form, *shape: Any, **options: Any) -> Form:
    """As `reshape`; as another dtype it is refused."""
    if options or (shape and isinstance(shape[0], torch.dtype)):
        raise Opaque("the bits of numbers that vary")
    return rearranged(x, lambda t: t.reshape(*shape))


@primitive("view_as", "reshape_as", "expand_as", view=True)
def like_another(x: Form | Tensor, other: Form | Tensor) -> Form | Tensor:
    """The shape of another tensor: reshaped where the count is the same, else broadcast."""
    shape = other.shape
    if not isinstance(x, Form):
        return x.reshape(shape) if x.numel() == shape.numel() else x.expand(shape)
    if x.centre.numel() == shape.numel():
        return rearranged(x, lambda t: t.reshape(shape))
    return rearranged(x, lambda t: t.expand(shape))


@primitive("T", "mT", "H", "mH", view=True)
def transposed(x: Form) -> Form:
    return rearranged(x, lambda t: t.transpose(-2, -1) if t.ndim > 1 else t)


@primitive("__getitem__", view=True)
def item(x: Form, index: Any) -> Form:
    """Slices and index tensors, none of which may vary itself."""
    _check_plain((index,), {})
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (Tensor, list)) for part in parts):
        return taken(x, lambda t: t[index])
    return rearranged(x, lambda t: t[index])


@primitive("take_along_dim")
def take_along_dim(x: Form, indices: Tensor, dim: int | None = None) -> Form:
    _check_plain((indices,), {})
    return taken(x, lambda t: torch.take_along_dim(t, indices, dim))


@primitive("__setitem__")
def set_item(x: Form | Tensor, index: Any, value: Any) -> Form:
    """The form with some of its elements replaced: what an assignment leaves behind."""
    _check_plain((index,), {})
    if not isinstance(x, Form):
        raise Opaque("numbers that vary are written into a constant")
    places = torch.arange(x.centre.numel(), device=x.centre.device).reshape(x.shape)
    chosen = places[index]
    new = lifted(value, x)
    new = rearranged(new, lambda t: t.expand(chosen.shape).reshape(-1))
    flat = rearranged(x, lambda t: t.reshape(-1))
    order = places.reshape(-1).clone()
    order[chosen.reshape(-1)] = len(order) + torch.arange(chosen.numel(), device=order.device)
    return rearranged(cat([flat, new]), lambda t: t[order].reshape(x.shape))


def lifted(value: Any, like: Form) -> Form:
    """Any number or tensor as a form over the same ball."""
    if isinstance(value, Form):
        return value
    if not isinstance(value, Tensor):
        value = torch.tensor(value, dtype=torch.float64)
    return like.constant(value)


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
    return like.made(centre, slopes, slack, owner, (low, high))


@primitive("pad")
def pad(x: Form, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Form:
    if mode != "constant":
        return rearranged(x, lambda t: functional.pad(t.double(), pad, mode).to(t.dtype))
    edge = 0.0 if value is None else float(value)

    def wide(t: Tensor, fill: float = 0.0) -> Tensor:
        return functional.pad(t, pad, "constant", fill)

    centre = wide(x.centre, edge)
    box = wide(x.range[0], edge), wide(x.range[1], edge)
    return x.made(centre, each(wide, x.slopes, centre), wide(x.slack), wide(x.owner, -1), box)


@primitive("masked_fill", "fill", "zero")
def masked_fill(x: Form, mask: Tensor | float = 0.0, value: Any = None) -> Form:
    """Constants in place of some elements, or of all."""
    if value is None:
        return x.constant(torch.full_like(x.centre, float(mask)))
    if isinstance(mask, Form):
        raise Opaque("a mask that depends on the numbers themselves")
    return where(mask, value, x)


@primitive("where")
def where(condition: Any, one: Any = None, other: Any = None) -> Form:
    """Elements of one or the other; the condition must not vary."""
    if isinstance(condition, Form) or one is None:
        raise Opaque("a choice that depends on the numbers themselves")
    like = one if isinstance(one, Form) else other
    if not isinstance(like, Form):
        raise Opaque("a choice that depends on the numbers themselves")
    mask = condition.to(like.centre.device).bool()
    a, b = lifted(one, like), lifted(other, like)
    centre = torch.where(mask, a.centre, b.centre)
    low, high = (torch.where(mask, a.range[i], b.range[i]) for i in (0, 1))
    owner = torch.where(mask, a.owner, b.owner)
    rows = max(len(a.slopes), len(b.slopes))
    slopes = torch.where(mask, a.grown(centre.shape, rows), b.grown(centre.shape, rows))
    slack = torch.where(mask, a.slack, b.slack)
    return like.made(centre, slopes, slack, owner, (low, high))


@primitive("scatter")
def scatter(x: Form, dim: int, index: Any, value: Any) -> Form:
    """Constants at some places along an axis."""
    if not isinstance(value, (int, float)) or isinstance(index, Form):
        raise Opaque("a scatter of anything but one number")
    chosen = torch.zeros(x.shape, dtype=torch.bool, device=x.centre.device)
    return where(chosen.scatter(dim, index.to(chosen.device), True), float(value), x)


@primitive("tril")
def lower_triangle(x: Form, diagonal: int = 0) -> Form:
    return where(torch.ones_like(x.centre).tril(diagonal), x, 0.0)


@primitive("triu")
def upper_triangle(x: Form, diagonal: int = 0) -> Form:
    return where(torch.ones_like(x.centre).triu(diagonal), x, 0.0)


@primitive("clone")
def clone(x: Form, memory_format: Any = None) -> Form:
    return x


@primitive("to", "type_as", "type", "cpu", "cuda", view=True)
def cast(x: Form | Tensor, *args: Any, **options: Any) -> Form | Tensor:
    """Another precision or device: the numbers are kept as they are, in double."""
    if not isinstance(x, Form):
        like = next(value for value in (*args, *options.values()) if isinstance(value, Form))
        return x.to(like.centre.device, like.dtype)
    for value in (*args, *options.values()):
        dtype = value if isinstance(value, torch.dtype) else getattr(value, "dtype", None)
        if isinstance(dtype, torch.dtype):
            if not dtype.is_floating_point and dtype is not x.dtype:
                raise Opaque(f"rounding to {str(dtype).removeprefix('torch.')}")
            return x.as_dtype(dtype)
    return x


@primitive("isfinite")
def isfinite(x: Form) -> Tensor:
    return x.centre.isfinite()


@primitive("isnan")
def isnan(x: Form) -> Tensor:
    return torch.zeros(x.shape, dtype=torch.bool, device=x.centre.device)


@primitive("nan_to_num")
def nan_to_num(x: Form, *_: Any, **__: Any) -> Form:
    if not bool(x.centre.isfinite().all()):
        raise Opaque("infinities among numbers that vary")
    return x


def _filled(name: str) -> Any:
    def handler(x: Form, *args: Any, **options: Any) -> Tensor:
        example = torch.empty(0, dtype=x.dtype, device=x.centre.device)
        made: Tensor
        if name.endswith("_like"):
            options.pop("memory_format", None)
            make = getattr(example, f"new_{name.removesuffix('_like')}")
            made = make(x.shape, *args, **options)
        else:
            made = getattr(example, name)(*args, **options)
        return made

    return handler


for _kind in ("zeros", "ones", "full", "empty"):
    primitive(f"new_{_kind}")(_filled(f"new_{_kind}"))
    primitive(f"{_kind}_like")(_filled(f"{_kind}_like"))
primitive("new_tensor")(_filled("new_tensor"))


def broadcast(*shapes: torch.Size) -> torch.Size:
    """The shape that tensors of these shapes broadcast to."""
    return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def paired(a: Form, b: Form) -> tuple[torch.Size, Tensor]:
    """The shape that two forms broadcast to, and the owner of each pair."""
    shape = broadcast(a.shape, b.shape)
    return shape, common_owner(a.owner, b.owner).expand(shape)
