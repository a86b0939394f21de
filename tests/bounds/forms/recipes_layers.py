"""What arguments torch's layers and its functions that move numbers about take, at random."""

from __future__ import annotations

import random
from math import prod
from typing import Any

import torch

from .calls import Numbers, Recipe
from .recipes import axis, like, mask, places, recipe, shape


@recipe("reshape", "view", "broadcast_to", "expand", "repeat", "tile")
def reshaped(draw: random.Random) -> Recipe:
    of = shape(draw)
    key = draw.choice(["shape", "size", "repeats", "dims"])
    if key in ("repeats", "dims"):
        lead = (2,) if draw.random() < 0.3 else ()
        return Recipe({"input": Numbers(of), key: [*lead, *(draw.randint(1, 2) for _ in of)]}, {})
    if draw.random() < 0.5:
        wide = [draw.choice([n, -1]) if n > 1 else draw.randint(1, 3) for n in of]
        return Recipe({"input": Numbers(of), key: [2, *wide]}, {})
    new = draw.choice([[-1], [prod(of)], [*of, 1], list(of[::-1]), [of[0], -1], torch.float64])
    return Recipe({"input": Numbers(of), key: new}, {})


@recipe("flatten", "unflatten", "squeeze", "unsqueeze", "t", "T", "mT", "H", "mH", "contiguous",
        "clone")  # fmt: skip
def folded(draw: random.Random) -> Recipe:
    of = shape(draw, draw.choice([0, 1]))
    options = draw.choice([{}, {"start_dim": axis(draw, len(of)), "end_dim": axis(draw, len(of))},
                           {"dim": axis(draw, len(of))}])  # fmt: skip
    must: dict[str, Any] = {"input": Numbers(of)}
    if draw.random() < 0.3:
        dim = axis(draw, len(of))
        must |= {"dim": dim, "sizes": draw.choice([(1, -1), [-1], (-1, 2)])}
        options = {}
    return Recipe(must, options if draw.random() < 0.7 else {})


