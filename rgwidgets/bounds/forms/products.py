"""Matrices of forms times matrices of forms, and sums of squares."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .form import ROUNDING, Form, common_owner, each, rearranged, whole_owner, with_rows

#: Largest number of axes whose Gram matrix is taken.
_WIDEST = 256
#: Squarings of a Gram matrix on the way to its largest eigenvalue.
_SQUARINGS = 3


def contracted(a: Form, b: Form) -> Form:
    """a @ b for forms (…, i, d) and (…, d, j), with its linear part exact.

    What is of second order, Σ_d (a_d·z)(b_d·z) = zᵀ S z, stays within radius² times the
    eigenvalues of the symmetric S: by their norm ‖S‖_F, and by the sum of each product's own
    (a_d·b_d ± ‖a_d‖‖b_d‖)/2; the intersection of both is taken. Where the rows of `a` sum to 1 and
    none is negative, `b` is measured from the mean over its own rows, and slack in it is averaged.
    """
    if a.shape[:-2] != b.shape[:-2]:
        batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])  # type: ignore[no-untyped-call]
        wide = rearranged(a, lambda t: t.expand(*batch, *a.shape[-2:]))
        a = replace(wide, simplex=a.simplex)
        b = rearranged(b, lambda t: t.expand(*batch, *b.shape[-2:]))
    owner = common_owner(whole_owner(a.owner, (a.ndim - 1,)), whole_owner(b.owner, (b.ndim - 2,)))
    base = b.centre.mean(-2, keepdim=True) if a.simplex else torch.zeros_like(b.centre[..., :1, :])
    means = b.slopes.mean(-2, keepdim=True) if a.simplex else None
    values = b.centre - base
    moves = b.slopes if means is None else b.slopes - means
    parts = b.parts if means is None else b.ball.parts(moves)
    centre = a.centre @ values + base
    rows = max(len(a.slopes), len(b.slopes))
    slopes = with_rows(each(lambda t: t @ values, a.slopes, centre), rows)
    slopes = slopes + with_rows(each(lambda t: a.centre @ t, moves, centre), rows)
    if means is not None:
        slopes = slopes + with_rows(means, rows)
    middle, away = _second_order(a, b, moves, parts)
    loose = (a.centre.abs() + a.reach + a.slack) @ b.slack
    if a.simplex:
        loose = torch.minimum(loose, b.slack.amax(-2, keepdim=True))
    slack = a.slack @ (values.abs() + parts[0] + parts[1]) + loose + away
    lost = ROUNDING * (a.size @ (b.size + base.abs()) + base.abs())
    box = _interval_product(a, b, lost)
    return a.made(centre + middle, slopes, slack + lost, owner, box).settled()


def _second_order(
    a: Form, b: Form, moves: Tensor, parts: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Middle and half-width of Σ_d (a_d·(z, ε))(b_d·(z, ε)); where noise takes part, by norms."""
    square, k = a.ball.radius**2, a.ball.size
    noisy = a.reach @ parts[1] + a.parts[1] @ parts[0]
    if not k:
        return torch.zeros_like(noisy), noisy
    rows = a.slopes[:k].movedim(0, -2).flatten(-2)
    columns = moves[:k].movedim(0, -3).flatten(-3, -2)
    along = 0.5 * square * (rows @ columns)
    across = 0.5 * (a.parts[0] @ parts[0])
    whole = square * _frobenius(a.slopes[:k], moves[:k])
    low, high = torch.maximum(along - across, -whole), torch.minimum(along + across, whole)
    middle = 0.5 * (low + high)
    return middle, torch.maximum(high - middle, middle - low).clamp_min(0) + noisy


def _frobenius(a: Tensor, b: Tensor) -> Tensor:
    """‖sym Σ_d a_d b_dᵀ‖_F for every row and column, ∞ where that is too much work.

    Its square is ½ Σ_dd' (a_d·a_d')(b_d·b_d') + ½ Σ_dd' (a_d·b_d')(a_d'·b_d).
    """
    size, (i, d), j = len(a), a.shape[-2:], b.shape[-1]
    if i * j * d * d > 4 * size * d * (i + j) or a.ndim != b.ndim:
        return torch.full((), torch.inf, dtype=a.dtype, device=a.device)
    rows, columns = a.movedim(0, -1), b.movedim(0, -1).transpose(-3, -2)
    own = (rows @ rows.mT).flatten(-2), (columns @ columns.mT).flatten(-2)
    cross = rows.flatten(-3, -2) @ columns.flatten(-3, -2).mT
    cross = cross.reshape(*cross.shape[:-2], i, d, j, d)
    twice = own[0] @ own[1].mT + (cross * cross.transpose(-3, -1)).sum((-3, -1))
    norm: Tensor = (0.5 * twice.clamp_min(0)).sqrt()
    return norm


