"""The diagnosis names the fault that a flow has by construction, and none where there is none."""

import dataclasses
import math

import pytest
import torch

from rgwidgets.core.diagnosis import diagnose
from rgwidgets.core.errors import BudgetError, CutoffError
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.block_spin import BlockSpin
from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff
from rgwidgets.systems.capture import capture
from rgwidgets.systems.lattice.ising import Ising
from rgwidgets.systems.networks.observables import logit_difference

D = 12
#: Standard deviations of the directions, in the order of the scheme.
SIZES = torch.tensor([2.0**-i for i in range(D)], dtype=torch.float64)


def flow_of(needed, *, tolerance=0.1, gain=None):
    """One observable a needed direction, each scaled to unit variance; directions are rotated."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(400, D, generator=generator, dtype=torch.float64)
    z = torch.linalg.qr(z - z.mean(0))[0] * math.sqrt(400)
    rotation = torch.linalg.qr(torch.randn(D, D, generator=generator, dtype=torch.float64))[0]
    gains = dict.fromkeys(needed, 1.0) if gain is None else gain

    def observable(i, g):
        return Observable(
            f"direction {i}",
            lambda f: g * (f["activation"] @ rotation)[:, i] / SIZES[i],
            tolerance=tolerance,
        )

    theory = Theory(
        {"activation": (z * SIZES) @ rotation.T}, tuple(observable(i, g) for i, g in gains.items())
    )
    return Flow(theory, ActivationSpectrum())


def test_what_is_not_needed_may_go():
    diagnosis = flow_of(range(4)).diagnose(4)
    assert diagnosis.fault == "none"
    assert diagnosis.evidence["attack"] < 1e-6


@pytest.mark.parametrize("cutoff", [1, 4, 8])
def test_a_reversed_order_is_told(cutoff):
    assert flow_of(range(9, D)).diagnose(cutoff).fault == "wrong direction"


@pytest.mark.slow
@pytest.mark.parametrize("needed, cutoff", [(6, 3), (6, 5), (3, 1), (10, 6)])
def test_a_cut_too_early_is_told_and_where_to_cut(needed, cutoff):
    diagnosis = flow_of(range(needed)).diagnose(cutoff)
    assert diagnosis.fault == "mistuned cutoff"
    assert diagnosis.evidence["needed, given order"] == needed
    assert flow_of(range(needed)).diagnose(needed).fault == "none"


@pytest.mark.parametrize("needed", [(0, 5), (1, 6, 8), (0, 3, 7)])
def test_a_scattered_need_is_told_and_how_few_would_do(needed):
    diagnosis = flow_of(needed).diagnose(2)
    assert diagnosis.fault == "misaligned relevance"
    assert diagnosis.evidence["needed, own order"] == len(needed)
    assert diagnosis.evidence["needed, given order"] == max(needed) + 1


def test_of_what_is_neglected_the_order_may_be_reversed_alone():
    diagnosis = flow_of((*range(8), D - 1)).diagnose(8)
    assert diagnosis.fault == "wrong direction"
    assert diagnosis.evidence["needed, half reversed order"] == 9
    assert diagnosis.evidence["needed, reversed order"] == D


def test_a_steep_but_quiet_direction_is_no_danger_but_quiet_on_average():
    """What it does shrinks with its size; only its order is wrong, and no average shows it."""
    diagnosis = flow_of((), gain={0: 1.0, 11: 0.05}).diagnose(4)
    assert diagnosis.fault == "misaligned relevance"
    assert diagnosis.quiet
    assert diagnosis.evidence["average"] < 1 < diagnosis.evidence["attack"]
    assert diagnosis.evidence["exponent of the effect"] == pytest.approx(1, abs=0.01)
    assert str(diagnosis).startswith("misaligned relevance, quiet on average: ")


@pytest.mark.parametrize(
    ("needed", "cutoff", "fault"),
    [
        (range(9, D), 4, "wrong direction"),
        (range(6), 3, "mistuned cutoff"),
        ((0, 5, 9), 2, "misaligned relevance"),
    ],
)
def test_any_fault_can_be_quiet_on_average_and_keeps_its_name(needed, cutoff, fault):
    loud = flow_of(needed).diagnose(cutoff)
    quiet = flow_of((), gain=dict.fromkeys(needed, 0.1)).diagnose(cutoff)
    assert (loud.fault, loud.quiet) == (fault, False)
    assert (quiet.fault, quiet.quiet) == (fault, True)
    assert quiet.evidence["needed, given order"] == loud.evidence["needed, given order"]


def layer(tail, observable, *, n=400, tolerance=0.1):
    """Four large directions, and twelve of the size given."""
    z = torch.randn(n, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z = torch.linalg.qr(z - z.mean(0))[0] * math.sqrt(n)
    x = z * torch.tensor([4.0, 4.0, 3.0, 3.0, *[tail] * 12], dtype=torch.float64)
    steep = Observable("o", lambda f: observable(f["activation"]), tolerance=tolerance)
    return Flow(Theory({"activation": x}, (steep,)), ActivationSpectrum())


def normalised(x):
    """The direction of the tail, as far as its length can be told from nothing."""
    return x[:, 4] / (x[:, 4:6].square().sum(1) + 1e-12).sqrt()


@pytest.mark.parametrize("tail", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("share", [1.0, 0.12])
def test_a_gain_that_grows_as_the_variance_falls_is_dangerously_irrelevant(tail, share):
    diagnosis = layer(tail, lambda x: share * normalised(x)).diagnose(4)
    assert diagnosis.fault == "dangerously irrelevant"
    assert diagnosis.quiet == (share < 0.15)
    assert abs(diagnosis.evidence["exponent of the effect"]) < 0.01
    assert diagnosis.evidence["effect left"] == pytest.approx(10 * share, rel=0.02)


def test_a_fixed_gain_is_not_however_steep():
    for gain in (1.0, 1e4):
        diagnosis = layer(0.1, lambda x, g=gain: g * x[:, 4]).diagnose(4)
        assert diagnosis.fault != "dangerously irrelevant"
        assert diagnosis.evidence["exponent of the effect"] == pytest.approx(1)


def test_danger_is_of_an_effect_that_breaks_the_budget():
    """A touch of what stays, far below the tolerance, does not name what breaks it."""
    diagnosis = layer(0.1, lambda x: 100 * x[:, 5] + 0.01 * normalised(x)).diagnose(4)
    assert diagnosis.fault != "dangerously irrelevant"


def test_a_rare_trigger_is_quiet_on_average_and_not_dangerous():
    """It fires where the tail is turned into one direction, as it is in no sample."""
    own = layer(0.1, lambda x: x[:, 4]).theory.samples("o").abs().max()

    def trigger(x):
        return x[:, 0] + 100 * (x[:, 4] - 1.02 * own).relu()

    diagnosis = layer(0.1, trigger).diagnose(4)
    assert diagnosis.evidence["average"] < 1e-6
    assert diagnosis.evidence["attack"] > 1
    assert diagnosis.fault in ("wrong direction", "misaligned relevance", "mistuned cutoff")
    assert diagnosis.quiet


def test_one_sample_beyond_the_ball_is_enough():
    """Its tail is longer than the attack's radius: nothing but the sample itself shows it."""
    n, generator = 400, torch.Generator().manual_seed(0)
    x = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    x[:, 3] = 0.0
    x[7, 3] = 0.5
    last = Observable("last", lambda f: f["activation"][:, 3], tolerance=0.1)
    diagnosis = Flow(Theory({"activation": x}, (last,)), ActivationSpectrum()).diagnose(3)
    assert diagnosis.fault in ("wrong direction", "misaligned relevance", "mistuned cutoff")
    assert diagnosis.quiet


