"""The Ising system: what it takes and refuses, what it promises, and its physics when sampled."""

import math
import threading
import time

import numpy as np
import pytest
import torch

from rgwidgets.core import progress
from rgwidgets.core.errors import (
    Cancelled,
    DeviceError,
    GeometryError,
    ParameterError,
    ShapeError,
)
from rgwidgets.core.estimate import estimate
from rgwidgets.systems.lattice import correlations, ising_exact
from rgwidgets.systems.lattice.ising import Ising

CRITICAL = ising_exact.critical_temperature()


def off_by(found, exact: float) -> float:
    """Deviation in standard errors."""
    return abs(found.value - exact) / found.error


def measure(theory, name: str):
    """One observable's estimate, without the cost of the others."""
    chosen = theory.observable(name)
    samples = chosen.samples(theory.features)
    return estimate(samples, chains=theory.chains, reduce=chosen.reduce)


# --- physics ---


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["metropolis", "heat_bath"])
@pytest.mark.parametrize("temperature", [1.6, 2.0, 2.15, 2.45, 2.7, 3.5, 6.0])
def test_packed_energies_are_kaufmans(algorithm, temperature):
    start = "cold" if temperature < CRITICAL else "hot"
    ising = Ising(64, temperature=temperature, replicas=8, seed=2, device="cpu",
                  algorithm=algorithm, start=start)  # fmt: skip
    found = measure(ising.sample(400, every=10, discard=1000), "energy")
    assert off_by(found, ising_exact.kaufman_energy(temperature, 64)) < 3
    assert found.error < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["metropolis", "heat_bath"])
@pytest.mark.parametrize("temperature", [1.9, 2.7, 4.0])
def test_plain_energies_are_kaufmans(algorithm, temperature):
    start = "cold" if temperature < CRITICAL else "hot"
    ising = Ising(12, temperature=temperature, replicas=200, seed=3, device="cpu",
                  algorithm=algorithm, start=start)  # fmt: skip
    assert ising.kernel == "plain (torch)"
    found = measure(ising.sample(60, every=2, discard=200), "energy")
    assert off_by(found, ising_exact.kaufman_energy(temperature, 12)) < 3
    assert found.error < 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["swendsen_wang", "wolff"])
@pytest.mark.parametrize("temperature", [2.0, CRITICAL, 2.6])
def test_cluster_energies_and_heats_are_kaufmans(algorithm, temperature):
    size = 16
    ising = Ising(size, temperature=temperature, replicas=8, seed=4, algorithm=algorithm)
    every = 5 if algorithm == "wolff" else 1
    theory = ising.sample(1500, every=every, discard=200)
    found = measure(theory, "energy")
    assert off_by(found, ising_exact.kaufman_energy(temperature, size)) < 3
    heat = correlations.specific_heat(temperature)
    found = estimate(heat.samples(theory.features), chains=8, reduce=heat.reduce)
    assert off_by(found, ising_exact.kaufman_specific_heat(temperature, size)) < 3
    assert found.error < 0.05


def test_packed_kernel_at_the_critical_point_of_a_small_lattice():
    ising = Ising(16, replicas=64, seed=5, device="cpu")
    theory = ising.sample(300, every=20, discard=2000)
    found = measure(theory, "energy")
    assert off_by(found, ising_exact.kaufman_energy(CRITICAL, 16)) < 3
    heat = correlations.specific_heat(CRITICAL)
    found = estimate(heat.samples(theory.features), chains=64, reduce=heat.reduce)
    assert off_by(found, ising_exact.kaufman_specific_heat(CRITICAL, 16)) < 3
    assert found.error < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("temperature, energy", [(2.0, -1.74556458), (2.5, -1.1060792)])
def test_a_large_lattice_is_onsagers_and_yangs(temperature, energy):
    start = "cold" if temperature < CRITICAL else "hot"
    ising = Ising(256, temperature=temperature, replicas=2, seed=6, device="cpu", start=start)
    found = ising.sample(150, every=40, discard=4000).observe()
    assert off_by(found["energy"], energy) < 3
    assert found["energy"].error < 1e-3
    diagonal = ising_exact.diagonal_correlation(temperature)
    assert off_by(found["diagonal correlation"], diagonal) < 3
    if temperature < CRITICAL:
        assert off_by(found["absolute magnetisation"], 0.91131938) < 3


def test_binder_cumulant_at_the_critical_point():
    # 0.61069 on the infinite square torus (Salas and Sokal, 2000); at L = 32 it is 0.0006 above
    ising = Ising(32, replicas=16, seed=7, algorithm="swendsen_wang")
    found = measure(ising.sample(1500, discard=100), "Binder cumulant")
    assert off_by(found, 0.6107) < 3
    assert found.error < 2e-3


