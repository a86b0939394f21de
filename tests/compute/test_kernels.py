"""The single-spin kernels against each other, against their tables, and their random numbers."""

import importlib.util
import itertools
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from rgwidgets.compute.kernels import ising_cpu, ising_cuda, parallel, streams
from rgwidgets.compute.kernels.ising_cpu import PackedIsing
from rgwidgets.compute.kernels.ising_torch import TorchIsing, neighbour_sum
from rgwidgets.compute.kernels.parallel import run
from rgwidgets.compute.kernels.rules import RULES, flip_table, threshold

GPU = torch.cuda.is_available()
CUDA = pytest.param("cuda", marks=pytest.mark.gpu)
KERNELS = {
    "packed": lambda spins, seed: PackedIsing(spins, seed=seed),
    "plain": lambda spins, seed: TorchIsing(spins, seed=seed),
    "cuda": lambda spins, seed: ising_cuda.CudaIsing(spins.cuda(), seed=seed),
}
TABLES = {
    "metropolis": flip_table(2.3, 0.0, "metropolis"),
    "metropolis in a field": flip_table(2.3, 0.4, "metropolis"),
    "heat bath": flip_table(2.3, 0.0, "heat_bath"),
    "heat bath in a field": flip_table(3.1, -0.7, "heat_bath"),
    "cold": flip_table(1.0, 0.0, "metropolis"),
}


def random_spins(replicas: int, size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (replicas, size, size), generator=generator).to(torch.int8) * 2 - 1


def make(kernel: str, spins: torch.Tensor, seed: int = 1):
    if kernel == "cuda" and not GPU:
        pytest.skip("needs a CUDA device")
    return KERNELS[kernel](spins, seed)


def rows_of(table) -> torch.Tensor:
    return torch.tensor(table, dtype=torch.float64)


def black(size: int) -> torch.Tensor:
    return torch.from_numpy(np.indices((size, size)).sum(0) % 2 == 0)


# --- neighbours: with probabilities of 0 and 1 nothing is random, and all kernels must agree ---


@pytest.mark.parametrize("kernel", ["packed", CUDA])
@pytest.mark.parametrize("size, replicas", [(16, 1), (16, 13), (32, 3), (48, 9), (80, 2), (144, 1)])
def test_packed_neighbours_are_the_plain_neighbours(kernel, size, replicas):
    choose = random.Random(size)
    spins = random_spins(replicas, size)
    for _ in range(12):
        table = tuple(tuple(float(choose.random() < 0.5) for _ in range(5)) for _ in range(2))
        one, other = make(kernel, spins), TorchIsing(spins, seed=5)
        one.sweep(3, table)
        other.sweep(3, table)
        assert torch.equal(one.read().cpu(), other.read()), table


@pytest.mark.parametrize("spin, ups", list(itertools.product((0, 1), range(5))))
def test_each_entry_of_the_table_is_for_its_own_surrounding(spin, ups):
    spins = random_spins(2, 32)
    table = [[0.0] * 5, [0.0] * 5]
    table[spin][ups] = 1.0
    expected = spins.clone()
    for colour in (black(32), ~black(32)):
        number_up = (neighbour_sum(expected) + 4) // 2
        hit = colour & (number_up == ups) & (expected == 2 * spin - 1)
        expected = torch.where(hit, -expected, expected)
    for kernel in ("packed", "plain"):
        engine = make(kernel, spins)
        engine.sweep(1, (tuple(table[0]), tuple(table[1])))
        assert torch.equal(engine.read(), expected)


@pytest.mark.parametrize("size, replicas", [(16, 1), (16, 70), (32, 8), (96, 3), (256, 1)])
def test_packing_and_unpacking_is_the_identity(size, replicas):
    spins = random_spins(replicas, size)
    engine = PackedIsing(spins, seed=0)
    assert torch.equal(engine.read(), spins)
    engine.write(-spins)
    assert torch.equal(engine.read(), -spins)
    assert torch.equal(ising_cuda.unpack(ising_cuda.pack(spins), replicas), spins)


# --- probabilities and independence ---


