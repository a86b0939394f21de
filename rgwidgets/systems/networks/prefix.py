"""What a module has computed before one of its layers begins: known, so never computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .batch import in_double_precision, mapped


class Prefix:
    """Remembers the outputs of the submodules that end before a layer begins, and replays them.

    Only submodules that are called once a pass take part, the layer among them. That replaying
    changes nothing else is for the caller to check: a submodule that works in place on what it
    is given does more than return its output.

    Parameters
    ----------
    layer
        Its dotted name.

    Attributes
    ----------
    outputs
        {name: output} of the submodules that are not run again.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> prefix = Prefix("1")
    >>> with prefix.recorded(net): expected = net(torch.ones(4, 2))
    >>> with prefix.replayed(net): found = net(torch.zeros(4, 2))
    >>> bool((found == expected).all()), list(prefix.outputs)
    (True, ['0', '1'])
    """

    def __init__(self, layer: str) -> None:
        self._layer = layer
        self.outputs: dict[str, Any] = {}

    def exact(self) -> Prefix:
        """The same outputs in double precision."""
        made = Prefix(self._layer)
        made.outputs = mapped(self.outputs, in_double_precision)
        return made

    @contextmanager
    def recorded(self, module: nn.Module) -> Iterator[None]:
        """Run the module once inside; what ends before the layer begins is kept, and its output."""
        parts = module.named_modules()
        # what is scripted takes no hooks
        names = {p: name for name, p in parts if not isinstance(p, torch.jit.ScriptModule)}
        layer = module.get_submodule(self._layer)
        calls: Counter[nn.Module] = Counter()
        ended: dict[nn.Module, Any] = {}

        def begin(part: nn.Module, _: object) -> None:
            calls[part] += 1

        def end(part: nn.Module, _: object, output: Any) -> None:
            if part is layer or not calls[layer]:
                ended[part] = _copied(output)

        with ExitStack() as stack:
            for part in names:
                stack.callback(part.register_forward_pre_hook(begin).remove)
                stack.callback(part.register_forward_hook(end).remove)
            yield
        kept = {p: held for p, held in ended.items() if calls[p] == 1 and held is not _OTHER}
        self.outputs = {
            names[part]: held
            for part, held in kept.items()
            if not any(_inside(names[part], names[outer]) for outer in kept)
        }

    @contextmanager
    def replayed(self, module: nn.Module) -> Iterator[None]:
        """Inside, the submodules answer from memory; afterwards they are as they were."""
        with ExitStack() as stack:
            for name, held in self.outputs.items():
                part: Any = module.get_submodule(name)
                stack.callback(_restore, part, vars(part).get("forward"))
                part.forward = lambda *_, held=held, **__: _copied(held)
            yield


def _restore(part: nn.Module, forward: Any) -> None:
    if forward is None:
        vars(part).pop("forward", None)
    else:
        part.forward = forward


def _inside(name: str, outer: str) -> bool:
    return name != outer and (outer == "" or name.startswith(f"{outer}."))


#: In place of an output that cannot be kept.
_OTHER = object()


def _copied(output: Any) -> Any:
    """Tensors copied, in plain tuples and lists too; `_OTHER` for anything else."""
    if isinstance(output, Tensor):
        return output.detach().clone()
    if output is None or isinstance(output, (bool, int, float, str)):
        return output
    if type(output) in (tuple, list):
        parts = [_copied(part) for part in output]
        return _OTHER if any(part is _OTHER for part in parts) else type(output)(parts)
    return _OTHER
