"""Calls of torch's functions drawn at random: every way to write one that torch's users have."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

#: What a value may be written as besides a call by name.
OPERATORS: dict[str, tuple[Callable[..., Any], ...]] = {
    "add": (operator.add, operator.iadd),
    "sub": (operator.sub, operator.isub),
    "mul": (operator.mul, operator.imul),
    "div": (operator.truediv, operator.itruediv),
    "rsub": (lambda x, y: y - x,),
    "rdiv": (lambda x, y: y / x,),
    "rpow": (lambda x, y: y**x,),
    "pow": (operator.pow,),
    "neg": (operator.neg,),
    "abs": (abs,),
    "matmul": (operator.matmul,),
    "gt": (operator.gt,),
    "ge": (operator.ge,),
    "lt": (operator.lt,),
    "le": (operator.le,),
    "eq": (operator.eq,),
    "ne": (operator.ne,),
    "logical_and": (operator.and_,),
    "logical_or": (operator.or_,),
    "logical_not": (operator.invert,),
    "__getitem__": (operator.getitem,),
    "__setitem__": (lambda x, index, value: (operator.setitem(x, index, value), x)[1],),
    **{name: (lambda x, name=name: getattr(x, name),) for name in ("T", "mT", "H", "mH")},
}
#: Where torch keeps its functions.
SPACES = (torch, F, torch.linalg)


@dataclass(frozen=True)
class Numbers:
    """A tensor that may vary: normal numbers, or their absolute values plus `above`.

    With `halves` they are multiples of ½; with `truth` it is asked which of them are ≥ 0, and with
    `masked` every third is −∞, before the function is called.
    """

    shape: tuple[int, ...]
    above: float | None = None
    halves: bool = False
    truth: bool = False
    masked: bool = False

    def drawn(self, generator: torch.Generator) -> Tensor:
        x = torch.randn(self.shape, generator=generator, dtype=torch.float64)
        x = (2 * x).round() / 2 if self.halves else x
        return x if self.above is None else x.abs() + self.above

    def before(self, x: Tensor) -> Tensor:
        """What the function is given."""
        if self.masked:
            every = torch.arange(x.numel()).reshape(x.shape) % 3 == 0
            return x.masked_fill(every, -torch.inf)
        return x >= 0 if self.truth else x

    def changed(self, draw: random.Random) -> Numbers:
        """Now and then truth values or masked scores in place of numbers."""
        if self.above is not None or draw.random() < 0.9:
            return self
        kind = draw.choice(["truth", "masked"])
        return replace(self, halves=kind == "truth", **{kind: True})


@dataclass(frozen=True)
class Recipe:
    """Arguments of a function by torch's names, those that must be given and those that may."""

    must: dict[str, Any]
    may: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One call: a function of the tensors that vary, and how these are drawn."""

    name: str
    text: str
    function: Callable[..., Any]
    varying: tuple[Numbers, ...]
    seed: int

    def points(self) -> list[Tensor]:
        """Tensors for what varies."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return [numbers.drawn(generator) for numbers in self.varying]


def drawn(name: str, recipe: Recipe, draw: random.Random) -> Call:
    """A call of the function of that name, written in one of the ways there are."""
    options = {key: value for key, value in recipe.may.items() if draw.random() < 0.5}
    arguments = {**recipe.must, **options}
    seed = draw.randrange(2**31)
    varying, filled = _varying(arguments, draw, seed)
    text, write = _written(name, list(filled), draw)

    def function(*points: Tensor) -> Any:
        return write({key: _put(value, points) for key, value in filled.items()})

    said = ", ".join(f"{key}={_short(value)}" for key, value in filled.items())
    return Call(name, f"{text}({said})", function, tuple(varying), seed)


@dataclass(frozen=True)
class _Place:
    """Where the i-th varying tensor goes."""

    index: int
    numbers: Numbers


def _varying(
    arguments: dict[str, Any], draw: random.Random, seed: int
) -> tuple[list[Numbers], dict[str, Any]]:
    """Which tensors vary, one at least; the others become constants."""
    generator = torch.Generator().manual_seed(seed)
    slots = [n for value in arguments.values() for n in _numbers(value)]
    chosen = {draw.randrange(len(slots))} | {i for i in range(len(slots)) if draw.random() < 0.3}
    if draw.random() < 0.5:
        chosen = {0}
    varying: list[Numbers] = []
    seen = iter(range(len(slots)))

    def fill(value: Any) -> Any:
        if isinstance(value, Numbers):
            value = value.changed(draw)
            if next(seen) in chosen:
                varying.append(value)
                return _Place(len(varying) - 1, value)
            return value.before(value.drawn(generator))
        if type(value) in (tuple, list):
            return type(value)(fill(part) for part in value)
        return value

    return varying, {key: fill(value) for key, value in arguments.items()}


def _numbers(value: Any) -> list[Numbers]:
    if isinstance(value, Numbers):
        return [value]
    parts = value if type(value) in (tuple, list) else ()
    return [n for part in parts for n in _numbers(part)]


def _put(value: Any, points: Sequence[Tensor]) -> Any:
    if isinstance(value, _Place):
        return value.numbers.before(points[value.index])
    if type(value) in (tuple, list):
        return type(value)(_put(part, points) for part in value)
    return value.clone() if isinstance(value, Tensor) else value


def _short(value: Any) -> str:
    if isinstance(value, _Place):
        kind = " truth" if value.numbers.truth else " masked" if value.numbers.masked else ""
        return f"<{'×'.join(map(str, value.numbers.shape))}{kind}>"
    if isinstance(value, Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if type(value) in (tuple, list):
        return f"[{', '.join(map(_short, value))}]"
    return str(value)


def _written(
    name: str, keys: list[str], draw: random.Random
) -> tuple[str, Callable[[dict[str, Any]], Any]]:
    """How the call is written: by which function, and which arguments have names."""
    ways = [(way, False) for way in OPERATORS.get(name, ())]
    plain = name.removeprefix("linalg_").replace("log_sigmoid", "logsigmoid")
    for space in SPACES if plain == name or name[:3] == "log" else SPACES[2:]:
        for spelt in (plain, f"{plain}_"):
            if callable(getattr(space, spelt, None)) and not hasattr(
                getattr(space, spelt), "__path__"
            ):
                ways.append((getattr(space, spelt), False))
    for spelt in (name, f"{name}_"):
        if not name.startswith("__") and callable(getattr(Tensor, spelt, None)):
            ways += [(getattr(Tensor, spelt), True)] * 2
    way, method = draw.choice(ways)
    first = "input" if method and "input" in keys else keys[0]
    order = [first, *(key for key in keys if key != first)]
    named = len(keys) if way in OPERATORS.get(name, ()) else draw.randint(1, len(keys))
    if not method and way not in OPERATORS.get(name, ()) and draw.random() < 0.1:
        named = 0
    axis = draw.random() < 0.1
    spread = draw.random() < 0.3

    def write(values: dict[str, Any]) -> Any:
        given = [values[key] for key in order[:named]]
        if spread and len(given) > 1 and isinstance(given[-1], (tuple, list)):
            given[-1:] = given[-1]
        rest = {"axis" if axis and k == "dim" else k: values[k] for k in order[named:]}
        return way(*given, **rest)

    return f"{getattr(way, '__qualname__', way)}[{named}{' spread' if spread else ''}]", write
