"""Devices: what "auto" takes, what is refused, what is told of them."""

import pytest
import torch

from rgwidgets.compute import device
from rgwidgets.compute.kernels import parallel
from rgwidgets.core.errors import DeviceError


@pytest.fixture
def machine(monkeypatch):
    """Pretend that the machine has so many CUDA devices, and MPS or not."""

    def pretend(*, cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    "cuda, mps, first",
    [(0, False, "cpu"), (0, True, "mps"), (1, True, "cuda:0"), (2, False, "cuda:0")],
)
def test_auto_is_cuda_then_mps_then_cpu(machine, cuda, mps, first):
    machine(cuda=cuda, mps=mps)
    assert device.resolve() == device.resolve("auto") == torch.device(first)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "meta", torch.device("cuda", 1)])
def test_a_device_that_is_not_there_is_refused_and_the_others_named(machine, name):
    machine()
    with pytest.raises(DeviceError, match=r"allowed: auto, cpu\.") as caught:
        device.resolve(name)
    assert str(name) in str(caught.value)


def test_a_second_card_is_refused_where_there_is_one(machine):
    machine(cuda=1)
    assert device.resolve("cuda") == torch.device("cuda:0")
    with pytest.raises(DeviceError, match="cuda:0, cpu"):
        device.resolve("cuda:1")


@pytest.mark.parametrize("name", ["cdua", "", "gpu", "cuda:x", 3.5, None])
def test_a_name_of_nothing_is_refused(machine, name):
    machine()
    with pytest.raises(DeviceError, match="device"):
        device.resolve(name)


def test_a_typing_error_is_told_the_nearest_name():
    with pytest.raises(DeviceError, match="did you mean 'cuda'"):
        device.resolve("cdua")


def test_a_device_is_described_by_name_memory_and_threads():
    facts = device.describe("cpu")
    assert facts["device"] == "cpu"
    assert isinstance(facts["name"], str)
    assert facts["memory"] is None or facts["memory"] > 1 << 27
    assert facts["threads"] >= 1


@pytest.mark.parametrize(
    "asked, given", [("1", 1), ("100000", None), ("", None), ("x", None), ("0", None)]
)
def test_threads_keep_within_what_is_asked_and_granted(monkeypatch, asked, given):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    granted = parallel.usable_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert parallel.usable_cores() == (given or granted)
