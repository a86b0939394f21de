"""Sums, products and quotients of forms with forms and constants."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..opaque import Opaque
from .form import ROUNDING, Form
from .registry import composite, primitive
from .structure import broadcast, paired, promoted

Operand = Form | Tensor | float


def _pair(a: Operand, b: Operand) -> tuple[Form, Form | Tensor]:
    """The form of two operands first, or both forms; constants in double precision."""
    if isinstance(a, Form):
        return a, b if isinstance(b, Form) else constant(b, a)
    assert isinstance(b, Form)
    return b, constant(a, b)


def constant(value: Any, like: Form) -> Tensor:
    """A tensor or number in double precision, where the form is."""
    if isinstance(value, Tensor):
        return like.known(value)
    return torch.as_tensor(value, dtype=torch.float64, device=like.centre.device)


@primitive("add")
def add(a: Operand, other: Operand, alpha: float = 1) -> Form:
    """a + alpha·b, exact but for rounding; a masked score stays −∞."""
    x, y = _pair(a, other)
    if alpha != 1:
        if x is a:
            y = multiply(y, alpha) if isinstance(y, Form) else alpha * y
        else:
            x = multiply(x, alpha)
    x = x.as_dtype(promoted(a, other))
    if x.dtype is torch.bool:
        raise Opaque("a sum of truth values, which is one itself")
    if isinstance(y, Form):
        return _sum(x, y)
    shape = broadcast(x.shape, y.shape)
    centre = x.centre + y
    masked = centre.isinf()
    lost = ROUNDING * centre.abs().masked_fill(masked, 0.0)
    slopes, slack = x.grown(shape), x.slack + lost
    if bool(masked.any()):
        slopes, slack = slopes.masked_fill(masked, 0.0), slack.masked_fill(masked, 0.0)
    low, high = x.range
    return x.made(centre, slopes, slack, x.owner.expand(shape), (low + y - lost, high + y + lost))


def _sum(x: Form, y: Form) -> Form:
    shape, owner = paired(x, y)
    centre = x.centre + y.centre
    masked = centre.isinf()
    lost = ROUNDING * (centre.abs().masked_fill(masked, 0.0) + x.reach + y.reach)
    rows = max(len(x.slopes), len(y.slopes))
    slopes, slack = x.grown(shape, rows) + y.grown(shape, rows), x.slack + y.slack + lost
    if bool(masked.any()):
        slopes, slack = slopes.masked_fill(masked, 0.0), slack.masked_fill(masked, 0.0)
    low, high = x.range[0] + y.range[0] - lost, x.range[1] + y.range[1] + lost
    return x.made(centre, slopes, slack, owner, (low, high))


@primitive("sub", "subtract")
def subtract(a: Operand, other: Operand, alpha: float = 1) -> Form:
    return add(a, other, -alpha)


@primitive("rsub")
def subtract_from(a: Operand, other: Operand, alpha: float = 1) -> Form:
    return add(other, a, -alpha)


@primitive("neg", "negative")
def negate(x: Form) -> Form:
    return multiply(x, -1)


@primitive("mul", "multiply")
def multiply(a: Operand, other: Operand) -> Form:
    """a·b: with a constant exact; of two forms by `_product`."""
    x, y = _pair(a, other)
    x = x.as_dtype(promoted(a, other))
    if isinstance(y, Form):
        return _product(x, y)
    assert isinstance(y, Tensor)
    shape = broadcast(x.shape, y.shape)
    lost = ROUNDING * y.abs() * x.size
    slack = y.abs() * x.slack + lost
    ends = torch.stack([y * x.range[0], y * x.range[1]])
    box = ends.amin(0) - lost, ends.amax(0) + lost
    return x.made(x.centre * y, x.grown(shape) * y, slack, x.owner.expand(shape), box)


def _product(x: Form, y: Form) -> Form:
    """The product of two forms, with its linear part exact.

    Over the ball (a·z)(b·z) is zᵀ sym(a bᵀ) z, whose eigenvalues are (a·b ± ‖a‖‖b‖)/2: it stays
    within radius²(a·b ± ‖a‖‖b‖)/2. Of noise, α_i β_i ε_i² lies between 0 and α_i β_i.
    """
    shape, owner = paired(x, y)
    rows, k = max(len(x.slopes), len(y.slopes)), x.ball.size
    a, b = x.grown(shape, rows), y.grown(shape, rows)
    noise = a[k:] * b[k:]
    along = 0.5 * x.ball.radius**2 * (a[:k] * b[:k]).sum(0) + 0.5 * noise.sum(0)
    across = x.reach * y.reach - 0.5 * x.parts[0] * y.parts[0] - 0.5 * noise.abs().sum(0)
    slack = x.slack * (y.centre.abs() + y.reach + y.slack) + y.slack * (x.centre.abs() + x.reach)
    lost = ROUNDING * x.size * y.size
    ends = torch.stack([p * q for p in x.range for q in y.range])
    box = ends.amin(0) - lost, ends.amax(0) + lost
    centre = x.centre * y.centre + along
    slopes = a * y.centre + b * x.centre
    return x.made(centre, slopes, slack + across.clamp_min(0) + lost, owner, box).settled()


@composite("addcmul")
def addcmul(x: Any, tensor1: Any, tensor2: Any, value: float = 1) -> Any:
    return x + tensor1 * tensor2 * value


@composite("lerp")
def lerp(start: Any, end: Any, weight: Any) -> Any:
    return start + (end - start) * weight


@composite("mean")
def mean(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Means over axes of one sample's numbers."""
    result = torch.sum(x, dim, keepdim)
    return result * (result.numel() / x.numel())
