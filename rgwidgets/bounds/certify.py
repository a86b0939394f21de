"""Proved upper bounds on what a fibre can do to an observable of a network's outputs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from .fibre import Fibre
from .propagate import LinearBound, Propagation
from .tail import Opaque

Method = Literal["crown", "interval", "lipschitz"]
METHODS = ("crown", "interval", "lipschitz")
_ROUNDING = 1e-10


def certify(fibre: Fibre, observable: Observable, *, method: Method = "crown") -> Tensor:
    """Upper bound of |o(x) − o(cut)| over the fibre, sample by sample, (n,) float64.

    "interval": interval arithmetic from the exact box of the first affine map. "crown": linear
    bounds propagated backwards (arXiv:1811.00866), restricted to the subspace, intersected with
    the intervals and the product of norms. "lipschitz": the product of norms alone.

    A linear observable is bounded as it is. The loss is bounded through the margins
    m_j = z_j − z_y of all classes at once, log Σ_j exp m_j being monotone in each; where CROWN
    gives m_j ≤ a_j·z + c_j, also by a bound that knows that the margins move together and is exact
    to first order in the radius (`_loss_above`). An accuracy is certain where every margin keeps
    its sign.

    Parameters
    ----------
    fibre
        Centres, discarded directions and radius.
    observable
        One of `fibre.theory`'s, declared: an `OutputObservable` that is not "general".
    method
        "crown", "interval" or "lipschitz".

    Raises
    ------
    Opaque
        If the computation after the layer, or the observable, is none that can be bounded.
    """
    if method not in METHODS:
        raise ParameterError("method", given=method, allowed=", ".join(METHODS))
    if not isinstance(observable, OutputObservable) or observable.form == "general":
        raise Opaque(f"no certificate knows what function of the outputs {observable.name!r} is")
    if observable.labels is not None and observable.labels.ndim != 1:
        raise Opaque("labels at several positions of one sample")
    crown = method == "crown"
    pieces = fibre.propagations if crown else fibre.propagate(crown=False)
    labels, done, results = observable.labels, 0, []
    for piece in pieces:
        tick(done / len(fibre), f"certifying {observable.name}")
        n = len(piece.centre)
        chosen = None if labels is None else labels[done : done + n].to(piece.centre.device)
        results.append(_certified(piece, observable, chosen, method))
        done += n
    return torch.cat(results).to(fibre.centre.device)


def _certified(
    piece: Propagation, observable: OutputObservable, labels: Tensor | None, method: Method
) -> Tensor:
    outputs = _outputs(piece)
    if labels is None:
        assert observable.weights is not None
        weights = torch.zeros_like(outputs[:1])
        weights[0, : len(observable.weights)] = observable.weights.to(weights)
        low, high, _, _ = _range(piece, weights, method)
        now = outputs @ weights.T
        return torch.maximum(high - now, now - low).clamp_min(0)[:, 0]
    margins = _margins(labels, outputs.shape[1])
    low, high, below, above = _range(piece, margins, method)
    now = _rows(margins, outputs)
    if observable.form == "accuracy":
        return _accuracy(now, low, high, labels)
    loss = now.logsumexp(-1)
    upper, lower = high.logsumexp(-1), low.logsumexp(-1)
    if above is not None and below is not None:
        upper = torch.minimum(upper, _loss_above(above, piece.radius))
        lower = torch.maximum(lower, _loss_below(below, piece.radius))
    slack = _ROUNDING * (1 + loss.abs())
    return torch.maximum(upper - loss, loss - lower).clamp_min(0) + slack


def _outputs(piece: Propagation) -> Tensor:
    y = piece.centre
    for curve, affine in piece.layers:
        y = affine(curve(y))
    return y


def _margins(labels: Tensor, classes: int) -> Tensor:
    """Rows e_j − e_y of each sample, (n, c, c); the label's own row is 0."""
    eye = torch.eye(classes, dtype=torch.float64, device=labels.device)
    return eye[None] - eye[labels][:, None]


def _rows(spec: Tensor, outputs: Tensor) -> Tensor:
    rows: Tensor = (spec @ outputs[..., None])[..., 0]
    return rows


