"""The digits lab: a network trained here, with the same dial."""

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import KeywordError, LayerError, ParameterError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab():
    lab = rg.DigitsLab(layer="hidden2", samples=40)
    assert lab.wait(280)
    yield lab
    lab.close()


@pytest.mark.slow
def test_it_trains_itself_and_measures_every_rank(lab):
    assert lab.status["state"] == "idle"
    assert None not in lab.table["attack"]["loss"]
    assert lab.table["value"]["accuracy"][0] > 0.9


def test_the_full_rank_neglects_nothing_and_rank_zero_everything(lab):
    assert lab.table["certificate"]["loss"][0] == 0
    assert lab.table["value"]["accuracy"][-1] < 0.5


def test_average_is_far_below_attack_where_the_cut_looks_harmless(lab):
    """The result to keep in mind: the mean does not notice what an adversary can do."""
    average, attack = lab.table["average"]["loss"], lab.table["attack"]["loss"]
    harmless = [i for i, a in enumerate(average) if 0 < a < 0.05]
    assert harmless
    assert max(attack[i] / average[i] for i in harmless) > 5


def test_the_spectrum_has_one_value_a_direction(lab):
    assert len(lab.table["relevance"]["values"]) == lab.flow.scale.cutoffs[0]


def test_the_gradient_scheme_is_the_other_order(lab):
    other = rg.DigitsLab("gradient", layer="hidden2", samples=24, train=False)
    assert other.flow.scheme.name == "gradient_spectrum"
    other.close()


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"scheme": "fourier"}, ParameterError),
        ({"layer": "hiden1"}, LayerError),
        ({"sample": 3}, KeywordError),
        ({"samples": 0}, Exception),
    ],
)
def test_bad_arguments_are_refused(arguments, error):
    with pytest.raises(error):
        rg.DigitsLab(train=False, **arguments)


@pytest.mark.slow
def test_training_can_be_cancelled_and_leaves_a_working_lens():
    lab = rg.DigitsLab(layer="hidden2", samples=16)
    lab._handle_custom_msg({"kind": "action", "name": "cancel"}, [])
    assert lab.wait(60)
    assert lab.status["state"] == "idle"
    lab.cutoff = 0
    lab.close()
