"""Sweeps: the product of the axes, whoever computes it, resumed where it broke off."""

import functools
import importlib
import itertools
import json
import math
import os
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch
import xarray as xr

from rgwidgets.compute.sweep import sweep
from rgwidgets.core import progress
from rgwidgets.core.errors import Cancelled, ParameterError, RecordError, RGError

GRID = {"temperature": [2.0, 2.2], "size": [16, 32], "seed": range(3)}
#: Workers import what they measure, so it lies in a module of its own.
MEASURES = """
import os, random, threading, time
from pathlib import Path

import numpy as np
import torch

from rgwidgets.core.estimate import Estimate

FOLDER = Path(os.environ["SWEEP_TEST_FOLDER"])

def called(name):
    (FOLDER / f"{time.time_ns()}-{os.getpid()}-{threading.get_ident()}-{name}").touch()

def energy(temperature, size, seed):
    called("energy")
    return {"energy": Estimate(-temperature * size + seed, 0.1 * size), "size2": size**2}

def other(temperature, size, seed):
    return {"energy": 0.0}

def unseeded(seed):
    return {"torch": torch.rand(()), "numpy": np.random.rand(), "python": random.random()}

def threads(seed):
    return {"torch": torch.get_num_threads(), "asked": int(os.environ["OMP_NUM_THREADS"])}

class Foreign(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")

def fails_at_two(seed):
    if seed == 2:
        raise Foreign("one", "two")
    return {"x": 1.0}

def always_fails(seed):
    raise ValueError(f"seed {seed}")

def dies_at_two(seed):
    if seed == 2:
        time.sleep(0.2)
        os._exit(7)
    called(f"seed-{seed}")
    return {"x": seed}

def dies_once(seed):
    if seed == 2 and not (FOLDER / "died").exists():
        (FOLDER / "died").touch()
        os._exit(7)
    return {"x": seed}

def exits(seed):
    raise SystemExit(3)

def sleeps(seed):
    called("sleeps")
    time.sleep(60 if seed else 0)
    return {"x": seed}
"""


@pytest.fixture
def measures(tmp_path, monkeypatch):
    (tmp_path / "sweep_measures.py").write_text(MEASURES)
    calls = tmp_path / "calls"
    calls.mkdir()
    monkeypatch.setenv("SWEEP_TEST_FOLDER", str(calls))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("sweep_measures")
    del sys.modules["sweep_measures"]


def calls(measures):
    return len(list(measures.FOLDER.iterdir()))


def lines(path):
    return path.read_text().splitlines()


class Client:
    """What of a cluster's client a sweep uses; answers come in the reverse order."""

    def __init__(self):
        self.submitted = []

    def submit(self, function, *args):
        future = Future()
        self.submitted.append((future, function, args))
        if len(self.submitted) == 12:
            threading.Thread(target=self.answer).start()
        return future

    def answer(self):
        for future, function, args in reversed(self.submitted):
            future.set_result(function(*args))


def test_a_sweep_is_the_plain_loop_over_the_product(measures):
    data = sweep(measures.energy, GRID, workers=0, title="energies")
    assert dict(data.sizes) == {"temperature": 2, "size": 2, "seed": 3}
    assert data.attrs == {"title": "energies", "failed": []}
    for temperature, size, seed in itertools.product(*GRID.values()):
        here = data.sel(temperature=temperature, size=size, seed=seed)
        plain = measures.energy(temperature, size, seed)
        assert float(here["energy"]) == plain["energy"].value
        assert float(here["energy_error"]) == plain["energy"].error
        assert float(here["size2"]) == plain["size2"]
        assert math.isnan(here["size2_error"])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_nothing(measures, workers):
    grid = {"seed": range(5)}
    xr.testing.assert_identical(
        sweep(measures.unseeded, grid, workers=workers), sweep(measures.unseeded, grid, workers=0)
    )


def test_points_that_seed_nothing_are_independent_and_the_callers_numbers_are_untouched(measures):
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    data = sweep(measures.unseeded, {"seed": range(20)}, workers=0)
    assert all(len(set(data[name].values.tolist())) == 20 for name in ("torch", "numpy", "python"))
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])


@pytest.mark.slow
def test_what_a_partial_fixes_belongs_to_the_measure(measures, tmp_path):
    def run(size):
        measure = functools.partial(measures.energy, size=size)
        return sweep(measure, {"temperature": [1.0], "seed": [0]}, to=tmp_path / "j", workers=1)

    assert float(run(4)["energy"].squeeze()) == -4
    with pytest.raises(RecordError, match="measure"):
        run(8)