def residuals(kernel: str, table, size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What one sweep did, site by site: (flipped − p)/σ, and the index of the table's entry."""
    before = random_spins(1, size, seed)
    engine = make(kernel, before, seed)
    engine.sweep(1, table)
    after = engine.read().cpu()
    dark = black(size)
    # black sites saw the white ones as they were, white sites the black ones as they became
    seen = torch.where(dark, neighbour_sum(before), neighbour_sum(after))
    entry = 5 * (before > 0).long() + (seen + 4) // 2
    p = rows_of(table).flatten()[entry]
    spread = torch.sqrt(p * (1 - p))
    flipped = (after != before).double()
    certain = spread == 0
    assert torch.equal(flipped[certain], p[certain])
    return torch.where(certain, 0.0, (flipped - p) / torch.where(certain, 1.0, spread)), entry


@pytest.mark.parametrize("kernel", ["packed", "plain", CUDA])
@pytest.mark.parametrize("name", TABLES)
def test_spins_flip_as_often_as_the_table_says(kernel, name):
    values, entry = residuals(kernel, TABLES[name], 512, 7)
    for index in range(10):
        chosen = values[entry == index]
        assert abs(float(chosen.sum())) < 4 * max(len(chosen), 1) ** 0.5


@pytest.mark.parametrize("kernel", ["packed", "plain", CUDA])
@pytest.mark.parametrize("name", ["metropolis", "heat bath in a field"])
def test_no_two_sites_share_randomness(kernel, name):
    """All 262,143 displacements on the torus: the largest of so many normals is about 4.6."""
    values, _ = residuals(kernel, TABLES[name], 512, 11)
    power = torch.fft.fft2(values[0]).abs() ** 2
    correlation = torch.fft.ifft2(power).real.flatten()
    present = torch.fft.fft2((values[0] != 0).double()).abs() ** 2
    pairs = torch.fft.ifft2(present).real.flatten().clamp(min=1)
    z = (correlation / pairs.sqrt())[1:]
    assert float(z.abs().max()) < 5.8
    assert float(z.std()) == pytest.approx(1, abs=0.02)


def test_successive_sweeps_and_replicas_are_independent():
    table = ((0.5,) * 5, (0.5,) * 5)
    engine = PackedIsing(torch.ones(6, 64, 64, dtype=torch.int8), seed=3)
    previous, changes = engine.read(), []
    for _ in range(40):
        engine.sweep(1, table)
        now = engine.read()
        changes.append((now * previous).double().flatten(1))
        previous = now
    series = torch.stack(changes)  # (sweep, replica, site), each ±1 with equal chance
    across_time = (series[:-1] * series[1:]).mean() * (39 * 6 * 4096) ** 0.5
    across_replicas = (series[:, :-1] * series[:, 1:]).mean() * (40 * 5 * 4096) ** 0.5
    assert abs(float(across_time)) < 4
    assert abs(float(across_replicas)) < 4


@pytest.mark.parametrize("probability", [1e-6, 2.0**-20, 3e-4, 1 - 1e-5])
def test_rare_events_keep_their_rate(probability):
    """26 million trials; a probability cut to 16 bits would show."""
    table = ((probability,) * 5, (probability,) * 5)
    engine = PackedIsing(torch.ones(1, 512, 512, dtype=torch.int8), seed=9)
    flips, previous = 0, engine.read()
    for _ in range(100):
        engine.sweep(1, table)
        now = engine.read()
        flips += int((now != previous).sum())
        previous = now
    expected = 100 * 512**2 * probability
    assert abs(flips - expected) < 4 * (expected * (1 - probability)) ** 0.5 + 1


# --- streams ---


def reference_xoshiro(state: list[int]) -> int:
    mask = (1 << 64) - 1

    def rotate(x: int, k: int) -> int:
        return ((x << k) | (x >> (64 - k))) & mask

    result = (rotate((state[0] + state[3]) & mask, 23) + state[0]) & mask
    t = (state[1] << 17) & mask
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = rotate(state[3], 45)
    return result


def test_a_stream_draws_what_xoshiro_draws():
    state = streams.expand_seed(12)
    reference = state.tolist()
    drawn = [int(streams.draw(state)) for _ in range(100)]
    assert drawn == [reference_xoshiro(reference) for _ in range(100)]


def bits_of(words: np.ndarray) -> np.ndarray:
    return np.unpackbits(np.asarray(words, dtype="<u8").view(np.uint8), bitorder="little")


def test_streams_start_exactly_two_to_the_128_draws_apart():
    """The step is linear over GF(2); its matrix, squared 128 times, is the jump."""
    columns = []
    for bit in range(256):
        state = np.zeros(4, dtype=np.uint64)
        state[bit // 64] = np.uint64(1) << np.uint64(bit % 64)
        streams.draw(state)
        columns.append(bits_of(state))
    matrix = np.array(columns, dtype=np.float32).T
    for _ in range(128):
        matrix = (matrix @ matrix) % 2
    states = streams.streams(77, 5)
    for one, following in itertools.pairwise(states):
        assert np.array_equal((matrix @ bits_of(one)) % 2, bits_of(following))


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1, 2**64 + 5])
def test_no_seed_gives_the_stream_that_stands_still(seed):
    assert streams.expand_seed(seed).any()


# --- threads, seeds, the two row loops ---


