"""Whatever function of torch is bounded: no point of a form is outside what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from .conftest import assert_holds, make_form

Function = Callable[[Tensor], Any]


def weights(*shape: int, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


#: tried in test_products.py and test_stand_in.py
KNOWN_ELSEWHERE = {"multi_head_attention_forward", "float", "half", "bfloat16"}
W, V, B = weights(5, 4), weights(4, 3, seed=6), weights(5, seed=7)
ROWS = weights(3, 4, seed=8)
MASK = torch.tensor([[True, False, False, True], [False] * 4, [False, True, True, True]])
PLACES = torch.tensor([[0, 2, 1], [1, 1, 3], [3, 0, 2]])

#: forms (3, 4): curves and sums of the numbers of a sample
PLAIN: dict[str, Function] = {
    "add": lambda x: x + ROWS + 1.5,
    "radd": lambda x: 2 + x,
    "sub": lambda x: x - ROWS,
    "rsub": lambda x: ROWS - x,
    "number − x": lambda x: 1 - x,
    "alpha": lambda x: torch.add(x, x, alpha=-0.4),
    "mul": lambda x: x * ROWS * -2,
    "div": lambda x: x / (2 + ROWS.abs()),
    "neg": lambda x: -x,
    "square": lambda x: torch.square(x),
    "pow 2": lambda x: x**2,
    "pow 3": lambda x: x.pow(3),
    "pow 5": lambda x: x**5,
    "pow 0": lambda x: x**0,
    "x x": lambda x: x * x,
    "x(1 − x)": lambda x: x * (1 - x),
    "abs": lambda x: x.abs(),
    "relu": F.relu,
    "relu in place": lambda x: (x + 1).relu_(),
    "leaky": lambda x: F.leaky_relu(x, 0.2),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.3], dtype=torch.float64)),
    "relu6": lambda x: F.relu6(4 * x),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "erf": torch.erf,
    "elu": F.elu,
    "softplus": F.softplus,
    "softplus 2": lambda x: F.softplus(x, beta=2),
    "logsigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "2 to the": lambda x: 2.0**x,
    "sin": torch.sin,
    "cos": torch.cos,
    "erfc": torch.erfc,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "clamp min": lambda x: x.clamp(min=0.1),
    "maximum": lambda x: torch.maximum(x, ROWS),
    "minimum": lambda x: torch.minimum(x, -x),
    "sum": lambda x: x.sum(-1),
    "sum all": lambda x: x.sum((-1,), keepdim=True),
    "mean": lambda x: x.mean(1),
    "cumsum": lambda x: x.cumsum(1),
    "var": lambda x: x.var(-1),
    "var 0": lambda x: x.var(-1, unbiased=False, keepdim=True),
    "linear": lambda x: F.linear(x, W, B),
    "matmul": lambda x: x @ V,
    "rmatmul": lambda x: torch.matmul(W, x.unsqueeze(-1)).squeeze(-1),
    "vector": lambda x: x @ V[:, 0],
    "addmm": lambda x: torch.addmm(B, x, W.T, alpha=0.5),
    "einsum": lambda x: torch.einsum("nd,de->ne", x, V),
    "einsum sum": lambda x: torch.einsum("nd,nd->n", x, ROWS),
    "softmax": lambda x: x.softmax(-1),
    "softmax 3x": lambda x: F.softmax(3 * x, dim=1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "logsumexp": lambda x: torch.logsumexp(2 * x, -1),
    "cross entropy": lambda x: F.cross_entropy(x, torch.tensor([0, 3, 1]), reduction="none"),
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "layer_norm affine": lambda x: F.layer_norm(x, (4,), ROWS[0], ROWS[1], 1e-3),
    "rms_norm": lambda x: F.rms_norm(x, (4,), ROWS[0], 1e-3),
    "normalize": lambda x: F.normalize(x + 2),
    "cosine": lambda x: F.cosine_similarity(x + 2, ROWS, dim=-1),
    "norm": lambda x: (x + 2).norm(dim=-1),
    "vector_norm": lambda x: torch.linalg.vector_norm(x + 2, dim=-1, keepdim=True),
    "std": lambda x: (x * torch.tensor([1.0, 5, -4, 2]).double()).std(-1),
    "amax": lambda x: x.amax(-1),
    "max values": lambda x: x.max(-1).values,
    "max all": lambda x: x.amax(1, keepdim=True),
    "amin": lambda x: x.amin(-1),
    "min values": lambda x: x.min(1).values,
    "reshape": lambda x: x.reshape(3, 2, 2).transpose(1, 2).flatten(1),
    "view": lambda x: x.view(3, 2, 2),
    "view_as": lambda x: x.view_as(torch.zeros(3, 2, 2)),
    "permute": lambda x: x.unflatten(1, (2, 2)).permute(2, 0, 1),
    "expand": lambda x: x[:, None].expand(-1, 2, -1),
    "movedim": lambda x: x.unsqueeze(0).movedim(0, -1).squeeze(-1),
    "T": lambda x: x.T,
    "slice": lambda x: x[:, 1:3],
    "ellipsis": lambda x: x[..., -1],
    "none": lambda x: x[:, None, ::2],
    "index": lambda x: x[:, [2, 0, 2]],
    "mask index": lambda x: x[:, torch.tensor([True, False, True, True])],
    "pairs": lambda x: x[torch.arange(3), torch.tensor([3, 0, 1])],
    "gather": lambda x: x.gather(1, PLACES),
    "index_select": lambda x: x.index_select(1, torch.tensor([3, 1])),
    "take_along_dim": lambda x: torch.take_along_dim(x, PLACES, 1),
    "chunk": lambda x: x.chunk(2, 1)[1],
    "split": lambda x: x.split([1, 3], 1)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "iterate": lambda x: next(iter(x.T)),
    "cat": lambda x: torch.cat([x, ROWS, 2 * x], 1),
    "stack": lambda x: torch.stack([x, ROWS], 1),
    "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(1, 1),
    "repeat": lambda x: x.repeat(1, 2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "diagonal": lambda x: x.unflatten(1, (2, 2)).diagonal(dim1=1, dim2=2),
    "pad": lambda x: F.pad(x, (1, 2), value=0.5),
    "pad replicate": lambda x: F.pad(x[:, None], (1, 2), mode="replicate"),
    "masked_fill": lambda x: x.masked_fill(MASK, 0.25),
    "where": lambda x: torch.where(MASK, x, 2 * x + 1),
    "where number": lambda x: torch.where(MASK, 0.5, x),
    "tril": lambda x: x.unflatten(1, (2, 2)).tril(),
    "triu": lambda x: x.unflatten(1, (2, 2)).triu(1),
    "clone": lambda x: x.clone().contiguous().detach(),
    "casts": lambda x: x.double().to(torch.float64).type_as(x),
    "in place": lambda x: (x * 1).add_(1).mul_(2),
    "masked softmax": lambda x: x.masked_fill(MASK, -torch.inf).softmax(-1),
    "added mask": lambda x: (x + torch.zeros(3, 4).masked_fill(MASK, -1e30)).softmax(-1),
    "dropout": lambda x: F.dropout(x, 0.5, training=False),
    "greater": lambda x: (x > 0).double(),
    "at most": lambda x: (x <= ROWS).to(x.dtype),
    "equal": lambda x: (x.argmax(-1) == torch.tensor([0, 1, 2])).double(),
    "differs": lambda x: (x.argmax(-1) != 1).double(),
    "and": lambda x: ((x > 0) & (x < 1)).double(),
    "or": lambda x: ((x > 0.5) | (x < -0.5)).double(),
    "addcmul": lambda x: torch.addcmul(x, x, ROWS, value=0.3),
    "lerp": lambda x: torch.lerp(x, ROWS, 0.3),
    "mse": lambda x: F.mse_loss(x, ROWS, reduction="none"),
    "zeros_like": lambda x: x + torch.ones_like(x) + x.new_zeros(4),
    "nan_to_num": lambda x: torch.nan_to_num(x),
    "assigned": lambda x: assigned(x * 1),
    "absolute": lambda x: torch.absolute(x),
    "axes": lambda x: x[:, None].swapaxes(1, 2).swapdims(0, 1).moveaxis(0, 1),
    "narrow": lambda x: x.narrow(1, 1, 2).select(1, 0),
    "t": lambda x: x.t(),
    "broadcast_to": lambda x: torch.broadcast_to(x, (2, 3, 4)),
    "tile": lambda x: x.tile(1, 2).tensor_split(2, 1)[1],
    "new": lambda x: x * x.new_ones(4) + x.new_full((4,), 2.0) + x.new_tensor([1.0]),
    "like": lambda x: x * torch.full_like(x, 3.0) + torch.zeros_like(x) + 0 * other(x),
    "finite": lambda x: x * torch.isfinite(x) + torch.isnan(x),
    "axis": lambda x: (
        x.sum(axis=1) + x.mean(axis=-1) + x.amax(axis=1) + F.softmax(x, -1).std(axis=1)
    ),
    "dtype": lambda x: x.sum(1, dtype=torch.float64) + x.softmax(-1, dtype=torch.float64)[:, 0],
    "softmax of two": lambda x: x[:, :2].softmax(-1),
    "logsumexp of two": lambda x: torch.logsumexp(x[:, 1:3], -1),
    "mask as it": lambda x: x * MASK.to(x) + PLACES[:, :1].type_as(x).expand_as(x),
    "places of the largest": lambda x: (0.05 * x).argmax(-1),
    "scatter": lambda x: x.scatter(-1, PLACES[:, :1], -2.0),
    "margin": lambda x: x[:, 0] - x.scatter(-1, PLACES[:, :1], -torch.inf).amax(-1),
    "clamp_max": lambda x: x.clamp_max(0.3).clamp_min(-0.2),
}


def assigned(x: Tensor) -> Tensor:
    x[:, 1] = 0.5
    x[:, 2:] = 2 * x[:, :2]
    return x


def other(x: Tensor) -> Tensor:
    return torch.empty_like(x).zero_() + x.new_empty(4).fill_(1.0)


#: numbers in (0, ∞): 3 + small
POSITIVE: dict[str, Function] = {
    "reciprocal": lambda x: 1 / x,
    "of negatives": lambda x: 1 / -x,
    "quotient": lambda x: x / x.sum(-1, keepdim=True),
    "by sums": lambda x: ROWS / x,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "pow ½": lambda x: x**0.5,
    "pow −1": lambda x: x**-1,
    "pow −½": lambda x: x.pow(-0.5),
    "log": torch.log,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
}


@pytest.mark.slow
@pytest.mark.parametrize("radius", [0.2, 2.0])
@pytest.mark.parametrize("name", PLAIN)
def test_functions_of_a_sample_hold(name: str, radius: float) -> None:
    assert_holds(PLAIN[name], make_form((3, 4), radius, seed=len(name)), count=150)


@pytest.mark.parametrize("radius", [0.2])
@pytest.mark.parametrize("name", POSITIVE)
def test_functions_of_positive_numbers_hold(name: str, radius: float) -> None:
    form = make_form((3, 4), radius, middle=3.0, spread=0.3)
    assert_holds(POSITIVE[name], form, count=150)


IMAGES: dict[str, Function] = {
    "conv2d": lambda x: F.conv2d(x, weights(3, 2, 3, 3), weights(3), padding=1, stride=2),
    "depthwise": lambda x: F.conv2d(x, weights(4, 1, 2, 2), groups=2, dilation=2),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, weights(2, 3, 2, 2), stride=2),
    "conv1d": lambda x: F.conv1d(x.flatten(2), weights(3, 2, 4), weights(3)),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "batch_norm": lambda x: F.batch_norm(x, B[:2], B[1:3] ** 2, B[2:4], B[3:]),
    "group_norm": lambda x: F.group_norm(x, 2, B[:2], B[1:3]),
    "instance_norm": lambda x: F.instance_norm(x),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "padded maxima": lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
    "averages": lambda x: F.avg_pool1d(x.flatten(2), 2),
    "all": lambda x: F.adaptive_avg_pool1d(x.flatten(2), 1),
    "volumes": lambda x: F.avg_pool3d(x[:, None], 2),
    "volume": lambda x: F.adaptive_avg_pool3d(x[:, None], 1),
    "max_pool1d": lambda x: F.max_pool1d(x.flatten(2), 3, stride=2),
    "adaptive maxima": lambda x: F.adaptive_max_pool2d(x, 1),
    "normalised channels": lambda x: F.normalize(x + 3, dim=1),
    "layer_norm of all": lambda x: F.layer_norm(x, (2, 4, 4)),
}


@pytest.mark.parametrize("radius", [0.2, 2.0])
@pytest.mark.parametrize("name", IMAGES)
def test_functions_of_images_hold(name: str, radius: float) -> None:
    assert_holds(IMAGES[name], make_form((2, 2, 4, 4), radius), count=60)
