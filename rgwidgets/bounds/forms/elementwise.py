"""Activation functions and other curves of forms: one slope, and a strip that holds the curve."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import convex, curves
from ..curves import Curve
from ..opaque import Opaque
from .arithmetic import constant, multiply
from .form import ROUNDING, Form
from .registry import composite, primitive
from .stand_in import called
from .structure import promoted

_CURVES = {
    "relu": curves.RELU,
    "tanh": curves.TANH,
    "sigmoid": curves.SIGMOID,
    "silu": curves.SILU,
    "mish": curves.MISH,
    "erf": curves.ERF,
    "abs": curves.ABS,
    "absolute": curves.ABS,
    "exp": convex.EXP,
    "log": convex.LOG,
    "log1p": convex.LOG1P,
    "rsqrt": convex.RSQRT,
    "square": convex.SQUARE,
    "sin": convex.SINE,
    "cos": convex.COSINE,
}
#: Smallest and largest values of curves, by name.
_VALUES = {
    **dict.fromkeys(("ReLU", "absolute value", "exp", "square", "sqrt", "rsqrt", "softplus"),
                    (0.0, math.inf)),
    **dict.fromkeys(("tanh", "erf", "sin", "cos"), (-1.0, 1.0)),
    "sigmoid": (0.0, 1.0), "ELU": (-1.0, math.inf),
}  # fmt: skip
_POWERS = {2.0: convex.SQUARE, -0.5: convex.RSQRT}


def curved(curve: Curve, x: Form) -> Form:
    """σ(x): slope·x between the smallest and the largest intercept that hold on x's range."""
    low, high = x.range
    slope, lowest, highest = curve.strip(low, high)
    middle, half = 0.5 * (lowest + highest), 0.5 * (highest - lowest)
    centre = slope * x.centre + middle
    slack = slope.abs() * x.slack + half + ROUNDING * (slope.abs() * x.size + middle.abs())
    box = clipped(curve.extremes(low, high), *_VALUES.get(curve.name, (-math.inf, math.inf)))
    found = x.made(centre, x.slopes * slope, slack, x.owner, box)
    if not x.dtype.is_floating_point and curve not in (curves.RELU, curves.ABS):
        whole = curve is convex.SQUARE
        found = found.as_dtype(torch.int64 if whole else torch.get_default_dtype())
    return found.settled()


def _curve(curve: Curve) -> Any:
    return lambda x: curved(curve, x)


for _name, _one in _CURVES.items():
    primitive(_name)(_curve(_one))


@primitive("gelu")
def gelu(x: Form, approximate: str = "none") -> Form:
    return curved(curves.GELU if approximate == "none" else curves.GELU_TANH, x)


@primitive("leaky_relu")
def leaky_relu(x: Form, negative_slope: float = 0.01) -> Form:
    if not 0 <= negative_slope <= 1:
        raise Opaque(f"a negative slope of {negative_slope}")
    return curved(curves.Kinked("leaky ReLU", 1.0, negative_slope), x)


@composite("prelu")
def prelu(x: Any, weight: Tensor) -> Any:
    weight = weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.numel() > 1 else weight.squeeze()
    return torch.relu(x) - torch.relu(-x) * weight


@primitive("elu")
def elu(x: Form, alpha: float = 1.0) -> Form:
    if alpha != 1:
        raise Opaque(f"ELU with alpha {alpha}")
    return curved(convex.ELU, x)


@composite("softplus")
def softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    """The curve, and beyond its threshold the straight line that torch has there."""
    if threshold < 20:
        raise Opaque(f"softplus that turns straight at {threshold}")
    return called("_softplus", x * beta, threshold) * (1 / beta)


@primitive("_softplus")
def _soft(x: Form, threshold: float = math.inf) -> Form:
    found = curved(convex.SOFTPLUS, x)
    if not bool((x.range[1] > threshold).any()):
        return found
    gap = math.exp(-threshold)  # the line is below the curve by log(1 + e^−x)
    low, high = found.range
    return x.made(found.centre, found.slopes, found.slack + gap, x.owner, (low - gap, high))


@composite("logsigmoid", "log_sigmoid")
def log_sigmoid(x: Any) -> Any:
    return -called("_softplus", -x)


@composite("softsign")
def softsign(x: Any) -> Any:
    return x / (1 + torch.abs(x))


@primitive("sqrt")
def root(x: Form) -> Form:
    """√x; what is below 0 by rounding alone is taken for 0."""
    low, high = x.range
    rounded = (low < 0) & (low > -1e3 * ROUNDING * x.size)
    box = low.masked_fill(rounded, 0.0), high.masked_fill(rounded & (high < 0), 0.0)
    return curved(convex.SQRT, replace(x, box=box))


