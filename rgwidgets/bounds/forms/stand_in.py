"""A tensor in name: a module runs on it as on any other, and bounds come out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn

from ..opaque import Opaque
from .binding import bound, passed
from .check import check
from .form import Form
from .registry import COMPOSITES, PRIMITIVES, VIEWS, WRITTEN

#: What is asked of any tensor and does not depend on its numbers.
FACTS = frozenset({
    "shape", "dtype", "device", "ndim", "layout", "is_nested", "is_cuda", "is_cpu", "is_mps",
    "is_xpu", "is_meta", "is_sparse", "is_quantized", "is_leaf", "requires_grad", "grad",
    "grad_fn", "names", "itemsize", "nbytes", "is_mkldnn", "_version", "output_nr", "is_ipu",
    "is_vulkan", "is_maia", "is_mtia", "is_xla", "is_sparse_csr", "dim", "size", "numel",
    "nelement", "ndimension", "stride", "element_size", "__len__", "__hash__",
    "is_floating_point", "is_complex", "is_contiguous", "is_signed", "is_inference",
    "is_same_size", "get_device", "is_conj", "is_neg", "is_pinned", "is_shared",
    "storage_offset",
})  # fmt: skip
_READ = "__get__"
#: What is asked for a person to read.
_SAID = frozenset({"__repr__", "__str__", "__format__"})
_OPERATORS = {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_",
    "__idiv__": "div_", "__add__": "add", "__radd__": "add", "__mul__": "mul",
    "__rmul__": "mul", "__sub__": "sub", "__rsub__": "rsub", "__truediv__": "div",
    "__rtruediv__": "rdiv", "__rdiv__": "rdiv", "__matmul__": "matmul", "__neg__": "neg",
    "__pow__": "pow", "__rpow__": "rpow", "__abs__": "abs", "__gt__": "gt",
    "__ge__": "ge", "__lt__": "lt", "__le__": "le", "__eq__": "eq", "__ne__": "ne",
    "__and__": "logical_and", "__or__": "logical_or", "__invert__": "logical_not",
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_not": "logical_not",
}  # fmt: skip
#: What torch calls the tensor that comes first.
_FIRST = ("input", "self", "tensor")


class StandIn(Tensor):
    """A tensor whose numbers are known as an affine form only.

    It has a shape, a dtype and a device, and functions of torch accept it where a bound of them is
    known; any other raises `Opaque` with the function's name and the layer that called it. Where
    nothing varies, torch itself is asked as well, and what it computes must be what is said of it.

    Parameters
    ----------
    form
        What is known of the numbers.
    device
        Where the module believes it to be.

    Examples
    --------
    >>> from rgwidgets.bounds.forms import Ball, Form
    >>> x = torch.zeros(1, 2, dtype=torch.float64)
    >>> form = Form(x, torch.eye(2).double()[:, None], 0 * x, 0 * x.long(), Ball(0.5, 2))
    >>> y = torch.nn.functional.linear(StandIn(form), torch.tensor([[3.0, 4.0]]))
    >>> tuple(y.shape), [round(float(end), 6) for end in y.form.range]
    ((1, 1), [-2.5, 2.5])
    """

    _form: Form | None
    _family: list[ReferenceType[StandIn]]

    @staticmethod
    def __new__(
        cls, form: Form, device: torch.device | None = None, family: StandIn | None = None
    ) -> StandIn:
        made: StandIn = Tensor._make_wrapper_subclass(
            cls, form.shape, dtype=form.dtype, device=device or form.centre.device
        )
        made._form = form
        made._family = [] if family is None else family._family
        made._family.append(ref(made))
        return made

    def __init__(self, *_: object) -> None:
        """All is made in `__new__`, as torch wants it."""

    @property
    def form(self) -> Form:
        """What is known of the numbers."""
        if self._form is None:
            raise Opaque(f"part of what was changed in place is used again{_where()}")
        return self._form

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = _name(func)
        if name in FACTS:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        if name in _SAID:
            return f"StandIn({tuple(args[0].shape)}, dtype={args[0].dtype})"
        name = _OPERATORS.get(name, name)
        plain = name.removesuffix("_") if not name.endswith("__") else name
        if not args and (plain in WRITTEN or plain != name or "inplace" in kwargs):
            args = tuple(kwargs.pop(key) for key in _FIRST if key in kwargs)
        if plain in WRITTEN and plain != name:
            raise Opaque(f"torch's {name} is not bounded{_where()}")
        given, options = opened(args), opened(kwargs)
        still = not _first((args, kwargs)).form.ball.varies
        result, inside = _asked(func, plain, args, kwargs)
        if plain != name or name == "__setitem__" or inside:
            result = _put(args, result)
        if still:
            check(func, plain, given, options, opened(result))
        return result

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        raise Opaque(f"{func} is not bounded{_where()}")


def called(name: str, *args: Any, **options: Any) -> Any:
    """What the handler of that name makes of stand-ins."""
    if name in COMPOSITES:
        return COMPOSITES[name](*args, **options)
    first = _first((args, options))
    try:
        result = PRIMITIVES[name](*opened(args), **opened(options))
    except Opaque as reason:
        if " in layer " in str(reason):
            raise
        raise Opaque(f"torch's {name}: {reason}{_where()}") from reason
    if name not in VIEWS and name not in WRITTEN:
        result = _rounded(result)
    return _closed(result, first, first if name in VIEWS and not options.get("copy") else None)


def _rounded(result: Any) -> Any:
    """Forms with what arithmetic in less than double precision may round off as slack."""
    if isinstance(result, tuple):
        return result if hasattr(result, "_fields") else tuple(map(_rounded, result))
    if not isinstance(result, Form) or not result.dtype.is_floating_point:
        return result
    if result.dtype.itemsize > 4:
        return result
    lost = 4 * torch.finfo(result.dtype).eps * result.size
    low, high = result.range
    slack, box = result.slack + lost, (low - lost, high + lost)
    simplex = result.simplex
    return result.made(result.centre, result.slopes, slack, result.owner, box, simplex=simplex)


def _name(func: Callable[..., Any]) -> str:
    """What torch calls a function; attributes by their own name."""
    name = str(getattr(func, "__name__", func))
    if name == _READ:
        name = str(getattr(getattr(func, "__self__", None), "__name__", name))
    module = getattr(func, "__module__", None)
    return name if module is None or module.split(".")[0] == "torch" else f"{module}.{name}"


def _asked(
    func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, bool]:
    """What torch's function of that name makes of stand-ins, and whether in their place."""
    if kwargs.get("out") is not None:
        raise Opaque(f"torch's {name} into a tensor given as out is not bounded{_where()}")
    if name in WRITTEN:
        return called(name, func, *args, **kwargs), False
    handler = PRIMITIVES.get(name) or COMPOSITES.get(name)
    if handler is None:
        raise Opaque(f"torch's {name} is not bounded{_where()}")
    arguments = {argument.name: argument for argument in bound(func, name, args, kwargs)}
    dtype, inside = (
        arguments.pop(key).value if key in arguments else None for key in ("dtype", "inplace")
    )
    if dtype is not None and not dtype.is_floating_point:
        raise Opaque(f"torch's {name} rounding to {dtype}{_where()}")
    first, options = passed(handler, name, list(arguments.values()))
    result = called(name, first, **options)
    return result.to(dtype) if dtype and isinstance(result, StandIn) else result, bool(inside)


def _first(value: Any) -> StandIn:
    """The first stand-in in nested arguments."""
    found = _found(value)
    if found is None:
        raise Opaque(f"only other arguments than what it works on vary{_where()}")
    return found


def _found(value: Any) -> StandIn | None:
    if isinstance(value, StandIn):
        return value
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, (tuple, list, dict)):
        return next((f for part in parts if (f := _found(part)) is not None), None)
    return None


def opened(value: Any) -> Any:
    """Arguments with forms in place of stand-ins."""
    if isinstance(value, StandIn):
        return value.form
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return (list if isinstance(value, list) else tuple)(opened(part) for part in value)
    if type(value) is dict:
        return {key: opened(part) for key, part in value.items()}
    return value


def _closed(value: Any, like: StandIn, family: StandIn | None) -> Any:
    if isinstance(value, Form):
        return StandIn(value, like.device, family)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        parts = [_closed(part, like, family) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _put(args: tuple[Any, ...], result: Any) -> StandIn:
    """What an operation in place leaves behind."""
    target = args[0] if args else None
    if not isinstance(target, StandIn):
        raise Opaque(f"numbers that vary are written into a constant{_where()}")
    others = [one for r in target._family if (one := r()) is not None and one is not target]
    if any(not any(one is given for given in args) for one in others):
        raise Opaque(f"it works in place on what is also seen elsewhere{_where()}")
    if not isinstance(result, StandIn) or result.form.shape != target.form.shape:
        raise Opaque(f"it works in place and changes the shape{_where()}")
    if not target.dtype.is_floating_point and result.dtype is not target.dtype:
        raise Opaque(f"it works in place on {target.dtype} and rounds{_where()}")
    target._form = result.form.as_dtype(target.dtype)
    for one in others:  # parts that were assigned to it may have changed with it
        one._form = None
    return target


def _where() -> str:
    """Which layer is being computed, from the frames of its forward pass."""
    frame: FrameType | None = sys._getframe(1)
    parts: list[nn.Module] = []
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            parts.append(owner)
        frame = frame.f_back
    if not parts:
        return ""
    names = {part: name for name, part in parts[-1].named_modules()}
    name = names.get(parts[0]) or "the module itself"
    return f", in layer {name!r} ({type(parts[0]).__name__})"
