"""Running a private copy of a module on a call, one run at a time, its failures translated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch
from torch import nn

from rgwidgets.core.errors import Cancelled, LayerError, RGError, ShapeError

from .batch import Call, chosen, copied, described, samples_in
from .private import private
from .repeatable import check_same, put_back, state, undrawn

#: What a module commonly says that cannot use what it is given.
_PLAIN = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)

Run = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Any]


class Guard:
    """A module as it was when this was made, and calls of it that leave nothing behind.

    Parameters
    ----------
    module, layer
        The whole, and the dotted name of the layer that errors speak of.

    Attributes
    ----------
    module
        A private copy of it.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    >>> output = Guard(net, "0").run(((torch.ones(4, 2),), {}))
    >>> output.requires_grad, net.training, net[0].weight.requires_grad
    (False, True, True)
    """

    def __init__(self, module: nn.Module, layer: str) -> None:
        self.module, self.layer = private(module), layer
        self._alone = RLock()
        self._leaves = False

    @contextmanager
    def lent(self, *, fresh: bool = False) -> Iterator[nn.Module]:
        """The copy, for one run at a time; one of its own for each run of what keeps something."""
        always = nn.modules.module
        if always._global_forward_hooks or always._global_forward_pre_hooks:
            raise LayerError(
                "hooks",
                given="a hook on every module there is (register_module_forward_hook)",
                allowed="hooks on modules, which are copied with them",
                mend="remove it first",
            )
        with self._alone, torch.inference_mode(False), torch.enable_grad():
            yield private(self.module) if fresh or self._leaves else self.module

    def run(self, call: Call, function: Run | None = None, *, fresh: bool = False) -> Any:
        """What the module (or `function`, which runs it) returns for copies of these arguments.

        Raises `ShapeError` with the module's own words if it fails.
        """
        with self.lent(fresh=fresh) as module:
            return self._tried(module, call, function or _called)

    def twice(self, call: Call, function: Run) -> Any:
        """What `function` returns, if that hangs on the call alone: see `same_twice`.

        A copy that has run the reversed batch before must give what a fresh one gives, which runs
        last.
        """
        with put_back():
            return self._twice(call, function)

    def _twice(self, call: Call, function: Run) -> Any:
        what = f"{type(self.module).__name__}, seen at layer {self.layer!r}"
        reverse = torch.arange(samples_in(*call) - 1, -1, -1)
        with self.lent(fresh=True) as module:
            before = state(module)
            try:
                undrawn(lambda: self._tried(module, chosen(call, reverse), function), what)
            except ShapeError:  # there are batches that have an order
                undrawn(lambda: self._tried(module, call, function), what)
            again = undrawn(lambda: self._tried(module, call, function), what)
            self._leaves = before != state(module)
        with self.lent(fresh=True) as module:
            first = undrawn(lambda: self._tried(module, call, function), what)
        check_same(again, first, what)
        return first

    def exact(self) -> Guard:
        """The same module in double precision."""
        made, module = object.__new__(Guard), private(self.module, sharing=False)
        made.__dict__.update(self.__dict__, module=module.double(), _alone=RLock())
        return made

    def _tried(self, module: nn.Module, call: Call, function: Run) -> Any:
        try:
            return function(module, *copied(call))
        except (RGError, Cancelled, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            kind = "" if isinstance(error, _PLAIN) else f"{type(error).__name__}: "
            raise ShapeError(
                "batch",
                given=described(*call),
                allowed=f"what {type(module).__name__} accepts, seen at {self.layer!r}",
                mend=f"the module says: {kind}{said}",
            ) from error


def _called(module: nn.Module, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return module(*args, **keywords)
