"""Sums, matrices, convolutions and averages: exact on centre and slopes."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .arithmetic import add
from .form import Form, rearranged, through, whole_owner
from .products import contracted
from .registry import composite, primitive
from .structure import axes_of, promoted


@primitive("sum")
def summed(x: Form, dim: Any = None, keepdim: bool = False) -> Form:
    """Sums over axes of one sample's numbers."""
    axes = axes_of(x, dim)
    if not x.ndim:
        return counted(x)

    def add_up(t: Tensor) -> Tensor:
        return t.sum(axes, keepdim=keepdim)

    owner = whole_owner(x.owner, axes)
    return counted(through(x, add_up, add_up, owner if keepdim else owner.squeeze(axes)))


def counted(x: Form) -> Form:
    """Sums of truth values and of whole numbers are whole numbers."""
    return x if x.dtype.is_floating_point else x.as_dtype(torch.int64)


@primitive("cumsum")
def cumulative(x: Form, dim: int) -> Form:
    axis = axes_of(x, dim)[0] - x.ndim

    def add_up(t: Tensor) -> Tensor:
        return t.cumsum(axis)

    return counted(through(x, add_up, add_up, whole_owner(x.owner, (axis,))) if x.ndim else x)


@primitive("linear")
def linear(x: Form | Tensor, weight: Any, bias: Any = None) -> Form:
    """x·Wᵀ + b, whichever of the three varies."""
    plain = isinstance(weight, Tensor) and not isinstance(bias, Form) and weight.ndim == 2
    if isinstance(x, Form) and plain:
        w = x.known(weight)
        b = None if bias is None else x.known(bias)
        owner = whole_owner(x.owner, (x.ndim - 1,))
        return through(
            x,
            lambda t: functional.linear(t, w),
            lambda t: functional.linear(t, w.abs()),
            owner,
            bias=b,
            alike=x.ndim > 1,
        )
    if isinstance(x, Tensor) and isinstance(weight, Tensor):
        return add(functional.linear(x.double(), weight.double()), bias).as_dtype(bias.dtype)
    if weight.ndim == 2:
        weight = weight.mT if isinstance(weight, Tensor) else rearranged(weight, lambda t: t.mT)
    product = matmul(x, weight)
    if bias is None:
        return product
    return add(product, bias)


@primitive("matmul")
def matmul(a: Form | Tensor, other: Form | Tensor) -> Form:
    """Products of matrices, one of them or both varying."""
    return _matrices(a, other).as_dtype(promoted(a, other))


def _matrices(a: Form | Tensor, b: Form | Tensor) -> Form:
    if a.ndim == 1 or b.ndim == 1:
        product = _matrices(_unsqueezed(a, 0), _unsqueezed(b, -1))
        product = rearranged(product, lambda t: t.squeeze(-1)) if b.ndim == 1 else product
        axis = -1 if b.ndim == 1 else -2
        return rearranged(product, lambda t: t.squeeze(axis)) if a.ndim == 1 else product
    if isinstance(a, Form) and isinstance(b, Form):
        return contracted(a, b)
    if isinstance(a, Form):
        w = a.known(b)  # type: ignore[arg-type]
        owner = whole_owner(a.owner, (a.ndim - 1,))
        return through(a, lambda t: t @ w, lambda t: t @ w.abs(), owner)
    assert isinstance(b, Form)
    w = b.known(a)
    owner = whole_owner(b.owner, (b.ndim - 2,))
    return through(b, lambda t: w @ t, lambda t: w.abs() @ t, owner)


primitive("bmm", "mm")(lambda a, mat2: matmul(a, mat2))
primitive("mv")(lambda a, vec: matmul(a, vec))
primitive("dot")(lambda a, tensor: matmul(a, tensor))


def _unsqueezed(x: Any, axis: int) -> Any:
    if x.ndim > 1:
        return x
    return rearranged(x, lambda t: t.unsqueeze(axis)) if isinstance(x, Form) else x.unsqueeze(axis)


@composite("addmm")
def addmm(x: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1) -> Any:
    product = torch.matmul(mat1, mat2) * alpha
    return product + x * beta if beta else product


@composite("addmv")
def addmv(x: Any, mat: Any, vec: Any, beta: float = 1, alpha: float = 1) -> Any:
    return addmm(x, mat, vec, beta, alpha)


@composite("baddbmm")
def baddbmm(x: Any, batch1: Any, batch2: Any, beta: float = 1, alpha: float = 1) -> Any:
    return addmm(x, batch1, batch2, beta, alpha)


