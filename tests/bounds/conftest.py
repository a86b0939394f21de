"""Small networks and fibres of any radius in them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from rgwidgets.bounds import SubspaceFibre
from rgwidgets.core.theory import Theory
from rgwidgets.systems.capture import capture
from rgwidgets.systems.networks.observables import accuracy, logit_difference, loss

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def make_theory(
    activation: str = "relu",
    *,
    widths: tuple[int, ...] = (12, 16, 10, 4),
    samples: int = 16,
    seed: int = 0,
    gain: float = 2.0,
) -> Theory:
    """The inputs of a random network as features: loss, accuracy and a logit difference."""
    generator = torch.Generator().manual_seed(seed)
    parts: list[nn.Module] = [nn.Identity()]
    for i, (a, b) in enumerate(pairwise(widths)):
        layer = nn.Linear(a, b)
        with torch.no_grad():
            layer.weight.copy_(gain * torch.randn(b, a, generator=generator) / a**0.5)
            layer.bias.copy_(0.3 * torch.randn(b, generator=generator))
        parts += [layer] if i == len(widths) - 2 else [layer, ACTIVATIONS[activation]()]
    inputs = torch.randn(samples, widths[0], generator=generator)
    labels = torch.randint(widths[-1], (samples,), generator=generator)
    observables = (loss(labels), accuracy(labels), logit_difference(0, 1))
    return capture(nn.Sequential(*parts), inputs, "0", observables)


def make_fibre(
    theory: Theory, *, discarded: int, radius: float | None, seed: int = 0
) -> SubspaceFibre:
    """A random subspace of `discarded` directions of a theory's activation, cut at the mean."""
    x = theory.features["activation"].double()
    d = x.shape[-1]
    generator = torch.Generator().manual_seed(seed + 1)
    rotation, _ = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=generator))
    basis = rotation[:, :discarded]
    mean = x.flatten(0, -2).mean(0)
    tails = (x - mean) @ basis
    return SubspaceFibre(theory, "activation", x - tails @ basis.T, basis, tails, ball=radius)


def draw(fibre: SubspaceFibre, count: int, seed: int = 0) -> Tensor:
    """Points (count, n, K) of the ball: half on its sphere, half inside."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *fibre.own.shape)
    z = torch.randn(shape, generator=generator, dtype=torch.float64)
    z = fibre.radius * z / z.norm(dim=-1, keepdim=True)
    inside = torch.rand(count, generator=generator, dtype=torch.float64)
    inside[::2] = 1.0
    return z * inside[:, None, None]