@pytest.mark.slow
def test_a_worker_has_one_thread(measures):
    data = sweep(measures.threads, {"seed": [0]}, workers=1)
    assert (float(data["torch"][0]), float(data["asked"][0])) == (1, 1)


def test_an_array_a_tensor_texts_and_truth_values_are_axes():
    def measure(a, b, c, d):
        assert type(a) is float
        assert type(b) is int
        return {"x": a + b + len(c) + d}

    grid = {"a": np.linspace(0, 1, 3), "b": torch.arange(2), "c": ("u", "vw"), "d": [True, False]}
    data = sweep(measure, grid, workers=0)
    assert float(data["x"].sel(a=0.5, b=1, c="vw", d=True)) == 4.5


def test_names_that_only_some_points_have_are_nan_elsewhere_and_in_order_of_the_grid():
    data = sweep(lambda n: {f"x{n}": 1.0}, {"n": [2, 1]}, workers=0)
    assert [name for name in data.data_vars if "_error" not in name] == ["x2", "x1"]
    assert np.isnan(data["x2"].values).tolist() == [False, True]


def test_a_resumed_sweep_measures_only_what_is_missing(measures, tmp_path):
    journal = tmp_path / "new" / "energies.jsonl"
    whole = sweep(measures.energy, GRID, to=journal, workers=0)
    assert calls(measures) == 12
    assert len(lines(journal)) == 13
    journal.write_text("\n".join(lines(journal)[:8]) + "\n")
    xr.testing.assert_identical(sweep(measures.energy, GRID, to=journal, workers=0), whole)
    assert calls(measures) == 12 + 5
    xr.testing.assert_identical(sweep(measures.energy, GRID, to=journal, workers=2), whole)
    assert calls(measures) == 12 + 5


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_point_that_fails_is_nan_and_named_and_tried_again(measures, tmp_path, workers):
    journal = tmp_path / "j"
    for _ in range(2):
        data = sweep(measures.fails_at_two, {"seed": range(4)}, to=journal, workers=workers)
        assert np.isnan(data["x"].values).tolist() == [False, False, True, False]
        assert data.attrs["failed"] == ["seed=2: Foreign: one and two"]
        assert len(lines(journal)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_the_first_error_is_raised_if_all_points_fail(measures, workers):
    with pytest.raises(ValueError, match="seed 5") as caught:
        sweep(measures.always_fails, {"seed": [5, 1, 3]}, workers=workers)
    assert "in always_fails" in "".join(traceback.format_exception(caught.value))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_point_that_exits_does_not_end_the_sweep(measures, workers):
    with pytest.raises(RGError, match="SystemExit: 3"):
        sweep(measures.exits, {"seed": [0]}, workers=workers)


@pytest.mark.parametrize(
    "result", [{}, 1.0, None, {"x": "1"}, {"x_error": 1.0}, {"n": 1.0}, {1: 1.0}, {"x": 1j}]
)
def test_what_is_no_result_is_refused(result):
    with pytest.raises(ParameterError, match="result of measure"):
        sweep(lambda n: result, {"n": [1]}, workers=0)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_point_that_kills_its_worker_twice_is_named_and_the_rest_is_kept(
    measures, tmp_path, workers
):
    journal = tmp_path / "j"
    with pytest.raises(RGError, match=r"died twice.*: got seed=2;") as caught:
        sweep(measures.dies_at_two, {"seed": range(4)}, to=journal, workers=workers)
    assert "seed=1" not in str(caught.value)
    done = [json.loads(line)["point"]["seed"] for line in lines(journal)[1:]]
    assert {0, 1} <= set(done)
    assert len(done) == len(set(done))


@pytest.mark.slow
def test_a_worker_that_died_by_chance_is_replaced(measures):
    data = sweep(measures.dies_once, {"seed": range(4)}, workers=2)
    assert data["x"].values.tolist() == [0, 1, 2, 3]
    assert data.attrs["failed"] == []


def test_cancelling_here_stops_between_points_and_keeps_what_is_done(measures, tmp_path):
    def listen(fraction, label):
        assert label == "energies"
        if fraction >= 0.5:
            raise Cancelled(label)

    journal = tmp_path / "j"
    with pytest.raises(Cancelled), progress.listening(listen):
        sweep(measures.energy, GRID, to=journal, workers=0, title="energies")
    assert len(lines(journal)) == 1 + calls(measures) == 7


@pytest.mark.slow
def test_cancelling_ends_the_workers_at_once_and_keeps_what_is_done(measures, tmp_path):
    def listen(fraction, label):
        if fraction > 0 and calls(measures) > 1:
            raise Cancelled(label)

    begun = time.monotonic()
    with pytest.raises(Cancelled), progress.listening(listen):
        sweep(measures.sleeps, {"seed": range(9)}, to=tmp_path / "j", workers=1)
    assert time.monotonic() - begun < 50
    assert len(lines(tmp_path / "j")) == 2
    assert calls(measures) == 2


@pytest.mark.slow
def test_progress_rises_from_nothing_to_all(measures):
    for workers in (0, 1):
        heard = []
        with progress.listening(lambda fraction, label, heard=heard: heard.append(fraction)):
            sweep(measures.energy, GRID, workers=workers)
        assert heard == sorted(heard)
        assert (heard[0], heard[-1]) == (0, 1)


def test_a_client_may_answer_in_any_order(measures, tmp_path):
    plain = sweep(measures.energy, GRID, workers=0)
    client = Client()
    data = sweep(measures.energy, GRID, client=client, to=tmp_path / "j")
    xr.testing.assert_identical(data, plain)
    assert len(client.submitted) == 12
    assert json.loads(lines(tmp_path / "j")[1])["point"]["seed"] == 2


def test_a_client_that_loses_a_point_has_it_named(measures):
    class Losing(ThreadPoolExecutor):
        def submit(self, function, *args):
            if args[1]["seed"] == 1:
                future = Future()
                future.set_exception(RuntimeError("killed worker"))
                return future
            return super().submit(function, *args)

    with Losing(1) as client:
        data = sweep(measures.dies_once, {"seed": [0, 1]}, client=client)
    assert data.attrs["failed"] == ["seed=1: RuntimeError: killed worker"]


def test_cancelling_cancels_what_a_client_has_not_begun(measures):
    client = Client()

    def listen(fraction, label):
        if client.submitted:
            raise Cancelled(label)

    with pytest.raises(Cancelled), progress.listening(listen):
        sweep(measures.unseeded, {"seed": range(5)}, client=client)
    assert all(future.cancelled() for future, _, _ in client.submitted)


@pytest.mark.parametrize(
    "grid",
    [
        {},
        [("n", [1])],
        {"n": []},
        {"n": 3},
        {"n": "abc"},
        {"n": {1, 2}},
        {"n": {1: 2}},
        {"n": [1, 1.0]},
        {"n": [1, math.nan]},
        {"n": [math.inf]},
        {"n": [2**63]},
        {"n": [1, "a"]},
        {"n": [True, 2]},
        {"n": [None]},
        {"n": [[1], [2]]},
        {"n": [1j]},
        {"n": np.eye(2)},
        {"n": torch.tensor(1.0)},
        {"not a name": [1]},
        {"class": [1]},
        {1: [1]},
        {"m": [1]},
        {"n": [1], "m": [1]},
    ],
)
def test_a_grid_that_does_not_fit_is_refused(grid, tmp_path):
    with pytest.raises(ParameterError):
        sweep(lambda n: {"x": n}, grid, workers=0, to=tmp_path / "j")
    assert not (tmp_path / "j").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"workers": -1},
        {"workers": 1.5},
        {"workers": True},
        {"client": object()},
        {"client": Client(), "workers": 1},
    ],
)
def test_workers_and_clients_that_do_not_fit_are_refused(measures, options):
    with pytest.raises(ParameterError):
        sweep(measures.energy, GRID, **options)


@pytest.mark.slow
def test_a_function_that_workers_cannot_import_is_refused_with_the_way_out():
    with pytest.raises(ParameterError, match="workers=0"):
        sweep(lambda n: {"x": n}, {"n": [1]}, workers=1)
    code = """
from rgwidgets.compute.sweep import sweep
def measure(n):
    return {"x": n}
sweep(measure, {"n": [1]}, workers=1)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ},
    )
    assert "import it, or pass workers=0" in done.stderr
    with pytest.raises(ParameterError, match="a function"):
        sweep(3, {"n": [1]}, workers=0)
