"""A stand-in is taken for a tensor, and refuses by name what is not bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgwidgets.bounds import Opaque
from rgwidgets.bounds.forms import Ball, Form, StandIn

from .conftest import Points, assert_holds, make_form


def stand_in(shape: tuple[int, ...] = (3, 4), radius: float = 0.3) -> StandIn:
    return StandIn(make_form(shape, radius))


def test_it_has_what_a_tensor_has_without_numbers() -> None:
    x = StandIn(make_form((3, 4), 0.1).as_dtype(torch.float16))
    assert isinstance(x, Tensor)
    assert (x.shape, x.ndim, x.dtype, x.device.type) == ((3, 4), 2, torch.float16, "cpu")
    assert (len(x), x.numel(), x.dim(), x.size(1)) == (3, 12, 2, 4)
    assert x.is_floating_point()
    assert not x.requires_grad
    assert (2 * x).dtype == torch.float16
    assert x.float().dtype == torch.float32
    assert x.half() is not x
    assert x.bfloat16().dtype == torch.bfloat16
    assert "StandIn" in repr(x)


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda x: torch.linalg.svdvals(x), "linalg_svdvals is not bounded"),
        (lambda x: torch.fft.fft(x), "fft_fft is not bounded"),
        (lambda x: x.round(), "round is not bounded"),
        (lambda x: float(x[0, 0]), "__float__ is not bounded"),
        (lambda x: bool(x.sum() > 0.1), "mixes samples|__bool__"),
        (lambda x: bool((x[0] > 0).all()), "all is not bounded"),
        (lambda x: x.numpy(), "numpy is not bounded"),
        (lambda x: np.asarray(x), "is not bounded"),
        (lambda x: x.tolist(), "tolist is not bounded"),
        (lambda x: x.long(), "long is not bounded"),
        (lambda x: x.to(torch.int64), "rounding to int64"),
        (lambda x: x.view(torch.int64), "the bits"),
        (lambda x: x.data, "is not bounded"),
        (lambda x: x.topk(2), "topk is not bounded"),
        (lambda x: x.sort(), "sort is not bounded"),
        (lambda x: x**1.5, "the power 1.5"),
        (lambda x: x ** torch.ones(4), "exponent is a tensor"),
        (lambda x: 1 / x, "may be 0"),
        (lambda x: x.log(), "log of numbers that may reach 0"),
        (lambda x: x.sqrt(), "sqrt of numbers that may reach"),
        (lambda x: F.dropout(x), "random"),
        (lambda x: F.leaky_relu(x, 1.5), "negative slope"),
        (lambda x: F.elu(x, 0.5), "alpha 0.5"),
        (lambda x: F.softplus(x, threshold=1.0), "turns straight"),
        (lambda x: F.normalize(x, p=1.0), "order 1"),
        (lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2])), "averaged over samples"),
        (lambda x: x.norm(p=1, dim=1), "order 1"),
        (lambda x: torch.zeros(3, 4).copy_(x), "copy is not bounded"),
        (lambda x: torch.zeros(3, 4).add_(x), "written into a constant"),
        (lambda x: torch.zeros(3, 4).__setitem__(0, x[0]), "written into a constant"),
        (lambda x: torch.add(x, x, out=torch.zeros(3, 4)), "given as out"),
        (lambda x: torch.zeros(4)[x.argmax(-1)], "is not bounded|positions that depend"),
        (lambda x: x[x > 0.1], "positions that depend"),
        (lambda x: torch.where(x > 0.1, x, 0 * x), "a choice that depends"),
        (lambda x: x.masked_fill(x > 0.1, 0.0), "a mask that depends"),
        (lambda x: torch.div(x, 2, rounding_mode="floor"), "rounded"),
        (lambda x: torch.einsum("nd,nd,nd->n", x, x, x), "only two tensors"),
        (lambda x: F.batch_norm(x, None, None, training=True), "mixes samples"),
        (lambda x: F.max_pool1d(x[None], 2, ceil_mode=True), "incomplete"),
        (lambda x: torch.exp(1000 * x), "no finite bounds"),
        (lambda x: x.sum(1, dtype=torch.int64), "rounding to torch.int64"),
        (lambda x: torch.rand_like(x), "rand_like is not bounded"),
        (lambda x: F.interpolate(x[None], 8), "interpolate is not bounded"),
    ],
)
def test_what_is_not_bounded_is_refused_by_name(
    function: Callable[[Tensor], Any], reason: str
) -> None:
    with torch.no_grad(), pytest.raises(Opaque, match=reason):
        function(stand_in())


def test_the_layer_that_asked_is_named() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 4), nn.GRU(4, 4, batch_first=True))

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)[0]

    with (
        torch.no_grad(),
        pytest.raises(Opaque, match=r"gru is not bounded, in layer 'inner.1' \(GRU"),
    ):
        Model()(StandIn(make_form((3, 2, 4), 0.1).as_dtype(torch.float32)))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x - x.mean(0),
        lambda x: x.sum(),
        lambda x: x + x.flip(0),
        lambda x: x * x.roll(1, 0),
        lambda x: x @ x.T,
        lambda x: x.softmax(0),
        lambda x: x.T.contiguous() @ torch.ones(3, 2).double(),
        lambda x: x.cumsum(0),
        lambda x: F.layer_norm(x, (3, 4)),
        lambda x: x.amax(0),
        lambda x: x.argmax(0),
        lambda x: F.conv1d(x[None], torch.ones(2, 3, 2).double()),
        lambda x: F.avg_pool1d(x.T, 3),
        lambda x: x.reshape(4, 3).norm(dim=-1),
        lambda x: torch.ones(2, 3).double() @ x,
    ],
)
def test_samples_that_are_mixed_are_noticed(function: Callable[[Tensor], Any]) -> None:
    with torch.no_grad(), pytest.raises(Opaque, match="mixes samples"):
        function(stand_in())


def test_samples_that_are_only_moved_are_followed() -> None:
    def there_and_back(x: Tensor) -> Tensor:
        return F.linear(x.T.reshape(2, 6).view(4, 3).t(), torch.ones(2, 4).double())

    assert_holds(there_and_back, make_form((3, 4), 0.3))


def test_in_place_on_its_own_is_followed() -> None:
    def own(x: Tensor) -> Tensor:
        y = x * 2
        y += 1
        y.mul_(3).relu_()
        F.relu(y, inplace=True)
        nn.functional.silu(y, inplace=True)
        y[:, 0] = y[:, 1]
        y[..., 2:] = 0.5
        return y

    assert_holds(own, make_form((3, 4), 0.3))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (y := x * 2, y[:, 0].relu_(), y)[-1],
        lambda x: (y := x * 2, y.view(-1).add_(1), y)[-1],
        lambda x: (y := x * 2, z := y.T, y.add_(1), z)[-1],
        lambda x: (y := x * 2, z := y.contiguous(), y.mul_(2), z)[-1],
    ],
)
def test_in_place_through_a_view_is_refused(function: Callable[[Tensor], Any]) -> None:
    with torch.no_grad(), pytest.raises(Opaque, match="seen elsewhere"):
        function(stand_in())


def test_a_part_that_was_assigned_is_not_used_again() -> None:
    with torch.no_grad():
        y = stand_in() * 2
        part = y[:, :2]
        y[:, 1:3] = part
        with pytest.raises(Opaque, match="changed in place is used again"):
            part.sum(-1)


def test_decisions_that_are_the_same_everywhere_are_taken() -> None:
    def guarded(x: Tensor) -> Tensor:
        if bool((x.abs() > 100).any()):
            return x
        return x * (x < 1000)

    assert_holds(guarded, make_form((3, 4), 0.3))


def test_what_has_no_room_is_refused_before_it_is_made() -> None:
    form = make_form((3, 4), 0.3, ball=Ball(0.3, 2, room=100))
    with torch.no_grad(), pytest.raises(Opaque, match="too large to certify: 48 numbers"):
        StandIn(form).repeat(1, 4)
    late = make_form((3, 4), 0.3, ball=Ball(0.3, 2, work=30))
    with torch.no_grad(), pytest.raises(Opaque, match="too large to certify"):
        StandIn(late) * 2 * 2 * 2


def test_the_mean_of_every_sample_moves_by_its_own_coefficients_alone() -> None:
    form = make_form((3, 4), 0.3)
    points = Points(3, 0.3, 100)
    found = StandIn(form).mean(-1).form
    assert found.owner.tolist() == [0, 1, 2]
    assert torch.allclose(points.linear(found), points.linear(form).mean(-1))


def test_no_bounds_are_made_of_nothing() -> None:
    centre = torch.full((1, 2), math.nan, dtype=torch.float64)
    with pytest.raises(Opaque, match="no finite bounds"):
        Form(centre, centre[None], 0 * centre, torch.zeros(1, 2).long(), Ball(1.0, 1))
