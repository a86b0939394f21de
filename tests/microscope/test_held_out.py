"""Some inputs choose what is cut and others test it, where that can be done; else it is said."""

import pytest
import torch
from torch import nn

from rgwidgets import Microscope
from rgwidgets.core.errors import ParameterError
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.theory import Theory
from rgwidgets.systems.networks.observables import loss

X = torch.randn(90, 5, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(90) % 3


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def look(observables: object = None, data: torch.Tensor = X, **options: object) -> Theory:
    labels = LABELS[: len(data)]
    return Microscope(network(), "1").fit(data, observables, labels=labels, **options).theory


def test_every_input_either_chooses_or_tests_with_its_own_label() -> None:
    theory, net = look(), network()
    assert theory.attrs["held_out"] == "45 inputs choose what is cut, 45 others put it to the test"
    hidden = torch.cat([theory.features["activation"], theory.reference.features["activation"]])
    every = torch.cat([theory.samples("loss"), theory.reference.samples("loss")])
    with torch.no_grad():
        inner, outputs = net[1](net[0](X)), net(X)
    expected = nn.functional.cross_entropy(outputs, LABELS, reduction="none")
    places = torch.cdist(hidden, inner).argmin(1)
    assert sorted(places.tolist()) == list(range(90))
    torch.testing.assert_close(every, expected[places])


def test_directions_and_radius_are_of_those_that_choose() -> None:
    view = Microscope(network(), "1").fit(X, labels=LABELS)
    fibre, chosen_on = view[3].attrs["fibre"], view.theory.reference.features["activation"].double()
    spectrum = view.spectrum
    torch.testing.assert_close(spectrum.mean, chosen_on.mean(0))
    lengths = ((chosen_on - spectrum.mean) @ spectrum.basis)[:, 3:].norm(dim=1)
    assert fibre.radius == pytest.approx(float(lengths.max()))  # 45 inputs: the 99 % quantile
    assert "the 99% quantile of the tails of 45 other inputs" in fibre.all_in_words
    assert view[3].bounds["loss"].fresh


@pytest.mark.parametrize("share, tested", [(0.3, 27), (0.25, 22)])
def test_so_large_a_share_is_held_out(share: float, tested: int) -> None:
    assert len(look(held_out=share).features["activation"]) == tested


def test_a_tolerance_of_the_budget_holds_for_both() -> None:
    view = Microscope(network(), "1").fit(X, labels=LABELS, budget={"loss": 0.3})
    assert view.theory.fitted.observable("loss").tolerance == 0.3


def centred(outputs: torch.Tensor) -> torch.Tensor:
    return outputs[:, 0] - outputs[:, 0].mean()


FIRST = OutputObservable(
    "first", of_outputs=lambda z: z[:, 0] * LABELS, labels=LABELS, form="general"
)


@pytest.mark.parametrize(
    "observables, reason",
    [({"centred": centred}, "other values than of all together"), (FIRST, "no `among`")],
    ids=["of the batch", "of labels"],
)
def test_what_cannot_be_told_of_some_alone_is_told_of_all_and_said(observables, reason) -> None:
    theory = look(observables)
    assert theory.reference is None
    assert len(theory.features["activation"]) == 90
    said = theory.attrs["held_out"]
    assert "the same 90 inputs" in said
    assert "of some of the samples" in said
    assert (
        not Microscope(network(), "1")
        .fit(X, observables)[3]
        .bounds[theory.observables[0].name]
        .fresh
    )


@pytest.mark.parametrize(
    "n, options, reason", [(30, {}, "15 and 15 are too few"), (90, {"held_out": 0}, "as asked")]
)
def test_where_there_is_not_enough_all_do_both(n, options, reason) -> None:
    theory = look(data=X[:n], **options)
    assert theory.reference is None
    assert f"put it to the test: {reason}" in theory.attrs["held_out"]


@pytest.mark.parametrize("share", [-0.1, 1.0, None, "half"])
def test_what_is_no_share_is_refused(share: object) -> None:
    with pytest.raises(ParameterError, match="held_out"):
        look(held_out=share)


def test_a_loss_of_ones_own_is_divided_with_its_labels() -> None:
    theory = look({"own": loss(LABELS, tolerance=0.2)})
    assert theory.reference is not None
    assert theory.observable("loss").tolerance == 0.2
