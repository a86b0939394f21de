"""How it fails: what a truncation drops, what a mean does not see, and which fault it is."""

from __future__ import annotations

import math

import torch

from ..core.diagnosis import FAULTS, Diagnosis
from ..core.flow import Flow
from ..core.theory import Observable, Theory
from ..schemes.activation_spectrum import ActivationSpectrum
from ..schemes.naive_decimation import NaiveDecimation
from .exercise import WHOLE, Exercise, Route, absolute, relative

_K, _RARE, _CHANGE = 0.4, 400, 5.0
#: Readouts of features of standard deviation 4, 3, 2 and 1, how many of these are kept, and
#: whether the last is divided by its own size first.
_DANGEROUS = (2.0, 2.0, 0.0, 3.0), 3, True
_MISALIGNED = (4.0, 0.0, 0.0, 4.0), 2, False


def _generated(which: int) -> float:
    k = torch.tensor(_K, dtype=torch.float64)
    return float(NaiveDecimation("none").generated(k)[which])


def _rare() -> torch.Tensor:
    """Changes that a neglected feature makes: on one input of 400."""
    changes = torch.zeros(_RARE, dtype=torch.float64)
    changes[0] = _CHANGE
    return changes


def _draws(missed: float) -> int:
    """Fewest inputs of which all miss the feature with this probability at most."""
    draws, chance = 0, 1.0
    while chance > missed:
        draws, chance = draws + 1, chance * (1 - 1 / _RARE)
    return draws


