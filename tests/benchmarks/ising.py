"""Single-spin updates a second, one thread, beside mcising and peapods; all at one temperature."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import mcising
import numpy as np
import peapods
import torch

import rgwidgets as rg
from rgwidgets.compute import device
from rgwidgets.core import Estimate, estimate
from rgwidgets.systems.lattice.ising_exact import critical_temperature, onsager_energy

from .row import Row, ratio

L, ROUNDS = 1024, 9
T = critical_temperature()
Step = Callable[[int], object]


def _mcising(size: int, temperature: float) -> tuple[Step, Callable[[], float]]:
    peer = mcising.IsingSimulation(size, 1.0, 0.0, 0.0, 0.0, 1, "metropolis", "square")
    return (lambda n: peer.sweep(n, temperature=temperature)), peer.energy


def _peapods(size: int, temperature: float) -> tuple[Step, Callable[[], float]]:
    peer = peapods.Ising((size, size), temperatures=np.array([temperature]))

    def step(n: int) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = peer.sample(n, sequential=True, warmup_ratio=0.0)
        return found

    return step, lambda: -float(step(1)["energies"][0])  # its sign is that of the bond sum


def _own(size: int, temperature: float, *, threads: int) -> tuple[Step, Callable[[], float]]:
    own = rg.Ising(size, temperature=temperature, threads=threads, seed=1, device="cpu")
    return own.step, lambda: float(own.theory().samples("energy"))


def _rates(steps: dict[str, tuple[Step, int]]) -> dict[str, list[float]]:
    """Updates a nanosecond, the contestants taking turns so that a busy moment hits all."""
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for step, sweeps in steps.values():
        step(sweeps)
    for _ in range(ROUNDS):
        for name, (step, sweeps) in steps.items():
            begin = time.perf_counter()
            step(sweeps)
            rates[name].append(sweeps * L * L / (time.perf_counter() - begin) / 1e9)
    return rates


def _energies(temperature: float = 2.5, size: int = 256) -> dict[str, Estimate]:
    """Energy per site of each, with its autocorrelation-aware error."""
    found = {}
    for name, (step, energy) in {
        "rgwidgets": _own(size, temperature, threads=1),
        "mcising": _mcising(size, temperature),
        "peapods": _peapods(size, temperature),
    }.items():
        step(2000)
        series = []
        for _ in range(200):
            step(10)
            series.append(energy())
        found[name] = estimate(torch.tensor(series, dtype=torch.float64))
    return found


def _on_gpu() -> Iterator[Row]:
    """Flips a nanosecond on a CUDA card, beside the rate at which it copies its memory."""
    if not torch.cuda.is_available():
        yield Row("ising, GPU", "flips/ns", "no CUDA device here")
        return
    system = rg.Ising(8192, device="cuda")
    system.step(200)
    system.step(2000)
    block = torch.empty(2**28, dtype=torch.uint8, device="cuda")
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(10):
        block.clone()
    end.record()
    torch.cuda.synchronize()
    bandwidth = 10 * 2 * block.numel() / begin.elapsed_time(end) / 1e6
    yield Row(
        "ising, GPU",
        f"flips/ns, L = 8192, {device.describe('cuda')['name']}",
        f"{system.throughput:.0f} /ns",
        f"copies {bandwidth:.0f} GB/s",
    )


def rows() -> Iterator[Row]:
    """Rates, ratios, agreement."""
    rates = _rates(
        {
            "rgwidgets, one thread": (_own(L, T, threads=1)[0], 400),
            "rgwidgets, two threads": (_own(L, T, threads=2)[0], 800),
            "mcising": (_mcising(L, T)[0], 20),
            "peapods": (_peapods(L, T)[0], 20),
        }
    )
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        yield Row("ising, L = 1024, T_c", name, f"{rate:.3f} updates/ns")
    one, two = medians["rgwidgets, one thread"], medians["rgwidgets, two threads"]
    peer = max(("mcising", "peapods"), key=lambda name: medians[name])
    yield ratio("ising, L = 1024, T_c", f"one thread / {peer}", one / medians[peer], 10)
    yield ratio("ising, L = 1024, T_c", "two threads / one", two / one, 1.7)
    energies = _energies()
    for name, energy in energies.items():
        yield Row(
            "ising, T = 2.5",
            f"energy per site, {name}",
            str(energy),
            f"exact {onsager_energy(2.5):.6f}",
        )
    for (a, x), (b, y) in itertools.combinations(energies.items(), 2):
        sigma = abs(x.value - y.value) / (x.error**2 + y.error**2) ** 0.5
        yield Row("ising, T = 2.5", f"{a} against {b}", f"{sigma:.1f} σ", "≤ 3 σ", sigma <= 3)
    yield from _on_gpu()
