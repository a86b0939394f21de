"""Interactions reach as far as they were made to."""

import math

import pytest
import torch

from rgwidgets.core.errors import ParameterError, ShapeError
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.microscope.locality import locality
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum


def chain(strength, *, n=40, length=10, d=3, seed=0):
    """o = Σ_ij J(|i − j|) x_i·x_j on an open chain, with J a dictionary."""
    x = torch.randn(n, length, d, generator=torch.Generator().manual_seed(seed)).double()
    apart = (torch.arange(length)[:, None] - torch.arange(length)).abs()
    couplings = sum(j * (apart == k) for k, j in strength.items()).double() / 2

    def energy(features):
        s = features["activation"]
        return torch.einsum("nid,ij,njd->n", s, couplings.to(s), s)

    return Theory({"activation": x}, (Observable("energy", energy),)), apart


def measured(theory, rank, **options):
    spectrum = ActivationSpectrum().spectrum(theory)
    return locality(theory, "activation", spectrum, rank, theory.observables[0], **options)


@pytest.mark.parametrize("reach", [1, 2, 5])
def test_pairs_at_one_distance_give_that_reach_before_and_after(reach):
    theory, _ = chain({reach: 1.0})
    for rank in (1, 3):
        found = measured(theory, rank)
        assert found.before.value == pytest.approx(reach, abs=1e-9)
        assert found.after.value == pytest.approx(reach, abs=1e-9)
        quiet = found.distance != reach
        assert float(found.coupling_before[quiet].abs().max()) < 1e-9
        assert float(found.coupling_after[~quiet]) > 0


def test_the_coupling_by_distance_is_the_one_that_was_made():
    theory, _ = chain({1: 1.0, 2: 0.5, 4: 0.25}, n=400)
    found = measured(theory, 3, probes=20)
    profile = dict(zip(found.distance.tolist(), found.coupling_before.tolist(), strict=True))
    assert profile[2.0] / profile[1.0] == pytest.approx(0.5, rel=0.1)
    assert profile[4.0] / profile[1.0] == pytest.approx(0.25, rel=0.1)
    assert profile[3.0] == pytest.approx(0.0, abs=1e-9)


def test_interactions_that_do_not_care_for_distance_reach_as_far_as_the_control():
    length = 10
    theory, apart = chain(dict.fromkeys(range(1, length), 1.0), n=300)
    found = measured(theory, 3, probes=16)
    pairs = apart[apart > 0].double().mean()
    assert found.control == pytest.approx(float(pairs))
    assert abs(found.before.value - found.control) < 4 * found.before.error


def test_a_cut_can_remove_the_far_interactions_alone():
    """Near pairs meet in the strong direction, far ones in the weak direction that is cut."""
    x = torch.randn(60, 8, 2, generator=torch.Generator().manual_seed(1)).double()
    x = x * torch.tensor([3.0, 1.0]).double()

    def both(features):
        s = features["activation"]
        near = (s[:, 1:, 0] * s[:, :-1, 0]).sum(1)
        return near + 5 * (s[:, 0, 1] * s[:, -1, 1])

    theory = Theory({"activation": x}, (Observable("both", both),))
    basis = ActivationSpectrum().spectrum(theory)
    assert float(basis.basis[0, 0].abs()) > 0.99
    found = measured(theory, 1, probes=16)
    near, far = 7 * 3.0 * 3.0, 5 * 1.0 * 1.0  # pairs × strength × both standard deviations
    expected = (near + 7 * far) / (near + far)
    assert abs(found.before.value - expected) < 4 * found.before.error
    assert found.before.error < 0.05
    assert found.after.value == pytest.approx(1.0, abs=0.1)


def test_distances_of_ones_own_are_taken():
    theory, apart = chain({1: 1.0})
    found = measured(theory, 3, distance=2.5 * apart)
    assert found.before.value == pytest.approx(2.5)


def test_an_image_has_euclidean_distances():
    x = torch.randn(9, 3, 3, 2, generator=torch.Generator().manual_seed(2)).double()
    corner = Observable(
        "corner", lambda f: f["activation"][:, 0, 0, 0] * f["activation"][:, 2, 2, 0]
    )
    found = measured(Theory({"activation": x}, (corner,)), 2, probes=20)
    assert found.before.value == pytest.approx(math.sqrt(8))


def test_what_has_no_positions_or_no_interactions_is_refused():
    flat = Theory(
        {"activation": torch.randn(5, 3)}, (Observable("o", lambda f: f["activation"][:, 0]),)
    )
    with pytest.raises(ShapeError, match="positions"):
        measured(flat, 1)
    theory, _ = chain({1: 1.0})
    with pytest.raises(ParameterError, match="rank"):
        measured(theory, 0)
    with pytest.raises(ShapeError, match="distance"):
        measured(theory, 1, distance=torch.zeros(3, 3))
    linear = Theory(
        dict(theory.features), (Observable("line", lambda f: f["activation"].sum((1, 2))),)
    )
    with pytest.raises(ParameterError, match="line"):
        measured(linear, 1)
