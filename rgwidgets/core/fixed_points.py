"""Fixed points of coupling maps, and the exponents of the flow about them, by autodiff."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.func import jacrev

from .errors import ConvergenceError, ParameterError, ShapeError
from .numeric import described, real, whole


class CouplingMap(Protocol):
    """Anything with a rescaling factor and a differentiable map of couplings."""

    b: float

    def transform(self, couplings: Tensor) -> Tensor:
        """(k,) → (k,)."""


@dataclass(frozen=True)
class Linearisation:
    """The flow near a point.

    Attributes
    ----------
    point
        Couplings (k,).
    jacobian
        ∂K'/∂K, shape (k, k), rows are the new couplings.
    eigenvalues
        (k,) complex, in descending order of modulus.
    directions
        (k, k) complex, column i belongs to eigenvalue i.
    exponents
        y_i = ln|λ_i| / ln b: positive is relevant, negative irrelevant, zero marginal.
    """

    point: Tensor
    jacobian: Tensor
    eigenvalues: Tensor
    directions: Tensor
    exponents: Tensor

    @property
    def nu(self) -> float:
        """Correlation-length exponent 1/y of the leading direction; NaN if none is relevant."""
        leading = float(self.exponents[0])
        return 1 / leading if leading > 0 else math.nan


def _vector(start: Tensor | Sequence[float] | float) -> Tensor:
    try:
        point = torch.as_tensor(start, dtype=torch.float64).clone()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        point = torch.tensor(math.nan)
    point = point.reshape(1) if point.ndim == 0 else point
    if point.ndim != 1 or not bool(torch.isfinite(point).all()):
        given, allowed = described(start), "a vector of finite numbers"
        raise ShapeError("couplings", given=given, allowed=allowed, mend="pass 0.3, say")
    return point


def _check_map(scheme: object) -> None:
    if not callable(getattr(scheme, "transform", None)) or isinstance(scheme, type):
        raise ParameterError(
            "scheme",
            given=described(scheme),
            allowed="a scheme of couplings, with `b` and `transform`",
            mend="pass rg.MigdalKadanoff(), say",
        )


def fixed_point(
    scheme: CouplingMap,
    start: Tensor | Sequence[float] | float,
    *,
    tolerance: float = 1e-12,
    max_steps: int = 100,
) -> Tensor:
    """Solve K = R(K) by damped Newton from `start`; returns (k,) float64.

    Newton finds fixed points whether or not the flow leads to them, which iteration cannot.

    Raises
    ------
    ConvergenceError
        If the residual |R(K) − K| does not fall below `tolerance` (relative to 1 + |K|).
    ShapeError
        If `start` is not a vector of finite numbers.

    Examples
    --------
    >>> from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff
    >>> round(float(fixed_point(MigdalKadanoff(), 0.3)), 7)
    0.3046889
    """
    _check_map(scheme)
    real("tolerance", tolerance, "(0, inf)")
    whole("max_steps", max_steps, 0)
    point = _vector(start)
    identity = torch.eye(len(point), dtype=torch.float64)

    def residual(couplings: Tensor) -> Tensor:
        return scheme.transform(couplings) - couplings

    error = residual(point)
    for _ in range(max_steps):
        if float(error.norm()) <= tolerance * (1 + float(point.norm())):
            return point
        slope = jacrev(scheme.transform)(point) - identity
        step = torch.linalg.lstsq(slope, -error[:, None], driver="gelsd").solution[:, 0]
        point, error = _damped(residual, point, step, error)
    raise ConvergenceError(
        "fixed_point",
        given=f"residual {float(error.norm()):.3g} after {max_steps} steps",
        allowed=f"a residual below {tolerance:g}",
        mend="start nearer to the fixed point",
    )


def _damped(
    residual: Callable[[Tensor], Tensor], point: Tensor, step: Tensor, error: Tensor
) -> tuple[Tensor, Tensor]:
    """Halve the Newton step until the residual falls; the last try is taken as it is."""
    length = 1.0
    for _ in range(30):
        trial = point + length * step
        trial_error = residual(trial)
        if bool(torch.isfinite(trial_error).all()) and trial_error.norm() < error.norm():
            return trial, trial_error
        length /= 2
    return trial, torch.nan_to_num(trial_error, nan=math.inf)


def linearise(scheme: CouplingMap, point: Tensor | Sequence[float] | float) -> Linearisation:
    """Jacobian, eigenvalues, eigen-directions and exponents of `scheme` at `point`.

    Raises
    ------
    ParameterError
        If the scheme's rescaling factor b is not greater than 1, or the map has no finite slope.

    Examples
    --------
    >>> from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff
    >>> scheme = MigdalKadanoff()
    >>> round(float(linearise(scheme, fixed_point(scheme, 0.3)).exponents[0]), 6)
    0.747236
    """
    _check_map(scheme)
    if not scheme.b > 1:
        raise ParameterError("b", given=scheme.b, allowed="a rescaling factor > 1")
    couplings = _vector(point)
    jacobian = jacrev(scheme.transform)(couplings).detach()
    if not bool(jacobian.isfinite().all()):
        raise ParameterError(
            "point",
            given=couplings.tolist(),
            allowed="couplings at which the map has finite slopes",
            mend="linearise nearer to a fixed point",
        )
    values, vectors = torch.linalg.eig(jacobian)
    order = values.abs().argsort(descending=True)
    values, vectors = values[order], vectors[:, order]
    exponents = values.abs().log() / math.log(scheme.b)
    return Linearisation(couplings, jacobian, values, vectors, exponents)
