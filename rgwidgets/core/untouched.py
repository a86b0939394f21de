"""Running a module so that nothing about it, and no random state, is changed."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock

import numpy as np
import torch
from torch import Tensor

from .outputs import evaluating

#: Hooks, modes and replayed parts are a module's own: one run or reading of any at a time.
ALONE = RLock()


class Untouched:
    """A block in which a module may run, and after which everything is as it was found.

    Inside, the module is in evaluation mode, no parameter takes a gradient, random numbers come
    from a fixed seed, attention is not fused and compiled parts run as they are written: both
    skip the submodules whose hooks are asked for. Buffers and tensors among the attributes that
    the first block changes are put back after each.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout())
    >>> untouched = Untouched(net)
    >>> with untouched(): net(torch.ones(4, 2)).requires_grad, net.training
    (False, False)
    >>> net[0].weight.requires_grad, net.training
    (True, True)
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self._held = [
            (names, name)
            for part in module.modules()
            for names in (part._buffers, vars(part))
            for name, value in names.items()
            if isinstance(value, Tensor)
        ]
        self._known = False
        self._changing: set[tuple[int, str]] = set()
        self._draws = True

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """What is inside may run the module."""
        devices = sorted({p.device.index or 0 for p in self.module.parameters() if p.is_cuda})
        with ExitStack() as stack:
            stack.enter_context(ALONE)
            stack.enter_context(self._tensors_kept())
            stack.enter_context(self._others_random())
            stack.enter_context(torch.random.fork_rng(devices=devices))
            stack.enter_context(evaluating(self.module))
            stack.enter_context(self._frozen())
            stack.enter_context(_unfused())
            if "torch._dynamo" in sys.modules:  # else nothing is compiled, and it is slow to load
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            torch.default_generator.manual_seed(0)
            for device in devices:
                torch.cuda.default_generators[device].manual_seed(0)
            yield
        self._known = True

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        settable = (p for p in self.module.parameters() if p.is_leaf and not p.is_inference())
        trained = [p for p in settable if p.requires_grad]
        try:
            for p in trained:
                p.requires_grad_(False)
            yield
        finally:
            for p in trained:
                p.requires_grad_(True)

    @contextmanager
    def _tensors_kept(self) -> Iterator[None]:
        before = []
        for names, name in self._held:
            tensor = names.get(name)
            if isinstance(tensor, Tensor) and not tensor.is_inference():
                wanted = not self._known or (id(names), name) in self._changing
                held = tensor.detach().clone() if wanted else None
                before.append((names, name, tensor, tensor._version, held))
        try:
            yield
        finally:
            for names, name, tensor, count, held in before:
                if names.get(name) is not tensor:
                    names[name] = tensor
                if tensor._version != count and held is not None:
                    self._changing.add((id(names), name))
                    with torch.inference_mode(False), torch.no_grad():
                        tensor.copy_(held)

    @contextmanager
    def _others_random(self) -> Iterator[None]:
        """Python's and numpy's own random numbers, where the first run drew any."""
        if not self._draws:
            yield
            return
        plain, arrays = random.getstate(), np.random.get_state()
        random.seed(0)
        np.random.seed(0)
        fresh = _drawn()
        try:
            yield
            self._draws = fresh != _drawn()
        finally:
            random.setstate(plain)
            np.random.set_state(arrays)


def _drawn() -> tuple[object, ...]:
    """Where Python's and numpy's generators are."""
    state = np.random.get_state(legacy=False)["state"]
    return random.getstate(), state["pos"], state["key"].tobytes()


@contextmanager
def _unfused() -> Iterator[None]:
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
