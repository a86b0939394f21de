"""Products of norms: the cheapest proof, for chains of layers of any width."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rgwidgets.core.outputs import Readout

from . import confirm
from .curves import Curve
from .opaque import Opaque
from .tail import NOTHING, Step, curve_of, steps_after

if TYPE_CHECKING:
    from .fibre import SubspaceFibre

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_MAXIMA = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_RESHAPES = (nn.Flatten, nn.Unflatten)


def stretch(fibre: SubspaceFibre) -> tuple[Tensor, float, Tensor | None]:
    """How far the outputs can move for each unit that the feature moves (Szegedy et al., 2014).

    Returns
    -------
    The outputs at the cut points (n, c) in double precision, the product of the norms of what
    follows the layer, and the weights (c, m) of a last linear layer, which are left out of the
    product, or None.

    Raises
    ------
    Opaque
        If what follows is no chain of layers with known norms.
    """
    readout = fibre.theory.attrs.get("readout")
    if not isinstance(readout, Readout):
        raise Opaque("the theory does not say what is computed from its features")
    steps = steps_after(readout, fibre.theory.features[fibre.feature])
    last = steps[-1] if steps else None
    weights = None
    if type(last) is nn.Linear:
        weights, steps = last.weight.detach().double(), steps[:-1]
    factor = math.prod(norm_of(step) for step in steps)
    still = confirm.outputs(readout, fibre.centre)
    if still.ndim != 2:
        raise Opaque(f"outputs of shape {tuple(still.shape[1:])} a sample, not one row of numbers")
    return still, factor, None if weights is None else weights.to(still.device)


def norm_of(layer: Step) -> float:
    """Upper bound of the L2 Lipschitz constant of a layer, for inputs of any size.

    Of a convolution, the sum over the filter's places of the spectral norms of its matrices: each
    place is a shift, of norm at most 1, times that matrix. Of an average over k numbers, k^−½
    where windows do not overlap.

    Raises `Opaque` for a layer whose constant is not known.

    >>> norm_of(nn.Linear(2, 2, bias=False).requires_grad_(False).apply(
    ...     lambda layer: layer.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))))
    4.0
    """
    curve = layer if isinstance(layer, Curve) else curve_of(layer)
    step: Any = layer
    if curve is not None:
        return curve.lipschitz
    if type(step) in (*NOTHING, *_RESHAPES):
        return 1.0
    if type(step) is nn.Linear:
        return _spectral(step.weight)
    if type(step) in _CONVOLUTIONS and step.padding_mode == "zeros":
        places = step.weight.flatten(2).unflatten(0, (step.groups, -1)).movedim(-1, 0)
        return float(torch.linalg.matrix_norm(places.detach().double(), 2).amax(1).sum())
    if type(step) in _NORMS and step.running_var is not None:
        scale = (step.running_var.double() + step.eps) ** -0.5
        scale = scale if step.weight is None else scale * step.weight.detach().double().abs()
        return float(scale.max())
    if type(step) in (*_AVERAGES, *_MAXIMA):
        return _pooling(step)
    if type(step) is nn.LayerNorm:
        scale = 1.0 if step.weight is None else float(step.weight.detach().abs().max())
        return float(scale * step.eps**-0.5)
    raise Opaque(f"no Lipschitz constant is known of {type(step).__name__}")


def _spectral(weight: Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight.detach().double(), 2))


def _pooling(step: Any) -> float:
    """√(windows that see one number / numbers in a window), for maxima without the divisor.

    An average's matrix has rows of sum 1 and columns of at most that quotient (Schur's test); a
    maximum moves no more than the largest of the numbers that it sees.
    """
    dims = int(type(step).__name__[-2])
    sizes, strides = _each(step.kernel_size, dims), _each(step.stride or step.kernel_size, dims)
    seen = math.prod(-(-size // stride) for size, stride in zip(sizes, strides, strict=True))
    if type(step) in _MAXIMA:
        if _each(step.dilation, dims) != [1] * dims:
            raise Opaque("no Lipschitz constant is known of pooling over spread windows")
        return math.sqrt(seen)
    if getattr(step, "divisor_override", None) or step.ceil_mode or not step.count_include_pad:
        raise Opaque("no Lipschitz constant is known of an average with another divisor")
    return math.sqrt(seen / math.prod(sizes))


def _each(value: Any, dims: int) -> list[int]:
    """One number for each axis."""
    values = [value] if isinstance(value, int) else [int(v) for v in value]
    return values * dims if len(values) == 1 else values
