"""Boxes of hidden layers hold what the layers do; CROWN's lie inside the intervals."""

from __future__ import annotations

import pytest
import torch

from .conftest import ACTIVATIONS, draw, make_fibre, make_theory


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("radius", [0.02, 0.4, 4.0])
def test_hidden_units_stay_in_their_boxes(activation: str, radius: float) -> None:
    theory = make_theory(activation, widths=(8, 10, 9, 7, 3), samples=6)
    fibre = make_fibre(theory, discarded=5, radius=radius)
    (crown,), (plain,) = fibre.propagations, fibre.propagate(crown=False)
    along, centre = fibre.start
    y = draw(fibre, 3000) @ along.T + centre
    for (curve, affine), tight, loose in zip(crown.layers, crown.boxes, plain.boxes, strict=True):
        assert bool((tight[0] <= y).all() and (y <= tight[1]).all())
        assert bool((loose[0] <= tight[0] + 1e-12).all())
        assert bool((tight[1] <= loose[1] + 1e-12).all())
        y = affine(curve(y))


def test_the_first_box_is_exact() -> None:
    fibre = make_fibre(make_theory(), discarded=4, radius=0.7)
    along, centre = fibre.start
    low, high = fibre.propagations[0].boxes[0]
    reach = 0.7 * along.norm(dim=1)
    assert torch.allclose(high, centre + reach, atol=1e-8)
    assert torch.allclose(low, centre - reach, atol=1e-8)


@pytest.mark.parametrize("policy", ["adaptive", "flat", "steep"])
def test_every_choice_of_lower_lines_is_sound(policy: str) -> None:
    fibre = make_fibre(make_theory("relu", samples=8), discarded=6, radius=0.8)
    (piece,) = fibre.propagations
    spec = torch.eye(4, dtype=torch.float64)
    bound = piece.bound(torch.cat([spec, -spec]), policy)
    z = draw(fibre, 4000)
    y = z @ fibre.start[0].T + fibre.start[1]
    for curve, affine in piece.layers:
        y = affine(curve(y))
    rows = torch.cat([y, -y], dim=-1)
    linear = (z[..., None, :] * bound.slope).sum(-1) + bound.offset
    assert bool((linear <= rows + 1e-9).all())
    assert bool((bound.lowest <= rows).all())