def test_what_only_a_search_finds_is_quiet_though_no_order_can_be_tried_on_it():
    flow = Flow(Ising(16, temperature=2.3, seed=1).sample(10), BlockSpin(2))
    energy = flow.level(4).influences["energy"]
    diagnosis = flow.diagnose(4, {"energy": 2 * energy.average.value})
    assert (diagnosis.fault, diagnosis.quiet) == ("unknown", True)
    loud = flow.diagnose(4, {"energy": energy.average.value / 2})
    assert (loud.fault, loud.quiet) == ("unknown", False)


def test_the_budget_decides():
    flow = flow_of((), gain={0: 1.0, 11: 0.05})
    assert flow.diagnose(4, {"direction 0": 0.1}).fault == "none"
    assert flow.diagnose(4, {"direction 11": 100.0}).fault == "none"
    assert not flow.diagnose(4, {"direction 11": 0.001}).quiet


def test_nothing_neglected_is_no_fault_and_proved():
    diagnosis = flow_of(range(D)).diagnose(D)
    assert diagnosis.fault == "none"
    assert "proved" in diagnosis.because


def test_a_tolerance_of_zero_is_broken_by_any_change():
    assert flow_of(range(4), tolerance=0.0).diagnose(D).fault == "none"
    assert flow_of(range(D), tolerance=0.0).diagnose(6).fault == "mistuned cutoff"


