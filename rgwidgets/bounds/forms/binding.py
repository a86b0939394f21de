"""Arguments of torch's functions by torch's own names, in whichever way a call is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque

#: Other names that torch takes for its arguments, as NumPy has them.
_ALIASES = {
    "input": "self", "x": "self", "x1": "self", "x2": "other", "axis": "dim", "keepdims": "keepdim",
}  # fmt: skip
#: Options that say how to compute, and change nothing in what comes out.
_HARMLESS = frozenset({
    "_stacklevel", "momentum", "cudnn_enabled", "cudnn_enable", "memory_format", "non_blocking",
})  # fmt: skip


@dataclass(frozen=True)
class _Kind:
    """What torch accepts for an argument; `size` where one number may stand for several."""

    name: str
    optional: bool
    size: int | None


@dataclass(frozen=True)
class Argument:
    """An argument by torch's name, with what it is where a call leaves it out."""

    name: str
    value: Any
    default: Any

    @property
    def left_out(self) -> bool:
        """Whether it is what it is by default."""
        if self.value is self.default:
            return True
        return type(self.value) is type(self.default) and bool(self.value == self.default)


def bound(
    func: Callable[..., Any], name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> list[Argument]:
    """All arguments of a call, what torch calls `self` named `input`, in its functions' order.

    Functions of torch that are written in Python are asked for their signature. For all others it
    is the first of torch's schemas that takes the arguments.

    Raises
    ------
    Opaque
        If none does.
    """
    method = hasattr(func, "__objclass__")
    for loose in (False, True):  # torch also takes numbers for tensors and tensors for numbers
        for signature in _signatures(func, name):
            own = _self_first(signature) if method else signature
            found = _fitted(own, args, kwargs, loose)
            if found is not None:
                return [
                    Argument("input" if key == "self" else key, found[key], parameter.default)
                    for key, parameter in signature.parameters.items()
                ]
    raise Opaque(f"torch's {name} called in a way that is not known")


def passed(
    handler: Callable[..., Any], name: str, arguments: list[Argument]
) -> tuple[Any, dict[str, Any]]:
    """The first argument and, by name, what else a handler is given.

    An option that the handler does not know is passed over where it is what torch takes anyway.

    Raises
    ------
    Opaque
        If it is anything else.
    """
    known = _known(handler)
    options = {}
    for argument in arguments[1:]:
        if known is None or argument.name in known:
            options[argument.name] = argument.value
        elif not argument.left_out and argument.name not in _HARMLESS:
            said = "a tensor" if isinstance(argument.value, Tensor) else repr(argument.value)
            raise Opaque(f"torch's {name} with {argument.name}={said} is not bounded")
    return arguments[0].value, options


@cache
def _known(handler: Callable[..., Any]) -> frozenset[str] | None:
    """Names of the options that a handler takes; None if it takes all."""
    parameters = list(inspect.signature(handler).parameters.values())
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters[1:])


@cache
def _signatures(func: Callable[..., Any], name: str) -> tuple[Signature, ...]:
    """The ways in which a function may be called."""
    if getattr(func, "__qualname__", "").startswith("boolean_dispatch"):
        func = getattr(functional, f"_{name}")
    if inspect.isfunction(func) and inspect.isfunction(inspect.unwrap(func)):
        return (inspect.signature(func),)
    schemas = torch._C._jit_get_schemas_for_operator(f"aten::{name}")
    given = [list(schema.arguments) for schema in schemas]
    return tuple(
        _signature(arguments)
        for arguments in given
        if not any(argument.is_out for argument in arguments)
    )


def _self_first(signature: Signature) -> Signature:
    """How a method is called, whose tensor comes first."""
    ordered = sorted(signature.parameters.values(), key=lambda one: one.name != "self")
    return Signature(ordered, __validate_parameters__=False)


def _signature(arguments: Sequence[Any]) -> Signature:
    return Signature(
        [
            Parameter(
                argument.name,
                Parameter.KEYWORD_ONLY if argument.kwarg_only else Parameter.POSITIONAL_OR_KEYWORD,
                default=argument.default_value if argument.has_default_value() else Parameter.empty,
                annotation=_kind(argument),
            )
            for argument in arguments
        ],
        __validate_parameters__=False,
    )


def _kind(argument: Any) -> _Kind:
    name = str(getattr(argument, "real_type", argument.type))
    inner = name.removeprefix("Optional[").removesuffix("]") if name[:9] == "Optional[" else name
    return _Kind(inner, inner != name, argument.N)


def _fitted(
    signature: Signature, args: Sequence[Any], kwargs: dict[str, Any], loose: bool
) -> dict[str, Any] | None:
    """Values by name if a signature takes them."""
    named = {
        key if key in signature.parameters else _ALIASES.get(key, key): value
        for key, value in kwargs.items()
    }
    try:
        given = signature.bind(*args, **named)
    except TypeError:
        return None
    values = {}
    for key, value in given.arguments.items():
        kind = signature.parameters[key].annotation
        if isinstance(kind, _Kind):
            if not _takes(kind, value, loose):
                return None
            if kind.name in ("number", "int", "float") and isinstance(value, Tensor):
                value = value.item()
        values[key] = value
    given.apply_defaults()
    return {**given.arguments, **values}


def _takes(kind: _Kind, value: Any, loose: bool) -> bool:
    """Whether torch would take a value for an argument of that kind."""
    if value is None:
        return kind.optional
    whole = isinstance(value, Integral) and not isinstance(value, (bool, Tensor))
    plain = loose and type(value) in (Tensor, torch.nn.Parameter) and value.ndim == 0
    several = isinstance(value, (tuple, list))
    match kind.name:
        case "Tensor":
            return isinstance(value, Tensor) or (loose and isinstance(value, Real))
        case "number":
            return isinstance(value, Real) or plain
        case "float":
            return isinstance(value, Real) or plain
        case "int" | "SymInt":
            return whole or (plain and not value.dtype.is_floating_point)
        case "bool":
            return isinstance(value, bool)
        case "str":
            return isinstance(value, str)
        case "List[int]" | "List[SymInt]":
            alone = whole and kind.size is not None
            return alone or (several and all(isinstance(part, Integral) for part in value))
        case "List[Tensor]":
            return several and all(isinstance(part, Tensor) for part in value)
        case "ScalarType" | "Layout" | "Device" | "MemoryFormat":
            return not isinstance(value, (Tensor, int, float, tuple, list))
    return False
