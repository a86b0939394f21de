"""Running a module on a call: nothing about it is changed, and its failures are translated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rgwidgets.core.errors import Cancelled, RGError, ShapeError
from rgwidgets.core.untouched import Untouched

from .batch import Call, copied, described

#: What a module commonly says that cannot use what it is given.
_PLAIN = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)


class Guard:
    """Runs a module in evaluation mode and leaves everything as it was found: see `Untouched`.

    Parameters
    ----------
    module, layer
        The whole, and the dotted name of the layer that errors speak of.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    >>> output = Guard(net, "0").run(((torch.ones(4, 2),), {}))
    >>> output.requires_grad, net.training, net[0].weight.requires_grad
    (False, True, True)
    """

    def __init__(self, module: nn.Module, layer: str) -> None:
        self.module, self.layer = module, layer
        self._untouched = Untouched(module)

    def run(self, call: Call, function: Callable[..., Any] | None = None) -> Any:
        """What the module (or `function`, which runs it) returns for copies of these arguments.

        Raises `ShapeError` with the module's own words if it fails.
        """
        args, keywords = copied(call)
        with self._untouched():
            try:
                return (function or self.module)(*args, **keywords)
            except (RGError, Cancelled, MemoryError, torch.OutOfMemoryError):
                raise
            except Exception as error:
                said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
                kind = "" if isinstance(error, _PLAIN) else f"{type(error).__name__}: "
                raise ShapeError(
                    "batch",
                    given=described(*call),
                    allowed=f"what {type(self.module).__name__} accepts, seen at {self.layer!r}",
                    mend=f"the module says: {kind}{said}",
                ) from error
