"""Whether code is a function of what it is given: run twice, and watched for random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from rgwidgets.core.errors import ObservableError

from .returned import same

T = TypeVar("T")


def same_twice(function: Callable[[], T], what: str) -> T:
    """What a function returns, if it returns that twice and draws no random numbers.

    Torch's are noticed before they are drawn; others are put back where it is refused.

    Raises
    ------
    ObservableError
        If the two differ by more than rounding, or random numbers were drawn; names `what`.

    Examples
    --------
    >>> same_twice(lambda: torch.ones(2), "ones")
    tensor([1., 1.])
    >>> same_twice(lambda: torch.rand(2), "noise")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    rgwidgets.core.errors.ObservableError: noise: got random numbers (torch.rand); allowed: ...
    """
    with put_back():
        first = undrawn(function, what)
        check_same(first, undrawn(function, what), what)
    return first


@contextmanager
def put_back() -> Iterator[None]:
    """Python's and numpy's generators are where they were if what is inside is refused."""
    plain, arrays = random.getstate(), np.random.get_state()
    try:
        yield
    except ObservableError:
        random.setstate(plain)
        np.random.set_state(arrays)
        raise


def undrawn(function: Callable[[], T], what: str) -> T:
    """What a function returns, if torch draws no random numbers for it."""
    with _Watch(what):
        return function()


def check_same(one: Any, other: Any, what: str) -> None:
    """Raise `ObservableError` if two results for the same input differ by more than rounding."""
    if not same(one, other, unknown=True):
        raise _refused(what, "two different results for the same input")


def state(module: nn.Module) -> list[Any]:
    """What a run of a module may leave behind: its attributes, and how often each was written.

    >>> net = nn.BatchNorm1d(2)
    >>> before = state(net.eval())
    >>> _ = net(torch.ones(3, 2))
    >>> before == state(net)
    True
    """
    return [_marks(vars(part)) for part in module.modules()]


def _marks(value: Any) -> Any:
    if isinstance(value, Tensor):
        return id(value), -1 if value.is_inference() else value._version
    if isinstance(value, (list, tuple)):
        return id(value), [_marks(part) for part in value]
    if isinstance(value, dict):
        return [(key, _marks(part)) for key, part in value.items()]
    return id(value)


def _refused(what: str, given: str) -> ObservableError:
    return ObservableError(
        what,
        given=given,
        allowed="a function of its input: the same each time",
        mend="switch off dropout, noise, clocks, counters and what is carried from call to call",
    )


class _Watch(TorchDispatchMode):
    """Stops, before it is called, at a function of torch that draws; of this thread alone."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags and _draws(func, args, kwargs):
            name = str(func).removeprefix("aten.").partition(".")[0].strip("_")
            raise _refused(self._what, f"random numbers (torch.{name})")
        return func(*args, **kwargs)


def _draws(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether it does so as it is called: a dropout of 0, or out of training, does not.

    A generator that is given is the module's own; whether it counts, comparing tells.
    """
    if any(isinstance(one, torch.Generator) for one in (*args, *kwargs.values())):
        return False
    given = {a.name: a.default_value for a in func._schema.arguments if a.has_default_value()}
    names = [argument.name for argument in func._schema.arguments]
    given |= dict(zip(names, args, strict=False)) | kwargs
    shares = [given[name] for name in ("dropout_p", "dropout", "p") if name in given]
    modes = [given[name] for name in ("training", "train") if name in given]
    return not (any(share == 0 for share in shares) or any(mode is False for mode in modes))
