"""What a module returned: the tensor that it is about, and whether two are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError, ShapeError

#: How deep objects within objects are compared.
_DEEP = 8


def logits(raw: Any) -> Tensor:
    """The tensor that a module's output is about: itself, its `logits`, or its first.

    >>> logits({"hidden": torch.zeros(1), "logits": torch.ones(1)})
    tensor([1.])
    """
    found = _declared(raw)
    if found is None and isinstance(raw, Mapping):
        found = next(iter(raw.values()), None)
    if found is None and isinstance(raw, (tuple, list)) and raw:
        found = raw[0]
    if not isinstance(found, Tensor):
        raise ObservableError(
            "outputs of the module",
            given=type(raw).__name__,
            allowed="a tensor, `logits`, or a tuple that starts with a tensor",
            mend="pass a function of the raw output as observable",
        )
    return found


def outputs_of(raw: Any, samples: int) -> Tensor:
    """The one tensor that a module returned, or its `logits`, samples first and outputs last.

    Raises `ObservableError` if it is none of floating point, or not finite, `ShapeError` for
    another shape.
    """
    found = _declared(raw)
    if not isinstance(found, Tensor) or not found.is_floating_point():
        given = str(found.dtype) if isinstance(found, Tensor) else type(raw).__name__
        raise ObservableError(
            "outputs of the module",
            given=given,
            allowed="one floating-point tensor (n, …, c), or `logits`",
            mend="wrap the module in one that returns the tensor that you mean",
        )
    if not found.ndim or len(found) != samples or not found.numel():
        raise ShapeError(
            "outputs of the module",
            given=tuple(found.shape),
            allowed=f"({samples}, …, c): samples first",
        )
    if not bool(torch.isfinite(found.detach()).all()):
        raise ObservableError(
            "outputs of the module", given="NaN or infinity", allowed="finite values"
        )
    return found[:, None] if found.ndim == 1 else found


def same(one: Any, other: Any, *, unknown: bool = False, deep: int = _DEEP) -> bool:
    """Whether what a module returned twice is the same, number by number and to rounding.

    Parameters
    ----------
    unknown
        What is said of objects that cannot be looked into.

    Examples
    --------
    >>> same({"x": torch.ones(2)}, {"x": torch.ones(2) * (1 + 1e-7)}), same(object(), object())
    (True, False)
    """
    if one is other:
        return True
    if type(one).__qualname__ != type(other).__qualname__:  # a type may be made in a forward
        return False
    if not deep:
        return unknown
    if isinstance(one, Tensor):
        return _alike(one, other)
    if isinstance(one, Mapping):
        keys = list(one) == list(other)
        return keys and all(same(one[k], other[k], unknown=unknown, deep=deep - 1) for k in one)
    if isinstance(one, (tuple, list)):
        pairs = zip(one, other, strict=False)
        count = len(one) == len(other)
        return count and all(same(*pair, unknown=unknown, deep=deep - 1) for pair in pairs)
    if isinstance(one, (bool, int, float, complex, str, bytes, torch.Size, torch.dtype)):
        return bool(one == other)
    held = [getattr(each, "__dict__", None) for each in (one, other)]
    return same(*held, unknown=unknown, deep=deep - 1) if held[0] else unknown


def _alike(one: Tensor, other: Tensor) -> bool:
    """Equal where whole, else to a rounding that grows as a network does: eps^¾ of the largest."""
    if one.shape != other.shape or one.dtype != other.dtype or one.layout is not torch.strided:
        return one.layout is not torch.strided and one.shape == other.shape
    if torch.equal(one, other) or not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    away = (one - other).detach().abs()
    largest = float(one.detach().abs().nan_to_num(posinf=0.0).max())
    close = away <= torch.finfo(one.dtype).eps ** 0.75 * (largest or 1.0)
    return bool((close | (one == other) | (one.isnan() & other.isnan())).all())


def _declared(raw: Any) -> Any:
    """A tensor itself, or what is called logits."""
    if isinstance(raw, Tensor):
        return raw
    found = getattr(raw, "logits", None)
    return raw.get("logits") if found is None and isinstance(raw, Mapping) else found
