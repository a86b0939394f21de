"""Features of the empirical neural tangent kernel: eigenvalues, cliffs, and what a cut costs."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.flow import Flow
from rgwidgets.schemes.jacobian import jacobian_of
from rgwidgets.schemes.kernel_spectrum import KernelSpectrum
from rgwidgets.systems.weights import capture_weights


def seeded(make: Any, seed: int = 0) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def network(dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Sequential:
    parts = lambda: (nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))  # noqa: E731
    return seeded(lambda: nn.Sequential(*parts()), seed).to(dtype)


def inputs(n: int, seed: int = 1) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Quadratic(nn.Module):
    """last · (first · x)²."""

    def __init__(self, first: Tensor, last: Tensor) -> None:
        super().__init__()
        self.first = nn.Linear(first.shape[1], first.shape[0], bias=False, dtype=first.dtype)
        self.last = nn.Linear(last.shape[1], last.shape[0], bias=False, dtype=first.dtype)
        with torch.no_grad():
            self.first.weight.copy_(first)
            self.last.weight.copy_(last)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x) ** 2)


def pairs(p: int) -> tuple[Tensor, Tensor]:
    """All pairs of numbers below p, two-hot (p², 2p), and their sums modulo p."""
    a, b = torch.cartesian_prod(torch.arange(p), torch.arange(p)).T
    one_hot = torch.nn.functional.one_hot
    return torch.cat([one_hot(a, p), one_hot(b, p)], 1).double(), (a + b) % p


def adder(p: int, phases: int = 13, twist: int = 5) -> Quadratic:
    """Gromov's network that adds modulo p (arXiv:2301.02679), every frequency at even phases.

    Units cos(wa + φ) + cos(wb + ψ), read out by cos(wc + φ + ψ), with (φ, ψ) on a lattice rule of
    13 points: sums over the phases are then the integrals that the kernel's algebra needs.
    """
    c = torch.arange(p).double()
    first, last = [], []
    for f in range(1, p // 2 + 1):
        for j in range(phases):
            w, phi, psi = (2 * math.pi * k for k in (f / p, j / phases, twist * j / phases))
            first.append(torch.cat([torch.cos(w * c + phi), torch.cos(w * c + psi)]))
            last.append(torch.cos(w * c + phi + psi))
    return Quadratic(torch.stack(first), torch.stack(last, 1))


def trained_adder(p: int, hidden: int, steps: int, seed: int) -> Quadratic:
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(hidden, 2 * p, generator=generator) * 1.5 / math.sqrt(2 * p)
    last = torch.randn(p, hidden, generator=generator) / math.sqrt(hidden)
    module, (x, sums) = Quadratic(first, last), pairs(p)
    target = torch.nn.functional.one_hot(sums, p).float()
    optimiser = torch.optim.AdamW(module.parameters(), lr=5e-3, weight_decay=1.0)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(module(x.float()), target).backward()
        optimiser.step()
    return module.double()


def steepest(values: Tensor, among: slice) -> list[int]:
    """Ranks in order of the factor by which the next value is smaller."""
    ratios = [a / max(b, 1e-300) for a, b in pairwise(values.tolist())][among]
    return [
        i + 1 + (among.start or 0) for i in sorted(range(len(ratios)), key=lambda i: -ratios[i])
    ]


@pytest.mark.parametrize("layer", ["0", "2", ""])
@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize("output", [None, 0, 2])
def test_the_values_are_those_of_the_gram_matrix(layer: str, n: int, output: int | None) -> None:
    theory = capture_weights(network(), inputs(n), layer, ())
    rows = torch.cat([r for _, r in jacobian_of(theory)(theory.features["weights"])])
    rows = (rows if output is None else rows[:, [output]]).flatten(0, 1)
    gram = torch.linalg.eigvalsh(rows @ rows.T / n).flip(0)
    spectrum = KernelSpectrum(output=output).spectrum(theory)
    common = min(len(gram), len(spectrum.values))
    assert torch.allclose(spectrum.values[:common], gram[:common], rtol=1e-9, atol=1e-13)
    assert float(spectrum.values[common:].sum()) == pytest.approx(0, abs=1e-12)
    moved = (rows @ spectrum.basis).T @ (rows @ spectrum.basis) / n
    assert torch.allclose(moved, spectrum.values.diag(), atol=1e-12)
    assert spectrum.quantity == "kernel eigenvalue"


@pytest.mark.slow
@pytest.mark.parametrize("p", [5, 7, 11, 13, 29])
@pytest.mark.parametrize("output", [0, 3])
def test_the_first_layer_of_modular_addition_has_its_cliff_where_the_algebra_says(
    p: int, output: int
) -> None:
    x, sums = pairs(p)
    module = adder(p)
    assert torch.equal(module(x).argmax(-1), sums)
    theory = capture_weights(module, x, "first", ())
    spectrum = KernelSpectrum(output=output).spectrum(theory)
    cliff = 1 + 4 * (p // 2)
    assert spectrum.relevance().cliffs()[:2] == [1, cliff]
    values = spectrum.values
    # the kernel is (p/2 − 1)(δ_aa′ + δ_bb′) + p δ_aa′ δ_bb′ but for a factor: p² − p on the
    # constant, p²/2 on functions of a alone and of b alone, p on all others
    assert float(values[1] / values[cliff]) == pytest.approx(p / 2, rel=1e-9)
    assert float(values[1] / values[cliff - 1]) == pytest.approx(1, rel=1e-9)
    assert float(values[0] / values[1]) == pytest.approx(2 * (p - 1) / p, rel=1e-9)
    whole = min(p * p, len(values) - 1)
    assert float(values[cliff] / values[whole - 1]) == pytest.approx(1, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("p", [5, 7, 11, 13, 29])
def test_the_readout_of_modular_addition_has_its_two_cliffs(p: int) -> None:
    theory = capture_weights(adder(p), pairs(p)[0], "last", ())
    spectrum = KernelSpectrum(output=1).spectrum(theory)
    linear, whole = 1 + 4 * (p // 2), 1 + 8 * (p // 2)
    values = spectrum.values
    assert spectrum.relevance().cliffs() == [1, linear, whole]
    assert float(values[1] / values[whole - 1]) == pytest.approx(4, rel=1e-9)
    assert float(values[whole:].sum()) == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_trained_adder_modulo_29_falls_off_after_57_directions(seed: int) -> None:
    module, (x, sums) = trained_adder(29, 192, 400, seed), pairs(29)
    assert float((module(x).argmax(-1) == sums).double().mean()) == 1.0
    spectrum = KernelSpectrum(output=0).spectrum(capture_weights(module, x, "first", ()))
    assert steepest(spectrum.values[:400], slice(0, None))[0] == 57
    assert float(spectrum.values[56] / spectrum.values[57]) > 3


@pytest.mark.slow
def test_a_toy_model_of_superposition_falls_off_after_10_and_50_directions() -> None:
    n, m, sparsity, generator = 50, 10, 0.3, torch.Generator().manual_seed(0)

    class Superposition(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(m, n, generator=generator) / math.sqrt(m))
            self.b = nn.Parameter(torch.zeros(n))

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x @ self.w.T @ self.w + self.b)

    def draw(k: int) -> Tensor:
        size, present = (torch.rand(k, n, generator=generator) for _ in range(2))
        return size * (present > sparsity)

    module, importance = Superposition(), 0.8 ** torch.arange(n)
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(6000):
        x = draw(256)
        optimiser.zero_grad()
        (importance * (x - module(x)) ** 2).sum(1).mean().backward()
        optimiser.step()
    spectrum = KernelSpectrum().spectrum(capture_weights(module, draw(100), "", ()))
    assert sorted(steepest(spectrum.values, slice(0, 150))[:2]) == [10, 50]


@pytest.mark.slow
@pytest.mark.parametrize("dtype, exact", [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("seed", [0, 1])
def test_on_a_linear_module_the_attack_is_radius_times_gradient(
    dtype: torch.dtype, exact: float, seed: int
) -> None:
    module = seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), seed).to(dtype)
    x = inputs(9, seed).to(dtype)
    theory = capture_weights(module, x, "0", lambda z: z[:, 0] - 2 * z[:, 2])
    leaf = theory.features["weights"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(theory.samples("observable", {"weights": leaf}).sum(), leaf)
    flow = Flow(theory, KernelSpectrum(output=0))
    for rank in (0, 1, 3, 8, 20):
        effective = flow[rank]
        fibre: Any = effective.attrs["fibre"]
        expected = fibre.radius * float((fibre.basis.T @ slope[0].double()).norm())
        found = effective.bounds["observable"].attack.value
        assert found == pytest.approx(expected, rel=exact, abs=exact * 1e-3)
        assert effective.bounds["observable"].average.value <= found * (1 + exact) + 1e-9


@pytest.mark.parametrize("output", [3, -1, 1.0, True])
def test_an_output_that_there_is_not_is_refused(output: Any) -> None:
    with pytest.raises(ParameterError, match="0 to 2"):
        KernelSpectrum(output=output).spectrum(capture_weights(network(), inputs(4), "0", ()))


def test_positions_count_as_rows() -> None:
    theory = capture_weights(network(), inputs(6).reshape(3, 2, 5), "0", ())
    flat = capture_weights(network(), inputs(6), "0", ())
    found, exact = (KernelSpectrum().spectrum(t).values for t in (theory, flat))
    assert torch.allclose(found, exact, atol=1e-13)
