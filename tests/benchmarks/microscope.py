"""The microscope on a network trained here and on a real one: tightness, the gap, time, memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

import rgwidgets as rg
from rgwidgets.systems.networks.observables import logit_difference

from .row import Row, at_most

RANKS = (48, 32, 24, 16, 8)


def _linear() -> Iterator[Row]:
    """Where everything is linear, attack and certificate are both ρ‖Bᵀw‖."""
    generator = torch.Generator().manual_seed(5)
    net = nn.Sequential(nn.Linear(20, 16), nn.Linear(16, 4)).double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    x = torch.randn(60, 20, generator=generator, dtype=torch.float64)
    theory = rg.capture(net, x, "0", [logit_difference(0, 1)])
    worst = 0.0
    flow = rg.Flow(theory, rg.ActivationSpectrum())
    for rank in (12, 8, 4, 1):
        fibre, (bound,) = flow[rank].attrs["fibre"], flow[rank].bounds.values()
        slope = (net[1].weight[0] - net[1].weight[1]).detach()
        exact = fibre.radius * float((fibre.basis.T @ slope).norm())
        worst = max(worst, *(abs(b.value / exact - 1) for b in (bound.attack, bound.certificate)))
    yield at_most("bounds", "linear network: off ρ‖Bᵀw‖, relative", worst, 1e-6, unit="")


def _tight() -> Iterator[Row]:
    """Certificate over attack on the digits network, at the 99 % quantile of the tails' norms."""
    network = rg.DigitsMLP(seed=0).train()
    flow = rg.Flow(network.theory(layer="hidden1", n=360), rg.ActivationSpectrum())
    for rank in RANKS:
        for name in ("loss", "logit 3 − 8"):
            bound = flow[rank].bounds[name]
            ratio = bound.certificate.value / bound.attack.value
            yield at_most(
                "bounds", f"digits, rank {rank}: certificate / attack, {name}", ratio, 1.5, unit="×"
            )


def _minilm() -> Iterator[Row]:
    """The whole command in a process of its own, on one thread and on two."""
    for threads in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "rgwidgets.cli", "microscope", "--model", "minilm"]
            command += ["--report", str(Path(folder) / "out.html"), "--json"]
            start = time.perf_counter()
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            )
            seconds = time.perf_counter() - start
        yield at_most("minilm report", f"time, {threads} thread(s)", seconds, 180, unit="s")
    told = json.loads(done.stdout)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    yield at_most("minilm report", "peak memory", memory, 3, unit="GiB")
    (numbers,) = told["bounds"].values()
    average, attack, certificate = (numbers[c] for c in ("average", "attack", "certificate"))
    said = f"{average['value']:.4f} ± {average['error']:.4f}"
    yield Row("minilm report", "1 − cos, average: the mean, r = 192", said)
    said = f"{attack['largest']:.3f}, mean {attack['mean']:.3f}, over {attack['over']:.0%}"
    yield Row("minilm report", "1 − cos, attack: the largest, r = 192", said)
    gap = attack["mean"] / average["value"]
    yield Row("minilm report", "mean attack over average", f"{gap:.0f} ×", "≥ 10 ×", gap >= 10)
    said = "none" if certificate["value"] is None else f"{certificate['value']:.3g}"
    yield Row("minilm report", "certificate: for each", said)


def rows() -> Iterator[Row]:
    """All of them."""
    yield from _linear()
    yield from _tight()
    yield from _minilm()
