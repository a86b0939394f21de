"""Means with errors that know about autocorrelation: a number never travels without its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import ObservableError, ParameterError, ShapeError
from .numeric import number
from .numeric import tensor as checked_tensor

Reduce = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Attributes
    ----------
    value, error
        In the unit of the observable; `error` is NaN when one sample tells nothing of it, and 0
        for an exact value.
    tau
        Integrated autocorrelation time in units of one sample (1/2 for independent samples).
    samples
        How many samples entered.

    Raises
    ------
    ParameterError
        If one of them is no number, or the error, τ or the number of samples is negative.

    Examples
    --------
    >>> print(Estimate(-1.41421, 0.0007, 1.3, 4096))
    -1.4142 ± 0.0007 [τ=1.3]
    """

    value: float
    error: float
    tau: float = 0.5
    samples: int = 1

    def __post_init__(self) -> None:
        number("value of an estimate", self.value)
        for name in ("error", "tau", "samples"):
            number(f"{name} of an estimate", getattr(self, name), least=0)

    def __str__(self) -> str:
        if not math.isfinite(self.error) or not math.isfinite(self.value):
            return f"{self.value:.4g} ± ?"
        if self.error == 0:
            return f"{self.value:.6g}"
        tau = f" [τ={self.tau:.{1 if self.tau < 9.95 else 0}f}]" if self.tau > 0.55 else ""
        if not 1e-9 <= self.error < 1e9:  # more zeros than an eye counts
            return f"{self.value:.12g} ± {self.error:.1e}{tau}"
        leading, exponent = f"{self.error:.1e}".split("e")
        # two digits of an error that begins with 1, one of any other
        digits = max(0, (float(leading) < 2) - int(exponent))
        return f"{self.value:.{digits}f} ± {self.error:.{digits}f}{tau}"


