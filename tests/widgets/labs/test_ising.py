"""The Ising lab: a live lattice with a dial."""

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import GeometryError, KeywordError, ParameterError

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setattr(rg.Lens, "send", lambda self, content, buffers=None: None)
    lab = rg.IsingLab(32, seed=3, equilibrate=20, device="cpu")
    assert lab.wait(120)
    yield lab
    lab.close()


def test_it_starts_at_the_critical_temperature_with_every_scale_measured(lab):
    assert lab.system.temperature == pytest.approx(2.269185314213022)
    assert lab.flow.scale.cutoffs == (1, 2, 4, 8, 16)
    for name in ("magnetisation", "energy", "nearest correlation", "diagonal correlation"):
        for curve in ("average", "attack", "certificate"):
            assert None not in lab.table[curve][name]


def test_no_attack_exceeds_its_certificate_at_any_scale(lab):
    for name, attacks in lab.table["attack"].items():
        for attack, certificate in zip(attacks, lab.table["certificate"][name], strict=True):
            if attack is not None and certificate is not None:
                assert attack <= certificate + 1e-9


def test_a_quantity_of_the_ensemble_has_no_bound_and_says_why(lab):
    assert set(lab.table["certificate_kind"]["Binder cumulant"][1:]) == {"none"}
    assert "ensemble" in lab.table["certificate_how"]["Binder cumulant"][1]


def test_pictures_travel_as_bits(lab):
    assert {level["dtype"] for level in lab.pyramid} == {"bit"}
    assert [level["shape"][0] for level in lab.pyramid] == [32, 16, 8, 4, 2]


def test_heating_it_changes_the_system(lab):
    lab.set("temperature", 3.5)
    assert lab.system.temperature == 3.5


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"L": 33}, GeometryError),
        ({"temperature": 0.0}, ParameterError),
        ({"temperature": float("nan")}, ParameterError),
        ({"temprature": 2.0}, KeywordError),
        ({"b": 1}, (GeometryError, ParameterError)),
        ({"rule": "minority"}, ParameterError),
        ({"device": "quantum"}, Exception),
    ],
)
def test_bad_arguments_are_refused(arguments, error):
    with pytest.raises(error) as caught:
        rg.IsingLab(**{"L": 16, **arguments})
    assert "allowed" in str(caught.value)


def test_spec_is_code_that_makes_the_lab_again(lab):
    assert lab.spec().startswith("rg.IsingLab(32")
    again = eval(lab.spec(), {"rg": rg})
    assert again.flow.scale == lab.flow.scale
    again.close()