def _interval_product(a: Form, b: Form, lost: Tensor) -> tuple[Tensor, Tensor]:
    """Rump's product of two interval matrices; averages of b's rows stay among them."""
    (al, ah), (bl, bh) = a.range, b.range
    am, ar, bm, br = 0.5 * (al + ah), 0.5 * (ah - al), 0.5 * (bl + bh), 0.5 * (bh - bl)
    middle = am @ bm
    away = am.abs() @ br + ar @ (bm.abs() + br) + lost
    low, high = middle - away, middle + away
    if a.simplex:
        low = torch.maximum(low, bl.amin(-2, keepdim=True) - lost)
        high = torch.minimum(high, bh.amax(-2, keepdim=True) + lost)
    return low, high


def square_sum(x: Form) -> Form:
    """Σ x² over the last axis, (…, 1).

    With x = c + A z + e the part Σ (A z)² lies between 0 and radius² λ, λ the largest eigenvalue
    of the axis' Gram matrix A Aᵀ. The whole also lies within (‖c‖ ± (radius √λ + ‖e‖))².
    """
    owner = whole_owner(x.owner, (x.ndim - 1,))
    top = x.ball.radius**2 * _largest_eigenvalue(x)
    by_ball, noise = x.parts
    norm = x.centre.norm(dim=-1, keepdim=True)
    own = x.slopes[x.ball.size :].square().sum((0, -1))[..., None]
    centre = norm**2 + 0.5 * top + 0.5 * own
    slopes = 2 * (x.slopes * x.centre).sum(-1, keepdim=True)
    twice = torch.minimum(
        (by_ball * noise).sum(-1, keepdim=True), top.sqrt() * noise.norm(dim=-1, keepdim=True)
    )
    mixed = (2 * x.slack * (x.centre.abs() + x.reach) + x.slack**2).sum(-1, keepdim=True)
    mixed = mixed + 2 * twice + (noise**2).sum(-1, keepdim=True) - 0.5 * own
    loose = (noise + x.slack).norm(dim=-1, keepdim=True)
    lost = ROUNDING * (x.size**2).sum(-1, keepdim=True)
    away = top.sqrt() + loose
    box = (norm - away).clamp_min(0) ** 2 - lost, (norm + away) ** 2 + lost
    low, high = x.range
    largest = torch.maximum(low.abs(), high.abs()).square().sum(-1, keepdim=True)
    nearest = torch.where((low > 0) | (high < 0), torch.minimum(low.abs(), high.abs()), 0.0)
    smallest = nearest.square().sum(-1, keepdim=True)
    box = (
        torch.maximum(box[0], (smallest - lost).clamp_min(0)),
        torch.minimum(box[1], largest + lost),
    )
    return x.made(centre, slopes, mixed + 0.5 * top + lost, owner, box).settled()


def _largest_eigenvalue(x: Form) -> Tensor:
    """Upper bound of ‖A‖₂² of the last axis' slopes, (…, 1): (tr G^2m)^(1/2m), m = 2^squarings."""
    if not x.ball.size:
        return torch.zeros_like(x.slack[..., :1])
    slopes = x.slopes[: x.ball.size]
    trace = slopes.square().sum((0, -1))[..., None]
    d = x.shape[-1]
    if d > _WIDEST:
        return trace
    rows = slopes.movedim(0, -1) if d <= len(slopes) else slopes.movedim(0, -2)
    gram = rows @ rows.mT / trace[..., None].clamp_min(1e-300)
    for _ in range(_SQUARINGS):
        gram = gram @ gram
    power = 0.5**_SQUARINGS
    norm = gram.square().sum((-2, -1)).pow(0.5 * power)[..., None]
    return trace * torch.minimum(norm, torch.ones_like(norm)) * (1 + ROUNDING)
