"""`rgwidgets bench`: numbers with a unit, the way they were got, and the machine."""

from __future__ import annotations

import json
import time

import pytest

from rgwidgets.cli import bench, main

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("pause", [0.002, 0.01])
def test_a_rate_is_what_was_done_over_the_time_it_took(pause: float) -> None:
    rate = bench.per_second(lambda n: time.sleep(n * pause), seconds=0.1)
    assert 0.5 / pause < rate <= 1 / pause


def test_the_first_call_which_compiles_is_not_counted() -> None:
    calls: list[int] = []

    def work(n: int) -> None:
        time.sleep(0.5 if not calls else 0.001 * n)
        calls.append(n)

    assert bench.per_second(work, seconds=0.05) > 100
    assert calls[0] == 1


@pytest.mark.slow
def test_programs_get_every_measurement_and_the_machine(capsys: Capture) -> None:
    assert main(["bench", "--seconds", "0.05", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"]["device"].startswith("cpu: ")
    names = [m["name"] for m in told["measurements"]]
    assert any(name.startswith("Ising spin updates") for name in names)
    assert "capture and cut" in names
    assert all(m["value"] > 0 and m["unit"] and m["how"] for m in told["measurements"])


def test_a_device_that_is_not_there_is_refused_before_anything_runs(capsys: Capture) -> None:
    started = time.monotonic()
    assert main(["bench", "--device", "cuda:99"]) == 2
    assert time.monotonic() - started < 5
    assert "auto" in capsys.readouterr().err
