"""A stream of 384 activations a token into its moments, beside torch by hand and nnsight."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice, repeat
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.compute.moments import Moments
from rgwidgets.systems.networks.sentences import Encoder
from rgwidgets.systems.stream import activations

from .row import Row, at_most

LAYER, WIDTH = "block3", 384
#: Sentences × tokens of a batch, batches of a round, and rounds of which the median is taken.
BATCH, TOGETHER, ROUNDS = (32, 64), 4, 7
#: Vectors that are added up in a round without a network, and their chunks.
VECTORS, CHUNK = 2**17, 8192


def _network() -> nn.Module:
    """The architecture of MiniLM; how long it takes does not depend on its weights."""
    generator = torch.Generator().manual_seed(0)
    network = Encoder().eval()
    with torch.no_grad():
        for p in network.parameters():
            p.normal_(std=0.05, generator=generator)
    return network


class _ByHand:
    """The plain sums in double precision that one would write."""

    def __init__(self) -> None:
        self.count = 0
        self.total = torch.zeros(WIDTH, dtype=torch.float64)
        self.square = torch.zeros(WIDTH, WIDTH, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        rows = x.reshape(-1, WIDTH).double()
        self.count += len(rows)
        self.total += rows.sum(0)
        self.square += rows.T @ rows

    def covariance(self) -> Tensor:
        mean = self.total / self.count
        return self.square / self.count - torch.outer(mean, mean)


class _Stop(Exception):
    """The layer is done."""


def _hooked(network: nn.Module, ids: Tensor, *, stop: bool) -> Tensor:
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        kept.append(output)
        if stop:
            raise _Stop

    handle = network.get_submodule(LAYER).register_forward_hook(keep)
    try:
        with torch.no_grad():
            network(ids)
    except _Stop:
        return kept[0]
    finally:
        handle.remove()
    return kept[0]


def _traced(watched: Any, ids: Tensor) -> Tensor:
    """As its documentation has it: save the output, and stop there."""
    with torch.no_grad(), watched.trace(ids) as tracer:
        output = watched.block3.output.save()
        tracer.stop()
    return output


def _summed(read: Callable[[Tensor], Tensor], ids: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        sums = _ByHand()
        for _ in range(TOGETHER):
            sums.add(read(ids))
        return sums.covariance()

    return run


def _ways(network: nn.Module, ids: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Name → TOGETHER batches into a covariance."""
    stream = activations(network, repeat(ids), LAYER)
    next(stream)  # the first batch runs the whole network, once in a stream
    ways = {
        "rgwidgets": lambda: Moments.of(islice(stream, TOGETHER)).covariance,
        "hook that stops": _summed(lambda x: _hooked(network, x, stop=True), ids),
        "hook, whole pass": _summed(lambda x: _hooked(network, x, stop=False), ids),
    }
    if find_spec("nnsight"):
        from nnsight import NNsight

        watched = NNsight(network)
        ways["nnsight"] = _summed(lambda x: _traced(watched, x), ids)
    return ways


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _medians(
    ways: dict[str, Callable[[], Tensor]],
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Seconds, and how often the first way's time, with the error of that median.

    The ways take turns, so that whatever else the machine does falls on all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    found = {name: way() for name, way in ways.items()}
    first, *others = found.values()
    for other in others:
        assert float((first - other).abs().max()) <= 1e-6 * float(first.diagonal().max())
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begun)
    own = times[next(iter(ways))]
    relative = {
        name: _median([t / mine for t, mine in zip(taken, own, strict=True)])
        for name, taken in times.items()
    }
    return {name: statistics.median(taken) for name, taken in times.items()}, relative


def _median(values: list[float]) -> tuple[float, float]:
    """The median and its standard error, √(π/2) of the mean's."""
    error = math.sqrt(math.pi / 2 / len(values)) * statistics.stdev(values)
    return statistics.median(values), error


def _no_slower(section: str, peer: str, relative: tuple[float, float]) -> Row:
    """Met unless slower by more than two standard errors."""
    value, error = relative
    shown = f"{value:.2f} ± {error:.2f} ×"
    return Row(section, f"time of {peer}", shown, "≥ 1 ×", value + 2 * error >= 1)


def _network_rows(threads: int) -> Iterator[Row]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1000, 20_000, BATCH, generator=generator)
    tokens = TOGETHER * ids.numel()
    section = f"capture, {threads} thread{'s' * (threads > 1)}"
    with _threads(threads):
        seconds, relative = _medians(_ways(_network(), ids))
    for name, taken in seconds.items():
        yield Row(section, f"MiniLM to block 3, {name}", f"{tokens / taken:.0f} tokens/s")
    by_hand = 1 / relative["hook that stops"][0]
    yield at_most(section, "time, over that of a hook that stops", by_hand, 1.3, unit="×")
    for name in ("hook, whole pass", "nnsight"):
        if name in relative:
            yield _no_slower(section, f"{name}, over rgwidgets", relative[name])


def _moment_rows(threads: int) -> Iterator[Row]:
    """A million vectors far from zero in all rounds together, without a network."""
    generator = torch.Generator().manual_seed(2)
    chunk = torch.randn(CHUNK, WIDTH, generator=generator) + 3
    count = VECTORS // CHUNK

    def by_hand() -> Tensor:
        sums = _ByHand()
        for _ in range(count):
            sums.add(chunk)
        return sums.covariance()

    ways = {
        "rgwidgets": lambda: Moments.of(chunk for _ in range(count)).covariance,
        "sums": by_hand,
    }
    section = f"capture, {threads} thread{'s' * (threads > 1)}"
    with _threads(threads):
        seconds, relative = _medians(ways)
    for name, taken in seconds.items():
        yield Row(section, f"moments, {name}", f"{VECTORS / taken:.3g} vectors/s")
    yield at_most(section, "time, over that of plain sums", 1 / relative["sums"][0], 1.3, unit="×")


def rows() -> Iterator[Row]:
    """With one thread and with two."""
    for threads in (1, 2):
        yield from _network_rows(threads)
        yield from _moment_rows(threads)
