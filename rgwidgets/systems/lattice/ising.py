"""The two-dimensional Ising model, live: a lattice that can be stepped, heated and sampled."""

from __future__ import annotations

import math
import threading
import time
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...compute import device as devices
from ...compute.kernels.parallel import usable_cores
from ...compute.kernels.rules import flip_table
from ...core import progress
from ...core.errors import DeviceError, GeometryError, ParameterError, ShapeError, choose
from ...core.system import System
from ...core.theory import Theory
from .correlations import observables
from .ising_exact import critical_temperature

_SINGLE = ("metropolis", "heat_bath")
_CLUSTER = ("swendsen_wang", "wolff")
ALGORITHMS = ("auto", *_SINGLE, *_CLUSTER)
STARTS = ("hot", "cold")
LARGEST = 32768
_WARM = 5.0
_MOST_SPINS = 1 << 32
_SPINS_A_CHUNK = 1 << 27


class Ising(System):
    """Ising spins on a square torus: energy −J Σ s s′ − h Σ s, J = k_B = 1.

    Parameters
    ----------
    size
        L, sites along an edge: an even integer from 4 to 32768. Multiples of 16 pack 64 spins
        into a word and run on the fast kernels; other even L run in plain torch.
    temperature
        T > 0; the critical one by default.
    field
        h, any finite number.
    replicas
        Independent lattices, at the same temperature and field.
    seed
        0 ≤ seed < 2⁶³. The same seed gives the same spins on the same kind of device, whatever
        the number of threads. torch's global generator is neither read nor set.
    device
        "auto", "cpu", "mps", "cuda", "cuda:1", …
    algorithm
        "metropolis", "heat_bath", "swendsen_wang" or "wolff"; "auto" is Metropolis, but heat bath
        in a field or above T = 5, where Metropolis flips nearly every spin in every sweep and so
        keeps the pattern. Cluster updates run on the CPU. A step is one update of every spin,
        except for Wolff, where it is one cluster.
    start
        "hot" (random spins) or "cold" (all +1).
    threads
        At most so many on the CPU; as many as there are cores if None.

    Raises
    ------
    GeometryError
        For a size that is odd, out of range or no integer; the message names the nearest.
    ParameterError
        For any other value that is out of range.
    DeviceError
        For a device that is not there, or that the algorithm cannot use.

    Examples
    --------
    >>> ising = Ising(64, temperature=2.5, replicas=4, seed=1, device="cpu")
    >>> ising.step(100)
    >>> ising.spins.shape
    torch.Size([4, 64, 64])
    >>> sorted(ising.sample(10, every=2).observe())[:2]
    ['Binder cumulant', 'absolute magnetisation']
    """

    name: ClassVar[str] = "ising"
    summary: ClassVar[str] = "Ising spins on a square lattice, in a field, with exact solutions"
    citation: ClassVar[str] = (
        "E. Ising, Z. Phys. 31, 253 (1925); L. Onsager, Phys. Rev. 65, 117 (1944)"
    )

    def __init__(
        self,
        size: int,
        *,
        temperature: float | None = None,
        field: float = 0.0,
        replicas: int = 1,
        seed: int = 0,
        device: str | torch.device = "auto",
        algorithm: str = "auto",
        start: str = "hot",
        threads: int | None = None,
    ) -> None:
        self._size = _check_size(size)
        most = max(1, _MOST_SPINS // self._size**2)
        self._replicas = _check_integer("replicas", replicas, 1, most)
        self._seed = _check_integer("seed", seed, 0, 2**63 - 1)
        self._algorithm = choose("algorithm", algorithm, ALGORITHMS)
        choose("start", start, STARTS)
        self._threads = (
            usable_cores() if threads is None else _check_integer("threads", threads, 1, 1024)
        )
        self.temperature = critical_temperature() if temperature is None else temperature
        self.field = field
        self._device = self._choose_device(device)
        self._lock = threading.Lock()
        self._sweeps = 0
        self._throughput = math.nan
        self._engine = self._make_engine(self._starting_spins(start))

    def __repr__(self) -> str:
        return (
            f"Ising({self._size}, temperature={self._temperature:.6g}, field={self._field:g}, "
            f"replicas={self._replicas}, seed={self._seed}, device='{self._device}', "
            f"algorithm='{self._algorithm}')"
        )

    @property
    def size(self) -> int:
        """L, sites along an edge."""
        return self._size

    @property
    def replicas(self) -> int:
        """Number of independent lattices."""
        return self._replicas

    @property
    def seed(self) -> int:
        """What the random numbers follow from."""
        return self._seed

    @property
    def device(self) -> torch.device:
        """Where the spins are updated."""
        return self._device

    @property
    def algorithm(self) -> str:
        """The update that the next step makes; "auto" resolved."""
        if self._algorithm == "auto":
            return "heat_bath" if self._field or self._temperature > _WARM else "metropolis"
        return self._algorithm

    @property
    def kernel(self) -> str:
        """Which kernel does the work."""
        return str(self._engine.name)

    @property
    def sweeps(self) -> int:
        """Steps made since the start."""
        return self._sweeps

    @property
    def throughput(self) -> float:
        """Spin updates a nanosecond in the last step; NaN before it, and under Wolff."""
        return self._throughput

    @property
    def temperature(self) -> float:
        """T in units of J/k_B; may be set at any time, and holds from the next step on."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        mend = f"pass temperature={critical_temperature():.4f} for the critical point"
        number = _check_number("temperature", value, "a finite number > 0", mend)
        if number <= 0:
            raise ParameterError(
                "temperature", given=value, allowed="a finite number > 0", mend=mend
            )
        self._temperature = number

    @property
    def field(self) -> float:
        """h in units of J; may be set at any time, and holds from the next step on."""
        return self._field

    @field.setter
    def field(self, value: float) -> None:
        self._field = _check_number("field", value, "a finite number", "pass field=0.0")

    @property
    def spins(self) -> Tensor:
        """The configuration: int8 ±1, shape (replica, L, L), a copy on the system's device."""
        with self._lock:
            return self._engine.read()

    @spins.setter
    def spins(self, value: Tensor) -> None:
        shape = (self._replicas, self._size, self._size)
        if not isinstance(value, Tensor) or tuple(value.shape) != shape:
            given = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ShapeError("spins", given=given, allowed=f"a tensor {shape} of ±1")
        if not bool(((value == 1) | (value == -1)).all()):
            raise ShapeError("spins", given="values other than ±1", allowed="±1")
        with self._lock:
            self._engine.write(value.to(torch.int8))

    def step(self, sweeps: int = 1) -> None:
        """Make `sweeps` updates of every spin (clusters, for Wolff).

        The interpreter lock is released meanwhile, progress is reported, and `Cancelled` may be
        raised between two updates, which leaves a valid configuration.
        """
        total = _check_integer("sweeps", sweeps, 0, 2**53)
        sites = self._replicas * self._size**2
        chunk = max(1, _SPINS_A_CHUNK // (sites * (1 if self._fast else 64)))
        done, spent = 0, 0.0
        while done < total:
            count = min(chunk, total - done)
            with self._lock:
                began = time.perf_counter()
                self._update(count)
                spent += time.perf_counter() - began
            done += count
            self._sweeps += count
            if self.algorithm != "wolff":
                self._throughput = done * sites / spent / 1e9
            progress.tick(done / total, f"{self._sweeps} sweeps")

    def theory(self) -> Theory:
        """The current snapshot, one sample a replica."""
        return self._theory(self.spins)

    def sample(self, samples: int, *, every: int = 1, discard: int = 0) -> Theory:
        """Snapshots of every replica, `every` steps apart, chain after chain.

        Parameters
        ----------
        samples
            How many of each replica, ≥ 1.
        every
            Steps before each snapshot, ≥ 1.
        discard
            Steps to make first and not to look at (thermalisation).

        Returns
        -------
        Theory
            With features["spins"] of shape (replicas · samples, L, L) and `chains = replicas`.
        """
        count = _check_integer("samples", samples, 1, 2**40)
        every = _check_integer("every", every, 1, 2**40)
        self.step(_check_integer("discard", discard, 0, 2**53))
        shape = (self._replicas, count, self._size, self._size)
        kept = torch.empty(shape, dtype=torch.int8, device=self._device)
        for index in progress.track(range(count), label="sampling"):
            self.step(every)
            kept[:, index] = self.spins
        return self._theory(kept.flatten(0, 1))

    def _theory(self, spins: Tensor) -> Theory:
        couplings = {"K": 1 / self._temperature}
        if self._field:
            couplings["h"] = self._field / self._temperature
        return Theory(
            features={"spins": spins},
            observables=observables(field=self._field),
            couplings=couplings,
            chains=self._replicas,
            name=f"Ising {self._size}² at T = {self._temperature:.4g}",
            attrs={
                "picture": "spins",
                "palette": "spins",
                "system": self.name,
                "size": self._size,
                "temperature": self._temperature,
                "field": self._field,
                "seed": self._seed,
                "sweeps": self._sweeps,
                "algorithm": self.algorithm,
                "device": str(self._device),
            },
        )

    @property
    def _fast(self) -> bool:
        return self.kernel.startswith("packed")

    def _choose_device(self, device: str | torch.device) -> torch.device:
        if self._algorithm not in _CLUSTER:
            return devices.resolve(device)
        chosen = torch.device("cpu") if device == "auto" else devices.resolve(device)
        if chosen.type != "cpu":
            raise DeviceError(
                "device",
                given=str(chosen),
                allowed=f"cpu, for algorithm={self._algorithm!r}",
                mend="pass device='cpu' or algorithm='auto'",
            )
        return chosen

    def _starting_spins(self, start: str) -> Tensor:
        shape = (self._replicas, self._size, self._size)
        if start == "cold":
            return torch.ones(shape, dtype=torch.int8, device=self._device)
        # drawn on the CPU, so that every device and kernel starts from the same spins
        random = np.random.Generator(np.random.Philox(self._seed))
        sites = math.prod(shape)
        drawn = np.frombuffer(random.bytes(-(-sites // 8)), dtype=np.uint8)
        bits = np.unpackbits(drawn, count=sites).view(np.int8)
        return torch.from_numpy(bits * 2 - 1).reshape(shape).to(self._device)

    def _make_engine(self, spins: Tensor) -> Any:
        if self._algorithm in _CLUSTER:
            from ...compute.kernels.cluster_cpu import ClusterIsing

            return ClusterIsing(
                spins, seed=self._seed, algorithm=self._algorithm, threads=self._threads
            )
        packs = self._size % 16 == 0
        if packs and self._device.type == "cpu":
            from ...compute.kernels.ising_cpu import PackedIsing

            return PackedIsing(spins, seed=self._seed, threads=self._threads)
        if packs and self._device.type == "cuda":
            from ...compute.kernels import ising_cuda

            if not ising_cuda.refusal(self._device):
                return ising_cuda.CudaIsing(spins, seed=self._seed)
        from ...compute.kernels.ising_torch import TorchIsing

        return TorchIsing(spins, seed=self._seed)

    def _update(self, count: int) -> None:
        if self._algorithm in _CLUSTER:
            self._engine.update(count, self._temperature, self._field)
            return
        table = flip_table(self._temperature, self._field, self.algorithm)
        self._engine.sweep(count, table)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def _check_size(size: object) -> int:
    allowed = f"an even integer from 4 to {LARGEST}; multiples of 16 run on the fast kernels"
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise GeometryError("size", given=size, allowed=allowed, mend="pass size=256")
    value = int(size)
    if 4 <= value <= LARGEST and value % 2 == 0:
        return value
    inside = min(max(value, 4), LARGEST)
    near = sorted({inside // 2 * 2, min(-(-inside // 2) * 2, LARGEST)})
    quick = max(16, round(inside / 16) * 16)
    raise GeometryError(
        "size",
        given=value,
        allowed=allowed,
        mend=f"the nearest are {' and '.join(map(str, near))}, the nearest fast one is {quick}",
    )


def _check_integer(what: str, value: object, low: int, high: int) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if whole and low <= value <= high:  # type: ignore[operator]
        return int(value)  # type: ignore[call-overload]
    raise ParameterError(what, given=value, allowed=f"an integer from {low} to {high}")


def _check_number(what: str, value: object, allowed: str, mend: str) -> float:
    number = math.nan
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise ParameterError(what, given=value, allowed=allowed, mend=mend)
    return number
