"""Counting what follows the last few characters: the control of every language model."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

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
            seen = counts[length].get(test[place - length : place])
            if seen is None:
                break
            often, kinds = seen.total(), len(seen)
            own = max(seen[test[place]] - discount, 0.0)
            probability = (own + discount * kinds * probability) / often
        total -= math.log(probability)
    return total / len(test)


def _counted(text: str, order: int) -> list[defaultdict[str, Counter[str]]]:
    """For each length of context, context → {character: count}; shorter ones count kinds."""
    counts: list[defaultdict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order)]
    for place in range(order - 1, len(text)):
        counts[-1][text[place - order + 1 : place]][text[place]] += 1
    for length in range(order - 1, 0, -1):
        for context, followers in counts[length].items():
            for character in followers:
                counts[length - 1][context[1:]][character] += 1
    return counts
