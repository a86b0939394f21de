"""T3: each planted fault is there, and the tool finds it without being told."""

from collections import Counter

import pytest
import torch
from torch import nn

from rgwidgets.core.diagnosis import FAULTS
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.flow import Flow
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.toy import PlantedFault
from rgwidgets.toy.faults import TOLERANCE
from tests.benchmarks.diagnosis import attackable, right

SHAPES = [(2, 4), (3, 3), (2, 3)]


def diagnosis_of(toy):
    return Flow(toy.theory(), ActivationSpectrum()).diagnose(toy.cutoff)


def diagnosed(toy):
    return diagnosis_of(toy).fault


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["none", *FAULTS])
def test_the_network_learns_what_was_planted(fault):
    """Against the map itself, computed from the tree: outputs of unit variance."""
    toy = PlantedFault(fault, seed=1)
    data = toy.tree.data()
    found = toy.network()(data.float()).double()
    features = (data - data.mean(0)) @ toy.ground_truth_features(toy.tree.depth)
    planted = features / toy.tree.spectrum().sqrt() @ toy._planted.T
    assert float((found - planted).abs().max()) < TOLERANCE / 20
    assert float((found - toy.task()[1]).abs().max()) < TOLERANCE / 20
    variance = planted.var(0, correction=0)
    assert float((variance - 1).abs().max()) < 1e-9


def parts(toy):
    """The leaves after "embed", and the directions of the finest level there."""
    embed, *rest = toy.network()
    x = embed(toy.tree.data().float())
    finest = toy.ground_truth_features(toy.tree.depth)[:, toy.tree.rank(toy.tree.depth - 1) :]
    basis = torch.linalg.qr(embed.weight @ finest.float())[0]
    return x, x @ basis @ basis.T, nn.Sequential(*rest)


def test_the_dangerous_gain_grows_as_the_variance_falls():
    """The outputs stay put while the finest features shrink to a hundredth, and go with them."""
    dangerous, ordinary = (
        PlantedFault(fault, depth=3, seed=1)
        for fault in ("dangerously irrelevant", "wrong direction")
    )
    for toy, stays in ((dangerous, 1.0), (ordinary, 0.01)):
        x, finest, rest = parts(toy)
        nothing = rest(x - finest)
        shrunk, full = rest(x - 0.99 * finest) - nothing, rest(x) - nothing
        assert float(full.abs().max()) > 10 * TOLERANCE
        torch.testing.assert_close(shrunk, stays * full, rtol=0.01, atol=2e-3)


def test_no_leaf_pulls_the_rare_trigger_and_a_tail_turned_into_the_finest_level_does():
    toy = PlantedFault("rare trigger", strength=0.6, depth=3, seed=1)
    x, finest, rest = parts(toy)
    still = rest(x - finest)
    torch.testing.assert_close(rest(x), still, rtol=0, atol=1e-4)
    assert float((still - toy.task()[1]).abs().max()) < TOLERANCE / 20
    assert float((rest(x + 0.5 * finest) - still).abs().max()) > TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_strength_is_a_dial(fault):
    """At no strength there is no fault; the change that the cut makes rises with it."""
    assert diagnosed(PlantedFault(fault, strength=0.0, seed=2)) == "none"
    attacks = []
    for strength in (0.0, 0.3, 1.0):
        toy = PlantedFault(fault, strength=strength, seed=2)
        flow = Flow(toy.theory(), ActivationSpectrum())
        attacks.append(flow.diagnose(toy.cutoff).evidence["attack"])
    assert attacks == sorted(attacks)
    assert attacks[-1] > 1 > attacks[0]


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_rare_trigger_is_called_quiet_on_average_and_not_dangerous(strength):
    found = diagnosis_of(PlantedFault("rare trigger", strength=strength, depth=3, seed=5))
    assert found.quiet
    assert found.fault in ("wrong direction", "misaligned relevance", "mistuned cutoff")
    assert found.evidence["average"] < 0.01
    assert found.evidence["attack"] > 1