def test_all_algorithms_agree_in_a_field():
    results = {}
    for algorithm in ("metropolis", "heat_bath", "swendsen_wang", "wolff"):
        ising = Ising(16, temperature=3.0, field=0.1, replicas=16, seed=8, device="cpu",
                      algorithm=algorithm)  # fmt: skip
        results[algorithm] = ising.sample(400, every=5, discard=200).observe()
    for name in ("energy", "magnetisation"):
        values = [result[name] for result in results.values()]
        mean = sum(v.value for v in values) / 4
        for v in values:
            assert abs(v.value - mean) < 3 * v.error
            assert v.error < 0.01


def test_free_spins_in_a_field_are_magnetised_by_the_hyperbolic_tangent():
    # so hot that bonds matter less than the error; the field is as strong as the temperature
    ising = Ising(128, temperature=1e4, field=8e3, replicas=2, seed=9, device="cpu")
    found = ising.sample(50, discard=20).observe()["magnetisation"]
    assert abs(found.value - math.tanh(0.8)) < 3 * found.error + 4e-4 * (1 - math.tanh(0.8) ** 2)


# --- promises ---


def test_the_default_runs_at_the_critical_point():
    ising = Ising(32, device="cpu")
    assert ising.temperature == CRITICAL
    assert ising.algorithm == "metropolis"
    assert "2.26919" in repr(ising)


@pytest.mark.parametrize("size", [16, 20])
@pytest.mark.parametrize("algorithm", ["auto", "swendsen_wang", "wolff"])
def test_a_seed_fixes_everything_and_torchs_own_generator_is_left_alone(size, algorithm):
    def run(seed: int, threads: int) -> torch.Tensor:
        ising = Ising(size, seed=seed, replicas=3, device="cpu", algorithm=algorithm,
                      threads=threads)  # fmt: skip
        ising.step(4)
        return ising.sample(2).features["spins"]

    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    assert torch.equal(run(1, 1), run(1, 2))
    assert not torch.equal(run(1, 1), run(2, 1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_kernel_starts_from_the_same_spins():
    one = Ising(32, seed=5, replicas=2, device="cpu")
    other = Ising(32, seed=5, replicas=2, algorithm="wolff")
    assert torch.equal(one.spins, other.spins)
    assert abs(float(one.spins.double().mean())) < 4 / (2 * 32**2) ** 0.5
    assert (Ising(32, start="cold", device="cpu").spins == 1).all()


def test_spins_are_copies_and_may_be_set():
    ising = Ising(32, device="cpu")
    ising.spins.zero_()
    assert (ising.spins.abs() == 1).all()
    flipped = -ising.spins
    ising.spins = flipped
    assert torch.equal(ising.spins, flipped)


@pytest.mark.parametrize(
    "spins", [torch.ones(32, 32), torch.ones(1, 16, 16), torch.zeros(1, 32, 32), [[1]], None]
)
def test_spins_of_another_shape_or_value_are_refused(spins):
    ising = Ising(32, device="cpu")
    before = ising.spins
    with pytest.raises(ShapeError, match="spins"):
        ising.spins = spins
    assert torch.equal(ising.spins, before)


def test_samples_come_chain_after_chain():
    ising = Ising(16, seed=3, replicas=3, temperature=2.0, device="cpu")
    twin = Ising(16, seed=3, replicas=3, temperature=2.0, device="cpu")
    theory = ising.sample(4, every=2, discard=3)
    assert theory.chains == 3
    assert theory.features["spins"].dtype == torch.int8
    twin.step(3)
    for moment in range(4):
        twin.step(2)
        for replica in range(3):
            assert torch.equal(theory.features["spins"][replica * 4 + moment], twin.spins[replica])


def test_the_theory_knows_its_couplings_and_observables():
    ising = Ising(16, temperature=2.0, field=0.5, replicas=2, device="cpu")
    theory = ising.theory()
    assert dict(theory.couplings) == {"K": 0.5, "h": 0.25}
    assert theory.features["spins"].shape == (2, 16, 16)
    assert torch.equal(theory.features["spins"], ising.spins)
    assert [o.name for o in theory.observables] == list(correlations.NAMES)
    energy = theory.samples("energy")
    magnetisation = theory.samples("magnetisation")
    nearest = theory.samples("nearest correlation")
    assert torch.allclose(energy, -2 * nearest - 0.5 * magnetisation)
    ising.field = 0
    assert dict(ising.theory().couplings) == {"K": 0.5}


@pytest.mark.parametrize("temperature, field, algorithm", [
    (2.0, 0.0, "metropolis"), (2.0, 0.1, "heat_bath"), (6.0, 0.0, "heat_bath"),
])  # fmt: skip
def test_auto_takes_the_update_that_decorrelates(temperature, field, algorithm):
    ising = Ising(16, temperature=temperature, field=field, device="cpu")
    assert ising.algorithm == algorithm


def test_temperature_and_field_hold_from_the_next_step():
    ising = Ising(64, temperature=1e-3, start="cold", device="cpu")
    ising.step(5)
    assert (ising.spins == 1).all()
    ising.field = -10
    assert ising.algorithm == "heat_bath"
    ising.step(2)
    assert (ising.spins == -1).all()
    ising.field, ising.temperature = 0.0, 1e6
    ising.step(3)
    assert abs(float(ising.spins.double().mean())) < 0.1
    assert ising.sweeps == 10


def test_the_throughput_is_that_of_the_last_step():
    ising = Ising(128, device="cpu")
    assert math.isnan(ising.throughput)
    ising.step(50)
    assert ising.throughput > 0


def test_a_step_reports_progress_and_can_be_cancelled_between_sweeps():
    ising = Ising(1024, device="cpu", start="cold", temperature=2.0)
    heard = []

    def stop(fraction, label):
        heard.append(fraction)
        raise Cancelled

    with progress.listening(stop), pytest.raises(Cancelled):
        ising.step(100_000)
    assert 0 < heard[0] < 0.1
    assert 0 < ising.sweeps < 10_000
    assert (ising.spins.abs() == 1).all()
    ising.step(1)


def test_the_interpreter_goes_on_while_a_step_runs():
    ising = Ising(1024, device="cpu", threads=1)
    ising.step(1)  # compiled
    worker = threading.Thread(target=ising.step, args=(400,))
    worker.start()
    turns = 0
    while worker.is_alive():
        time.sleep(0.001)
        turns += 1
    worker.join()
    assert turns > 5


def test_two_systems_may_step_at_once_from_two_threads():
    alone = [Ising(1024, seed=s, device="cpu", threads=2) for s in (1, 2)]
    together = [Ising(1024, seed=s, device="cpu", threads=2) for s in (1, 2)]
    for ising in alone:
        ising.step(20)
    workers = [threading.Thread(target=ising.step, args=(20,)) for ising in together]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.spins, other.spins)


# --- bad input ---


@pytest.mark.parametrize("size", [4, 6, 16, 18, 48, np.int64(32)])
def test_even_sizes_are_taken(size):
    ising = Ising(size, device="cpu", seed=1)
    ising.step(2)
    assert ising.spins.shape == (1, size, size)
    assert ising.kernel.startswith("packed" if size % 16 == 0 else "plain")


@pytest.mark.parametrize(
    "size, near", [(15, "14 and 16"), (3, "4"), (0, "4"), (-7, "4"), (1023, "1022 and 1024"),
                   (40000, "32768"), (10**30, "32768")]
)  # fmt: skip
def test_other_sizes_are_refused_and_the_nearest_named(size, near):
    with pytest.raises(GeometryError, match=rf"nearest (are|is) {near}\b.*fast"):
        Ising(size)


@pytest.mark.parametrize("size", [16.0, "16", True, None, (16, 16), math.nan])
def test_sizes_that_are_no_integers_are_refused(size):
    with pytest.raises(GeometryError, match="even integer"):
        Ising(size)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "2", None, True, 10**400, [2.0]])