@recipe("permute", "flip", "roll", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis")
def turned(draw: random.Random) -> Recipe:
    of = shape(draw)
    n = len(of)
    order = draw.sample(range(-n, 0) if draw.random() < 0.5 else range(n), n)
    pairs = [("dim0", "dim1"), ("axis0", "axis1"), ("source", "destination"), ("shifts", "dims")]
    if draw.random() < 0.4:
        return Recipe({"input": Numbers(of), "dims": order[: draw.choice([n, n, 1])]}, {})
    one, two = draw.choice(pairs)
    values = (axis(draw, n), axis(draw, n))
    return Recipe({"input": Numbers(of), one: values[0]}, {two: values[1]})


@recipe("narrow", "select", "diagonal", "chunk", "split", "tensor_split", "unbind")
def cut(draw: random.Random) -> Recipe:
    of = shape(draw)
    dim = axis(draw, len(of))
    size, must = of[dim], {"input": Numbers(of)}
    kind = draw.randrange(5)
    if kind == 0:
        start = draw.randrange(-size, size)
        return Recipe({**must, "dim": dim, "start": start, "length": draw.randint(1, 2)}, {})
    if kind == 1:
        return Recipe({**must, "dim": dim, "index": draw.randrange(-size, size)}, {})
    if kind == 2:
        options = {"offset": draw.randint(-1, 1), "dim1": dim, "dim2": axis(draw, len(of))}
        return Recipe(must, options)
    if kind == 3:
        return Recipe(must, {"dim": dim})
    sizes = draw.choice([1, 2, 3, [1, size - 1], [1, 2]])
    key = draw.choice(["chunks", "split_size", "sections", "indices", "split_size_or_sections"])
    return Recipe({**must, key: sizes}, {"dim": dim})


@recipe("repeat_interleave", "index_select", "gather", "take_along_dim", "scatter")
def indexed(draw: random.Random) -> Recipe:
    of = shape(draw, 1, 3)
    dim = axis(draw, len(of))
    must: dict[str, Any] = {"input": Numbers(of)}
    if draw.random() < 0.3:
        times = draw.choice([2, torch.tensor([2]), places(draw, (of[dim],), 3)])
        return Recipe({**must, "repeats": times}, {"dim": dim})
    low = -of[dim] if draw.random() < 0.1 else 0
    if draw.random() < 0.3:
        return Recipe({**must, "dim": dim, "index": places(draw, (3,), of[dim], low)}, {})
    shorter = tuple(n if i == dim % len(of) else draw.randint(1, n) for i, n in enumerate(of))
    index = places(draw, shorter if draw.random() < 0.5 else of, of[dim], low)
    kind = draw.randrange(3)
    if kind == 0:
        return Recipe({**must, "indices": index}, {"dim": dim})
    if kind == 1:
        key = draw.choice([{"value": 0.5}, {"src": Numbers(of)}, {"value": 2, "reduce": "add"}])
        return Recipe({**must, "dim": dim, "index": index, **key}, {})
    return Recipe({**must, "dim": dim, "index": index}, {"sparse_grad": False})


def index(draw: random.Random, of: tuple[int, ...]) -> Any:
    n = of[0]
    one = [
        draw.randrange(-n, n), slice(None), slice(draw.randrange(n), None), slice(None, None, 2),
        Ellipsis, None, [draw.randrange(-n, n) for _ in range(2)], mask(draw, (n,)),
        places(draw, (2,), n, -n), mask(draw, of), True, torch.tensor(0),
    ]  # fmt: skip
    if draw.random() < 0.5:
        return draw.choice(one)
    rest = [slice(None), Ellipsis, 0, -1, None, slice(0, 1), [0, 0, -1], torch.tensor([[0], [-1]])]
    return (draw.choice(one), *draw.choices(rest, k=draw.randint(0, len(of))))


@recipe("__getitem__")
def item(draw: random.Random) -> Recipe:
    of = shape(draw, 1, 4)
    return Recipe({"input": Numbers(of), "index": index(draw, of)}, {})


@recipe("__setitem__")
def set_item(draw: random.Random) -> Recipe:
    of = shape(draw, 1, 4)
    value = draw.choice([0.5, Numbers(()), Numbers((1,)), Numbers(of[1:]), Numbers(of[-1:])])
    return Recipe({"input": Numbers(of), "index": index(draw, of), "value": value}, {})


@recipe("view_as", "reshape_as", "expand_as")
def like_another(draw: random.Random) -> Recipe:
    of = shape(draw)
    new = draw.choice([of[::-1], (2, *of), (prod(of),), (*of, 1), of])
    return Recipe({"input": Numbers(of), "other": Numbers(new)}, {})


@recipe("cat", "concat", "concatenate", "stack")
def joined(draw: random.Random) -> Recipe:
    of = shape(draw, 1, 4)
    dim = axis(draw, len(of))
    resized = tuple(2 if i == dim % len(of) and draw.random() < 0.3 else n
                    for i, n in enumerate(of))  # fmt: skip
    parts = draw.choice((list, tuple))([Numbers(of), Numbers(resized), Numbers(of)])
    return Recipe({"tensors": parts}, {"dim": dim})


@recipe("pad")
def pad(draw: random.Random) -> Recipe:
    of = tuple(draw.randint(2, 3) for _ in range(draw.randint(1, 5)))
    by = [draw.randint(-1, 1) for _ in range(2 * draw.randint(1, len(of)))]
    modes = ["constant", "constant", "reflect", "replicate", "circular"]
    options: dict[str, Any] = {"mode": draw.choice(modes)}
    if draw.random() < 0.5:
        options["value"] = draw.choice([0.5, 2])
    return Recipe({"input": Numbers(of), "pad": by}, options)


@recipe("masked_fill", "fill", "zero")
def filled(draw: random.Random) -> Recipe:
    of = shape(draw)
    value = draw.choice([0.5, -2, Numbers(()), Numbers((1,))])
    kind = draw.randrange(4)
    if kind == 0:
        return Recipe({"input": Numbers(of)}, {})
    if kind == 1:
        return Recipe({"input": Numbers(of), "value": value}, {})
    return Recipe({"input": Numbers(of), "mask": mask(draw, like(draw, of)), "value": value}, {})


@recipe("where")
def where(draw: random.Random) -> Recipe:
    of = shape(draw, 0)
    two = [Numbers(like(draw, of)), draw.choice([Numbers(of), 0.5, 2])]
    draw.shuffle(two)
    condition = mask(draw, like(draw, of)) if draw.random() < 0.9 else places(draw, of, 2)
    return Recipe({"condition": condition, "input": two[0], "other": two[1]}, {})


@recipe("tril", "triu")
def triangle(draw: random.Random) -> Recipe:
    return Recipe({"input": Numbers(shape(draw, 2))}, {"diagonal": draw.randint(-2, 2)})


@recipe("to", "type_as", "type", "cpu", "float", "double", "half", "bfloat16")
def cast(draw: random.Random) -> Recipe:
    of = shape(draw)
    kinds = [torch.float64, torch.float32, torch.float64, torch.int64, "cpu", Numbers((2,)), None]
    key = draw.choice(["dtype", "other"])
    value = draw.choice(kinds)
    must = {"input": Numbers(of)} | ({} if value is None else {key: value})
    return Recipe(must, {"copy": draw.random() < 0.5} if draw.random() < 0.2 else {})


@recipe(*(f"{kind}_like" for kind in ("zeros", "ones", "full", "empty")),
        *(f"new_{kind}" for kind in ("zeros", "ones", "full", "empty", "tensor")))  # fmt: skip
def new(draw: random.Random) -> Recipe:
    must: dict[str, Any] = {"input": Numbers(shape(draw))}
    kind = draw.randrange(4)
    if kind == 1:
        must |= {"fill_value": draw.choice([0.5, 2])}
    if kind == 2:
        must |= {"size": [2, 3]}
    if kind == 3:
        must |= draw.choice([{"size": (2,), "fill_value": 1.5}, {"data": [1.0, 2.0]}])
    return Recipe(must, {"dtype": draw.choice([torch.float64, torch.int64])})
