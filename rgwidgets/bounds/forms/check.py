"""Torch itself asked, where nothing varies, whether it makes of a point what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..opaque import Opaque
from .form import Form

#: Relative difference that is let pass: in double precision, and in units of coarser rounding.
_CLOSE, _UNITS = 1e-9, 100.0
#: Results whose numbers are nobody's.
_ARBITRARY = frozenset({"new_empty", "empty_like"})
#: What depends on the precision itself.
_PRECISE = frozenset({"rms_norm"})


def check(
    func: Callable[..., Any],
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
) -> None:
    """Compare what is said of a function's result with what torch computes at that point.

    Forms, in place of what varies, must be points. All is compared in double precision.

    Raises
    ------
    Opaque
        If torch refuses the call, or its result has another shape, kind or other numbers.
    """
    precise = name in _PRECISE
    given, options = _numbers(args, precise), _numbers(kwargs, precise)
    try:
        with torch._C.DisableTorchFunctionSubclass():
            exact = func(*given, **options)
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Opaque(f"torch's {name}: {said}") from error
    exact = given[0] if exact is None else exact  # what was changed in its place
    rounding = max(_rounding((args, kwargs)), _rounding(exact))
    if not _agree(result, exact, max(_CLOSE, _UNITS * rounding), name in _ARBITRARY):
        raise Opaque(f"torch itself makes something else of this call of {name}")


def _numbers(value: Any, precise: bool) -> Any:
    """Points and constants as tensors of their own, in double precision unless `precise`."""
    if isinstance(value, Form):
        own = precise or not value.dtype.is_floating_point
        return value.centre.clone().to(value.dtype if own else torch.float64)
    if isinstance(value, Tensor) and value.dtype.is_floating_point and not precise:
        return value.detach().double()
    if type(value) in (tuple, list):
        return type(value)(_numbers(part, precise) for part in value)
    if type(value) is dict:
        return {key: _numbers(part, precise) for key, part in value.items()}
    return value


def _rounding(value: Any) -> float:
    """The coarsest precision of any tensor in nested values."""
    if isinstance(value, Tensor) and value.dtype.is_floating_point:
        return float(torch.finfo(value.dtype).eps)
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, (tuple, list, dict)):
        return max((_rounding(part) for part in parts), default=0.0)
    return 0.0


def _agree(found: Any, exact: Any, close: float, arbitrary: bool) -> bool:
    if isinstance(exact, (tuple, list)):
        return (
            isinstance(found, (tuple, list))
            and len(found) == len(exact)
            and all(_agree(*pair, close, arbitrary) for pair in zip(found, exact, strict=True))
        )
    if not isinstance(exact, Tensor):
        return type(found) is type(exact)
    if not isinstance(found, (Form, Tensor)) or found.shape != exact.shape:
        return False
    if _kind(found.dtype) != _kind(exact.dtype):
        return False
    low, high = found.range if isinstance(found, Form) else (found.double(), found.double())
    exact = exact.double().to(low.device)
    room = close * (1 + exact.abs().masked_fill(exact.isinf(), 0.0))
    inside = (exact == low) | (exact == high) | ((low - room <= exact) & (exact <= high + room))
    return arbitrary or bool(inside.all())


def _kind(dtype: torch.dtype) -> tuple[bool, bool]:
    return dtype.is_floating_point, dtype is torch.bool
