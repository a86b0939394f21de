"""T1: the Random Hierarchy Model, data whose levels are hidden behind synonyms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import ParameterError, ShapeError
from ..core.estimate import Estimate, estimate
from ..core.numeric import real, whole
from ..core.theory import Observable, Theory
from .base import Sample, ToyModel
from .belief_propagation import Posterior, Transition, infer, mean_field, transition
from .classifier import classifier, classify
from .grammar import Grammar

#: Data of the theory, at most.
THEORY = 4096
#: Directions of less than this share of the data's variance are rounding.
_NOTHING = 1e-12


class RandomHierarchy(ToyModel):
    """A class becomes s symbols, each of them s more, by random rules; the leaves are the data.

    Every symbol of a level has m synonyms: tuples of s symbols of the next level, distinct among
    all symbols. Classes are equally likely, and so are synonyms. Data x are one-hot, leaf by leaf,
    (n, s^L v) float64: one axis of features, as an MLP and a linear tool take them.

    Unlike T0, what is coarse is not a linear function of x: synonyms hide it. `coarse_grain`
    parses, `posterior` infers, and `ground_truth_features` says what the levels still look like to
    a linear tool.

    Parameters
    ----------
    vocabulary, rules, branching, depth
        v ≥ 2, 1 ≤ m ≤ v^{s−1}, s ≥ 2 and L ≥ 1.
    classes
        n_c ≥ 2, n_c m ≤ v^s; v if None.
    seed
        Of the grammar.

    Raises
    ------
    ParameterError
        If a number is out of range, or the model too large: see `Grammar`.

    Examples
    --------
    >>> toy = RandomHierarchy(vocabulary=4, rules=2, depth=2, seed=1)
    >>> x, latents = toy.sample(3)
    >>> x.shape, [tuple(h.shape) for h in latents]
    (torch.Size([3, 16]), [(3, 1), (3, 2), (3, 4)])
    >>> toy.sample_complexity()
    16
    >>> round(toy.oracle(lambda x: (x**2).sum(-1), 2), 12)  # one for each leaf
    4.0
    """

    name: ClassVar[str] = "random_hierarchy"
    summary: ClassVar[str] = "T1: the Random Hierarchy Model, whose levels hide behind synonyms"
    citation: ClassVar[str] = (
        "F. Cagnetta, L. Petrini, U. M. Tomasini, A. Favero, M. Wyart, How deep neural networks "
        "learn compositional data: the random hierarchy model, Phys. Rev. X 14, 031001 (2024), "
        "arXiv:2307.02129"
    )

    def __init__(
        self,
        *,
        vocabulary: int = 8,
        rules: int = 4,
        branching: int = 2,
        depth: int = 3,
        classes: int | None = None,
        seed: int = 0,
    ) -> None:
        self.grammar = Grammar(
            classes=whole("vocabulary", vocabulary, 2) if classes is None else classes,
            vocabulary=vocabulary,
            rules=rules,
            branching=branching,
            depth=depth,
            seed=seed,
        )
        self.vocabulary, self.rules = vocabulary, rules
        self.branching, self.depth = branching, depth
        self.classes, self.seed = self.grammar.classes, seed
        self.dimension = self.grammar.leaves * vocabulary

    # -- the hierarchy ---------------------------------------------------------------------------

    def levels(self) -> tuple[int, ...]:
        """0, the class, to the depth, the leaves."""
        return tuple(range(self.depth + 1))

    def sample(self, n: int, seed: int = 0) -> Sample:
        """Random derivations: x (n, s^L v) float64; the symbols of level l are (n, s^l)."""
        generator = torch.Generator().manual_seed(whole("seed", seed, 0))
        classes = torch.randint(self.classes, (whole("n", n, 1),), generator=generator)
        latents = self.grammar.expand(classes, generator)
        return Sample(self.grammar.one_hot(latents[-1]), latents)

    def coarse_grain(self, x: Tensor, level: int) -> Tensor:
        """E[x | the symbols of `level`], exactly: all derivations below it are averaged over.

        The data (n, s^L v) are parsed; every node of the level is then replaced by the mean of
        what its symbol becomes. At the finest level nothing changes.

        Raises `ShapeError` if the data are not one-hot, `ParameterError` if the grammar does not
        generate them: their symbols are then a matter of inference, see `posterior`.
        """
        self.checked_level(level)
        symbols = self.grammar.parse(self.grammar.read(x))[level]
        return self.grammar.below(level)[symbols].flatten(1).to(x)

    def oracle(self, observable: Callable[[Tensor], Tensor] | Tensor, level: int) -> float:
        """Mean over all data, coarse-grained to `level`, of an observable: exact.

        Parameters
        ----------
        observable
            A function (n, d) → (n,): the strings of the level, all equally likely, are
            enumerated, of which there may be 131072; they are far fewer than the data. Or, at any
            number, a tensor w (d,) for wᵀx or A (d, d) for xᵀAx, by dynamic programming of the
            second moments, d ≤ 2048.
        level
            Which.

        Raises
        ------
        ShapeError
            If the tensor, or what the function returns, has another shape.
        ParameterError
            If there are too many strings or too large moments.
        """
        self.checked_level(level)
        if isinstance(observable, Tensor):
            return self._moment(observable.double(), level)
        total, below = 0.0, self.grammar.below(level)
        strings = self.grammar.strings(level)
        for part in strings.split(4096):
            values = observable(below[part].flatten(1))
            if values.shape != (len(part),):
                raise ShapeError(
                    "values of the observable",
                    given=tuple(values.shape),
                    allowed="(n,) of x (n, d)",
                )
            total += float(values.double().sum())
        return total / len(strings)

    def _moment(self, form: Tensor, level: int) -> float:
        d = self.dimension
        if form.shape == (d,):
            return float(form @ self.grammar.mean())
        if form.shape == (d, d):
            second = self.covariance(level) + self.grammar.mean().outer(self.grammar.mean())
            return float((form * second).sum())
        raise ShapeError("observable", given=tuple(form.shape), allowed=f"({d},) or ({d}, {d})")

    # -- what is linear in the data --------------------------------------------------------------

    def covariance(self, level: int) -> Tensor:
        """Covariance (d, d) of the data coarse-grained to `level`, exactly; d ≤ 2048."""
        return self.grammar.covariance(self.checked_level(level))

    def ground_truth_features(self, level: int) -> Tensor:
        """Orthonormal directions (d, k) along which E[x | symbols of `level`] varies, float64.

        The smallest linear space about the mean which holds every datum that is coarse-grained to
        the level: a projection on it loses nothing of what the level says about the data, and one
        on less does. As the mean given a coarser level is a mean over the finer one, the spaces
        are nested; columns come coarsest level first and, within one, by variance, so those of a
        level are the first of those of the next. At the last level they span all the variation of
        x, k ≤ s^L (v − 1).

        How much a linear tool sees of a level is another matter: synonyms cancel, and of the
        variance of x only a share of about m^{−(L−l)} varies with the symbols of level l. That is
        the point of T1: what a network must compute at depth is hardly there in the data's
        directions. For hidden layers compare with the symbols, `sample(n).latents`.
        """
        self.checked_level(level)
        basis = torch.zeros(self.dimension, 0, dtype=torch.float64)
        least = _NOTHING * self.grammar.leaves
        for j in range(level + 1):
            rest = self.covariance(j)
            for _ in range(2):  # the other side, by symmetry
                rest = (rest - basis @ (basis.T @ rest)).T
            values, vectors = torch.linalg.eigh((rest + rest.T) / 2)
            new = vectors[:, values > least].flip(1)
            new = new - basis @ (basis.T @ new)
            basis = torch.cat([basis, torch.linalg.qr(new)[0]], dim=1)
        return basis

    def token_correlation(self, distance: int, *, corrected: bool = False) -> float:
        """Typical correlation of two leaves whose last common ancestor is `distance` levels up.

        C = √⟨(P(μ, ν) − P(μ) P(ν))²⟩, over symbols and over grammars. For many symbols and rules

        C_l = √[(1 − m/v^{s−1}) / (v³ m^{2l−1})]

        (Cagnetta and Wyart, arXiv:2406.00048): each level between multiplies the square by 1/m on
        either side. With few symbols two things change, which `corrected` has: a level's factor is
        (1 − 1/v) v^s/(v^s − 1)/m, as differences lose a dimension; and the ancestor's symbols are
        not equally frequent, Q_{l+1} = 1/v + v^{s−1} (Q_l/m − v^{−s}) (v − 1)/(v^s − 1) with
        Q_l = ⟨Σ_a P_l(a)²⟩ and Q_0 = 1/n_c. What is then left out is of the order 1/(vm).

        Parameters
        ----------
        distance
            1, for leaves of one tuple, to L.
        corrected
            Whether for the size that there is.
        """
        self._checked_distance(distance)
        v, m, s = self.vocabulary, self.rules, self.branching
        if not corrected:
            return math.sqrt((1 - m / v ** (s - 1)) / (v**3 * m ** (2 * distance - 1)))
        spread = (v - 1) / (v**s - 1)
        q = 1 / self.classes
        for _ in range(self.depth - distance):
            q = 1 / v + v ** (s - 1) * (q / m - v**-s) * spread
        square = v ** (s - 4) * (q / m - v**-s) * (v - 1) * spread
        factor = v ** (s - 1) * spread / m
        return math.sqrt(max(square, 0.0)) * factor ** (distance - 1)

    def measured_correlation(self, distance: int) -> float:
        """The same of this grammar, exactly: root mean square over symbols and pairs of leaves."""
        self._checked_distance(distance)
        s, leaf = self.branching, torch.arange(self.grammar.leaves)
        below = leaf.div(s ** (distance - 1), rounding_mode="floor")
        above = leaf.div(s**distance, rounding_mode="floor")
        pairs = (above[:, None] == above) & (below[:, None] != below)
        shape = (self.grammar.leaves, self.vocabulary)
        square = self.covariance(self.depth).square().reshape(*shape, *shape).mean((1, 3))
        return math.sqrt(float(square[pairs].mean()))

    def _checked_distance(self, distance: int) -> None:
        if whole("distance", distance, 1) > self.depth:
            raise ParameterError("distance", given=distance, allowed=f"1 to {self.depth}")

    def theory(self) -> Theory:
        """Data, each once if they are at most 4096, else so many drawn; the squared length."""
        if self.grammar.count(self.depth) <= THEORY:
            x = self.grammar.one_hot(self.grammar.strings(self.depth))
        else:
            x = self.sample(THEORY, self.seed).x
        length = Observable("squared length", lambda f: (f["activation"] ** 2).sum(-1))
        return Theory({"activation": x}, (length,), name="random hierarchy")

    # -- noise and inference ---------------------------------------------------------------------

    def corrupt(self, x: Tensor, noise: float, seed: int = 0) -> Tensor:
        """Replace each leaf, with the probability `noise`, by a symbol drawn at random."""
        leaves = self.grammar.read(x)
        generator = torch.Generator().manual_seed(whole("seed", seed, 0))
        hit = torch.rand(leaves.shape, generator=generator) < real("noise", noise, "[0, 1]")
        other = torch.randint(self.vocabulary, leaves.shape, generator=generator)
        return self.grammar.one_hot(torch.where(hit, other, leaves)).to(x)

    def evidence(self, x: Tensor, *, noise: float = 0.0, erased: Tensor | None = None) -> Tensor:
        """What the leaves' likelihoods are, (n, s^L, v): (1 − ε) x + ε/v; 1 where they are erased.

        Of data that went through `corrupt` it is their exact likelihood. Of clean data it is
        the ε-process of arXiv:2402.16991, whose transition `transition` gives: the right symbol
        then always leads, and the class survives far more noise than `corrupt` leaves it.

        Parameters
        ----------
        x
            One-hot, (n, s^L v).
        noise
            ε, 0 to 1.
        erased
            (n, s^L) bool, or none.
        """
        found = self.grammar.one_hot(self.grammar.read(x)).unflatten(1, (-1, self.vocabulary))
        found = (1 - real("noise", noise, "[0, 1]")) * found + noise / self.vocabulary
        if erased is None:
            return found
        if erased.shape != found.shape[:2] or erased.dtype != torch.bool:
            raise ShapeError(
                "erased",
                given=f"{erased.dtype} {tuple(erased.shape)}",
                allowed=f"torch.bool {tuple(found.shape[:2])}",
            )
        return found.masked_fill(erased[..., None], 1.0)

    def posterior(self, evidence: Tensor) -> Posterior:
        """Exact probabilities of every symbol of every level, given evidence: see `infer`.

        >>> toy = RandomHierarchy(vocabulary=4, rules=2, depth=2)
        >>> x, latents = toy.sample(5)
        >>> found = toy.posterior(toy.evidence(x, noise=0.01))
        >>> bool((found.levels[0].argmax(-1) == latents[0]).all())
        True
        """
        return infer(self.grammar.productions, evidence)

    def transition(self) -> Transition:
        """Where the class is lost as the noise grows, in mean field: see `transition`."""
        return transition(vocabulary=self.vocabulary, rules=self.rules, branching=self.branching)

    def recovery(self, noise: float) -> float:
        """Mean-field belief in the right class under the ε-process, at the depth that there is."""
        belief = 1 - real("noise", noise, "[0, 1]") * (1 - 1 / self.vocabulary)
        for symbols in reversed(self.grammar.symbols[:-1]):
            belief = mean_field(
                belief,
                vocabulary=self.vocabulary,
                rules=self.rules,
                branching=self.branching,
                symbols=symbols,
            )
        return belief

    # -- learning --------------------------------------------------------------------------------

    def sample_complexity(self) -> int:
        """P* = n_c m^L: about how many data a deep network needs to learn the classes."""
        return int(self.classes * self.rules**self.depth)

    def task(self) -> tuple[Sample, Tensor]:
        """Data, 8 P* drawn but 4096 at most, and their classes, one-hot (n, n_c)."""
        sample = self.sample(min(8 * self.sample_complexity(), THEORY), self.seed)
        classes = nn.functional.one_hot(sample.latents[0][:, 0], self.classes)
        return sample, classes.double()

    def network(self, **options: Any) -> nn.Module:
        """A classifier of the root, float32, trained by AdamW from small weights.

        Its parts are "level_l", which gives `width` features of each node of level l (those of a
        node, (n, s^l, width), for `kind` "tree"), with "active_l" after it, and "readout".

        Parameters
        ----------
        kind
            "tree": one linear map and ReLU a level, shared by its nodes, as the grammar is; or
            "dense": an MLP of the same depth.
        samples
            How many data to learn from; 8 P* if None.
        width, steps, seed
            128 hidden features, 500 steps of 256 data, seed (0) of the data and the weights.
        """
        return self._learnt(**options)

    def _learnt(
        self,
        *,
        kind: str = "tree",
        samples: int | None = None,
        width: int = 128,
        steps: int = 500,
        seed: int = 0,
    ) -> nn.Module:
        count = 8 * self.sample_complexity() if samples is None else whole("samples", samples, 1)
        shape = (self.vocabulary, self.branching, self.depth)
        x, latents = self.sample(count, whole("seed", seed, 0))
        network = classifier(kind, shape, self.classes, width=width, seed=seed)
        return classify(network, x.float(), latents[0][:, 0], steps=steps, seed=seed)

    def accuracy(self, network: nn.Module, *, samples: int = 4000, seed: int = 1) -> Estimate:
        """How often a network (n, d) → (n, classes) names the right class, on new data.

        With a seed other than that it was trained with: of small models there are fewer data than
        were learnt from, and none is new.
        """
        x, latents = self.sample(samples, seed)
        with torch.no_grad():
            chosen = network(x.float()).argmax(-1)
        return estimate((chosen == latents[0][:, 0]).double(), chains=None)
