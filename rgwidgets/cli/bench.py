"""measure this machine: spin flips a nanosecond, and a network's coarse-graining."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch

from ..compute.device import resolve
from ..core.errors import ParameterError
from ..core.flow import Flow
from .machine import available_cores, device_in_words
from .output import to_json, to_table

SIZE = 1024
RANK = 16


@dataclass(frozen=True)
class Measurement:
    """One number, what it counts, and how it came about."""

    name: str
    value: float
    unit: str
    how: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="time spent on each measurement (default: 2)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--json", action="store_true", help="print JSON: machine, measurements")


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    if not 0 < options.seconds < 3600:
        raise ParameterError("--seconds", given=options.seconds, allowed="more than 0, below 3600")
    resolve(options.device)  # refused before minutes are spent
    machine = {
        "device": device_in_words(options.device),
        "cores": str(available_cores()),
        "platform": platform.platform(),
        "torch": str(torch.__version__),
    }
    measured = [*spins(options.seconds, options.device), *network(options.seconds)]
    if options.json:
        print(to_json({"machine": machine, "measurements": [asdict(m) for m in measured]}))
    else:
        print(" · ".join(f"{key} {value}" for key, value in machine.items()) + "\n")
        rows = [(m.name, f"{m.value:.3g} {m.unit}", m.how) for m in measured]
        print(to_table(rows, header=("what", "measured", "how")))
    return 0


def spins(seconds: float, device: str) -> Iterator[Measurement]:
    """Single-spin updates of a critical lattice: one thread and two, or the accelerator."""
    from ..systems.lattice.ising import Ising

    on_cpu = resolve(device).type == "cpu"
    threads: tuple[int | None, ...] = (1, 2) if on_cpu and available_cores() > 1 else (None,)
    for count in threads:
        lattice = Ising(SIZE, device=device, threads=count)
        rate = per_second(lattice.step, seconds=seconds) * SIZE**2 / 1e9
        label = {None: "", 1: ", one thread", 2: ", two threads"}[count]
        yield Measurement(
            f"Ising spin updates{label}", rate, "/ns", f"{SIZE}² at T_c, {lattice.kernel}"
        )


def network(seconds: float) -> Iterator[Measurement]:
    """Capture a layer of the digits network and cut its spectrum, with all four bounds."""
    from ..schemes.activation_spectrum import ActivationSpectrum
    from ..systems.networks.mlp import DigitsMLP

    before = torch.get_num_threads()
    try:
        # Small matrices: two threads spend their time waiting for each other.
        torch.set_num_threads(1)
        digits = DigitsMLP()
        epochs = per_second(digits.step, seconds=seconds)
        yield Measurement("training epochs", epochs, "/s", "digits, 1437 images, one thread")

        def cut(times: int) -> None:
            for _ in range(times):
                Flow(digits.theory(), ActivationSpectrum()).level(RANK)

        how = f"hidden layer to rank {RANK}, average, resample, attack and certificate"
        yield Measurement("capture and cut", 1e3 / per_second(cut, seconds=seconds), "ms", how)
    finally:
        torch.set_num_threads(before)


def per_second(work: Callable[[int], object], *, seconds: float) -> float:
    """Units of `work` done a second; the first call, which compiles, is not counted.

    >>> per_second(lambda n: sum(range(n)), seconds=0.01) > 1000
    True
    """
    work(1)
    count = 1
    while True:
        start = time.perf_counter()
        work(count)
        spent = time.perf_counter() - start
        if spent >= seconds:
            return count / spent
        growth = 1.2 * seconds / max(spent, 1e-9)
        count = int(count * min(max(growth, 2.0), 16.0))
