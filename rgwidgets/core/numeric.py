"""Numbers as they must be: whole or real within their range, finite, precise enough."""

from __future__ import annotations

import sys

from torch import Tensor

from .errors import ConvergenceError, ParameterError


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
