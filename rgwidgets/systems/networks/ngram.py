"""Counting what follows the last few characters: the control of every language model."""

from __future__ import annotations

import math
from collections import Counter

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.numeric import whole
from rgwidgets.core.progress import track


def ngram_loss(train: str, test: str, *, order: int = 10, discount: float = 0.9) -> float:
    """Nats per character of an interpolated Kneser–Ney model.

    R. Kneser, H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995, in the
    interpolated form of S. F. Chen, J. Goodman (1999): longest contexts by how often a character
    followed, shorter ones by how many different characters it followed after; `discount` is taken
    from each count and given to the next shorter context, in the end to all characters alike.

    Parameters
    ----------
    train, test
        What is counted, and what is predicted.
    order
        Characters looked at, the predicted one included.

    Raises
    ------
    ParameterError
        If the order is below 1, the discount is not in (0, 1), or a text is empty.

    Examples
    --------
    >>> ngram_loss("ab" * 500, "ab" * 10, order=2) < 0.1
    True
    >>> round(ngram_loss("ab" * 500, "ab" * 10, order=1), 2) == 0.69  # log 2
    True
    """
    whole("order", order, 1)
    if not 0 < discount < 1:
        raise ParameterError("discount", given=discount, allowed="a number in (0, 1)")
    if not train or not test:
        raise ParameterError("text", given="nothing", allowed="one character or more")
    counts = _counted(train, order)
    alphabet, total = len({*train, *test}), 0.0
    for place in track(range(len(test)), total=len(test), label="n-grams"):
        probability = 1 / alphabet
        for length in range(min(order, place + 1)):
            followed, kinds, totals = counts[length]
            context = test[place - length : place]
            often = totals.get(context)
            if often is None:
                break
            own = max(followed[context + test[place]] - discount, 0.0)
            probability = (own + discount * kinds[context] * probability) / often
        total -= math.log(probability)
    return total / len(test)


def _counted(text: str, order: int) -> list[tuple[Counter[str], Counter[str], dict[str, int]]]:
    """For each length of context: how often it and a character came; kinds; their sum.

    The longest is counted in the text, a shorter one in the different longer ones.
    """
    followed = Counter([text[i : i + order] for i in range(len(text) - order + 1)])
    counts = []
    for _ in range(order):
        contexts = [gram[:-1] for gram in followed]
        totals: dict[str, int] = {}
        for context, often in zip(contexts, followed.values(), strict=True):
            totals[context] = totals.get(context, 0) + often
        counts.append((followed, Counter(contexts), totals))
        followed = Counter([gram[1:] for gram in followed])
    return counts[::-1]
