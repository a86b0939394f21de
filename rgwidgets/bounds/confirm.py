"""Proofs held against the user's own code, in double precision: at points, and at what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rgwidgets.core.errors import RGError
from rgwidgets.core.fibre import rounding
from rgwidgets.core.outputs import Readout
from rgwidgets.core.theory import Observable

from .opaque import Opaque

if TYPE_CHECKING:
    from .fibre import SubspaceFibre


def values(fibre: SubspaceFibre, observable: Observable, z: Tensor) -> Tensor:
    """The observable at a point of every sample's fibre, (n, K) → (n,).

    By the observable's and the network's own code; in double precision where it runs in that.
    """
    features = {**fibre.theory.features, fibre.feature: fibre.points(z)}
    with torch.no_grad():
        try:
            return observable.exact().samples(features).to(z.device)
        except (RGError, RuntimeError, TypeError, ValueError):  # single precision is written in it
            return observable.samples(features).to(z.device)


def outputs(readout: Readout, activation: Tensor) -> Tensor:
    """The network's own outputs (n, …, c) in double precision, where it runs in that."""
    with torch.no_grad():
        try:
            return readout.exact()(activation).double()
        except (RGError, RuntimeError, TypeError, ValueError):
            return readout(activation).double()


def sampled(fibre: SubspaceFibre, seed: int = 0) -> Tensor:
    """Points to compare at, (n, K): own tails as far as the ball goes, and places on its sphere."""
    own = fibre.own
    inside = own * (fibre.radius / own.norm(dim=-1, keepdim=True).clamp_min(1e-300)).clamp_max(1.0)
    noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(seed)).to(own)
    points = fibre.radius * torch.nn.functional.normalize(noise, dim=-1)
    points[::3] = inside[::3]
    return points


def check_function(low: Tensor, high: Tensor, own: Tensor) -> None:
    """Raise `Opaque` unless the network's own values lie in what a proof makes of that point."""
    close, own = rounding(own), own.double()
    off = ((own < low - close) | (own > high + close)).nonzero()
    if len(off):
        i = int(off[0])
        raise Opaque(
            f"a proof of another function: of sample {i} it makes {float(low[i]):.6g} where the "
            f"network itself gives {float(own[i]):.6g}"
        )
