"""Exact solutions of the square-lattice Ising model: what the simulations must reproduce.

J = 1, k_B = 1, no field, K = 1/T; energies and specific heats are per site. Infinite lattice:
L. Onsager, Phys. Rev. 65, 117 (1944); C. N. Yang, Phys. Rev. 85, 808 (1952). Finite torus:
B. Kaufman, Phys. Rev. 76, 1232 (1949), in the form of A. E. Ferdinand and M. E. Fisher, Phys. Rev.
185, 832 (1969). All in float64.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ...core.errors import GeometryError
from ...core.numeric import real

_FROZEN = 40.0  # above this K, exp(−8 K) is far below the last digit of float64
_FREE = 1e-100  # below this K, the derivatives of ln sinh K leave float64


def critical_temperature() -> float:
    """T_c = 2/ln(1 + √2), Onsager (1944).

    >>> round(critical_temperature(), 10)
    2.2691853142
    """
    return 2 / math.log(1 + math.sqrt(2))


def onsager_log_partition(temperature: float) -> float:
    """ln Z per site of the infinite lattice; Onsager (1944), eq. 106.

    >>> round(onsager_log_partition(critical_temperature()), 10)
    0.9296953983
    """
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN:
        return 2 * coupling
    # cosh² 2K (1 + root(φ))/2 under the logarithm, root² = 1 − κ² sin² φ
    modulus = 2 * math.sinh(2 * coupling) / math.cosh(2 * coupling) ** 2
    complement = (2 * math.tanh(2 * coupling) ** 2 - 1) ** 2
    nodes, weights = np.polynomial.legendre.leggauss(16)
    total = 0.0
    # root has a branch point near φ = π/2, so the panels halve towards it
    for panel in range(60):
        high = math.pi * 2.0 ** -(panel + 1)
        low = high / 2 if panel < 59 else 0.0
        away = (high + low) / 2 + (high - low) / 2 * nodes  # π/2 − φ
        root = np.sqrt(complement + modulus**2 * np.sin(away) ** 2)
        total += (high - low) / 2 * float(weights @ np.log1p((root - 1) / 2))
    return _log_2cosh(2 * coupling) + total / math.pi


def onsager_energy(temperature: float) -> float:
    """Energy per site of the infinite lattice; Onsager (1944), eq. 116.

    >>> round(onsager_energy(2.0), 8), round(onsager_energy(critical_temperature()), 8)
    (-1.74556458, -1.41421356)
    """
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN:
        return -2.0
    tangent = math.tanh(2 * coupling)
    signed = 2 * tangent**2 - 1
    # 1 + signed/agm(1, |signed|), which nearly cancels at high temperature
    gap, middle = _mean_gap(1 - abs(signed) if signed > 0 else 2 * tangent**2)
    return -(gap / middle if signed < 0 else 1 + signed / middle) / tangent


def onsager_specific_heat(temperature: float) -> float:
    """Specific heat per site of the infinite lattice; infinite at T_c. Onsager (1944), eq. 117.

    >>> round(onsager_specific_heat(2.0), 6)
    0.724871
    """
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN:
        return 0.0
    signed = 2 * math.tanh(2 * coupling) ** 2 - 1
    if signed == 0:
        return math.inf
    first, second = _elliptic(abs(signed))
    bracket = 2 * first - 2 * second - (1 - signed) * (math.pi / 2 + signed * first)
    return 2 / math.pi * (coupling / math.tanh(2 * coupling)) ** 2 * bracket


def yang_magnetisation(temperature: float) -> float:
    """Spontaneous magnetisation of the infinite lattice; Yang (1952), eq. 96.

    >>> round(yang_magnetisation(2.0), 8), yang_magnetisation(2.5)
    (0.91131938, 0.0)
    """
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN:
        return 1.0
    ratio = math.sinh(2 * coupling)
    return (1 - ratio**-4) ** 0.125 if ratio > 1 else 0.0


def diagonal_correlation(temperature: float) -> float:
    """⟨s s′⟩ across a diagonal, infinite lattice; J. Stephenson, J. Math. Phys. 5, 1009 (1964).

    >>> round(diagonal_correlation(critical_temperature()) * math.pi, 6)
    2.0
    """
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN:
        return 1.0
    modulus = math.sinh(2 * coupling) ** 2
    if modulus >= 1:
        return 2 / math.pi * _elliptic(math.sqrt(1 - modulus**-2))[1]
    if modulus < 1e-9:
        return modulus / 2
    first, second = _elliptic(math.sqrt(1 - modulus**2))
    return 2 / (math.pi * modulus) * (second - (1 - modulus**2) * first)


def kaufman_log_partition(temperature: float, size: int | tuple[int, int]) -> float:
    """ln Z (not per site) of the torus with `size` = L or (rows, columns) sites.

    Every site has four bonds, so on a torus two sites wide the bonds across count twice.
    """
    rows, columns = _shape(size)
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN:
        return math.log(2) + 2 * coupling * rows * columns
    if coupling < _FREE:
        return math.log(2) * rows * columns
    return float(_log_partition(torch.tensor(coupling, dtype=torch.float64), rows, columns))


def kaufman_energy(temperature: float, size: int | tuple[int, int]) -> float:
    """Energy per site of the torus: −∂ ln Z/∂K / N.

    >>> round(kaufman_energy(critical_temperature(), 64), 6)
    -1.423938
    """
    return _derivatives(temperature, size)[0]


def kaufman_specific_heat(temperature: float, size: int | tuple[int, int]) -> float:
    """Specific heat per site of the torus: K² ∂² ln Z/∂K² / N."""
    return _derivatives(temperature, size)[1]


def _derivatives(temperature: float, size: int | tuple[int, int]) -> tuple[float, float]:
    rows, columns = _shape(size)
    coupling = 1 / _checked(temperature)
    if coupling > _FROZEN or coupling < _FREE:
        return (-2.0 if coupling > 1 else 0.0), 0.0
    with torch.enable_grad():
        k = torch.tensor(coupling, dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(_log_partition(k, rows, columns), k, create_graph=True)
        (second,) = torch.autograd.grad(first, k)
    sites = rows * columns
    return -float(first.detach()) / sites, float(second) * coupling**2 / sites


def _log_partition(coupling: Tensor, rows: int, columns: int) -> Tensor:
    """ln Z of Ferdinand & Fisher (1969), eq. 2.3.

    The factor (2 sinh 2K)^(N/2) is shared out among the modes and the largest product taken out,
    so that nothing overflows or cancels between high and low temperature.
    """
    hyperbolic = torch.sinh(2 * coupling)
    angles = math.pi * torch.arange(1, 2 * rows, dtype=torch.float64) / rows
    # sinh 2K (cosh γ − 1), which is regular at K = 0 as cosh γ is not
    excess = (1 - hyperbolic) ** 2 + 2 * hyperbolic * torch.sin(angles / 2) ** 2
    grown = hyperbolic + excess + torch.sqrt(excess * (2 * hyperbolic + excess))  # sinh 2K e^γ
    decayed = (hyperbolic / grown) ** columns  # e^(−γ columns)
    modes = columns / 2 * torch.log(2 * grown) + torch.log1p(decayed)
    ratios = torch.log1p(-decayed) - torch.log1p(decayed)
    # the mode of γ₀ = 2K + ln tanh K, the one that changes sign, at K_c
    ordered = 2 * torch.log(2 * torch.sinh(coupling)) + 2 * coupling
    disordered = 2 * torch.log(2 * torch.cosh(coupling)) - 2 * coupling
    half = columns / 4 * (ordered - disordered)
    lowest = columns / 4 * (ordered + disordered) + _smooth_log_2cosh(half)
    sign = torch.tanh(half)
    log_odd, log_even = modes[0::2].sum(), lowest + modes[1::2].sum()
    sinh_odd, sinh_even = ratios[0::2].sum().exp(), sign * ratios[1::2].sum().exp()
    bracket = 1 + sinh_odd + torch.exp(log_even - log_odd) * (1 + sinh_even)
    return log_odd + torch.log(bracket / 2)


def _smooth_log_2cosh(argument: Tensor) -> Tensor:
    """ln 2cosh with both derivatives, at zero as at infinity."""
    near = argument.abs() < 1
    inside = torch.where(near, argument, torch.zeros_like(argument))
    outside = argument.abs() + torch.log1p(torch.exp(-2 * argument.abs()))
    return torch.where(near, torch.log(2 * torch.cosh(inside)), outside)


def _log_2cosh(argument: float) -> float:
    return abs(argument) + math.log1p(math.exp(-2 * abs(argument)))


def _elliptic(complement: float) -> tuple[float, float]:
    """Complete elliptic integrals K and E of modulus √(1 − complement²), by the AGM."""
    if complement == 0:
        return math.inf, 1.0
    a, b = 1.0, complement
    deficit, power = (1 - complement**2) / 2, 1.0
    while abs(a - b) > 1e-15 * a:
        half = (a - b) / 2
        deficit += power * half**2
        a, b, power = (a + b) / 2, math.sqrt(a * b), 2 * power
    first = math.pi / (2 * a)
    return first, first * (1 - deficit)


def _mean_gap(drop: float) -> tuple[float, float]:
    """agm(1, x) − x and agm(1, x) for x = 1 − drop, the first without cancellation."""
    least = 1 - drop
    if least == 0:
        return 0.0, math.inf  # what is divided by it vanishes faster
    over, under = drop, 0.0
    while abs(over - under) > 4e-16 * (least + over):
        root = math.sqrt((least + over) * (least + under))
        product = (over + under) * least + over * under
        over, under = (over + under) / 2, product / (root + least)
    return over, least + over


def _checked(temperature: float) -> float:
    return real("temperature", temperature, "(0, inf)")


def _shape(size: int | tuple[int, int]) -> tuple[int, int]:
    shape = size if isinstance(size, tuple) else (size, size)
    if len(shape) != 2 or not all(isinstance(n, int) and n >= 2 for n in shape):
        raise GeometryError("size", given=size, allowed="an integer ≥ 2, or two of them")
    return shape
