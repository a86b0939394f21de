"""The models that come with the package are looked at as they say."""

import pytest
import torch

from rgwidgets.core.scheme import Scheme
from rgwidgets.microscope.specimens import SPECIMENS, characters, digits


def test_every_specimen_says_what_it_is():
    assert list(SPECIMENS) == ["digits", "minilm", "characters"]
    assert all(make.__doc__ for make in SPECIMENS.values())


def test_the_digits_are_looked_at_by_several_families_at_ranks_that_all_admit():
    specimen = digits(quick=True)
    assert {o.name for o in specimen.theory.observables} == {"loss", "accuracy", "logit 3 − 8"}
    for scheme in specimen.schemes.values():
        assert isinstance(scheme, Scheme)
        admitted = scheme.scale(specimen.theory).cutoffs
        assert set(specimen.cutoffs) <= set(admitted)


@pytest.mark.slow
def test_before_training_is_the_same_layer_on_the_same_text_with_the_first_weights():
    specimen = characters(quick=True)
    before, after = specimen.before, specimen.theory
    assert before.features["activation"].shape == after.features["activation"].shape
    assert not torch.equal(before.features["activation"], after.features["activation"])
    losses = [t.samples("nats per character").mean() for t in (before, after)]
    assert losses[1] < losses[0] - 0.3
