"""Keep r directions of an attention head's scores, and prove what that leaves of all inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from rgwidgets.bounds.circuits import Circuits
from rgwidgets.bounds.compact import STRATEGIES, Guarantee, advantages, guarantee, worst_sums
from rgwidgets.core.bounds import Influence
from rgwidgets.core.errors import ParameterError, choose
from rgwidgets.core.fibre import Fibre, Found, Proof
from rgwidgets.core.numeric import whole
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.relevance import Relevance
from rgwidgets.core.scale import Scale
from rgwidgets.core.scheme import Scheme
from rgwidgets.core.theory import EffectiveTheory, Observable, Theory


@dataclass(frozen=True)
class CircuitSpectrum(Scheme):
    """How much of the mechanism is used: the r largest singular directions of the scores.

    The score of a token is a sum over directions, each a function of the query times a function
    of the token. The effective theory keeps the first r of them in {"scores": (n, K, r)}. Of the
    rest it knows only how large it can be for each query and token, and its fibre is every head
    whose scores are that close: `Circuits.cut`.

    What this can do to the accuracy is bounded by a compact proof over all v^K inputs: an input
    that is proved right for every head in the fibre is right with the mechanism alone and with
    the network, so nothing changes. The certificate of an input is 0 if it is one of these, else
    1; `attrs["guarantee"]` says how many of all inputs are. The largest change of an accuracy says
    little, the share of inputs over a tolerance all. The attack takes for each input the
    worst scores in the fibre, for the output that they help most: where the mechanism alone is
    right, it misses nothing.

    Attributes
    ----------
    strategy
        "brute force", "cubic" or "quadratic": longer proofs prove more, see `guarantee`.
    seed
        Of the heads that are drawn from the fibre.

    Raises
    ------
    ParameterError
        If there is no such strategy, or the theory is of another network.

    Examples
    --------
    >>> from rgwidgets.core.flow import Flow
    >>> from rgwidgets.systems.networks.max_of_k import MaxOfK
    >>> theory = MaxOfK(vocabulary=8, length=3, width=16).train(200).theory()
    >>> accuracy = Flow(theory, CircuitSpectrum())[2].bounds["accuracy"]
    >>> accuracy.attack.mean <= accuracy.certificate.mean < 0.2
    True
    """

    name: ClassVar[str] = "circuit_spectrum"
    summary: ClassVar[str] = "keep r directions of a head's scores, proved over all inputs"
    citation: ClassVar[str] = (
        "J. Gross et al., Compact proofs of model performance via mechanistic interpretability, "
        "arXiv:2406.11779 (2024)"
    )
    composes: ClassVar[bool] = True
    strategy: str = field(default="cubic", kw_only=True)
    seed: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        choose("strategy", self.strategy, STRATEGIES)
        whole("seed", self.seed, 0)

    def scale(self, theory: Theory) -> Scale:
        """Rank r, from all directions of the head down to none."""
        kept = _scores(theory).shape[-1]
        most = min(kept, len(Circuits.of(theory.attrs["network"]).values))
        return Scale(
            "rank", "r", "directions", tuple(map(float, range(most, -1, -1))), "decreasing"
        )

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        """Keep the first `cutoff` directions.

        Raises
        ------
        CutoffError
            If the rank is not on the scale.
        ParameterError
            If the theory is not one that `MaxOfK` makes, or its network not of one head.
        """
        rank = int(self.scale(theory).check(cutoff))
        if isinstance(theory, EffectiveTheory) and theory.parent is not None:
            theory = theory.parent
        circuits, tokens = Circuits.of(theory.attrs["network"]), theory.features["tokens"]
        directions = tuple(f"direction {i + 1}" for i in range(len(circuits.values)))
        cut = circuits.cut(rank)
        proved = guarantee(cut, self.strategy)
        if rank == len(directions):
            scores = _scores(theory)
        else:
            scores = (circuits.left[tokens[:, -1:]] * circuits.right[tokens])[..., :rank]

        fibre = _ScoreFibre(theory, cut, scores, proved, self.seed)

        def influence(observable: Observable) -> Influence:
            if rank == len(directions):
                return fibre.untouched(f"no direction is left out; right: {proved}")
            return fibre.influence(observable)

        return EffectiveTheory(
            {**theory.features, "scores": scores},
            theory.observables,
            name=theory.name,
            attrs={**theory.attrs, "guarantee": proved},
            cutoff=float(rank),
            relevance=Relevance(
                directions, tuple(circuits.values.tolist()), quantity="singular value of the scores"
            ),
            parent=theory,
            influence=influence,
            raised=lambda features: features,
        )


class _ScoreFibre(Fibre):
    """The scores (n, K) of every head as close to the kept directions as the network's own."""

    noun: str = "input"
    own_in_words: ClassVar[str] = "each with the network's own scores"
    drawn_in_words: ClassVar[str] = "each with scores drawn evenly within what is left out"
    all_in_words: ClassVar[str] = "all scores within what is left out"

    def __init__(
        self, theory: Theory, cut: Circuits, scores: Tensor, proved: Guarantee, seed: int
    ) -> None:
        self.theory, self._cut, self._proved = theory, cut, proved
        self._tokens, self._lifted = theory.features["tokens"], scores.sum(-1)
        self._at = self._tokens[:, -1:], self._tokens
        self._reach = ((cut.high - cut.low) / 2)[self._at]
        self._seed = seed

    @property
    def lifted(self) -> Tensor:
        return self._lifted

    @property
    def own(self) -> Tensor:
        return _scores(self.theory).sum(-1)

    @property
    def fresh(self) -> bool:
        return True  # the directions are those of the weights

    def value(self, observable: Observable, point: Tensor, *, exactly: bool = False) -> Tensor:
        features = {**self.theory.features, "scores": point[..., None]}
        with torch.no_grad():
            return observable.samples(features).double()

    def drawn(self) -> Tensor:
        """One head of the fibre for all inputs."""
        generator = torch.Generator().manual_seed(self._seed)
        shape = self._cut.low.shape
        place = 2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1
        return self._lifted + self._reach * place[self._at]

    def attack(self, observable: Observable) -> Found:
        """For each input the scores that help most the output that can be helped most; and least.

        Where the first are not enough to make an answer wrong, none in the fibre are.
        """
        with torch.no_grad():
            other = worst_sums(self._cut, self._tokens).argmin(1)
            c = advantages(self._cut, self._tokens)
        helped = c[torch.arange(len(c)), :, other]
        step = self._reach * torch.where(helped > 0, -1.0, 1.0)
        points = (self._lifted + step, self._lifted - step)
        return Found(points, "the worst scores for the likeliest wrong output")

    def certify(self, observable: Observable) -> Proof | str:
        if not _is_accuracy(observable, self._tokens):
            return "only the accuracy in naming the largest token is proved"
        allowed = (~self._proved.holds(self._tokens)).double()
        return Proof(allowed, f"unchanged and right: {self._proved}")


def _scores(theory: Theory) -> Tensor:
    """The scores (n, K, directions) of a theory of one head; raises `ParameterError`."""
    scores, tokens = theory.features.get("scores"), theory.features.get("tokens")
    if scores is None or tokens is None or "network" not in theory.attrs:
        raise ParameterError(
            "theory",
            given=theory,
            allowed='features "tokens" (n, K) and "scores" (n, K, h), and a network of one head',
            mend="pass MaxOfK().train().theory()",
        )
    return scores


def _is_accuracy(observable: Observable, tokens: Tensor) -> bool:
    return (
        isinstance(observable, OutputObservable)
        and observable.form == "accuracy"
        and observable.labels is not None
        and torch.equal(observable.labels, tokens.amax(1))
    )
