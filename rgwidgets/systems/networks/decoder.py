"""A decoder-only transformer, written plainly: every step of it is a layer with a name."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

#: numbers that one attention head works with
HEAD = 32
#: wavelength of the slowest rotation, over 2π
_SLOWEST = 1000.0


def decoder(width: int, blocks: int, letters: int, generator: torch.Generator) -> nn.Sequential:
    """embedding, block1, …, norm, logits: (n, T) numbers → (n, T, letters), from `generator` alone.

    What a block adds to the stream, and the logits, begin at zero.

    >>> net = decoder(32, 2, 5, torch.Generator().manual_seed(0))
    >>> [name for name, _ in net.named_children()]
    ['embedding', 'block1', 'block2', 'norm', 'logits']
    >>> net(torch.zeros(3, 7, dtype=torch.int64)).shape
    torch.Size([3, 7, 5])
    """
    with torch.device("meta"):  # torch's own random state is not to be drawn from
        parts: OrderedDict[str, nn.Module] = OrderedDict(embedding=nn.Embedding(letters, width))
        for number in range(1, blocks + 1):
            parts[f"block{number}"] = Block(width)
        parts["norm"], parts["logits"] = nn.LayerNorm(width), nn.Linear(width, letters)
        module = nn.Sequential(parts)
    module = module.to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            kind = name.removesuffix(".weight").rpartition(".")[2]
            if name == "embedding.weight":
                parameter.normal_(0.0, 0.5, generator=generator)
            elif kind in ("query", "key", "value", "widen"):
                parameter.normal_(0.0, 1 / math.sqrt(3 * width), generator=generator)
            elif kind in ("norm", "attention_norm", "hidden_norm"):
                parameter.fill_(1.0)
            else:
                parameter.zero_()
    return module


class Block(nn.Module):
    """Attention, then a hidden layer four times as wide; each reads the normalised stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.hidden_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, stream: Tensor) -> Tensor:
        """(n, T, width) → the same."""
        stream = stream + self.attention(self.attention_norm(stream))
        added: Tensor = self.narrow(self.gelu(self.widen(self.hidden_norm(stream))))
        return stream + added


class Attention(nn.Module):
    """Each place looks at itself and at those before it.

    Places are told by rotary embeddings: J. Su et al., RoFormer, arXiv:2104.09864, eq. 34.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )

    def forward(self, stream: Tensor) -> Tensor:
        """(n, T, width) → the same."""
        query, key, value = (
            part(stream).unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = nn.functional.scaled_dot_product_attention(
            rotated(query), rotated(key), value, is_causal=True
        )
        found: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return found


def rotated(x: Tensor) -> Tensor:
    """Pairs of numbers of (…, T, d) turned by angles that grow with the place, norms kept.

    >>> x = torch.ones(2, 4)
    >>> torch.equal(rotated(x)[0], x[0]), bool(rotated(x)[1].norm().isclose(x[1].norm()))
    (True, True)
    """
    half = x.shape[-1] // 2
    speeds = _SLOWEST ** -(torch.arange(half, device=x.device, dtype=x.dtype) / half)
    angles = torch.arange(x.shape[-2], device=x.device, dtype=x.dtype)[:, None] * speeds
    cos, sin = angles.cos(), angles.sin()
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
