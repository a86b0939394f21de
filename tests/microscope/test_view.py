"""What a view tells of a flow is so by construction."""

import pytest
import torch

from rgwidgets.compute.moments import Moments
from rgwidgets.core.errors import CutoffError, ParameterError
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.microscope.view import View, restricted
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.gradient_spectrum import GradientSpectrum
from rgwidgets.schemes.migdal_kadanoff import MigdalKadanoff

SIZES = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5, 0.25], dtype=torch.float64)


def theory_of(n=400, seed=0, sizes=SIZES):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, len(sizes), generator=generator, dtype=torch.float64) * sizes
    near = Observable("near", lambda f: f["activation"][:, 1], tolerance=0.3)
    far = Observable("far", lambda f: f["activation"][:, 4], tolerance=0.05)
    free = Observable("free", lambda f: f["activation"][:, 0])
    return Theory({"activation": x}, (near, far, free))


@pytest.fixture(params=[ActivationSpectrum(), GradientSpectrum(observable="*")], ids=str)
def view(request):
    return View(theory_of(), request.param)


def test_each_observable_turns_where_its_direction_goes():
    view = View(theory_of(), ActivationSpectrum())
    assert view.crossovers() == {"near": 2.0, "far": 5.0}


def test_a_crossover_is_where_the_average_leaves_the_tolerance(view):
    for name, cutoff in view.crossovers().items():
        assert view.level(cutoff).influences[name].average.value <= view.tolerances[name]
        coarser = view.scale.cutoffs[view.scale.index(cutoff) + 1]
        assert view.level(coarser).influences[name].average.value > view.tolerances[name]


def test_coefficients_are_the_data_in_the_directions_of_the_view(view):
    spectrum, x = view.spectrum, view.theory.features["activation"]
    torch.testing.assert_close(view.coefficients() @ spectrum.basis.T + spectrum.mean, x)


def test_clear_directions_come_again_and_degenerate_ones_do_not():
    clear = View(theory_of(), ActivationSpectrum()).stability(3)
    assert clear.overlap.value > 0.99
    assert clear.control.value == 0.5  # three of six
    alike = torch.ones(30, dtype=torch.float64)
    blurred = View(theory_of(n=100, sizes=alike), ActivationSpectrum()).stability(3)
    assert abs(blurred.overlap.value - blurred.control.value) < 5 * blurred.overlap.error


def test_stability_is_that_of_the_scheme_on_half_of_the_samples():
    view = View(theory_of(), GradientSpectrum(observable="far"))
    assert view.stability(1).overlap.value == pytest.approx(1, abs=1e-9)


def test_views_of_the_same_samples_overlap_as_far_as_they_agree():
    view = View(theory_of(), ActivationSpectrum())
    assert view.overlap(view, 4) == pytest.approx(1)
    other = View(theory_of(seed=9), ActivationSpectrum())
    assert view.overlap(other, 4) < 0.1


def test_the_restricted_theory_is_that_of_some_samples(view):
    index = torch.tensor([5, 3, 77])
    few = restricted(view.theory, index)
    for observable in view.theory.observables:
        torch.testing.assert_close(
            few.samples(observable.name), view.theory.samples(observable.name)[index]
        )


def test_a_restricted_batch_dependent_observable_sees_the_whole_batch():
    x = torch.arange(6.0)[:, None]
    labels = torch.arange(6.0)
    error = Observable("error", lambda f: f["x"][:, 0] - labels)  # only ever of six samples
    few = restricted(Theory({"x": x}, (error,)), torch.tensor([4, 0]))
    assert few.samples("error", {"x": torch.tensor([[5.0], [1.0]])}).tolist() == [1.0, 1.0]


def test_what_cannot_be_told_is_refused():
    view = View(theory_of(n=3), ActivationSpectrum())
    with pytest.raises(ParameterError, match="four samples"):
        view.stability(2)
    with pytest.raises(ParameterError, match="rank"):
        View(theory_of(), ActivationSpectrum()).stability(0)
    streamed = ActivationSpectrum(moments=Moments.of(theory_of().features["activation"]))
    with pytest.raises(ParameterError, match="other samples"):
        View(theory_of(), streamed).stability(2)
    with pytest.raises(CutoffError):
        view.separation(9)
    couplings = View(Theory(couplings={"K": 0.3}), MigdalKadanoff())
    with pytest.raises(ParameterError, match="orthogonal directions"):
        couplings.susceptibility()
