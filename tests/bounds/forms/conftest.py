"""Random forms, points of them, and whether what a function makes of them holds there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rgwidgets.bounds.forms import Ball, Form, StandIn

#: Coefficients of the ball, and symbols of noise, of the forms that are tried.
SIZE, NOISE = 2, 2


def make_form(
    shape: tuple[int, ...],
    radius: float,
    *,
    seed: int = 0,
    middle: float = 0.0,
    spread: float = 1.0,
    noise: float = 0.1,
    ball: Ball | None = None,
) -> Form:
    """A random form with samples first, some noise, and slack on every third number."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    if ball is None:
        ball = Ball(radius, SIZE)
        ball.account.symbols = NOISE
    slopes = normal(SIZE + NOISE, *shape)
    slopes[SIZE:] *= noise * radius
    slack = 0.05 * noise * radius * normal(*shape).abs()
    slack.reshape(-1)[::3] = 0
    owner = torch.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)).expand(shape)
    return Form(middle + spread * normal(*shape), slopes, slack, owner, ball)


class Points:
    """Points of the ball and the noise, the same for every form over it; half at the ends."""

    def __init__(self, samples: int, radius: float, count: int = 2000, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        z = self._normal(count, samples, SIZE)
        z = radius * z / z.norm(dim=-1, keepdim=True)
        z[1::2] *= torch.rand(len(z[1::2]), 1, 1, generator=self.generator)
        self.z = z
        self.noise = self._normal(count, samples, NOISE).clamp(-1, 1)
        self.noise[::2] = self.noise[::2].sign()

    def _normal(self, *size: int) -> Tensor:
        return torch.randn(*size, generator=self.generator, dtype=torch.float64)

    def linear(self, form: Form) -> Tensor:
        """centre + slopes·(z, ε) over the coefficients and symbols known from the start."""
        known = torch.cat([self.z, self.noise], -1)
        rows = form.slopes[: SIZE + NOISE]
        known = known[:, form.owner.clamp_min(0), : len(rows)]
        return form.centre + torch.einsum("r...k,k...->r...", known, rows)

    def of(self, form: Form) -> Tensor:
        """Numbers (count, *shape) that the form stands for."""
        error = self._normal(len(self.z), *form.shape).clamp(-1, 1)
        error[::2] = error[::2].sign()
        return self.linear(form) + form.slack * error


def assert_holds(
    function: Callable[..., Any], *forms: Form, points: Points | None = None, count: int = 2000
) -> Form:
    """Check a function's form against the function itself at points; return the form."""
    if points is None:
        points = Points(forms[0].shape[0], forms[0].ball.radius, count)
    with torch.no_grad():
        found = function(*(StandIn(form) for form in forms))
        given = [points.of(form) for form in forms]
        exact = torch.stack([function(*row) for row in zip(*given, strict=True)])
    assert (exact.shape[1:], exact.dtype) == (found.shape, found.dtype)
    exact = exact.double()
    room = 1e-11 * (1 + exact.abs().nan_to_num(posinf=0, neginf=0))
    if not isinstance(found, StandIn):  # what is the same everywhere
        same = (exact == found) | ((exact - found.double()).abs() <= room)
        assert bool(same.all())
        return forms[0].constant(found)
    form = found.form
    assert form.shape == found.shape
    low, high = form.range
    assert bool((exact >= low - room).all())
    assert bool((exact <= high + room).all())
    known = SIZE + NOISE
    extra = form.slack + form.slopes[known:].abs().sum(0)
    off = (exact - points.linear(form)).abs().nan_to_num(nan=0.0)
    assert bool((off <= extra + room).all())
    return form