@pytest.mark.parametrize("size, replicas", [(1024, 1), (1040, 1), (1200, 1), (64, 20)])
def test_results_do_not_depend_on_the_number_of_threads(size, replicas):
    spins = random_spins(replicas, size)
    results = []
    for threads in (1, 2, 3, 4):
        engine = PackedIsing(spins, seed=2, threads=threads)
        engine.sweep(37, TABLES["metropolis"])
        engine.sweep(1, TABLES["metropolis"])
        engine.sweep(6, TABLES["heat bath in a field"])
        results.append(engine.read())
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("kernel", ["packed", "plain", CUDA])
def test_a_seed_fixes_the_result_and_another_seed_changes_it(kernel):
    spins = random_spins(2, 64)
    results = []
    for seed in (4, 4, 5):
        engine = make(kernel, spins, seed)
        engine.sweep(5, TABLES["metropolis"])
        results.append(engine.read())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_sweeps_in_parts_are_the_sweeps_at_once():
    spins = random_spins(1, 64)
    whole, parts = PackedIsing(spins, seed=1), PackedIsing(spins, seed=1)
    whole.sweep(10, TABLES["metropolis"])
    for count in (1, 2, 3, 4):
        parts.sweep(count, TABLES["metropolis"])
    assert torch.equal(whole.read(), parts.read())


def test_the_short_loop_without_field_does_what_the_general_loop_does(monkeypatch):
    spins = random_spins(3, 96)
    short = PackedIsing(spins, seed=6)
    short.sweep(20, TABLES["metropolis"])
    monkeypatch.setattr(ising_cpu, "is_symmetric", lambda table: False)
    general = PackedIsing(spins, seed=6)
    general.sweep(20, TABLES["metropolis"])
    assert torch.equal(short.read(), general.read())


def test_an_error_in_a_thread_reaches_the_caller():
    def fail(number: int) -> None:
        if number == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(fail, [(0,), (1,), (2,), (3,)], [(4,), (5,)], threads=2)


def test_a_round_begins_when_the_one_before_is_done_whoever_else_runs(monkeypatch):
    pool = ThreadPoolExecutor(4)
    monkeypatch.setattr(parallel, "_SIZE", 4)
    monkeypatch.setattr(parallel, "_pool", lambda: pool)

    def play():
        done = []
        run(done.append, *[[(4 * r + j,) for j in range(4)] for r in range(200)], threads=4)
        return [n // 4 for n in done] == sorted(n // 4 for n in range(800))

    with ThreadPoolExecutor(8) as callers:  # more hands than the pool has
        assert all(callers.map(lambda _: play(), range(16), timeout=60))


# --- rules ---


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("temperature, field", [(0.5, 0), (2.27, 0.3), (2.27, -5), (1e-300, 1)])
def test_rules_keep_detailed_balance(rule, temperature, field):
    down, up = flip_table(temperature, field, rule)
    for ups in range(5):
        cost = 2 * (2 * ups - 4 + field) / temperature  # of turning the spin from up to down
        if abs(cost) < 600:
            assert up[ups] / down[ups] == pytest.approx(np.exp(-cost), rel=1e-12)
        assert 0 <= up[ups] <= 1
        assert 0 <= down[ups] <= 1


def test_thresholds_keep_all_digits():
    assert threshold(1.0, 62) == 2**62
    assert threshold(0.0, 62) == 0
    assert threshold(2.0**-60, 62) == 4


# --- triton without a GPU ---

INTERPRETED = """
import random, torch
from rgwidgets.compute.kernels.ising_cuda import CudaIsing
from rgwidgets.compute.kernels.ising_torch import TorchIsing
from rgwidgets.compute.kernels.rules import flip_table
choose = random.Random(0)
generator = torch.Generator().manual_seed(0)
for size, replicas in ((16, 1), (48, 3)):
    spins = torch.randint(0, 2, (replicas, size, size), generator=generator).to(torch.int8) * 2 - 1
    tables = [tuple(tuple(float(choose.random() < .5) for _ in range(5)) for _ in range(2))
              for _ in range(2)] + [flip_table(1e-300, 0.0, "metropolis")]
    for table in tables:
        one, other = CudaIsing(spins, seed=3), TorchIsing(spins, seed=3)
        one.sweep(1, table)
        other.sweep(1, table)
        assert torch.equal(one.read(), other.read())
engine = CudaIsing(torch.ones(1, 128, 128, dtype=torch.int8), seed=2**62 + 1)
engine.sweep(1, ((0.3,) * 5, (0.3,) * 5))
flipped = (engine.read() < 0).double().mean()
assert abs(flipped - 0.3) < 4 * (0.21 / 128**2) ** 0.5
"""


@pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="needs triton")
def test_the_triton_kernel_agrees_in_tritons_interpreter():
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_cuda_kernel_says_why_it_cannot_run_here():
    assert "not a CUDA device" in ising_cuda.refusal(torch.device("cpu"))
