"""What must be as it was found, whatever was done to a module."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def state(module: nn.Module) -> dict[str, Any]:
    """Everything about a module and its surroundings that somebody may rely on."""
    found: dict[str, Any] = {
        "torch's random state": torch.get_rng_state(),
        "numpy's random state": torch.from_numpy(np.random.get_state()[1].astype("int64")),
        "numpy's place": np.random.get_state()[2],
        "python's random state": random.getstate(),
        "fused attention": torch.backends.mha.get_fastpath_enabled(),
        "gradients on": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
    }
    for name, part in module.named_modules():
        found[f"mode of {name!r}"] = part.training
        found[f"forward of {name!r}"] = vars(part).get("forward")
        for kind in HOOKS:
            found[f"{kind} of {name!r}"] = tuple(getattr(part, kind).items())
        for key, value in vars(part).items():
            found[f"{name}.{key} itself"] = id(value)
            if isinstance(value, Tensor):
                found[f"{name}.{key}"] = value.detach().clone()
            if isinstance(value, (list, dict)):
                found[f"parts of {name}.{key}"] = str(list(value))
    for name, p in module.named_parameters():
        found[f"identity of {name}"] = id(p)
        found[f"writes to {name}"] = None if p.is_inference() else p._version
        found[f"flag of {name}"] = p.requires_grad
        found[f"gradient of {name}"] = None if p.grad is None else p.grad.clone()
    for name, tensor in module.state_dict().items():
        found[f"value of {name}"] = tensor.clone() if isinstance(tensor, Tensor) else tensor
    return found


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return bool(one == other)


@pytest.fixture
def as_found() -> Callable[[nn.Module], AbstractContextManager[None]]:
    """A block after which a module is as it was before, also where an exception leaves it."""

    @contextmanager
    def block(module: nn.Module) -> Iterator[None]:
        before = state(module)
        try:
            yield
        finally:
            after = state(module)
            changed = [k for k in before | after if not equal(before.get(k), after.get(k))]
            assert not changed, f"not as found: {changed}"

    return block