@primitive("div", "divide", "true_divide")
def divide(a: Any, other: Any, rounding_mode: str | None = None) -> Form:
    if rounding_mode is not None:
        raise Opaque("a quotient that is rounded")
    dtype = promoted(a, other)
    inverse = reciprocal(other) if isinstance(other, Form) else 1.0 / constant(other, a)
    found = multiply(inverse, a)
    return found.as_dtype(dtype if dtype.is_floating_point else torch.get_default_dtype())


@primitive("rdiv")
def divide_into(a: Form, other: Any) -> Form:
    return divide(other, a)


@primitive("reciprocal")
def reciprocal(x: Form) -> Form:
    """1/x on either side of 0."""
    low, high = x.range
    positive, negative = bool((low > 0).all()), bool((high < 0).all())
    if positive:
        return curved(convex.RECIPROCAL, x)
    if negative:
        return _scaled(curved(convex.RECIPROCAL, _scaled(x, -torch.ones_like(low))), low)
    if bool(((low > 0) | (high < 0)).all()):
        side = torch.where(low > 0, 1.0, -1.0)
        return _scaled(curved(convex.RECIPROCAL, _scaled(x, side)), side)
    raise Opaque("a quotient by numbers that may be 0")


def _scaled(x: Form, side: Tensor) -> Form:
    """A form times ±1, the sign of `side`, number by number."""
    return multiply(x, side.sign())


@primitive("pow")
def power(x: Any, exponent: Any) -> Any:
    """Whole powers by products; square roots and inverses by their curves."""
    return _power(x, exponent).as_dtype(promoted(x, exponent))


def _power(x: Any, exponent: Any) -> Any:
    if isinstance(exponent, (Form, Tensor)):
        raise Opaque("a power whose exponent is a tensor")
    exponent = float(exponent)
    if exponent in _POWERS:
        return curved(_POWERS[exponent], x)
    if exponent in (-1, 0.5):
        return reciprocal(x) if exponent < 0 else root(x)
    if exponent == 1:
        return x
    if exponent != int(exponent) or exponent < 0:
        raise Opaque(f"the power {exponent:g}")
    if exponent == 0:
        return x.constant(torch.ones_like(x.centre))
    half = _power(x, exponent // 2)
    square = curved(convex.SQUARE, half)
    return multiply(square, x) if exponent % 2 else square


@composite("rpow")
def power_of(x: Any, other: Any) -> Any:
    if isinstance(other, Tensor) or other <= 0:
        raise Opaque("a power of a base that is no number > 0")
    return torch.exp(x * math.log(other))


@composite("expm1")
def expm1(x: Any) -> Any:
    return torch.exp(x) - 1


@composite("log2")
def log2(x: Any) -> Any:
    return torch.log(x) * (1 / math.log(2))


@composite("log10")
def log10(x: Any) -> Any:
    return torch.log(x) * (1 / math.log(10))


@composite("erfc")
def erfc(x: Any) -> Any:
    return 1 - torch.erf(x)


@composite("tanhshrink")
def tanhshrink(x: Any) -> Any:
    return x - torch.tanh(x)


@composite("maximum")
def maximum(a: Any, other: Any) -> Any:
    """b + ReLU(a − b)."""
    return torch.relu(a - other) + other


@composite("minimum")
def minimum(a: Any, other: Any) -> Any:
    return other - torch.relu(other - a)


@composite("clamp", "clip")
def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """Numbers within limits, the upper one last."""
    x = x if min is None else maximum(x, min)
    return x if max is None else minimum(x, max)


@composite("clamp_min")
def clamp_min(x: Any, min: Any) -> Any:
    return maximum(x, min)


@composite("clamp_max")
def clamp_max(x: Any, max: Any) -> Any:
    return minimum(x, max)


@composite("hardtanh")
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return clamp(x, min_val, max_val)


@composite("relu6")
def relu6(x: Any) -> Any:
    return clamp(x, 0.0, 6.0)


@composite("hardsigmoid")
def hardsigmoid(x: Any) -> Any:
    return relu6(x + 3) * (1 / 6)


@composite("hardswish")
def hardswish(x: Any) -> Any:
    return x * hardsigmoid(x)


@primitive("_within")
def within(x: Form, low: float, high: float) -> Form:
    """The form, of which it is known that its numbers lie between two."""
    return replace(x, box=clipped(x.range, low, high))


def clipped(ends: tuple[Tensor, Tensor], low: float, high: float) -> tuple[Tensor, Tensor]:
    """An interval within another."""
    return ends[0].clamp(low, high), ends[1].clamp(low, high)
