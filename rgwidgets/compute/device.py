"""Which device computes."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from ..core.errors import DeviceError, nearest

_KINDS = ("cuda", "mps", "cpu")


def available() -> tuple[str, ...]:
    """The devices of this machine, the one that "auto" takes first.

    >>> available()[-1]
    'cpu'
    """
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def resolve(device: str | torch.device = "auto") -> torch.device:
    """The torch device for a name: "auto" is CUDA where there is one, then MPS, then the CPU.

    Raises
    ------
    DeviceError
        If this machine has no such device; the message names those that it has.

    Examples
    --------
    >>> resolve("cpu")
    device(type='cpu')
    """
    if isinstance(device, str) and device == "auto":
        return torch.device(available()[0])
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        close = nearest(str(device), ("auto", *_KINDS))
        raise _refusal(device, f"did you mean {close!r}" if close else "") from error
    kind = wanted.type
    if kind == "cpu" or (kind == "mps" and "mps" in available()):
        return torch.device(kind)
    if kind == "cuda":
        wanted = torch.device("cuda", wanted.index or 0)
    if str(wanted) not in available():
        raise _refusal(device, "pass device='auto' for the best one here")
    return wanted


def describe(device: str | torch.device = "auto") -> dict[str, object]:
    """Name, memory in bytes (None if unknown) and threads (multiprocessors) of a device.

    >>> sorted(describe("cpu"))
    ['device', 'memory', 'name', 'threads']
    """
    from .kernels.parallel import usable_cores

    chosen = resolve(device)
    if chosen.type == "cuda":
        card = torch.cuda.get_device_properties(chosen)
        return {
            "device": str(chosen),
            "name": card.name,
            "memory": int(card.total_memory),
            "threads": int(card.multi_processor_count),
        }
    name = "Apple GPU" if chosen.type == "mps" else _processor()
    return {"device": str(chosen), "name": name, "memory": _memory(), "threads": usable_cores()}


def _refusal(device: object, mend: str) -> DeviceError:
    allowed = ", ".join(("auto", *available()))
    return DeviceError("device", given=str(device), allowed=allowed, mend=mend)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
