"""What arguments torch's functions take, at random, within and a little beyond what is valid."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from rgwidgets.bounds.forms import KNOWN

from .calls import Numbers, Recipe

Maker = Callable[[random.Random], Recipe]
RECIPES: dict[str, Maker] = {}
NEVER = -1  # what is no option


def recipe(*names: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        RECIPES.update(dict.fromkeys((name for name in names if name in KNOWN), maker))
        return maker

    return register


def shape(draw: random.Random, low: int = 1, high: int = 5) -> tuple[int, ...]:
    dims = draw.randint(low, high)
    return tuple(draw.randint(1, 4 if dims < 4 else 2) for _ in range(dims))


def axis(draw: random.Random, dims: int) -> int:
    return draw.randrange(-max(1, dims), max(1, dims))


def axes(draw: random.Random, dims: int) -> Any:
    """One axis, several, or none."""
    if draw.random() < 0.5:
        return axis(draw, dims)
    chosen = draw.sample(range(dims), draw.randint(0, dims))
    return draw.choice((list, tuple))(d - dims if draw.random() < 0.5 else d for d in chosen)


def like(draw: random.Random, wide: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts with another."""
    kept = wide[draw.randint(0, len(wide)) if draw.random() < 0.3 else 0 :]
    return tuple(1 if draw.random() < 0.2 else n for n in kept)


def mask(draw: random.Random, of: tuple[int, ...]) -> Tensor:
    bits = [draw.random() < 0.5 for _ in range(prod(of))]
    return torch.tensor(bits, dtype=torch.bool).reshape(of)


def places(draw: random.Random, of: tuple[int, ...], count: int, low: int = 0) -> Tensor:
    return torch.tensor([draw.randrange(low, count) for _ in range(prod(of))]).long().reshape(of)


def dtype(draw: random.Random) -> Any:
    return draw.choice([torch.float64, torch.float64, torch.int64])


@recipe(
    "relu", "tanh", "sigmoid", "silu", "mish", "erf", "abs", "absolute", "exp", "square", "sin",
    "cos", "log_sigmoid", "logsigmoid", "softsign", "neg", "negative", "expm1", "erfc",
    "tanhshrink", "relu6", "hardsigmoid", "hardswish", "isfinite", "isnan", "detach", "positive",
)  # fmt: skip
def unary(draw: random.Random) -> Recipe:
    return Recipe({"input": Numbers(shape(draw, 0))}, {"inplace": draw.random() < 0.5})


@recipe("log", "log1p", "rsqrt", "sqrt", "reciprocal", "log2", "log10")
def positive(draw: random.Random) -> Recipe:
    return Recipe({"input": Numbers(shape(draw, 0), 0.5)}, {})


@recipe("gelu")
def gelu(draw: random.Random) -> Recipe:
    return Recipe({"input": Numbers(shape(draw))}, {"approximate": draw.choice(["none", "tanh"])})


@recipe("leaky_relu")
def leaky(draw: random.Random) -> Recipe:
    options = {"negative_slope": draw.choice([0.1, 0.5, 2.0, -1.0]), "inplace": True}
    return Recipe({"input": Numbers(shape(draw))}, options)


@recipe("elu")
def elu(draw: random.Random) -> Recipe:
    options = {"alpha": draw.choice([1, 1.0, 0.5]), "inplace": True}
    return Recipe({"input": Numbers(shape(draw))}, options)


@recipe("prelu")
def prelu(draw: random.Random) -> Recipe:
    of = shape(draw)
    count = of[1] if len(of) > 1 and draw.random() < 0.5 else 1
    return Recipe({"input": Numbers(of), "weight": Numbers((count,))}, {})


@recipe("softplus")
def softplus(draw: random.Random) -> Recipe:
    options = {"beta": draw.choice([1, 0.5, 3.0]), "threshold": draw.choice([20, 1.0, 30.0])}
    return Recipe({"input": Numbers(shape(draw))}, options)


@recipe("clamp", "clip")
def clamp(draw: random.Random) -> Recipe:
    of = shape(draw)
    if draw.random() < 0.4:
        limits: list[Any] = [Numbers(like(draw, of)), Numbers(like(draw, of))]
    else:
        limits = [draw.choice([-0.5, 0, 0.7, None]), draw.choice([0.4, 1, -0.9])]
    return Recipe({"input": Numbers(of)}, dict(zip(("min", "max"), limits, strict=True)))


@recipe("clamp_min", "clamp_max")
def clamp_one(draw: random.Random) -> Recipe:
    of = shape(draw)
    limit = Numbers(like(draw, of)) if draw.random() < 0.4 else draw.choice([0.2, -1])
    return Recipe({"input": Numbers(of), draw.choice(["min", "max"]): limit}, {})


