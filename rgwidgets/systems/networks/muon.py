"""Muon: momentum whose steps are made orthogonal, for the matrices of a network."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

#: aX + b(XXᵀ)X + c(XXᵀ)²X, five times: singular values end near 1
_QUINTIC = (3.4445, -4.7750, 2.0315)


class Muon:
    """Steps of one size in every direction that the momentum of a matrix has.

    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). On a small
    transformer it needs about half the steps of Adam.

    Parameters
    ----------
    parameters
        Matrices (out, in).
    momentum, weight_decay
        Nesterov momentum; fraction of the weights lost, in units of the rate.

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(2, 2))
    >>> weight.grad = torch.tensor([[5.0, 0.0], [0.0, -0.01]])
    >>> Muon([weight]).step(0.1)
    >>> weight.detach().sign().diagonal().tolist()
    [-1.0, 1.0]
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        self.parameters = list(parameters)
        self.momentum, self.weight_decay = momentum, weight_decay
        self._momenta = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradients that are there."""
        for parameter, momentum in zip(self.parameters, self._momenta, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            momentum.mul_(self.momentum).add_(gradient)
            direction = orthogonalised(gradient + self.momentum * momentum)
            rows, columns = direction.shape
            parameter.mul_(1 - rate * self.weight_decay)
            parameter.sub_(direction, alpha=rate * math.sqrt(max(1.0, rows / columns)))


def orthogonalised(matrix: Tensor) -> Tensor:
    """Roughly UVᵀ of a matrix UΣVᵀ, by Newton–Schulz: singular values between 0.7 and 1.2.

    Directions weaker than about 1e-3 of the Frobenius norm come out weaker.

    >>> found = orthogonalised(torch.diag(torch.tensor([3.0, 0.2])))
    >>> bool(((found.diagonal() - 1).abs() < 0.35).all())
    True
    """
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / matrix.norm().clamp_min(1e-30)
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
