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
from .form import Form
from .registry import COMPOSITES, PRIMITIVES, VIEWS

#: What is asked of any tensor and does not depend on its numbers.
_FACTS = frozenset({
    "shape", "dtype", "device", "ndim", "layout", "is_nested", "is_cuda", "is_cpu", "is_mps",
    "is_xpu", "is_meta", "is_sparse", "is_quantized", "is_leaf", "requires_grad", "grad",
    "grad_fn", "names", "itemsize", "nbytes", "is_mkldnn", "_version", "output_nr", "is_ipu",
    "is_vulkan", "is_maia", "is_mtia", "is_xla", "is_sparse_csr", "dim", "size", "numel",
    "nelement", "ndimension", "stride", "element_size", "__len__", "__hash__",
    "is_floating_point", "is_complex", "is_contiguous", "is_signed", "is_inference",
    "is_same_size", "get_device", "is_conj", "is_neg", "is_pinned", "is_shared",
    "storage_offset", "__format__",
})  # fmt: skip
_READ = "__get__"
_OPERATORS = {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_",
    "__idiv__": "div_", "__add__": "add", "__radd__": "add", "__mul__": "mul",
    "__rmul__": "mul", "__sub__": "sub", "__rsub__": "rsub", "__truediv__": "div",
    "__rtruediv__": "rdiv", "__rdiv__": "rdiv", "__matmul__": "matmul",
    "__neg__": "neg", "__pow__": "pow", "__rpow__": "rpow", "__abs__": "abs", "__gt__": "gt",
    "__ge__": "ge", "__lt__": "lt", "__le__": "le", "__eq__": "eq", "__ne__": "ne",
    "__and__": "logical_and", "__or__": "logical_or", "__invert__": "logical_not",
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_not": "logical_not",
}  # fmt: skip


class StandIn(Tensor):
    """A tensor whose numbers are known as an affine form only.

    It has a shape, a dtype and a device, and functions of torch accept it where a bound of them is
    known; any other raises `Opaque` with the function's name and the layer that called it.

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
        kwargs = kwargs or {}
        name = _name(func)
        if name in _FACTS:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        if name == "__repr__":
            return f"StandIn({tuple(args[0].form.shape)})"
        name = _OPERATORS.get(name, name)
        plain = name.removesuffix("_") if not name.endswith("__") else name
        inplace = plain != name or name == "__setitem__" or bool(kwargs.pop("inplace", False))
        result = _called(plain, args, kwargs)
        return _put(args, result) if inplace else result

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        raise Opaque(f"{func} is not bounded{_where()}")


def called(name: str, *args: Any, **options: Any) -> Any:
    """What a function of that name makes of stand-ins."""
    return _called(name, args, options)


def _name(func: Callable[..., Any]) -> str:
    """What torch calls a function; attributes by their own name."""
    name = str(getattr(func, "__name__", func))
    if name == _READ:
        name = str(getattr(getattr(func, "__self__", None), "__name__", name))
    module = getattr(func, "__module__", None)
    return name if module is None or module.split(".")[0] == "torch" else f"{module}.{name}"


def _plain(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options without those that change nothing, `axis` by the name that torch prefers."""
    options = {"dim" if key == "axis" else key: value for key, value in options.items()}
    options.pop("_stacklevel", None)
    if options.pop("out", None) is not None:
        raise Opaque(f"torch's {name} into a tensor given as out is not bounded{_where()}")
    if not name.startswith("new_") and not name.endswith("_like") and name != "to":
        dtype = options.pop("dtype", None)
        if dtype is not None and not dtype.is_floating_point:
            raise Opaque(f"torch's {name} rounding to {dtype}{_where()}")
    return options


def _called(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = _plain(name, kwargs)
    if name in COMPOSITES:
        return COMPOSITES[name](*args, **kwargs)
    if name not in PRIMITIVES:
        raise Opaque(f"torch's {name} is not bounded{_where()}")
    first = _first((args, kwargs))
    family = first if name in VIEWS and not kwargs.get("copy") else None
    forms = (_opened(args), _opened(kwargs))
    try:
        result = PRIMITIVES[name](*forms[0], **forms[1])
    except Opaque as reason:
        if " in layer " in str(reason):
            raise
        raise Opaque(f"torch's {name}: {reason}{_where()}") from reason
    return _closed(result, first, family)


def _first(value: Any) -> StandIn:
    """The first stand-in in nested arguments."""
    found = _found(value)
    assert found is not None
    return found


def _found(value: Any) -> StandIn | None:
    if isinstance(value, StandIn):
        return value
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, (tuple, list, dict)):
        return next((f for part in parts if (f := _found(part)) is not None), None)
    return None


def _opened(value: Any) -> Any:
    """Arguments with forms in place of stand-ins."""
    if isinstance(value, StandIn):
        return value.form
    if type(value) in (tuple, list):
        return type(value)(_opened(part) for part in value)
    if type(value) is dict:
        return {key: _opened(part) for key, part in value.items()}
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
