"""The two-dimensional Ising model under block spins, live."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...core.flow import Flow
from ...core.level import Level
from ...core.numeric import whole
from ...core.theory import Theory
from ...schemes.block_spin import BlockSpin, Rule
from ...systems.lattice.ising import Ising
from ...systems.lattice.ising_exact import critical_temperature
from ..live import Control, LiveLens

#: What the lens shows, with its share of the error budget.
OBSERVABLES = {
    "magnetisation": 0.05,
    "energy": 0.2,
    "nearest correlation": 0.1,
    "diagonal correlation": 0.1,
    "correlation length": None,
    "Binder cumulant": None,
}


class IsingLab(LiveLens):
    """A live Ising lattice with a dial on the block size.

    Parameters
    ----------
    L
        Sites a side; see `Ising` for which are admitted.
    temperature
        In units of J/k_B; the critical temperature if None.
    field
        Magnetic field h, in units of J.
    b, rule
        Block length a step and how a block becomes a spin: see `BlockSpin`.
    seed, device
        As for `Ising`.
    equilibrate
        Swendsen–Wang updates before the first picture: single-spin updates alone would need
        millions of sweeps at the critical point.
    snapshots
        How many configurations the observables, their errors and the exponents are taken over;
        the first of them is the one on the screen.
    arguments
        As for `Lens`: views, cutoff, title, ahead.

    Raises
    ------
    GeometryError, ParameterError, DeviceError
        As `Ising` and `BlockSpin` do.

    Examples
    --------
    >>> lab = IsingLab(64, temperature=2.0, seed=1)
    >>> lab.flow.scale.cutoffs
    (1, 2, 4, 8, 16, 32)
    >>> lab.close()
    """

    system: Ising
    scheme: BlockSpin

    name = "ising"
    summary = "Two-dimensional Ising model under block spins, streaming, with its temperature"
    citation = "L. P. Kadanoff, Physics 2, 263 (1966)"

    def __init__(
        self,
        L: int = 1024,
        *,
        temperature: float | None = None,
        field: float = 0.0,
        b: int = 2,
        rule: Rule = "majority",
        seed: int = 0,
        device: str = "auto",
        equilibrate: int = 24,
        snapshots: int = 16,
        views: Sequence[str] | None = None,
        cutoff: float | None = None,
        title: str | None = None,
        ahead: bool | None = None,
        **unknown: Any,
    ) -> None:
        T = critical_temperature() if temperature is None else temperature
        system = Ising(L, temperature=T, field=field, seed=seed, device=device)
        whole("snapshots", snapshots, 1)
        clusters = Ising(L, temperature=T, field=field, seed=seed, algorithm="swendsen_wang")
        clusters.step(equilibrate)
        self._kept: deque[Tensor] = deque(maxlen=snapshots)
        for _ in range(snapshots):
            clusters.step(2)
            self._kept.appendleft(clusters.spins)
        system.spins = clusters.spins.to(system.device)
        super().__init__(
            system,
            BlockSpin(b, rule=rule, seed=seed),
            views=views,
            cutoff=cutoff,
            title=title,
            ahead=ahead,
            **unknown,
        )

    def _turned(self) -> None:
        """Snapshots at another temperature tell nothing of this one."""
        self._kept.clear()

    def _gather(self, flow: Flow) -> Iterator[Level]:
        self._kept.appendleft(flow.theory.features["spins"])
        return super()._gather(flow)

    def _still(self) -> Theory:
        """The snapshots so far, the newest first: what is measured while nothing moves."""
        now = self._theory()
        spins = now.features["spins"]
        if not self._kept or not torch.equal(self._kept[0], spins.to(self._kept[0].device)):
            self._kept.appendleft(spins)
        return replace(now, features={"spins": torch.cat([s.to(spins.device) for s in self._kept])})

    def _theory(self) -> Theory:
        theory = self.system.theory()
        shown = tuple(
            replace(theory.observable(name), tolerance=tolerance)
            for name, tolerance in OBSERVABLES.items()
        )
        return replace(theory, observables=shown)

    def spec(self) -> str:
        """Code that makes this lab again, at its present temperature."""
        system, scheme = self.system, self.scheme
        return self._code(
            "rg.IsingLab",
            str(system.size),
            temperature=system.temperature,
            field=system.field,
            b=scheme.b,
            rule=scheme.rule,
            seed=system.seed,
        )

    def _sliders(self) -> Sequence[Control]:
        return (
            Control("temperature", "Temperature", "J/k", 1.0, 4.0, 0.001),
            Control("field", "Field", "J", -0.5, 0.5, 0.01),
        )
