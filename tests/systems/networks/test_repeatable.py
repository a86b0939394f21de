"""What is no function of its input is told, and the random state is where it was."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rgwidgets.core.errors import ObservableError
from rgwidgets.systems.networks.repeatable import same_twice, state

X = torch.ones(4, 6)
FIXED: dict[str, Callable[[], Any]] = {
    "a number": lambda: 3,
    "fused attention": lambda: F.scaled_dot_product_attention(*[X[None, None]] * 3),
    "dropout that is off": lambda: F.dropout(X, training=False),
    "leaky in evaluation": lambda: F.rrelu(X, training=False),
    "empty memory": lambda: torch.empty(3).fill_(2),
    "rounding": lambda t=[0]: X * (1 + 1e-7 * (t.append(0) or len(t) % 2)),
    "what cannot be compared": object,
    "an LSTM with dropout": lambda: nn.LSTM.__call__(LSTM, X[None]),
}
LSTM = nn.LSTM(6, 3, 2, dropout=0.5).eval()
NOISE: dict[str, tuple[Callable[[], Any], str]] = {
    "rand": (lambda: torch.rand(2), r"torch\.rand\)"),
    "randn_like": (lambda: torch.randn_like(X), r"torch\.randn_like"),
    "in place": (lambda: torch.empty(3).normal_(), r"torch\.normal"),
    "permutation": (lambda: torch.randperm(9), r"torch\.randperm"),
    "sampling": (lambda: torch.multinomial(X, 1), r"torch\.multinomial"),
    "dropout": (lambda: F.dropout(X), r"torch\.bernoulli"),
    "dropout in attention": (
        lambda: F.scaled_dot_product_attention(*[X[None, None]] * 3, dropout_p=0.5),
        "random numbers",
    ),
    "python": (random.random, "two different"),
    "numpy": (lambda: np.random.rand(), "two different"),
    "numpy's second normal": (lambda: np.random.normal(), "two different"),
    "clock": (lambda: time.perf_counter_ns(), "two different results"),
    "growing": (lambda: torch.ones(SEEN.append(1) or len(SEEN)), "two different results"),
}
SEEN: list[int] = []


@pytest.mark.parametrize("kind", FIXED)
def test_what_is_the_same_each_time_is_given(kind: str) -> None:
    assert same_twice(FIXED[kind], "it") is not None


@pytest.mark.parametrize("kind", NOISE)
def test_what_is_not_is_refused_and_draws_nothing(kind: str) -> None:
    function, said = NOISE[kind]
    before = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    with pytest.raises(ObservableError, match=rf"^it: got .*{said}"):
        same_twice(function, "it")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), repr(np.random.get_state())) == before[1:]


def test_the_state_of_a_module_tells_what_a_run_left_behind() -> None:
    class Keeps(nn.Module):
        def __init__(self, keep: Callable[[Any], Any]) -> None:
            super().__init__()
            self.register_buffer("buffer", torch.zeros(()))
            self.own, self.listed, self.named, self.count = torch.zeros(2), [[]], {}, 0
            self.keep = keep

    def number(module: Any) -> None:
        module.count += 1

    for keep in (
        lambda m: m.buffer.add_(1),
        lambda m: m.own.add_(1),
        lambda m: m.listed[0].append(1),
        lambda m: m.named.update(x=1),
        lambda m: setattr(m, "last", X),
        number,
    ):
        module = nn.Sequential(Keeps(keep))
        before = state(module)
        assert state(module) == before
        keep(module[0])
        assert state(module) != before


def test_what_another_thread_draws_meanwhile_is_not_held_against_it() -> None:
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            random.random()
            np.random.rand()
            torch.rand(1)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(200):
            same_twice(lambda: F.scaled_dot_product_attention(*[X[None, None]] * 3), "it")
    finally:
        stop.set()
        thread.join()
