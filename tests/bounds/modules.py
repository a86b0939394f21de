"""Small modules of every kind that affine forms are tried on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 3


class Rest(nn.Module):
    """A layer whose output is the input, and what follows it: a body, then classes."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.start, self.body, self.end = nn.Identity(), body, nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.body(self.start(x)))


class Skip(nn.Module):
    """A residual block of convolutions, in place, then maxima and a mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.two, self.short = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(3, 4, 1)
        self.act = nn.ReLU(inplace=True)
        with torch.no_grad():
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.movedim(-1, 1)
        y = self.act(self.norm(self.one(x)))
        y = self.two(y)
        y += self.short(x)
        return F.max_pool2d(self.act(y), 2).mean((-2, -1))


class Sentences(nn.Module):
    """Attention, then a masked mean over positions of length one: a sentence embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu")
        self.register_buffer("mask", torch.tensor([True, True, False]))

    def forward(self, x: Tensor) -> Tensor:
        h = self.layer(x, src_key_padding_mask=~self.mask.expand(len(x), -1))
        seen = self.mask[None, :, None].to(h.dtype)
        return F.normalize((h * seen).sum(1) / seen.sum(1).clamp(min=1e-9), p=2, dim=1)


class Pooled(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x).mean(1)


class Attention(nn.Module):
    def __init__(self, heads: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(8, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, x, x, need_weights=False)[0]


class Gated(nn.Module):
    """Products of features, as in gated units, after RMS norm written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(8, 10), nn.Linear(8, 10), nn.Linear(10, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def encoder(heads: int, first: bool, activation: str = "relu") -> nn.Module:
    return nn.TransformerEncoderLayer(
        8, heads, 12, batch_first=True, norm_first=first, activation=activation
    )


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "MLP": (
        lambda: nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8), nn.ReLU()),
        (8,),
        8,
    ),
    "layer norm": (
        lambda: nn.Sequential(nn.Linear(8, 9), nn.LayerNorm(9), nn.Tanh(), nn.Linear(9, 8)),
        (8,),
        8,
    ),
    "gated": (Gated, (8,), 8),
    "convolutions with a skip": (Skip, (4, 4, 3), 4),
    "attention 1": (lambda: Pooled(Attention(1)), (3, 8), 8),
    "attention 4": (lambda: Pooled(Attention(4)), (3, 8), 8),
    "encoder 1 post": (lambda: Pooled(encoder(1, False)), (3, 8), 8),
    "encoder 2 pre": (lambda: Pooled(encoder(2, True, "gelu")), (3, 8), 8),
    "encoder 4 post": (lambda: Pooled(encoder(4, False, "gelu")), (3, 8), 8),
    "two encoders": (
        lambda: Pooled(nn.TransformerEncoder(encoder(2, True), 2, enable_nested_tensor=False)),
        (3, 8),
        8,
    ),
    "sentences": (Sentences, (3, 8), 8),
}