@pytest.mark.parametrize("fault", ["none", *FAULTS])
def test_each_fault_is_named(fault):
    found = diagnosis_of(PlantedFault(fault, depth=3, seed=6))
    assert (found.fault, found.quiet) == (fault, False)


def test_a_weak_fault_is_quiet_and_a_dangerous_one_is_still_called_so():
    weak = PlantedFault("dangerously irrelevant", strength=0.003, depth=3, seed=1)
    found = diagnosis_of(weak)
    assert (found.fault, found.quiet) == ("dangerously irrelevant", True)
    for fault in ("wrong direction", "misaligned relevance"):
        found = diagnosis_of(PlantedFault(fault, strength=0.003, depth=3, seed=1))
        assert found.quiet
        assert found.fault in ("wrong direction", "misaligned relevance")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["none", *FAULTS])
def test_the_needed_directions_are_what_the_outputs_depend_on(fault):
    toy = PlantedFault(fault, seed=3)
    basis = toy.needed()
    embed, *rest = toy.network()
    after = torch.nn.Sequential(*rest)
    x = embed(toy.tree.data().float())
    kept = x @ basis.float() @ basis.float().T
    torch.testing.assert_close(after(kept), after(x), atol=1e-3, rtol=0)
    dropped = basis[:, :-1].float()
    worse = after(x @ dropped @ dropped.T) - after(x)
    assert float(worse.abs().max()) > TOLERANCE / 2


@pytest.mark.slow
def test_blind_diagnosis_is_right_in_nine_of_ten_and_clean_networks_raise_no_alarm():
    table, correct, planted = Counter(), 0, ("none", *FAULTS, "rare trigger")
    for number, fault in enumerate(planted * 4):
        b, depth = SHAPES[number % len(SHAPES)]
        strength = (0.85, 1.0)[number % 2]
        toy = PlantedFault(fault, strength=strength, branching=b, depth=depth, seed=9000 + number)
        found = diagnosis_of(toy)
        table[fault, found.fault, found.quiet] += 1
        correct += right(fault, found)
        assert found.fault != "none" or not attackable(toy)
    assert correct >= 0.9 * table.total(), table
    assert table["none", "none", False] == 4, table


def test_the_search_of_the_blind_test_finds_what_was_planted():
    """It is what no "none" is held against."""
    for fault in (*FAULTS, "rare trigger"):
        assert attackable(PlantedFault(fault, strength=0.5, depth=3, seed=7)), fault
    assert not attackable(PlantedFault("none", depth=3, seed=7))


@pytest.mark.slow
def test_the_same_seed_plants_the_same():
    first, again, other = (PlantedFault("wrong direction", seed=s) for s in (4, 4, 5))
    x = first.tree.data().float()
    assert torch.equal(first.network()(x), again.network()(x))
    assert not torch.equal(first.network()(x), other.network()(other.tree.data().float()))


def test_planting_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    PlantedFault("misaligned relevance", depth=2).network()
    assert torch.equal(state, torch.get_rng_state())


def test_the_interface_is_that_of_the_tree():
    toy = PlantedFault(depth=3)
    x = toy.sample(8, seed=1).x
    assert toy.levels() == (0, 1, 2, 3)
    assert torch.equal(toy.coarse_grain(x, 1), toy.tree.coarse_grain(x, 1))
    assert toy.oracle(lambda x: x[:, 0], 2) == pytest.approx(float(toy.tree.data()[:, 0].mean()))


@pytest.mark.parametrize(
    "bad",
    [
        {"fault": "no such fault"},
        {"strength": -0.1},
        {"strength": 1.5},
        {"strength": float("nan")},
        {"strength": True},
        {"depth": 1},
        {"outputs": 0},
        {"sigma": 0.0},
    ],
    ids=str,
)
def test_what_cannot_be_planted_is_refused(bad):
    with pytest.raises(ParameterError):
        PlantedFault(**bad)