def test_temperatures_that_are_none_are_refused_and_the_old_one_kept(value):
    ising = Ising(16, temperature=2.5, device="cpu")
    with pytest.raises(ParameterError, match="temperature"):
        ising.temperature = value
    assert ising.temperature == 2.5
    if value is not None:
        with pytest.raises(ParameterError, match=r"2\.2692"):
            Ising(16, temperature=value)


@pytest.mark.parametrize("value", [math.nan, -math.inf, "0", None, True, 10**400])
def test_fields_that_are_none_are_refused_and_the_old_one_kept(value):
    ising = Ising(16, field=0.5, device="cpu")
    with pytest.raises(ParameterError, match="field"):
        ising.field = value
    assert ising.field == 0.5


@pytest.mark.parametrize(
    "name, values",
    [
        ("seed", [-1, 2**63, 1.5, "1", None, True]),
        ("replicas", [0, -1, 2.0, True, 2**40]),
        ("threads", [0, -1, 1.5]),
        ("algorithm", ["wolf", "Metropolis", None, 3]),
        ("start", ["warm", "", None]),
    ],
)
def test_other_values_out_of_range_are_refused_by_name(name, values):
    for value in values:
        with pytest.raises(ParameterError, match=name):
            Ising(16, **{"device": "cpu", name: value})


def test_a_word_that_is_nearly_right_is_told_the_right_one():
    with pytest.raises(ParameterError, match="did you mean 'wolff'"):
        Ising(16, algorithm="wolf")


@pytest.mark.parametrize("call", ["step", "sample"])
@pytest.mark.parametrize("count", [-1, 1.5, "3", None, True])
def test_counts_that_are_none_are_refused(call, count):
    ising = Ising(16, device="cpu")
    with pytest.raises(ParameterError, match=r"sweeps|samples"):
        getattr(ising, call)(count)
    assert ising.sweeps == 0


def test_clusters_are_refused_another_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="algorithm='wolff'"):
        Ising(16, algorithm="wolff", device="cuda")
    assert Ising(16, algorithm="wolff").device == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_is_refused_where_there_is_none():
    with pytest.raises(DeviceError, match=r"allowed: auto, .*cpu"):
        Ising(16, device="cuda")
