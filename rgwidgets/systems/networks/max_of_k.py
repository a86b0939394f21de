"""One attention head that names the largest of K tokens: what can be proved of every input."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from rgwidgets.core.numeric import finite_loss, real, whole
from rgwidgets.core.progress import tick
from rgwidgets.core.system import System
from rgwidgets.core.theory import Theory

from .observables import accuracy

#: in half of the training inputs every token is this close to the largest, or closer
_NEAR = 3
_WARM_UP = 50
_CHUNK = 1 << 15


class OneHead(nn.Module):
    """A transformer of one attention head: no norm, no bias, no MLP, read at the last position.

    Matrices act from the right. With x_i = embed[t_i] + position[i], token i gets the score
    (x_K query)·(x_i key)/√h; the logits are (x_K + Σ_i softmax_i x_i value output) unembed.

    Attributes
    ----------
    embed, position
        (v, d) and (K, d).
    query, key, value, output
        (d, h), (d, h), (d, h), (h, d).
    unembed
        (d, v).

    Examples
    --------
    >>> network = OneHead(5, 3, 4, torch.Generator().manual_seed(0))
    >>> network(torch.tensor([[0, 4, 2]])).shape
    torch.Size([1, 5])
    """

    def __init__(self, vocabulary: int, length: int, width: int, generator: torch.Generator):
        super().__init__()

        def matrix(rows: int, columns: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=generator) / math.sqrt(width))

        self.embed, self.position = matrix(vocabulary, width), matrix(length, width)
        self.query, self.key = matrix(width, width), matrix(width, width)
        self.value, self.output = matrix(width, width), matrix(width, width)
        self.unembed = matrix(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (n, K) → logits (n, v)."""
        return self.logits(tokens, self.scores(tokens))

    def scores(self, tokens: Tensor) -> Tensor:
        """What each token is attended to for being what it is, by direction of the head.

        (n, K) → (n, K, h); the score is the sum over the directions, and what the position adds.
        """
        return self._queries(tokens)[:, None] * (self.embed @ self.key)[tokens]

    def logits(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Logits (n, v) with other scores (n, K, any number of parts) in place of its own."""
        placed = self._queries(tokens) @ (self.position @ self.key).T
        attention = (scores.sum(-1) + placed).softmax(-1)
        stream = self.embed[tokens] + self.position
        moved = (attention[:, None] @ stream)[:, 0] @ self.value @ self.output
        return (stream[:, -1] + moved) @ self.unembed

    def _queries(self, tokens: Tensor) -> Tensor:
        last = self.embed[tokens[:, -1]] + self.position[-1]
        return last @ self.query / math.sqrt(self.key.shape[1])


class MaxOfK(System):
    """A one-head transformer that is shown K tokens, 0 to v − 1, and names the largest.

    There are v^K inputs and no others, so a statement about all of them can be proved, and where
    they are few, checked. Half of the training inputs are drawn uniformly; in the other half all
    tokens are near the largest. Weights and batches come from `seed` alone; torch's own random
    state is not touched.

    Parameters
    ----------
    vocabulary, length, width
        v, from 2 to 128; K, from 2 to 5; numbers in the stream and in the head.
    seed
        Of the initial weights and of the batches.
    batch_size, learning_rate
        Of AdamW, without weight decay.

    Attributes
    ----------
    module
        The `OneHead`.
    history
        The loss of each step, in nats.

    Raises
    ------
    ParameterError
        If a size, the seed, the batch size or the learning rate is out of range.

    Examples
    --------
    >>> system = MaxOfK(vocabulary=8, length=3, width=16).train(150)
    >>> system.inputs, system.accuracy() > 0.95
    (512, True)
    >>> system.theory()
    Theory('max of 3': tokens (512, 3), scores (512, 3, 16); accuracy)
    """

    name: ClassVar[str] = "max_of_k"
    summary: ClassVar[str] = "one attention head that names the largest of K tokens"
    citation: ClassVar[str] = (
        "J. Gross, R. Agrawal, T. Kwa, E. Ong, C. H. Yip, A. Gibson, S. Noubir, L. Chan, Compact "
        "proofs of model performance via mechanistic interpretability, arXiv:2406.11779 (2024)"
    )

    def __init__(
        self,
        *,
        vocabulary: int = 64,
        length: int = 4,
        width: int = 32,
        seed: int = 0,
        batch_size: int = 256,
        learning_rate: float = 0.01,
    ) -> None:
        self.vocabulary = whole("vocabulary", vocabulary, 2, 128)
        self.length = whole("length", length, 2, 5)
        self.width = whole("width", width, 1, 1024)
        self.seed = whole("seed", seed, 0)
        self.batch_size = whole("batch_size", batch_size, 2)
        self.learning_rate = real(
            "learning_rate", learning_rate, "(0, 1]", mend="pass learning_rate=0.01"
        )
        self.reset()

    @property
    def inputs(self) -> int:
        """How many there are: v^K."""
        return self.vocabulary**self.length

    def reset(self) -> None:
        """Initial weights again, history forgotten."""
        self._generator = torch.Generator().manual_seed(self.seed)
        self.module = OneHead(self.vocabulary, self.length, self.width, self._generator)
        self._optimiser = torch.optim.AdamW(
            self.module.parameters(), betas=(0.9, 0.98), weight_decay=0.0, fused=True
        )
        self.history: list[float] = []

    def train(self, steps: int = 800) -> MaxOfK:
        """`steps` steps of the optimiser more, the rate warmed up and brought down to nothing.

        Progress is reported at each. If it is cancelled, or the loss stops being finite, the
        network keeps the weights of the last whole step. 800 steps take about two seconds.

        Raises
        ------
        ParameterError
            If `steps` is not a whole number ≥ 1.
        ConvergenceError
            If the loss is not finite.
        """
        steps = whole("steps", steps, 1)
        for step in range(steps):
            tick(step / steps, f"training, step {step + 1} of {steps}")
            self._step(self.learning_rate * min(1.0, (step + 1) / _WARM_UP, 2 * (1 - step / steps)))
        tick(1.0, f"{self.history[-1]:.2g} nats")
        return self

    def step(self, n: int = 1) -> None:
        """`n` steps at the full rate: what a live lens calls."""
        for _ in range(whole("n", n, 1)):
            tick(None, f"training, step {len(self.history) + 1}")
            self._step(self.learning_rate)

    def _step(self, rate: float) -> None:
        tokens = self._batch()
        self._optimiser.zero_grad()
        value = nn.functional.cross_entropy(self.module(tokens), tokens.amax(1))
        finite_loss(value).backward()
        self._optimiser.param_groups[0]["lr"] = rate
        self._optimiser.step()
        self.history.append(float(value.detach()))

    def _batch(self) -> Tensor:
        """Half uniform, half with every token near the largest, (batch_size, K)."""

        def drawn(high: int, *shape: int) -> Tensor:
            return torch.randint(high, shape, generator=self._generator)

        near = self.batch_size // 2
        largest, below = drawn(self.vocabulary, near, 1), drawn(_NEAR + 1, near, self.length)
        anywhere = drawn(self.vocabulary, self.batch_size - near, self.length)
        return torch.cat([(largest - below).clamp_min(0), anywhere])

    def accuracy(self) -> float:
        """The share of all v^K inputs that the network answers rightly, by running it on each.

        In double precision. 65 536 inputs take half a second, 16.8 million more than a minute.
        """
        network, right = self._exact(), 0
        with torch.no_grad():
            for tokens in every_input(self.vocabulary, self.length):
                right += int(accuracy(tokens.amax(1)).of_outputs(network(tokens)).sum())
        return right / self.inputs

    def theory(self, *, n: int = 4096) -> Theory:
        """The head's scores on all inputs where they are no more than n, else on n drawn ones.

        Features: "tokens" (n, K) and "scores" (n, K, h), see `OneHead.scores`, in double
        precision. Observable: accuracy (tolerance 0.1). `attrs["network"]` is a copy of the
        network in double precision.

        Raises
        ------
        ParameterError
            If `n` is not a whole number ≥ 1.
        """
        n, network = whole("n", n, 1), self._exact()
        if self.inputs <= n:
            tokens = torch.cat(list(every_input(self.vocabulary, self.length)))
        else:
            generator = torch.Generator().manual_seed(self.seed)
            tokens = torch.randint(self.vocabulary, (n, self.length), generator=generator)
        observable = accuracy(tokens.amax(1), tolerance=0.1)
        with torch.no_grad():
            scores = network.scores(tokens)
        return Theory(
            {"tokens": tokens, "scores": scores},
            (observable.through(lambda f: network.logits(f["tokens"], f["scores"])),),
            name=f"max of {self.length}",
            attrs={"network": network},
        )

    def _exact(self) -> OneHead:
        return copy.deepcopy(self.module).double().requires_grad_(False)


def every_input(vocabulary: int, length: int) -> Iterator[Tensor]:
    """All v^K inputs in chunks (n, K).

    >>> torch.cat(list(every_input(2, 2))).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    total, places = vocabulary**length, vocabulary ** torch.arange(length - 1, -1, -1)
    for start in range(0, total, _CHUNK):
        tick(start / total, f"{total:,} inputs")
        numbers = torch.arange(start, min(start + _CHUNK, total))
        yield numbers[:, None] // places % vocabulary