def test_a_scheme_with_nothing_to_compare_says_unknown():
    theory = Ising(16, temperature=2.3, seed=1).theory()
    diagnosis = Flow(theory, BlockSpin(2)).diagnose(4, {"energy": 0.01})
    assert diagnosis.fault == "unknown"
    assert diagnosis.evidence["average"] > 1


def test_an_observable_that_cannot_be_attacked_is_never_called_safe():
    theory = Ising(16, temperature=2.3, seed=1).theory()
    diagnosis = Flow(theory, BlockSpin(2)).diagnose(4, {"correlation length": 1e6})
    assert diagnosis.fault == "unknown"
    assert "correlation length" in diagnosis.because


def test_observables_without_bounds_are_unknown():
    moment = Observable("o", lambda f: f["x"][:, :1], tolerance=0.1, reduce=lambda m: m[0])
    theory = Theory({"x": torch.randn(5, 3, dtype=torch.float64)}, (moment,))
    assert Flow(theory, ActivationSpectrum()).diagnose(1).fault == "unknown"


def test_a_certificate_of_some_observables_is_no_proof_for_all():
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 2))
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    declared = logit_difference(0, 1)
    provable = Flow(capture(network, x, "0", declared), ActivationSpectrum())
    assert "proved" in provable.diagnose(1, {declared.name: 1e6}).because

    def unbounded(z):
        """Of a function whose extremes the library does not know."""
        return torch.special.bessel_j0(z[:, 0])

    both = Flow(capture(network, x, "0", (declared, unbounded)), ActivationSpectrum())
    budget = {declared.name: 1e6, "unbounded": 1e6}
    assert both.diagnose(1, budget).fault == "none"
    assert "proved" not in both.diagnose(1, budget).because


def test_what_cannot_be_judged_is_refused():
    flow = flow_of(range(2))
    with pytest.raises(CutoffError):
        flow.diagnose(2.5)
    with pytest.raises(BudgetError):
        flow.diagnose(2, {"direction 9": 0.1})
    with pytest.raises(BudgetError):
        flow.diagnose(2, {})
    with pytest.raises(BudgetError):
        diagnose(Flow(Theory(couplings={"K": 0.3}), MigdalKadanoff()), 2)


def test_a_diagnosis_reads_as_a_sentence_and_does_not_change():
    diagnosis = flow_of(range(6)).diagnose(3)
    assert str(diagnosis).startswith("mistuned cutoff: ")
    assert diagnosis.advice == "cut at 6"
    with pytest.raises(dataclasses.FrozenInstanceError):
        diagnosis.fault = "none"
