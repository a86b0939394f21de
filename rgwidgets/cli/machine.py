"""Checks of the machine: what computes, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import torch

from ..compute import device
from .checks import Check


def machine_checks() -> Iterator[Check]:
    """The device that "auto" picks, and the threads that torch may use."""
    yield Check("device", "ok", device_in_words())
    others = [name for name in device.available()[1:] if name != "cpu"]
    if others:
        yield Check("other devices", "ok", ", ".join(others))
    cores = available_cores()
    threads = torch.get_num_threads()
    found = f"{threads} of torch, {cores} core{'s' if cores > 1 else ''} available"
    if threads > cores:
        yield Check(
            "threads",
            "warn",
            found,
            f"set OMP_NUM_THREADS={cores}: more threads than cores is slower, often by far",
        )
    else:
        yield Check("threads", "ok", found)


def available_cores() -> int:
    """Cores that this process may run on, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_in_words(name: str = "auto") -> str:
    """Which device `name` means here: "cpu: AMD EPYC, 8 GiB"."""
    found = device.describe(name)
    memory = found["memory"]
    room = f", {memory / 2**30:.0f} GiB" if isinstance(memory, int) else ""
    return f"{found['device']}: {found['name']}{room}"