def estimate(samples: Tensor, *, chains: int | None = 1, reduce: Reduce | None = None) -> Estimate:
    """Estimate a mean, or a function of means, with its autocorrelation-aware error.

    The Γ method of Wolff, Comput. Phys. Commun. 156, 143 (2004): the samples are projected on the
    gradient of `reduce` at the mean, the autocorrelation function of that one series is summed up
    to the window at which truncation and noise errors balance. Where that window does not fit
    into a chain, the scatter of the chains' own means tells; a chain whose correlations outlast it
    and that has no companions gets too small an error. The error of anticorrelated samples is
    taken as if they were independent: never too small.

    By default the samples are one series, and their order counts: what a simulation wrote down in
    time. Samples of a data set have no time; pass `chains=None`, and their order does not count.

    Parameters
    ----------
    samples
        A tensor (n,) or (n, m): m moments a sample, chain after chain, in order of time in each.
    chains
        Number of independent chains of equal length that `samples` holds; None where each sample
        is independent of all others.
    reduce
        Maps the (m,) mean moments to a scalar tensor, differentiably; the mean itself if None.

    Raises
    ------
    ShapeError
        If there are no samples, they are no tensor or complex, the chains are not of equal length,
        or `reduce` does not return a scalar.
    ObservableError
        If a sample is not finite.

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    >>> e = estimate(x)
    >>> abs(e.value) < 4 * e.error, round(e.error, 3)
    (True, 0.01)
    >>> estimate(x, chains=None) == estimate(x, chains=len(x))
    True
    """
    chains = _check(samples, chains)
    moments = samples.detach().cpu().to(torch.float64).reshape(len(samples), -1)
    mean = moments.mean(0)
    value, gradient = _linearise(mean, reduce)
    n = moments.shape[0]
    if bool((moments == moments[0]).all()) and n > 1 and math.isfinite(value):
        return Estimate(value, 0.0, 0.5, n)
    # a root at 0 and the like have no slope, and so no error to first order
    if not math.isfinite(value) or not bool(torch.isfinite(gradient).all()):
        return Estimate(value, math.nan, 0.5, n)
    series = (moments - mean) @ gradient
    rounding = 2 * torch.finfo(torch.float64).eps * float(moments.abs().amax(0) @ gradient.abs())
    if n > 1 and float(series.abs().max()) <= rounding:
        return Estimate(value, 0.0, 0.5, n)
    error, tau = _gamma(series.reshape(chains, n // chains))
    return Estimate(value, error, tau, n)


def _check(moments: Tensor, chains: int | None) -> int:
    """The number of chains, if everything fits."""
    checked_tensor("samples", moments)
    if moments.ndim not in (1, 2) or not len(moments) or moments.is_complex():
        raise ShapeError(
            "samples",
            given=f"{moments.dtype} {tuple(moments.shape)}",
            allowed="real numbers (n,) or (n, m), n ≥ 1",
        )
    n = len(moments)
    if chains is None:
        return n
    if isinstance(chains, bool) or not isinstance(chains, int) or chains < 1 or n % chains:
        raise ShapeError(
            "chains",
            given=chains,
            allowed=f"a divisor of the {n} samples, or None",
            mend="pass chains=None for samples that are independent of one another",
        )
    if not bool(torch.isfinite(moments).all()):
        raise ObservableError(
            "samples",
            given=f"{int((~torch.isfinite(moments)).sum())} values that are NaN or infinite",
            allowed="finite values",
            mend="check the observable for log(0), 0/0 or overflow",
        )
    return chains


def _linearise(mean: Tensor, reduce: Reduce | None) -> tuple[float, Tensor]:
    if reduce is None:
        if mean.numel() != 1:
            raise ShapeError(
                "samples",
                given=f"{mean.numel()} moments a sample",
                allowed="one value a sample, or a `reduce`",
            )
        return float(mean[0]), torch.ones(1, dtype=mean.dtype, device=mean.device)
    if not callable(reduce):
        raise ParameterError(
            "reduce",
            given=reduce,
            allowed="a function of the (m,) mean moments, or None",
            mend="pass reduce=lambda m: m[1] - m[0] ** 2, say",
        )
    with torch.enable_grad():
        point = mean.clone().requires_grad_()
        result = reduce(point)
        if not isinstance(result, Tensor) or result.numel() != 1:
            shape = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise ShapeError("result of reduce", given=shape, allowed="a scalar tensor")
        if not result.requires_grad:  # depends on no moment
            return float(result), torch.zeros_like(mean)
        (gradient,) = torch.autograd.grad(result.sum(), point)
    return float(result.detach()), gradient


def _gamma(series: Tensor, strength: float = 1.5) -> tuple[float, float]:
    """Error of the mean and τ_int of `series` (chains, time), by Wolff's automatic window."""
    chains, length = series.shape
    n = chains * length
    if n == 1:
        return math.nan, 0.5
    variance = float((series**2).mean())
    if length < 8:  # too short to see correlation in time: the chains are the sample
        return _from_chains(series, variance)
    rho = (_autocorrelation(series) / variance).tolist()
    tau = 0.5
    for window in range(1, length // 2 + 1):
        tau += rho[window]
        decay = strength / math.log((2 * tau + 1) / (2 * tau - 1)) if tau > 0.5 else 1e-9
        # Wolff (2004), eq. 52: stop where the derivative of the total error changes sign
        if math.exp(-window / decay) - decay / math.sqrt(window * n) < 0:
            break
    else:
        if chains > 1:
            return _from_chains(series, variance)
    tau = max(tau, 0.5) * (1 + (2 * window + 1) / n)  # bias of the mean's own subtraction
    return math.sqrt(2 * tau * variance / n), tau


def _from_chains(series: Tensor, variance: float) -> tuple[float, float]:
    """Error by the scatter of the chains' means, at least that of independent samples."""
    chains, n = series.shape[0], series.numel()
    independent = variance / (n - 1)
    if chains == 1:
        return math.sqrt(independent), 0.5
    squared = max(float(series.mean(1).var()) / chains, independent)
    return math.sqrt(squared), 0.5 * squared / independent


def _autocorrelation(series: Tensor) -> Tensor:
    """Unbiased autocovariance (lag,) averaged over chains, by FFT."""
    length = series.shape[1]
    spectrum = torch.fft.rfft(series, n=2 * length, dim=1)
    summed: Tensor = torch.fft.irfft(spectrum.abs() ** 2, n=2 * length, dim=1)[:, :length].mean(0)
    lags: Tensor = summed / torch.arange(length, 0, -1, device=series.device)
    return lags