def _diagnosis(readout: tuple[float, ...], cutoff: int, divided: bool) -> Diagnosis:
    """What the tool says of features of variance 16, 9, 4, 1 and a readout of them."""
    spread = torch.tensor([4.0, 3.0, 2.0, 1.0], dtype=torch.float64)
    weights = torch.tensor(readout, dtype=torch.float64)
    noise = torch.randn(400, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = torch.linalg.qr(noise - noise.mean(0))[0] * math.sqrt(len(noise))

    def read(x: torch.Tensor) -> torch.Tensor:
        sizes = x[:, 3:].abs() + 1e-6 if divided else torch.ones_like(x[:, 3:])
        return torch.cat([x[:, :3], x[:, 3:] / sizes], 1) @ weights

    score = Observable("score", lambda f: read(f["activation"]), tolerance=1.0)
    theory = Theory({"activation": noise * spread}, (score,))
    return Flow(theory, ActivationSpectrum()).diagnose(cutoff)


_OTHERWISE = {
    "wrong direction": "Then the opposite order would need few features, as few as the score's "
    "own.",
    "mistuned cutoff": "Then the order would be a good one and only the cutoff would have to move: "
    "compare how many features the two orders need.",
    "misaligned relevance": "Then another order would do with far fewer features, and the effect "
    "would still shrink with what is cut.",
    "dangerously irrelevant": "Then the change would stay when what is cut is made smaller and "
    "smaller. This one halves.",
}


def _others(right: str, **instead: str) -> tuple[Route, ...]:
    """A route for each fault that it is not."""
    say = _OTHERWISE | {name.replace("_", " "): text for name, text in instead.items()}
    return tuple(Route(name, name, say[name]) for name in FAULTS if name != right)


EXERCISES = (
    Exercise(
        id="25.1",
        prompt=(
            "Every other spin of a square lattice with K = 0.4 is summed out, as on a chessboard: "
            "what is the coupling of four spins round a square that this makes, and that a "
            "truncation drops?"
        ),
        source=lambda: _generated(2),
        tolerance=absolute(0.0002),
        routes=(
            Route(
                "unsigned",
                lambda: -_generated(2),
                "Mind the sign: is a product +1 of the four spins favoured or punished?",
            ),
            Route("diagonal", lambda: _generated(1), "That is the coupling along the diagonals."),
            Route(
                "nearest",
                lambda: _generated(0),
                "That is the new coupling of nearest neighbours. Four spins together are asked.",
            ),
            Route(
                "once",
                lambda: _generated(1) - 4 * (_generated(1) - _generated(2)),
                "That is ⅛ ln ch 4K − 2 ln ch 2K: the second term has a factor ½.",
            ),
            Route(
                "decimal",
                lambda: _generated(2) / math.log(10),
                "That is the decimal logarithm.",
            ),
        ),
        hints=(
            "A spin that goes has four neighbours: the sum is 2 cosh K(s₁ + s₂ + s₃ + s₄).",
            "It takes three values, for |sum| of 4, 2 and 0: three couplings and a constant must "
            "match them.",
            "The coupling of four spins is ⅛ ln cosh 4K − ½ ln cosh 2K.",
        ),
        because="Small, but made at every step: what is dropped is not zero, and nothing in the "
        "truncated flow says so.",
        worked=r"""
The sum over a spin with four neighbours is $2\cosh K\sigma$ with $\sigma$ the sum of
the four. Match
$$\ln 2\cosh K\sigma = A + \tfrac12K'\sum_{\text{sides}}ss' + K_2'\sum_{\text{diagonals}}ss'
+ K_4's_1s_2s_3s_4$$
for $|\sigma| = 4, 2, 0$; a side has a spin that goes on either side of it, hence the half. This
gives $K_4' = \tfrac18\ln\cosh4K - \tfrac12\ln\cosh2K = [[answer:.5f]]$. Beside
$K' = [[nearest:.4f]]$ and $K_2' = [[diagonal:.4f]]$ it looks negligible, but with it or with $K_2'$
the next step cannot be taken exactly.
""",
    ),
    Exercise(
        id="25.2",
        prompt=(
            "A neglected feature changes the output by 5 on one input of 400 and not at all on "
            "the others: what is the mean change that a test over all inputs reports?"
        ),
        source=lambda: float(_rare().mean()),
        tolerance=relative(0.01),
        unit="units of the output",
        routes=(
            Route(
                "worst", lambda: float(_rare().max()), "That is the worst case: the mean is asked."
            ),
            Route(
                "rate",
                1 / _RARE,
                "That is how often it happens. Multiply by what happens then.",
            ),
            Route(
                "rms",
                lambda: float((_rare() ** 2).mean().sqrt()),
                "That is the root of the mean square, which notices rare changes more than the "
                "mean does.",
            ),
            Route(
                "median",
                lambda: float(_rare().median()),
                "That is the median, which is blind to anything rarer than one half.",
            ),
        ),
        hints=(
            "Nearly all inputs add nothing.",
            "The mean is the rate times the size.",
            "5 on one input, shared out among 400.",
        ),
        because="A tolerance of 0.05 on the mean passes this feature with room to spare, and the "
        "one input it concerns is off by a hundred times that.",
        worked=r"""
$\tfrac1{400}\cdot5 = [[answer:.4g]]$, four hundred times less than the worst case. The
root of the mean square would report $[[rms:g]]$, the median $[[median:g]]$. No mean bounds a
worst case: that is why the three curves are shown together.
""",
    ),
    Exercise(
        id="25.3",
        prompt=(
            "How many inputs must be drawn at random for a chance of 95 % that the feature of one "
            "input in 400 shows at least once?"
        ),
        source=lambda: float(_draws(0.05)),
        tolerance=relative(0.01),
        unit="inputs",
        routes=(
            Route(
                "rate",
                float(_RARE),
                "So many make one occurrence on average, but with a chance of 37 % there is none.",
            ),
            Route(
                "linear",
                0.95 * _RARE,
                "Chances do not add: draws can hit it twice. Ask for the chance that all miss.",
            ),
            Route(
                "even",
                lambda: float(_draws(0.5)),
                "That is for an even chance.",
            ),
            Route(
                "ninety",
                lambda: float(_draws(0.1)),
                "That is for a chance of 90 %.",
            ),
            Route(
                "decimal",
                lambda: -math.log10(0.05) * _RARE,
                "That is the decimal logarithm.",
            ),
        ),
        hints=(
            "Ask for the chance that it does not show.",
            "Each draw misses it with probability 399/400, and all must miss.",
            "(399/400)ⁿ = 0.05: take logarithms.",
        ),
        because="Three over the rate, the rule of three: a test that has seen nothing has not "
        "shown that there is nothing.",
        worked=r"""
All $n$ draws miss with probability $(1-p)^n$, so $n\ge\ln0.05/\ln(1-p) = [[answer:.0f]]$ for
$p = 1/400$, close to $3/p$. Drawing $1/p = [[rate:.0f]]$ leaves a chance of $e^{-1}$ to see
nothing.
""",
    ),
    Exercise(
        id="25.4",
        prompt=(
            "A network divides what was cut by its own size before it reads it, so that the change "
            "of the score is the same at a half of that size, at a quarter and at a hundredth: "
            "which failure mode is this?"
        ),
        source=lambda: _diagnosis(*_DANGEROUS).fault,
        tolerance=WHOLE,
        choices=FAULTS,
        routes=_others(
            "dangerously irrelevant",
            wrong_direction="Then the effect would shrink in proportion to what is cut, in "
            "whichever order it comes.",
            mistuned_cutoff="Then a later cut would be safe in the end, as what it neglects is "
            "small. Here small is not harmless.",
        ),
        hints=(
            "How does the effect go with the size of what is cut?",
            "It does not: effect over size, the gain, grows as the size falls.",
            "The feature fades and its effect stays, as that of u above four dimensions.",
        ),
        because="The exponent θ of effect ∝ sizeᶿ is 0, and what may be dropped has θ > 0.",
        worked=r"""
Scale what is cut by $\lambda$. A readout with a fixed gain changes by $\lambda$ times as much,
$\theta = 1$, and the three other modes say which features it reads. Here the gain is $1/\lambda$,
$\theta = 0$, and in the limit the score still differs from that of the cut: **[[answer]]**. Whether
the average shows it is another matter.
""",
    ),
    Exercise(
        id="25.5",
        prompt=(
            "Features are cut by variance after two of four, the average change is over the "
            "tolerance and halves with what is cut, the reversed order needs all four, and the "
            "score's own order needs one feature where this one needs all four: which failure "
            "mode is this?"
        ),
        source=lambda: _diagnosis(*_MISALIGNED).fault,
        tolerance=WHOLE,
        choices=FAULTS,
        routes=_others("misaligned relevance"),
        hints=(
            "Does the change stay as the cut part shrinks? Is the reversed order better? Take the "
            "questions in turn.",
            "Would it be enough to move the cutoff?",
            "No: the order by variance puts something last that the score needs. Relevance and "
            "variance part.",
        ),
        because="Large variance is not large relevance: order by what the observable feels.",
        worked=r"""
The change halves with what is cut, so it is not a dangerous irrelevance. The reversed order needs
as many, so the direction is not what is wrong. Moving the cutoff would keep all four where one
combination is enough, so it is the order itself: **[[answer]]**. Here the score reads the first and
the last feature with equal weight.
""",
    ),
)