@composite("addbmm")
def addbmm(x: Any, batch1: Any, batch2: Any, beta: float = 1, alpha: float = 1) -> Any:
    """The products of a batch, added up."""
    product = torch.matmul(batch1, batch2).sum(0) * alpha
    return product + x * beta if beta else product


def _convolving(name: str) -> Any:
    """Convolutions with constant filters, samples first."""
    function = getattr(functional, name)

    def handler(x: Any, weight: Any, bias: Any = None, **options: Any) -> Form:
        if not isinstance(x, Form) or isinstance(weight, Form) or isinstance(bias, Form):
            raise Opaque("filters that vary")
        w = x.known(weight)
        batched = x.ndim == weight.ndim
        axes = range(1, x.ndim) if batched else range(x.ndim)
        return through(
            x,
            lambda t: function(t, w, None, **options),
            lambda t: function(t, w.abs(), None, **options),
            whole_owner(x.owner, tuple(axes)),
            bias=None if bias is None else x.known(bias).reshape(-1, *(1,) * (weight.ndim - 2)),
            alike=batched,
        )

    return handler


for _dims in (1, 2, 3):
    primitive(f"conv{_dims}d")(_convolving(f"conv{_dims}d"))
    primitive(f"conv_transpose{_dims}d")(_convolving(f"conv_transpose{_dims}d"))


def _averaging(name: str) -> Any:
    function = getattr(functional, name)
    spatial = int(name[-2])

    def handler(x: Form, **options: Any) -> Form:
        if (options.get("divisor_override") or 1) < 0:
            raise Opaque("averages with a negative divisor")

        def average(t: Tensor) -> Tensor:
            result: Tensor = function(t, **options)
            return result

        owner = whole_owner(x.owner, tuple(range(x.ndim - spatial, x.ndim)))
        return through(x, average, average, owner, alike=x.ndim == spatial + 2)

    return handler


for _dims in (1, 2, 3):
    primitive(f"avg_pool{_dims}d")(_averaging(f"avg_pool{_dims}d"))
    primitive(f"adaptive_avg_pool{_dims}d")(_averaging(f"adaptive_avg_pool{_dims}d"))


@composite("batch_norm")
def batch_norm(
    x: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Constant scales and shifts of channels."""
    if training or running_mean is None or running_var is None:
        raise Opaque("batch_norm without running statistics mixes samples")
    scale = (running_var.double() + eps) ** -0.5
    if weight is not None:
        scale = scale * weight.double()
    shift = -running_mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    shape = (-1, *(1,) * (x.ndim - 2))
    found = x * scale.detach().reshape(shape) + shift.detach().reshape(shape)
    return found.to(x.dtype)


@composite("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout")
def dropout(x: Any, p: float, training: bool | None = None, train: bool | None = None) -> Any:
    """Nothing, in evaluation."""
    if p > 0 and (training or train):
        raise Opaque("dropout while training is random")
    return x


@composite("einsum", written=True)
def einsum(func: Any, equation: str, *operands: Any) -> Any:
    """Products of two tensors, as one product of matrices."""
    given = operands[0] if isinstance(operands[0], (list, tuple)) else operands
    spec, _, out = equation.replace(" ", "").partition("->")
    labels = spec.split(",")
    if not out or len(labels) != 2 or "." in equation or any(len(set(x)) < len(x) for x in labels):
        raise Opaque(f"einsum {equation!r}: only two tensors, every axis named once in each")
    (a, b), (left, right) = given, labels
    a, left = _summed_out(a, left, right + out)
    b, right = _summed_out(b, right, left + out)
    sizes = dict(zip(left + right, (*a.shape, *b.shape), strict=True))
    if sizes != {**sizes, **dict(zip(left, a.shape, strict=True))}:
        raise Opaque(f"einsum {equation!r} along axes of one number and of several")
    shared = [axis for axis in left if axis in right]
    batch, inner = ([x for x in shared if (x in out) is kept] for kept in (True, False))
    rows, columns = [x for x in left if x not in right], [x for x in right if x not in left]
    b_, r, d, c = (prod(sizes[x] for x in group) for group in (batch, rows, inner, columns))
    m = a.permute([left.index(x) for x in batch + rows + inner]).reshape(b_, r, d)
    n = b.permute([right.index(x) for x in batch + inner + columns]).reshape(b_, d, c)
    order = batch + rows + columns
    found = torch.matmul(m, n).reshape([sizes[x] for x in order])
    return found.permute([order.index(x) for x in out])


def _summed_out(x: Any, labels: str, needed: str) -> tuple[Any, str]:
    lonely = [i for i, label in enumerate(labels) if label not in needed]
    if not lonely:
        return x, labels
    return x.sum(lonely), "".join(label for label in labels if label in needed)