@recipe("hardtanh")
def hardtanh(draw: random.Random) -> Recipe:
    options = {"min_val": -0.3, "max_val": draw.choice([0.2, 2]), "inplace": True}
    return Recipe({"input": Numbers(shape(draw))}, options)


def other(draw: random.Random, of: tuple[int, ...], above: float | None = None) -> Any:
    if draw.random() < 0.3:
        return draw.choice([2, 0.5, -1.5, True] if above is None else [2, 0.5])
    if draw.random() < 0.1:
        return places(draw, like(draw, of), 9, 1).to(draw.choice([torch.uint8, torch.int64]))
    return Numbers(like(draw, of), above)


@recipe("add", "sub", "subtract", "rsub", "mul", "multiply", "maximum", "minimum")
def binary(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    options = {"alpha": draw.choice([2, -0.5])} if draw.random() < 0.5 else {}
    return Recipe({"input": Numbers(of), "other": other(draw, of)}, options)


@recipe("div", "divide", "true_divide", "rdiv")
def quotient(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    must = {"input": Numbers(of, 0.5), "other": other(draw, of, 0.5)}
    modes = {"rounding_mode": draw.choice([None, "floor", "trunc"])}
    return Recipe(must, modes if draw.random() < 0.3 else {})


@recipe("pow", "rpow")
def power(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    exponent = draw.choice([2, 3, 0, 1, -1, 0.5, -0.5, 2.0, 5, 1.5, Numbers(like(draw, of), 0.5)])
    key = draw.choice(["exponent", "exponent", "other"])
    return Recipe({"input": Numbers(of, 0.5), key: exponent}, {})


@recipe(
    "gt", "ge", "lt", "le", "eq", "ne", "greater", "greater_equal", "less", "less_equal",
    "not_equal",
)  # fmt: skip
def comparison(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    halves = draw.random() < 0.5
    value: Any = draw.choice([0, 0.5, -1]) if draw.random() < 0.3 else None
    if draw.random() < 0.1:
        value = places(draw, like(draw, of), 3)
    value = Numbers(like(draw, of), halves=halves) if value is None else value
    return Recipe({"input": Numbers(of, halves=halves), "other": value}, {})


@recipe("logical_and", "logical_or", "logical_not")
def logical(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    truth = draw.random() < 0.8
    must = {"input": Numbers(of, halves=True, truth=truth)}
    if draw.random() < 0.6:
        must["other"] = Numbers(like(draw, of), halves=True, truth=truth)
    return Recipe(must, {})


@recipe("addcmul")
def addcmul(draw: random.Random) -> Recipe:
    of = shape(draw)
    must = {"input": Numbers(like(draw, of)), "tensor1": Numbers(of)}
    return Recipe({**must, "tensor2": Numbers(like(draw, of))}, {"value": draw.choice([0.3, -2])})


@recipe("lerp")
def lerp(draw: random.Random) -> Recipe:
    of = shape(draw)
    weight = draw.choice([0.3, 1, Numbers(like(draw, of))])
    return Recipe({"input": Numbers(of), "end": Numbers(like(draw, of)), "weight": weight}, {})


@recipe("nan_to_num")
def finite(draw: random.Random) -> Recipe:
    options = {"nan": 1.0, "posinf": 2.0, "neginf": -1.0}
    return Recipe({"input": Numbers(shape(draw))}, options)


@recipe("sum", "mean")
def reduction(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    options = {"dim": axes(draw, len(of)), "keepdim": draw.random() < 0.5}
    if draw.random() < 0.3:
        options["dtype"] = dtype(draw)
    return Recipe({"input": Numbers(of)}, options)


@recipe("amax", "amin", "max", "min", "argmax")
def extreme(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    numbers = Numbers(of, halves=draw.random() < 0.3)
    if draw.random() < 0.2:
        return Recipe({"input": numbers, "other": Numbers(like(draw, of))}, {})
    dims = axes(draw, len(of)) if draw.random() < 0.4 else axis(draw, len(of))
    return Recipe({"input": numbers}, {"dim": dims, "keepdim": draw.random() < 0.5})


@recipe("logsumexp")
def logsumexp(draw: random.Random) -> Recipe:
    of = shape(draw)
    must = {"input": Numbers(of), "dim": axes(draw, len(of))}
    return Recipe(must, {"keepdim": draw.random() < 0.5})


@recipe("softmax", "log_softmax")
def softmax(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    options: dict[str, Any] = {"dim": axis(draw, len(of))}
    if draw.random() < 0.3:
        options["dtype"] = dtype(draw)
    return Recipe({"input": Numbers(of)}, options)


@recipe("cumsum")
def cumsum(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    must = {"input": Numbers(of), "dim": axis(draw, len(of))}
    return Recipe(must, {"dtype": dtype(draw)} if draw.random() < 0.3 else {})


@recipe("var", "std")
def variance(draw: random.Random) -> Recipe:
    of = shape(draw)
    options = {"dim": axes(draw, len(of))}
    freedom = {"unbiased": draw.random() < 0.5}
    if draw.random() < 0.5:
        freedom = {"correction": draw.choice([0, 1, 2, 0.5])}
    return Recipe({"input": Numbers(of)}, {**options, **freedom, "keepdim": draw.random() < 0.5})


@recipe("norm")
def norm(draw: random.Random) -> Recipe:
    of = shape(draw)
    options = {"p": draw.choice([2, 2.0, 2, "fro", 1, float("inf"), "nuc", 3]),
               "dim": axes(draw, len(of)), "keepdim": draw.random() < 0.5}  # fmt: skip
    return Recipe({"input": Numbers(of, 0.5)}, options)


@recipe("linalg_norm", "linalg_vector_norm")
def linalg_norm(draw: random.Random) -> Recipe:
    of = shape(draw)
    options = {"ord": draw.choice([2, 2.0, 2, "fro", None, 1, "nuc", -2]),
               "dim": axes(draw, len(of)), "keepdim": draw.random() < 0.5}  # fmt: skip
    return Recipe({"input": Numbers(of, 0.5)}, options)


@recipe("matmul", "mm", "bmm", "mv", "dot")
def product(draw: random.Random) -> Recipe:
    key = draw.choice(["other", "mat2", "vec", "tensor"])
    dims = {"mat2": draw.choice([2, 3]), "vec": 2, "tensor": 1}.get(key, draw.randint(1, 5))
    batch = tuple(draw.randint(1, 3) for _ in range(max(0, dims - 2)))
    n, k, m = (draw.randint(1, 3) for _ in range(3))
    left = (k,) if dims == 1 else (*batch, n, k)
    right = (k,) if key in ("vec", "tensor") else (*batch, k, m)
    if key == "other":
        right = draw.choice([(k,), (*like(draw, batch), k, m), (*batch, k, m)])
    return Recipe({"input": Numbers(left), key: Numbers(right)}, {})


@recipe("addmm", "addbmm", "baddbmm", "addmv")
def add_product(draw: random.Random) -> Recipe:
    b, n, k, m = (draw.randint(1, 3) for _ in range(4))
    kind = draw.choice(["mat", "batch", "vec"])
    names = {"mat": ("mat1", "mat2"), "batch": ("batch1", "batch2"), "vec": ("mat", "vec")}[kind]
    batch = (b,) if kind == "batch" else ()
    right = (k,) if kind == "vec" else (*batch, k, m)
    out = (n,) if kind == "vec" else draw.choice([(*batch, n, m), (n, m), (1, m)])
    must = {"input": Numbers(out), names[0]: Numbers((*batch, n, k)), names[1]: Numbers(right)}
    return Recipe(must, {"beta": draw.choice([0, 0.5, 2]), "alpha": draw.choice([-1, 0.3])})


@recipe("linear")
def linear(draw: random.Random) -> Recipe:
    of, out = shape(draw), draw.randint(1, 3)
    weight = (of[-1],) if draw.random() < 0.2 else (out, of[-1])
    bias = Numbers((out,) if len(weight) > 1 else ())
    return Recipe({"input": Numbers(of), "weight": Numbers(weight)}, {"bias": bias})


@recipe("einsum")
def einsum(draw: random.Random) -> Recipe:
    equations = ["ij,jk->ik", "bij,bjk->bik", "ij,ij->i", "ij,kj->", "ij,jk", "bij,jk->bk",
                 "bhid,bhjd->bhij", "...j,jk->...k", "ii,ij->j", "jk,jk->j", "ij->ji"]  # fmt: skip
    equation = draw.choice(equations)
    sizes = {label: draw.randint(1, 3) for label in "bhijkd."}
    operands = []
    for labels in equation.split("->")[0].replace("...", ".").split(","):
        sizes_ = [1 if draw.random() < 0.15 else sizes[label] for label in labels]
        operands.append(Numbers(tuple(sizes_)))
    if draw.random() < 0.3:
        return Recipe({"equation": equation, "operands": operands}, {})
    return Recipe({"equation": equation, **{f"o{i}": o for i, o in enumerate(operands)}}, {})