def _range(
    piece: Propagation, spec: Tensor, method: Method
) -> tuple[Tensor, Tensor, LinearBound | None, LinearBound | None]:
    """Lower and upper bounds (n, s) of rows of the outputs, with CROWN's lines where it ran."""
    outputs = _outputs(piece)
    now = _rows(spec if spec.ndim == 3 else spec[None], outputs)
    change = piece.lipschitz(spec) + _ROUNDING * now.abs()
    if method == "lipschitz":
        return now - change, now + change, None, None
    low, high = piece.interval(spec), -piece.interval(-spec)
    if method == "interval":
        return low, high, None, None
    below, above = _best(piece, spec), _best(piece, -spec)
    low = torch.maximum(torch.maximum(low, now - change), below.lowest)
    high = torch.minimum(torch.minimum(high, now + change), -above.lowest)
    return low, high, below, above


def _best(piece: Propagation, spec: Tensor) -> LinearBound:
    """The best of the sound choices of lower lines, row by row."""
    best = piece.bound(spec)
    policies = {p for curve, _ in piece.layers for p in curve.policies if len(curve.policies) > 1}
    for policy in sorted(policies - {"adaptive"}):
        other = piece.bound(spec, policy)
        better = other.lowest > best.lowest
        best = LinearBound(
            torch.where(better[..., None], other.slope, best.slope),
            torch.where(better, other.offset, best.offset),
            torch.where(better, other.lowest, best.lowest),
        )
    return best


def _accuracy(now: Tensor, low: Tensor, high: Tensor, labels: Tensor) -> Tensor:
    """0 where the answer cannot change, else 1."""
    own = torch.nn.functional.one_hot(labels, now.shape[1]).bool()
    right = (now.masked_fill(own, -torch.inf) < 0).all(-1)
    stays_right = (high.masked_fill(own, -torch.inf) < 0).all(-1)
    stays_wrong = (low.masked_fill(own, -torch.inf) >= 0).any(-1)
    return 1 - torch.where(right, stays_right, stays_wrong).double()


def _loss_above(above: LinearBound, radius: float) -> Tensor:
    """max over the ball of log Σ exp m_j, given m_j ≤ a_j·z + c_j = −(slope·z + offset).

    With p = softmax(c), ā = Σ p_j a_j and x_j = (a_j − ā)·z the sum is at most
    Σ exp c_j · exp(ā·z) · Σ p_j exp x_j. As Σ p_j x_j = 0 and exp x ≤ 1 + x + x²φ(r) for x ≤ r,
    φ(r) = (exp r − 1 − r)/r² (Bennett's inequality), the last factor is at most
    1 + rho² λ with λ the largest eigenvalue of Σ p_j φ(r_j)(a_j − ā)(a_j − ā)ᵀ, itself at most the
    Frobenius norm. To first order in rho that is the gradient of the loss: nothing is lost.
    """
    a, c = -above.slope, -above.offset
    p = torch.softmax(c, -1)
    mean = _mean_slope(a, p)
    spread = a - mean[:, None]
    r = (radius * spread.norm(dim=-1)).clamp(1e-4, 300.0)
    weights = (p * (torch.expm1(r) - r) / r**2)[..., None].sqrt() * spread
    largest = (weights @ weights.mT).norm(dim=(1, 2))
    upper: Tensor = c.logsumexp(-1) + radius * mean.norm(dim=-1)
    upper = upper + torch.log1p(radius**2 * largest) + _ROUNDING
    trusted = radius * spread.norm(dim=-1).amax(-1) < 300.0
    return torch.where(trusted, upper, torch.inf)


def _loss_below(below: LinearBound, radius: float) -> Tensor:
    """min over the ball of log Σ exp m_j, given m_j ≥ slope·z + offset, by Jensen's tangent."""
    p = torch.softmax(below.offset, -1)
    mean = _mean_slope(below.slope, p)
    entropy = -torch.special.xlogy(p, p).sum(-1)
    lower: Tensor = (p * below.offset).sum(-1) + entropy - radius * mean.norm(dim=-1)
    return lower


def _mean_slope(a: Tensor, weights: Tensor) -> Tensor:
    mean: Tensor = (weights[:, None] @ a)[:, 0]
    return mean
