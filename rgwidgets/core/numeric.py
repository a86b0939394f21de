"""Numbers as they must be: whole ones within their range, tensors precise enough."""

from __future__ import annotations

from torch import Tensor

from .errors import ParameterError


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
