"""A small transformer that learns to write the documentation of Python, character by character."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError, RecordError
from rgwidgets.core.files import write_whole
from rgwidgets.core.numeric import finite_loss, real, whole
from rgwidgets.core.progress import tick
from rgwidgets.core.system import System
from rgwidgets.core.theory import Theory
from rgwidgets.systems.capture import capture

from .decoder import HEAD, decoder
from .extras import needed
from .muon import Muon
from .observables import loss

FORMAT = "rgwidgets-characters/1"
#: characters in a row that a held-out paragraph must not share with what is trained on
COPIED = 48


@dataclass(frozen=True)
class Step:
    """One step of the optimiser: its number, and the loss on its batch in nats per character."""

    number: int
    loss: float


@dataclass(frozen=True, eq=False)
class Text:
    """A text by characters, in two parts.

    Attributes
    ----------
    alphabet
        Every character, in order; a character's number is its place.
    train, test
        Numbers of the characters to train on and of those held out, (length,) int64.
    """

    alphabet: str
    train: Tensor
    test: Tensor

    def written(self, numbers: Tensor) -> str:
        """The characters of these numbers."""
        return "".join(self.alphabet[number] for number in numbers.flatten().tolist())


@cache
def text(copied: int = COPIED) -> Text:
    """The documentation that ships with Python: `pydoc_data.topics`, split by topic.

    Every tenth topic is held out, less the paragraphs of which `copied` characters in a row
    stand in the others too, spaces and line ends alike.

    >>> text().written(text().test[:17])
    'Assert statements'
    """
    from pydoc_data.topics import topics

    pages = list(topics.values())
    train = "".join(page for i, page in enumerate(pages) if i % 10)
    held = "\n\n".join(page for i, page in enumerate(pages) if not i % 10)
    plain = " ".join(train.split())
    known = {plain[i : i + copied] for i in range(len(plain) - copied + 1)}

    def is_new(paragraph: str) -> bool:
        own = " ".join(paragraph.split())
        return len(own) >= copied and not any(
            own[i : i + copied] in known for i in range(len(own) - copied + 1)
        )

    test = "\n\n".join(part for part in re.split(r"\n\s*\n", held) if is_new(part))
    alphabet = "".join(sorted(set(train) | set(test)))
    places = {character: place for place, character in enumerate(alphabet)}
    return Text(alphabet, *(torch.tensor([places[c] for c in part]) for part in (train, test)))


class CharacterModel(System):
    """A decoder-only transformer on the characters of `pydoc_data.topics`, trained here.

    Every tenth topic is held out, less the paragraphs of which 48 characters in a row stand in
    the others: the documentation repeats itself, and copying is not predicting. Weights and
    batches come from `seed` alone; torch's own random state is not touched. Matrices learn by
    `Muon`, the rest by AdamW. The control is `ngram_loss`: the model is far below short n-grams,
    and equal to long ones that are well smoothed.

    Parameters
    ----------
    width, blocks, context
        Numbers in the stream, transformer blocks, characters seen at once.
    seed
        Of the initial weights and of the batches.
    batch_size, learning_rate
        Sequences in a batch; rate of AdamW, of which Muon's is five times.

    Attributes
    ----------
    module
        An `nn.Sequential`: embedding, block1, …, norm, logits; (n, T) characters by number →
        (n, T, c) logits of the next.
    history
        One `Step` for each.
    checkpoints
        {number of steps: copy of the module}, ascending: training time as a scale.

    Raises
    ------
    ParameterError
        If a width, the seed, the learning rate or the batch size is out of range.

    Examples
    --------
    >>> model = CharacterModel(width=32, blocks=1, context=16).train(3, checkpoints=(0, 2))
    >>> list(model.checkpoints), [step.number for step in model.history]
    ([0, 2], [1, 2, 3])
    >>> model.theory(layer="block1", n=4)
    Theory('characters · block1': activation (4, 16, 32); nats per character)
    """

    name: ClassVar[str] = "characters"
    summary: ClassVar[str] = "a small transformer on the characters of Python's documentation"
    citation: ClassVar[str] = (
        "A. Vaswani et al., Attention is all you need, NeurIPS 2017, arXiv:1706.03762; "
        "A. Radford et al., Improving language understanding by generative pre-training (2018)"
    )

    def __init__(
        self,
        *,
        width: int = 128,
        blocks: int = 3,
        context: int = 128,
        seed: int = 0,
        batch_size: int = 16,
        learning_rate: float = 6e-3,
    ) -> None:
        self.width = whole("width", width, HEAD, 4096)
        if width % HEAD:
            raise ParameterError("width", given=width, allowed=f"a multiple of {HEAD}, for heads")
        self.blocks = whole("blocks", blocks, 1, 64)
        self.context = whole("context", context, 2, 4096)
        self.seed = whole("seed", seed, 0)
        self.batch_size = whole("batch_size", batch_size, 1)
        self.learning_rate = real(
            "learning_rate", learning_rate, "(0, 1]", mend="pass learning_rate=6e-3"
        )
        self.text = text()
        self.reset()

    def reset(self) -> None:
        """Initial weights again, history and checkpoints forgotten."""
        self._generator = torch.Generator().manual_seed(self.seed)
        letters = len(self.text.alphabet)
        self._working = decoder(self.width, self.blocks, letters, self._generator)
        matrices = [p for p in self._working[1:-1].parameters() if p.ndim == 2]
        known = {id(p) for p in matrices}
        self._muon = Muon(matrices, weight_decay=0.3)
        self._adam = torch.optim.AdamW(
            [p for p in self._working.parameters() if id(p) not in known],
            betas=(0.9, 0.95),
            weight_decay=0.01,
        )
        self.module = copy.deepcopy(self._working)
        self.history: list[Step] = []
        self.checkpoints: dict[int, nn.Sequential] = {}

    def train(self, steps: int = 600, *, checkpoints: Iterable[int] = ()) -> CharacterModel:
        """`steps` steps of the optimiser more, the rate warmed up and brought down to nothing.

        Progress is reported at each. If it is cancelled, or the loss stops being finite, the
        network keeps the weights of the last whole step.

        Parameters
        ----------
        steps
            600 take about 100 seconds of one thread.
        checkpoints
            Numbers of steps, counted from the first ever, after which a copy is kept.

        Raises
        ------
        ParameterError
            If `steps` is not a whole number ≥ 1, or a checkpoint not one that is still to come.
        ConvergenceError
            If the loss is not finite.
        """
        steps, start = whole("steps", steps, 1), len(self.history)
        wanted = {whole("checkpoint", c, start, start + steps) for c in checkpoints}
        self._keep(wanted)
        for step in range(steps):
            tick(step / steps, f"training, step {step + 1} of {steps}")
            warm, done = (step + 1) / min(20, steps), step / steps
            self._step(self.learning_rate * min(1.0, warm, (1 - done) / 0.7))
            self._keep(wanted)
        tick(1.0, f"{self.history[-1].loss:.2f} nats per character")
        return self

    def step(self, n: int = 1) -> None:
        """`n` steps at the full rate: what a live lens calls."""
        for _ in range(whole("n", n, 1)):
            tick(None, f"training, step {len(self.history) + 1}")
            self._step(self.learning_rate)

    def _step(self, rate: float) -> None:
        module, train = self._working, self.text.train
        last = len(train) - self.context
        starts = torch.randint(last, (self.batch_size, 1), generator=self._generator)
        rows = train[starts + torch.arange(self.context + 1)]
        module.zero_grad()
        logits = module(rows[:, :-1]).flatten(0, 1)
        value = nn.functional.cross_entropy(logits, rows[:, 1:].flatten())
        finite_loss(value).backward()
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()
        self._muon.step(5 * rate)
        self.module = copy.deepcopy(module)
        self.history.append(Step(len(self.history) + 1, float(value.detach())))

    def _keep(self, wanted: set[int]) -> None:
        if len(self.history) in wanted:
            self.checkpoints[len(self.history)] = copy.deepcopy(self.module).requires_grad_(False)

    def held_out_loss(self) -> float:
        """Nats per character on all of the held-out text, in sequences of the context's length."""
        rows = self.text.test[: len(self.text.test) // self.context * self.context]
        rows = rows.reshape(-1, self.context)
        with torch.no_grad():
            values = [loss(r[:, 1:]).of_outputs(self.module(r[:, :-1])) for r in rows.split(64)]
        return float(torch.cat(values).double().mean())

    def theory(
        self, *, layer: str = "block2", n: int = 64, checkpoint: int | None = None, others: int = 0
    ) -> Theory:
        """One layer's activation on `n` sequences spread over the held-out text.

        Directions, order and radius are chosen on them too, or on so many `others`, spread over
        the text that was trained on: the theory's `reference`.

        Observable: the mean loss of each sequence, "nats per character" (tolerance 0.05 nats).

        Parameters
        ----------
        layer
            embedding, block1, …, norm, logits, or what is in a block: block1.attention,
            block1.gelu, ….
        checkpoint
            One of `checkpoints`; the weights of this moment if None.

        Raises
        ------
        LayerError
            If there is no such layer.
        ParameterError
            If the held-out text has not so many sequences, or there is no such checkpoint.
        """
        if checkpoint is not None and checkpoint not in self.checkpoints:
            kept = ", ".join(map(str, self.checkpoints)) or "none was kept: pass checkpoints=…"
            raise ParameterError("checkpoint", given=checkpoint, allowed=kept)
        module = self.module if checkpoint is None else self.checkpoints[checkpoint]

        def of(text: Tensor, name: str, count: int) -> Theory:
            most = (len(text) - 1) // self.context
            starts = torch.arange(whole(name, count, 1, most)) * most // count * self.context
            rows = text[starts[:, None] + torch.arange(self.context + 1)]
            observable = loss(rows[:, 1:], name="nats per character", tolerance=0.05)
            step = "" if checkpoint is None else f" · step {checkpoint}"
            return capture(
                module, rows[:, :-1], layer, observable, name=f"{self.name} · {layer}{step}"
            )

        tested = of(self.text.test, "n", n)
        if not others:
            return tested
        return replace(tested, reference=of(self.text.train, "others", others))

    def save(self, path: str | Path) -> None:
        """Write the weights of this moment as safetensors.

        Raises `StorageError` if they cannot be written, `RGError` without the extra `models`.
        """
        needed("safetensors")
        from safetensors.torch import save

        about = {name: getattr(self, name) for name in ("width", "blocks", "context")}
        about |= {"format": FORMAT, "alphabet": self.text.alphabet, "steps": len(self.history)}
        weights = self.module.state_dict()
        write_whole(Path(path), save(weights, metadata={"rgwidgets": json.dumps(about)}))

    @classmethod
    def load(cls, path: str | Path) -> CharacterModel:
        """A model with the weights of a file that `save` wrote; its history is not kept.

        Raises `RecordError` if it is no such file or is of another text.
        """
        needed("safetensors")
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                about = json.loads((file.metadata() or {})["rgwidgets"])
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if (about["format"], about["alphabet"]) != (FORMAT, text().alphabet):
                raise KeyError("format")
            model = cls(**{name: about[name] for name in ("width", "blocks", "context")})
            model._working.load_state_dict(weights)
        except (
            OSError,
            SafetensorError,
            LookupError,
            TypeError,
            ValueError,
            RuntimeError,
        ) as error:
            raise RecordError(
                f"weights in {Path(path).name}",
                given=(str(error).strip().splitlines() or [type(error).__name__])[0],
                allowed="a file that CharacterModel.save wrote, of the same version of Python",
                mend="train and save again",
            ) from error
        model.module = copy.deepcopy(model._working)
        return model
