"""Gradient flow of a deep linear network, watched mode by mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import ConvergenceError, ParameterError
from ..core.estimate import Estimate
from ..core.progress import track

#: Most modes: a step costs the cube of their number.
MODES = 512
#: Steps of the flow in units of 1/(strongest mode): RK4 is then right to 1e-3 a step and stable.
_STEP = 0.25


@dataclass(frozen=True, eq=False)
class Learning:
    """How the modes of a data set were learnt.

    Attributes
    ----------
    times
        (t,), in units of 1/learning rate × steps.
    strengths
        (t, levels): mean over the modes of each level of uᵀ W₂ W₁ v.
    half_times
        For each level, when its modes reach half of their final strength: the mean over them and
        its standard error.
    module
        The trained network, float32: one-hot names, √N long, to data.
    """

    times: Tensor
    strengths: Tensor
    half_times: tuple[Estimate, ...]
    module: nn.Sequential

    @property
    def order(self) -> tuple[int, ...]:
        """Levels in the order in which they were learnt."""
        return tuple(sorted(range(len(self.half_times)), key=lambda j: self.half_times[j].value))


def learn(
    target: Tensor,
    modes: Tensor,
    groups: Sequence[slice],
    *,
    initial: float,
    hidden: int,
    seed: int,
    until: float,
) -> Learning:
    """Gradient flow on ½‖target − W₂ W₁‖² from small Gaussian weights.

    The columns of Z = [W₁, W₂ᵀ] only mix with one another, dZ/dt = Z K(ZᵀZ), so the flow is
    followed in the 2N × 2N matrix P of Z = Z(0) P: exact at any width.

    Parameters
    ----------
    target
        (d, N): correlation of outputs with whitened inputs.
    modes
        (d, N): its left singular vectors, in the order of `groups`.
    groups
        Which modes belong to each level.
    initial
        a₀: weights have the variance 2 a₀ / `hidden`, for which the growing part of every mode
        begins at a₀ on average.
    hidden, seed
        Number of hidden units, and the seed of the weights.
    until
        How long.

    Raises
    ------
    ParameterError
        If there are too many modes.
    ConvergenceError
        If a mode has not reached half of its strength in that time.
    """
    n = target.shape[1]
    if n > MODES:
        raise ParameterError(
            "modes", given=n, allowed=f"at most {MODES}", mend="take a smaller tree"
        )
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(hidden, 2 * n, generator=generator, dtype=torch.float64)
    weights *= math.sqrt(2 * initial / hidden)
    reduced = modes.T @ target
    final = torch.linalg.vector_norm(reduced, dim=1)
    right = (reduced / final[:, None]).T
    times, paths, mixed = _flow(reduced, right, weights.T @ weights, until)
    first, second = torch.split(weights @ mixed, n, dim=1)
    return Learning(
        times,
        torch.stack([paths[:, group].mean(1) for group in groups], dim=1),
        tuple(_half_time(times, paths[:, group], final[group]) for group in groups),
        _module(first, modes @ second.T),
    )


def _flow(
    target: Tensor, right: Tensor, overlaps: Tensor, until: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Times (t,), strength of each mode (t, N), and P at the end (2N, 2N), by Runge–Kutta.

    In numpy: on small trees the steps are many and a call of torch costs more than its product.
    """
    n = len(target)
    step = _STEP / float(torch.linalg.matrix_norm(target, 2))
    goal, shown, start = target.numpy(), right.T.numpy(), overlaps.numpy()
    mixed = np.eye(2 * n)

    def network(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return p[:, n:].T @ start @ p[:, :n]

    def rate(p: NDArray[np.float64]) -> NDArray[np.float64]:
        left = goal - network(p)
        return np.concatenate([p[:, n:] @ left, p[:, :n] @ left.T], axis=1)

    count = math.ceil(until / step)
    strengths = np.empty((count + 1, n))
    strengths[0] = (network(mixed) * shown).sum(1)
    for k in track(range(count), label="learning the tree"):
        a = rate(mixed)
        b = rate(mixed + step / 2 * a)
        c = rate(mixed + step / 2 * b)
        d = rate(mixed + step * c)
        mixed = mixed + step / 6 * (a + 2 * b + 2 * c + d)
        strengths[k + 1] = (network(mixed) * shown).sum(1)
    times = step * torch.arange(count + 1, dtype=torch.float64)
    return times, torch.from_numpy(strengths), torch.from_numpy(mixed)


def _half_time(times: Tensor, paths: Tensor, final: Tensor) -> Estimate:
    """First crossing of half the final strength, interpolated, over the modes (t, k) of a level."""
    above = paths >= final / 2
    if not bool(above.any(0).all()) or bool(above[0].any()):
        raise ConvergenceError(
            "half-time",
            given=f"a mode at {float((paths[-1] / final).min()):.2g} of its strength at the end",
            allowed="every mode below half at the start and above it at the end",
            mend="begin with smaller weights, or learn for longer",
        )
    after = above.double().argmax(0)
    column = torch.arange(paths.shape[1])
    low, high = paths[after - 1, column], paths[after, column]
    found = times[after - 1] + (final / 2 - low) / (high - low) * (times[after] - times[after - 1])
    error = float(found.std() / math.sqrt(len(found))) if len(found) > 1 else math.nan
    return Estimate(float(found.mean()), error, samples=len(found))


def _module(first: Tensor, second: Tensor) -> nn.Sequential:
    return nn.Sequential(linear(first), linear(second)).float().eval()


def linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """A layer y = weight · x + bias in the precision of its weights; draws no random numbers."""
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias=bias is not None, device="meta", dtype=weight.dtype)
    layer = layer.to_empty(device=weight.device)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer
