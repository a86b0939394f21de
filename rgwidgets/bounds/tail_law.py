"""The laws that a tail is drawn from: Gaussian, uniform in the ball, the data's own smoothed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError, ShapeError, choose
from rgwidgets.core.numeric import in_double, real

from .fibre import SubspaceFibre

#: what is less of a covariance's root than this share of its largest is rounding
_RANK = 1e-9
LAWS = ("gaussian", "ball", "data")


@dataclass(frozen=True, eq=False)
class TailLaw:
    """A law of tails, written as a function of independent standard normal numbers.

    So one kernel, which leaves the normal law as it is, serves every law: the numbers move and
    the tail is computed from them.

    Attributes
    ----------
    words
        The law, as a sentence about probabilities names it.
    size
        How many standard normal numbers one tail takes, m.
    dimension
        Length of a tail, K.
    components
        Of how many equally likely components the law is a mixture.
    tail
        Normal numbers (…, m) and components (…) int64 → tails (…, K), in the unit of the feature.

    Examples
    --------
    >>> law = TailLaw.normal(torch.diag(torch.tensor([4.0, 0.0])))
    >>> law.size, law.dimension
    (1, 2)
    >>> law.tail(torch.tensor([[1.0]]), torch.tensor([0])).abs()
    tensor([[2., 0.]], dtype=torch.float64)
    """

    words: str
    size: int
    dimension: int
    tail: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    components: int = 1

    @classmethod
    def of(cls, law: str | TailLaw, fibre: SubspaceFibre) -> TailLaw:
        """The law of that name for a fibre, or a law of one's own, if it fits the fibre.

        Raises
        ------
        ParameterError
            If there is no law of that name, or the fibre's tails leave nothing to draw: they are
            all zero, all the same, or too few to tell what is discarded.
        ShapeError
            If the law's tails are of another length.
        """
        if isinstance(law, TailLaw):
            if law.dimension != fibre.own.shape[1]:
                allowed = f"tails of length {fibre.own.shape[1]}, as the fibre has"
                raise ShapeError("law", given=f"tails of length {law.dimension}", allowed=allowed)
            return law
        name = choose("law", law, LAWS, mend="or pass a TailLaw")
        if fibre.unspanned:
            raise _nothing(fibre, "tails of which nothing is known")
        return {"gaussian": cls.gaussian, "ball": cls.ball, "data": cls.data}[name](fibre)

    @classmethod
    def normal(cls, covariance: Tensor, mean: Tensor | None = None, *, words: str = "") -> TailLaw:
        """Gaussian of a given covariance (K, K) and mean (K,), 0 by default.

        A singular covariance is a Gaussian on its support.

        Raises
        ------
        ShapeError
            If the covariance is not square or the mean does not fit.
        ParameterError
            If the covariance is zero, or not symmetric and positive semi-definite.
        """
        square = isinstance(covariance, Tensor) and covariance.ndim == 2
        if not square or covariance.shape[0] != covariance.shape[1]:
            raise ShapeError("covariance", given=_shape(covariance), allowed="a tensor (K, K)")
        covariance = in_double(covariance)
        centre = torch.zeros_like(covariance[0]) if mean is None else in_double(mean)
        if centre.shape != covariance[0].shape:
            raise ShapeError("mean of a law", given=_shape(centre), allowed=_shape(covariance[0]))
        finite = bool(torch.isfinite(covariance).all() and torch.isfinite(centre).all())
        scale = float(covariance.abs().max()) if covariance.numel() else 0.0
        if not finite or float((covariance - covariance.T).abs().sum()) > 1e-9 * scale:
            allowed = "finite numbers, C = Cᵀ"
            raise ParameterError("covariance", given="another matrix", allowed=allowed)
        values, vectors = torch.linalg.eigh(covariance)
        if bool((values < -1e-9 * scale).any()):
            raise ParameterError("covariance", given="negative eigenvalues", allowed="none below 0")
        values = torch.where(values > 1e-14 * scale, values, 0.0)
        root = values.sqrt()[:, None] * vectors.T
        return cls._affine(root, centre, words or "Gaussian of the given mean and covariance")

    @classmethod
    def gaussian(cls, fibre: SubspaceFibre) -> TailLaw:
        """Gaussian with the mean and the covariance of the fibre's own tails (divided by n).

        Of fewer tails than coefficients it is a Gaussian on the directions that they span.

        Raises
        ------
        ParameterError
            If the tails are all the same, so that they have no covariance.
        """
        root, mean = _root(fibre)
        words = f"Gaussian with the mean and covariance of the {len(fibre)} inputs' own tails"
        return cls._affine(root, mean, words)

    @classmethod
    def _affine(cls, root: Tensor, mean: Tensor, words: str) -> TailLaw:
        """mean + g·root, without the rows of the root (r, K) that are zero."""
        norms = root.norm(dim=1)
        root = root[norms > _RANK * norms.max()] if len(root) else root
        if not len(root):
            raise ParameterError("covariance", given="zero", allowed="a law with more than a point")
        return cls(words, len(root), root.shape[1], lambda g, _: mean + g.to(root) @ root)

    @classmethod
    def ball(cls, fibre: SubspaceFibre) -> TailLaw:
        """Uniform in the ball ‖tail‖₂ ≤ the fibre's radius.

        The first K coordinates of a uniform point of the sphere in K + 2 dimensions are uniform
        in the ball (Barthe, Guédon, Mendelson and Naor, Ann. Probab. 33, 480 (2005)).

        Raises
        ------
        ParameterError
            If the radius is 0, or nothing was discarded.
        """
        radius, k = fibre.radius, fibre.own.shape[1]
        if radius == 0 or k == 0:
            raise _nothing(fibre, "a ball that is a single point")

        def tail(g: Tensor, _: Tensor) -> Tensor:
            return radius * torch.nn.functional.normalize(g, dim=-1)[..., :k]

        return cls(f"uniform over {fibre.all_in_words}", k + 2, k, tail)

    @classmethod
    def data(cls, fibre: SubspaceFibre, bandwidth: float | None = None) -> TailLaw:
        """The tail of one of the fibre's inputs plus Gaussian noise: a kernel density of the tails.

        Parameters
        ----------
        bandwidth
            Size of the noise: its covariance is bandwidth² times that of the tails. By default
            Scott's rule, n^(−1/(r + 4)) for tails that span r directions (Scott, Multivariate
            Density Estimation, 1992, eq. 6.42).

        Raises
        ------
        ParameterError
            If the bandwidth is not positive, or the tails are all the same.
        """
        root, _ = _root(fibre)
        noise = cls._affine(root, torch.zeros_like(root[0]), "")
        if bandwidth is None:
            bandwidth = len(fibre) ** (-1 / (noise.size + 4))
        h, own = real("bandwidth", bandwidth, "(0, inf)"), fibre.own
        words = (
            f"tail of one of the {len(own)} inputs at random plus Gaussian noise of {h:.3g} times "
            "the standard deviation of the tails"
        )
        return cls(
            words,
            noise.size,
            own.shape[1],
            lambda g, which: own[which] + h * noise.tail(g, which),
            len(own),
        )


def _root(fibre: SubspaceFibre) -> tuple[Tensor, Tensor]:
    """A root (r, K) of the covariance of the tails, rootᵀ·root, and their mean (K,)."""
    own = fibre.own
    mean = own.mean(0)
    largest = float(own.abs().max()) if own.numel() else 0.0
    if largest == 0:
        raise _nothing(fibre, "tails that are all zero")
    if not math.isfinite(largest):
        raise ParameterError(
            "tails of the fibre", given="NaN or infinity", allowed="finite numbers"
        )
    if float((own - mean).abs().max()) <= 1e-12 * largest:
        raise ParameterError(
            "law",
            given=f"{len(own)} tail{'s' * (len(own) > 1)} without a covariance",
            allowed="two different tails or more",
            mend='pass law="ball", or TailLaw.normal(covariance)',
        )
    _, values, directions = torch.linalg.svd(own - mean, full_matrices=False)
    return values[:, None] * directions / math.sqrt(len(own)), mean


def _nothing(fibre: SubspaceFibre, given: str) -> ParameterError:
    return ParameterError(
        "law",
        given=given,
        allowed="tails that differ from the cut point",
        mend=fibre.unspanned or "nothing was neglected: there is no tail that could move anything",
    )


def _shape(given: object) -> str:
    return str(tuple(given.shape)) if isinstance(given, Tensor) else type(given).__name__
