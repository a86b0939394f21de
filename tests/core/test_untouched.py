"""Whatever a module does in the block, it and its surroundings are as before afterwards."""

from __future__ import annotations

import random
import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from rgwidgets.core.untouched import Untouched


class Restless(nn.Module):
    """Changes all it has, and draws; from its second call on, or from its first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("nothing", None)
        self.kept = torch.zeros(3)

    def forward(self) -> tuple[float, ...]:
        self.count += 1
        self.kept = self.kept + 1
        return random.random(), float(np.random.random()), float(torch.rand(()))


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("runs", [1, 3])
def test_all_is_as_before(error: type[BaseException] | None, runs: int) -> None:
    module = Restless().train()
    module.weight.grad = torch.ones(2)
    untouched, kept = Untouched(module), module.kept
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    drawn = set()
    for _ in range(runs):
        with pytest.raises(error) if error else nullcontext(), untouched():
            drawn.add(module())
            assert not module.training
            assert not module.weight.requires_grad
            if error:
                raise error
        assert float(module.count) == 0
        assert module.kept is kept
        assert module.training
        assert module.weight.requires_grad
        assert torch.equal(module.weight.grad, torch.ones(2))
        assert random.getstate() == states[0]
        assert np.random.get_state()[1].tolist() == states[1]
        assert torch.equal(torch.get_rng_state(), states[2])
    assert len(drawn) == 1  # the same numbers each time


def test_what_was_frozen_stays_frozen() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    with Untouched(module)():
        assert not module.weight.requires_grad
    assert module.weight.requires_grad
    assert not module.bias.requires_grad


def test_one_at_a_time_even_from_other_threads() -> None:
    net, inside = nn.Linear(2, 2), threading.Event()

    def other() -> None:
        with Untouched(net)():
            inside.set()

    thread = threading.Thread(target=other)
    with Untouched(net)():
        thread.start()
        assert not inside.wait(0.2)
    thread.join(10)
    assert inside.is_set()
