"""Softmax and its logarithm: linear at the centre, with what curvature can do bounded."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..opaque import Opaque
from .elementwise import clipped
from .form import ROUNDING, Form, rearranged, whole_owner
from .registry import composite, primitive
from .stand_in import called
from .structure import along


@primitive("softmax")
def softmax(x: Form, dim: int | None = None) -> Form:
    """Probabilities along one axis, by Taylor's theorem with the Lagrange remainder.

    With p the centre's probabilities and y = Δ − Σ p Δ what a score does beyond the mean of all,
    p_i(Δ) = p_i + p_i y_i + ½ q_i ((y_i − Σ q y)² − Var_q y) for the q at some point between. With
    |y_j| ≤ m_j, q_i ≤ q̂_i, |Σ q y| = |Σ (q − p) y| ≤ M and Var_q y ≤ V the last term lies in
    ½ q̂_i [−V, (m_i + M)²]. The probabilities also stay between those of the intervals.
    """
    if not x.ndim:
        return rearranged(softmax(rearranged(x, lambda t: t[None]), 0), lambda t: t[0])
    axis = _implied(x) if dim is None else dim % x.ndim
    if axis != x.ndim - 1:
        turned = softmax(rearranged(x, lambda t: t.transpose(axis, -1)), -1)
        return rearranged(turned, lambda t: t.transpose(axis, -1))
    owner = whole_owner(x.owner, (axis,))
    p = x.centre.softmax(-1)
    beyond, m, slack = _beyond_mean(x, p)
    logs = x.centre.log_softmax(-1)
    low, high = _probabilities(logs - m, logs + m)
    away = torch.maximum(high - p, p - low).clamp_min(0)
    mean = torch.minimum(m.amax(-1, keepdim=True), (away * m).sum(-1, keepdim=True))
    spread = _variance(x, beyond, m, high)
    up, down = 0.5 * high * (m + mean) ** 2, 0.5 * high * spread
    centre = p + 0.5 * (up - down)
    slack = p * slack + 0.5 * (up + down) + ROUNDING * p * (1 + m)
    ends = x.range
    box = _probabilities(*(end - x.centre.amax(-1, keepdim=True) for end in ends))
    box = torch.maximum(box[0], low) - ROUNDING, torch.minimum(box[1], high) + ROUNDING
    box = clipped(box, 0.0, 1.0)
    return x.made(centre, beyond * p, slack, owner, box, simplex=True).settled()


def _implied(x: Any) -> int:
    """The axis that torch's functional softmax takes where none is named."""
    return 0 if x.ndim in (0, 1, 3) else 1


def _beyond_mean(x: Form, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes of y = Δ − Σ p Δ, a bound of |y|, and how much of it is slack."""
    beyond = x.slopes - (x.slopes * p).sum(-1, keepdim=True)
    mean = (p * x.slack).sum(-1, keepdim=True)
    slack = x.slack * (1 - 2 * p) + mean
    reach = x.ball.reach(beyond)
    lost = ROUNDING * (x.reach + (p * x.reach).sum(-1, keepdim=True) + x.slack)
    return beyond, reach + slack + lost, slack


def _variance(x: Form, beyond: Tensor, m: Tensor, high: Tensor) -> Tensor:
    """Largest Σ q y² for numbers |y_j| ≤ m_j, y_j = beyond_j·(z, ε) + e_j, and weights q ≤ high.

    Of the ball's part it is radius² times the largest eigenvalue of Σ q̂ b bᵀ, at most its norm;
    roots of the parts add up (Minkowski).
    """
    plain = torch.minimum((m * m).amax(-1, keepdim=True), (high * m * m).sum(-1, keepdim=True))
    ball = beyond[: x.ball.size]
    if not 1 < x.shape[-1] <= len(ball):
        return plain
    rows = (ball * high.sqrt()).movedim(0, -1)
    top = (rows @ rows.mT).square().sum((-2, -1)).sqrt()[..., None]
    rest = (high * (m - x.ball.radius * ball.norm(dim=0)).square()).sum(-1, keepdim=True)
    return torch.minimum(plain, (x.ball.radius * top.sqrt() + rest.sqrt()) ** 2)


def _probabilities(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds of softmax over scores in intervals: each largest where all others are smallest."""
    eye = torch.eye(low.shape[-1], dtype=torch.bool, device=low.device)

    def others(ends: Tensor) -> Tensor:
        return ends[..., None, :].masked_fill(eye, -torch.inf).logsumexp(-1)

    least = (low - torch.logaddexp(low, others(high))).exp()
    most = (high - torch.logaddexp(high, others(low))).exp()
    return torch.nan_to_num(least), torch.nan_to_num(most)


@primitive("logsumexp")
def logsumexp(x: Form, dim: Any, keepdim: bool = False) -> Form:
    """log Σ exp over axes: its tangent at the centre, and above it at most ½ Var y.

    The excess over the tangent is also at most log Σ p exp m.
    """
    return along(x, dim, keepdim, _log_sum)


def _log_sum(x: Form) -> Form:
    owner = whole_owner(x.owner, (x.ndim - 1,))
    p = x.centre.softmax(-1)
    beyond, m, _ = _beyond_mean(x, p)
    logs = x.centre.log_softmax(-1)
    _, high = _probabilities(logs - m, logs + m)
    excess = torch.minimum(
        0.5 * _variance(x, beyond, m, high), (logs + m).logsumexp(-1, keepdim=True).clamp_min(0)
    )
    value = x.centre.logsumexp(-1, keepdim=True)
    lost = ROUNDING * (1 + value.abs() + (p * x.size).sum(-1, keepdim=True))
    slopes = (x.slopes * p).sum(-1, keepdim=True)
    slack = (p * x.slack).sum(-1, keepdim=True) + 0.5 * excess + lost
    low, high = (end.logsumexp(-1, keepdim=True) for end in x.range)
    found = x.made(value + 0.5 * excess, slopes, slack, owner, (low - lost, high + lost))
    return rearranged(found.settled(), lambda t: t.squeeze(-1))


@composite("log_softmax")
def log_softmax(x: Any, dim: int | None = None) -> Any:
    found = x - torch.logsumexp(x, _implied(x) if dim is None else dim, True)
    return called("_within", found, -math.inf, 0.0)


@composite("cross_entropy")
def cross_entropy(
    x: Any,
    target: Tensor,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Of each sample, for classes on the second axis, or on the only one."""
    if reduction != "none":
        raise Opaque("a cross entropy that is averaged over samples")
    if target.dtype.is_floating_point or bool(((target < 0) | (target == ignore_index)).any()):
        raise Opaque("a cross entropy with probabilities, or samples that are left out")
    axis = min(1, x.ndim - 1)
    chosen = x.gather(axis, target.unsqueeze(axis)).squeeze(axis)
    return called("_within", torch.logsumexp(x, axis) - chosen, 0.0, math.inf)


@composite("scaled_dot_product_attention")
def attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(q kᵀ · scale + mask) v."""
    if dropout_p or enable_gqa:
        raise Opaque("attention with dropout or grouped queries")
    scores = torch.matmul(query, key.transpose(-2, -1))
    scores = scores * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        length, context = scores.shape[-2:]
        attn_mask = torch.ones(length, context, dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype is torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.matmul(torch.softmax(scores, -1), value)
