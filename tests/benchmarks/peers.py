"""Certificates on the digits beside those of auto_LiRPA, which computes α-CROWN's bounds.

It is on the registry in version 0.3, written for an older torch:
`pip install --no-deps auto_LiRPA==0.3 appdirs sortedcontainers graphviz`. What has moved since in
numpy and torch is put back here. Xu et al., NeurIPS 2020, arXiv:2002.12920; ICLR 2021,
arXiv:2011.13824.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import rgwidgets as rg
from rgwidgets.bounds import SubspaceFibre, attack, certify, tighten
from rgwidgets.bounds.attack import Attack
from rgwidgets.core.outputs import OutputObservable

from .row import Row

RANKS, NAME, SECONDS = (16, 8), "logit 3 − 8", 30.0
METHODS = ("IBP", "CROWN", "CROWN-Optimized")


class Rest(nn.Module):
    """From coefficients (n, K) and the first map at the cut points (n, m) to one value."""

    def __init__(self, fibre: SubspaceFibre, observable: OutputObservable) -> None:
        super().__init__()
        (along, _), tail, weights = fibre.start, fibre.tail, observable.weights
        assert tail is not None
        assert weights is not None
        eye, outputs = torch.eye(len(along)).to(along), len(tail.layers[-1][1].bias)
        parts: list[nn.Module] = [_linear(torch.cat([along, eye], 1))]
        for _, affine in tail.layers:
            parts += [nn.ReLU(), _linear(affine.weight, affine.bias)]
        row = torch.zeros(1, outputs, dtype=torch.float64)
        row[0, : len(weights)] = weights
        self.parts = nn.Sequential(*parts, _linear(row))

    def forward(self, z: Tensor, centre: Tensor) -> Tensor:
        found: Tensor = self.parts(torch.cat([z, centre], 1))
        return found


def _linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    made = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0]).double()
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
    return made


def _auto_lirpa() -> Any:
    """The package, with the names back in their places that it imports."""
    from torch._C import _onnx
    from torch.onnx._internal.torchscript_exporter import _globals
    from torch.onnx._internal.torchscript_exporter import utils as moved

    arrays = types.ModuleType("numpy.lib.arraysetops")
    arrays.isin = np.isin  # type: ignore[attr-defined]
    sys.modules[arrays.__name__] = arrays
    old: Any = importlib.import_module
    old("torch.onnx.utils")._optimize_graph = moved._optimize_graph
    old("torch.onnx.symbolic_helper")._set_opset_version = lambda version: setattr(
        _globals.GLOBALS, "export_onnx_opset_version", version
    )
    torch.onnx.OperatorExportTypes = _onnx.OperatorExportTypes  # type: ignore[attr-defined]
    torch._C.Node.__getitem__ = lambda node, key: getattr(  # type: ignore[method-assign,attr-defined]
        node, node.kindOf(key)
    )(key)
    import auto_LiRPA

    return auto_LiRPA


def _theirs(fibre: SubspaceFibre, observable: OutputObservable, method: str) -> Tensor:
    """Largest change by sample that their bounds allow, (n,)."""
    peer, rest = _auto_lirpa(), Rest(fibre, observable).eval()
    z, centre = fibre.lifted, fibre.start[1]
    bounded = peer.BoundedModule(rest, (z, centre), verbose=False)
    around = peer.PerturbationLpNorm(norm=2, eps=fibre.radius)
    low, high = bounded.compute_bounds(x=(peer.BoundedTensor(z, around), centre), method=method)
    now = rest(z, centre)
    change: Tensor = torch.maximum(high - now, now - low)[:, 0].detach()
    return change


def _ways(
    fibre: SubspaceFibre, observable: OutputObservable, found: Attack
) -> dict[str, Callable[[], Tensor]]:
    theirs = {f"auto_LiRPA, {m}": partial(_theirs, fibre, observable, m) for m in METHODS}
    return theirs | {
        "here, CROWN": lambda: certify(fibre, observable, method="crown"),
        "here, branch and bound": lambda: (
            tighten(fibre, observable, seconds=SECONDS, known=found).change
        ),
    }


def _compared(fibre: SubspaceFibre, observable: OutputObservable, section: str) -> Iterator[Row]:
    found = attack(fibre, observable, steps=40, restarts=16)
    for name, way in _ways(fibre, observable, found).items():
        begin = time.perf_counter()
        change = way()
        spent = time.perf_counter() - begin
        largest = float(change.max() / found.change.max())
        mean = float(change.mean() / found.change.mean())
        valid = bool((change * (1 + 1e-6) >= found.change).all())
        said = f"{largest:.4f}, {mean:.4f} × attack in {spent:.2f} s"
        yield Row(section, f"{name}: largest, mean", said, "≥ attack", valid)


def rows() -> Iterator[Row]:
    """Certificate over attack, the largest and the mean, with the time of each."""
    if importlib.util.find_spec("auto_LiRPA") is None:
        yield Row("peers", "auto_LiRPA", "not installed: see tests/benchmarks/peers.py")
        return
    theory = rg.DigitsMLP(seed=0).train().theory(n=360)
    observable, flow = theory.observable(NAME), rg.Flow(theory, rg.ActivationSpectrum())
    assert isinstance(observable, OutputObservable)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # theirs optimises in the default precision
    try:
        for rank in RANKS:
            fibre = flow[rank].attrs["fibre"]
            assert isinstance(fibre, SubspaceFibre)
            yield from _compared(fibre, observable, f"peers, rank {rank}")
    finally:
        torch.set_default_dtype(before)
