"""A grid of layers × checkpoints × families, on processes and on a cluster that loses a worker."""

import importlib
import json
import math
import sys

import pytest

from rgwidgets.compute.sweep import sweep

GRID = {"layer": ["hidden1", "hidden2"], "epochs": [0, 2], "family": ["activation", "gradient"]}
#: Workers import what they measure, so it lies in a module of its own.
LOOKS = """
import os, signal
from pathlib import Path

import torch

from rgwidgets import DigitsMLP, Flow, Microscope

FOLDER = Path(os.environ["GRID_TEST_FOLDER"])

def look(layer, epochs, family):
    network = DigitsMLP(widths=(16, 8), seed=0)
    if epochs:
        network.train(int(epochs))
    theory = network.theory(layer=layer, n=32)
    readout = theory.attrs["readout"]
    view = Microscope(network.module, layer).fit(
        readout.args, {"first": lambda outputs: outputs[:, 0]}, features=family, cutoffs=(8, 4, 2)
    )
    return view.numbers(4)

def look_or_die(layer, epochs, family):
    mark = FOLDER / "died"
    if (layer, epochs, family) == ("hidden2", 2, "activation") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return look(layer, epochs, family)
"""


@pytest.fixture
def looks(tmp_path, monkeypatch):
    monkeypatch.setenv("GRID_TEST_FOLDER", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "grid_looks.py").write_text(LOOKS)
    sys.modules.pop("grid_looks", None)
    return importlib.import_module("grid_looks")


def test_numbers_hold_every_bound_of_every_observable_with_its_error(looks):
    found = looks.look("hidden1", 1, "activation")
    assert {name.removeprefix("first, ") for name in found} >= {"average", "resample", "attack"}
    assert all(estimate.value >= 0 for estimate in found.values())
    assert found["first, average"].error > 0
    assert math.isnan(found["first, attack"].error)  # the largest of samples has none


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_midway_loses_nothing(looks, tmp_path):
    from distributed import Client, LocalCluster

    journal = tmp_path / "journal"
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        data = sweep(looks.look_or_die, GRID, client=client, to=journal)
    assert (tmp_path / "died").exists()
    assert data.attrs["failed"] == []
    assert len([line for line in journal.read_text().splitlines() if json.loads(line)]) >= 8
    alone = sweep(looks.look, GRID, workers=0)
    for name in alone:
        assert data[name].values == pytest.approx(alone[name].values, rel=1e-4, nan_ok=True)
