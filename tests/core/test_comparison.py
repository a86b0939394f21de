"""Several flows on one dial."""

import pytest
import torch

from rgwidgets.core.comparison import Comparison, compare
from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.flow import Flow
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum
from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff


def theory(seed=0, d=4):
    x = torch.randn(60, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    scale = torch.arange(d, 0, -1).double()
    last = Observable("last", lambda f: f["activation"][:, -1], unit="eV", tolerance=0.5)
    size = Observable("size", lambda f: f["activation"].square().sum(1))
    return Theory({"activation": x * scale}, (last, size))


@pytest.fixture
def flows():
    here = theory()
    return {"PCA": Flow(here, ActivationSpectrum()), "own": Flow(here, GradientSpectrum())}


def test_each_observable_comes_once_for_each_member_with_its_own_numbers(flows):
    both = compare(flows)
    for cutoff in both.scale.cutoffs:
        joined = both.level(cutoff)
        for label, flow in flows.items():
            alone = flow.level(cutoff)
            for name in ("last", "size"):
                assert joined.values[f"{name} · {label}"] == alone.values[name]
                assert joined.influences[f"{name} · {label}"] == alone.influences[name]
    assert len(joined.influences) == 4
    assert both.tolerances["last · own"] == 0.5
    assert both.units["last · PCA"] == "eV"


def test_only_the_cutoffs_in_common_are_on_the_dial():
    here = theory()
    both = Comparison(
        {
            "a": Flow(here, ActivationSpectrum(), cutoffs=(4, 3, 1)),
            "b": Flow(here, GradientSpectrum(), cutoffs=(4, 2, 1)),
        }
    )
    assert both.scale.cutoffs == (4, 1)


def test_a_level_counts_as_computed_when_all_members_have_theirs(flows):
    both = compare(flows)
    flows["PCA"].level(2)
    assert both.computed(2) is None
    flows["own"].level(2)
    assert both.computed(2) is not None


def test_the_budget_is_everyones(flows):
    both = compare(flows)
    assert both.cutoff({"last · own": 0.5}, by="attack") < both.cutoff(
        {"last · PCA": 0.5}, by="attack"
    )
    assert both.cutoff(by="attack") == both.cutoff({"last · PCA": 0.5}, by="attack")


def test_a_comparison_is_recorded_and_comes_back(flows, tmp_path):
    both = compare(flows)
    back = Flow.load(both.save(tmp_path / "both.zarr"))
    assert back.members == ("PCA", "own")
    for cutoff in both.scale.cutoffs:
        for name, influence in both.level(cutoff).influences.items():
            assert back.level(cutoff).influences[name].attack.value == influence.attack.value


def test_flows_without_labels_go_by_their_titles():
    first, second = (Flow(theory(seed), ActivationSpectrum()) for seed in (0, 1))
    both = compare([first, second])
    assert both.members == (first.title, f"{first.title} 2")


def test_what_cannot_be_compared_is_refused(flows):
    spins = Flow(Theory(couplings={"K": 0.3}), MigdalKadanoff())
    with pytest.raises(CutoffError, match="kind"):
        compare([flows["PCA"], spins])
    with pytest.raises(CutoffError, match="common"):
        compare([Flow(theory(), ActivationSpectrum(), cutoffs=c) for c in ((4, 3), (2, 1))])
    for few in ({}, {"one": flows["PCA"]}, [flows["PCA"]]):
        with pytest.raises(ParameterError, match="two"):
            compare(few)
    with pytest.raises(ParameterError, match="str"):
        compare([flows["PCA"], "flow"])
