"""Numbers as they must be: whole or real within their range, finite, precise enough."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor

from .errors import ConvergenceError, ParameterError, ShapeError

Kind = TypeVar("Kind")


def whole(name: str, given: object, least: int, most: int | None = None) -> int:
    """The number if it is whole and in range; raises `ParameterError`.

    >>> whole("branching", 2, 2)
    2
    >>> whole("directions", 5000, 1, 4096)
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: directions: got 5000; \
allowed: a whole number from 1 to 4096.
    """
    right = isinstance(given, int) and not isinstance(given, bool)
    if not right or given < least or (most is not None and given > most):  # type: ignore[operator]
        span = f"≥ {least}" if most is None else f"from {least} to {most}"
        raise ParameterError(name, given=given, allowed=f"a whole number {span}")
    return given  # type: ignore[return-value]


def real(name: str, given: object, interval: str, *, mend: str = "") -> float:
    """The number if it lies in the interval; raises `ParameterError`.

    >>> real("learning_rate", 0.1, "(0, 1]")
    0.1
    >>> real("alpha", 0.0, "(0, 2]", mend="2 leads to the Gaussian")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: alpha: got 0.0; allowed: a number in (0, 2]. \
Mend: 2 leads to the Gaussian.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        above = low <= given if interval[0] == "[" else low < given
        below = given <= high if interval[-1] == "]" else given < high
        if above and below and abs(given) <= sys.float_info.max:
            return float(given)
    raise ParameterError(name, given=given, allowed=f"a number in {interval}", mend=mend)


def as_float(given: object) -> float:
    """The number as a float, from whichever library; NaN for what is none, text among it.

    >>> as_float(3), as_float("3"), as_float(10**400), as_float(None)
    (3.0, nan, inf, nan)
    """
    if isinstance(given, (str, bytes, complex)):
        return math.nan
    try:
        return float(given)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except (TypeError, ValueError, RuntimeError):
        return math.nan


def number(name: str, given: object, *, least: float = -math.inf, mend: str = "") -> float:
    """The number, if it is one and not too small; NaN only if NaN was given.

    >>> number("error", -0.1, least=0)
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: error: got -0.1; allowed: a number ≥ 0.
    """
    found = as_float(given)
    none = math.isnan(found) and not isinstance(given, float) and getattr(given, "ndim", 1) != 0
    if none or found < least:
        allowed = "a number" if least == -math.inf else f"a number ≥ {least:g}"
        raise ParameterError(name, given=described(given), allowed=allowed, mend=mend)
    return found


def instance(name: str, given: Kind, kind: Any, allowed: str, *, mend: str = "") -> Kind:
    """What was given, if it is of that kind; raises `ParameterError`.

    >>> instance("scheme", "block_spin", Mapping, "a scheme", mend="pass rg.BlockSpin(2)")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: scheme: got str 'block_spin'; allowed: a scheme. \
Mend: pass rg.BlockSpin(2).
    """
    if isinstance(given, kind):
        return given
    raise ParameterError(name, given=described(given), allowed=allowed, mend=mend)


def several(name: str, given: Any, allowed: str, *, mend: str = "") -> tuple[Any, ...]:
    """Its entries, if it is a sequence of some; a text, a mapping or a tensor is one thing.

    >>> several("cutoffs", 3, "a sequence of numbers")
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ParameterError: cutoffs: got 3; allowed: a sequence of numbers.
    """
    single = isinstance(given, (str, bytes, Mapping, type))
    if single or not isinstance(given, Iterable) or getattr(given, "ndim", 1) != 1:
        raise ParameterError(name, given=described(given), allowed=allowed, mend=mend)
    return tuple(given)


def tensor(name: str, given: object) -> Tensor:
    """The tensor, if it is one; raises `ShapeError`.

    >>> tensor("samples", [1.0, 2.0])
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ShapeError: samples: got list [1.0, 2.0]; allowed: a tensor. \
Mend: pass torch.as_tensor(…).
    """
    if isinstance(given, Tensor):
        return given
    raise ShapeError(
        name, given=described(given), allowed="a tensor", mend="pass torch.as_tensor(…)"
    )


def described(given: object) -> str:
    """What was given where something of another type is wanted: its type, and what it holds.

    >>> described("loss"), described(None)
    ("str 'loss'", 'None')
    """
    if isinstance(given, (int, float)) and not isinstance(given, bool) and given == given:
        return repr(given) if abs(given) < 1e300 else "a number beyond all bounds"
    return repr(given) if given is None else f"{type(given).__name__} {given!r}"


def finite_loss(value: Tensor) -> Tensor:
    """The loss of a step of training if it is finite; raises `ConvergenceError`.

    >>> import torch
    >>> finite_loss(torch.tensor(0.5))
    tensor(0.5000)
    """
    if not bool(value.isfinite().all()):
        raise ConvergenceError(
            "training",
            given="a loss that is not finite",
            allowed="a finite loss",
            mend="lower the learning rate, and begin anew",
        )
    return value


def in_double(x: Tensor) -> Tensor:
    """Detached and in double precision, on the CPU where the device has none.

    >>> import torch
    >>> in_double(torch.ones(2, requires_grad=True))
    tensor([1., 1.], dtype=torch.float64)
    """
    return (x.cpu() if x.device.type == "mps" else x).detach().double()


def at_least_single(x: Tensor) -> Tensor:
    """In single precision where it was in less; differentiable.

    >>> import torch
    >>> at_least_single(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return x.float() if x.is_floating_point() and x.dtype.itemsize < 4 else x
