"""The microscope on any module: what it finds is right, and the module is left as it was."""

import copy

import pytest
import torch
from torch import nn

from rgwidgets import Microscope
from rgwidgets.core.errors import BudgetError, LayerError, ParameterError
from rgwidgets.microscope import FAMILIES
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.sparse_autoencoder import SparseAutoencoder
from rgwidgets.toy import PlantedFault


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


class Block(nn.Module):
    """A small residual block of convolutions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x):
        return (x + self.second(torch.relu(self.norm(self.first(x))))).mean((2, 3))


class Recurrent(nn.Module):
    """A GRU whose last state is read."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


UNSEEN = {
    "residual block": (Block, (3, 6, 6), "norm", 1),
    "gru": (Recurrent, (7, 4), "gru", -1),
    "transformer": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
        ),
        (5, 8),
        "layers.0",
        -1,
    ),
}


def first_output(outputs):
    return outputs.flatten(1)[:, 0]


OF_ACTIVATIONS = ("activation", "gradient", "attack", "cluster")
OF_WEIGHTS = ["kernel", "fisher"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNSEEN)
@pytest.mark.parametrize("features", OF_ACTIVATIONS)
def test_a_module_never_seen_before_goes_under_the_microscope_and_comes_out_unchanged(
    kind, features
):
    make, shape, layer, axis = UNSEEN[kind]
    model = seeded(make)
    model.train()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    data = torch.randn(24, *shape, generator=torch.Generator().manual_seed(1))
    view = Microscope(model, layer, feature_axis=axis).fit(
        data, {"first": first_output}, {"first": 0.05}, features=features
    )
    influence = view.level(view.scale.cutoffs[2]).influences["first"]
    assert influence.average.kind == influence.attack.kind == "measured"
    assert influence.certificate.kind in ("proved", "none")
    assert influence.certificate or influence.certificate.how
    assert view.level(view.scale.cutoffs[0]).influences["first"].attack.value < 1e-5
    assert view.crossovers()["first"] in view.scale.cutoffs
    assert view.susceptibility().value.shape[1] == view.scale.cutoffs[0]
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not any(part._forward_hooks for part in model.modules())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("kind, layer", [("residual block", "second"), ("gru", "head")])
@pytest.mark.parametrize("features", OF_WEIGHTS)
def test_the_weights_of_a_module_never_seen_before_are_cut_about_a_reference(kind, layer, features):
    make, shape, _, _ = UNSEEN[kind]
    model = seeded(make)
    before = copy.deepcopy(model.state_dict())
    data = torch.randn(6, *shape, generator=torch.Generator().manual_seed(1))
    view = Microscope(model, layer).fit(
        data, {"first": first_output}, {"first": 0.05}, features=features
    )
    assert view.level(view.scale.cutoffs[0]).influences["first"].attack.value < 1e-5
    influence = view.level(0).influences["first"]
    assert influence.average.value <= influence.attack.value * (1 + 1e-6)
    assert view.relevance(0).quantity
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    with pytest.raises(ParameterError, match="two or more"):
        view.susceptibility()
    with pytest.raises(ParameterError, match="four samples"):
        view.stability(1)


def test_a_dictionary_is_trained_on_the_layer_and_cut_by_its_latents():
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)))
    data = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    scheme = SparseAutoencoder(latents=12, active=3, training_steps=200)
    view = Microscope(net, "1").fit(data, {"first": first_output}, {"first": 0.1}, features=scheme)
    changes = [view.level(m).influences["first"].average.value for m in (12, 0)]
    assert changes[0] < changes[1] / 2
    with pytest.raises(ParameterError, match="orthogonal directions"):
        view.susceptibility()


def test_every_family_is_tried_here():
    assert sorted(FAMILIES) == sorted([*OF_ACTIVATIONS, *OF_WEIGHTS, "sae"])


@pytest.mark.slow
def test_the_budget_is_the_observables_tolerance_and_decides_the_cutoff():
    toy = PlantedFault(depth=3, seed=1)
    microscope = Microscope(toy.network(), "embed")
    outputs = {f"output {i}": lambda z, i=i: z[:, i] for i in range(7)}
    data = toy.tree.data().float()
    view = microscope.fit(data, outputs, dict.fromkeys(outputs, 0.1))
    assert view.tolerances == dict.fromkeys(outputs, 0.1)
    assert view.cutoff(by="average") == toy.cutoff
    assert view.diagnose(toy.cutoff).fault == "none"
    some = microscope.fit(data, outputs, {"output 2": 0.1})
    assert some.tolerances["output 1"] is None


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["wrong direction", "misaligned relevance"])
def test_the_gradients_order_mends_what_the_variances_order_breaks(fault):
    toy = PlantedFault(fault, depth=3, seed=2)
    microscope = Microscope(toy.network(), "embed")
    outputs = {f"output {i}": lambda z, i=i: z[:, i] for i in range(7)}
    budget = dict.fromkeys(outputs, 0.1)
    data = toy.tree.data().float()
    by = {f: microscope.fit(data, outputs, budget, features=f) for f in OF_ACTIVATIONS}
    needed = toy.needed().shape[1]
    assert by["gradient"].cutoff(by="attack") <= needed < by["activation"].cutoff(by="attack")


def test_only_some_cutoffs_and_any_scheme():
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2)))
    data = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    view = Microscope(net, net[0]).fit(
        data, first_output, features=ActivationSpectrum(quantile=0.5), cutoffs=(6, 3, 0)
    )
    assert view.scale.cutoffs == (6, 3, 0)
    assert view.scheme.quantile == 0.5


def test_what_does_not_fit_is_refused_with_a_way_out():
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))
    data = torch.zeros(3, 4)
    with pytest.raises(ParameterError, match="model"):
        Microscope("bert", "0")
    with pytest.raises(ParameterError, match="did you mean 'gradient'"):
        Microscope(net, "0").fit(data, first_output, features="gradients")
    with pytest.raises(LayerError):
        Microscope(net, "7").fit(data, first_output)
    with pytest.raises(BudgetError, match="first_output"):
        Microscope(net, "0").fit(data, first_output, {"last": 0.1})
    with pytest.raises(BudgetError, match="-1"):
        Microscope(net, "0").fit(data, first_output, {"first_output": -1})


@pytest.fixture
def perceptron():
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)
        )
    )


FIRST = {"first": lambda outputs: outputs[:, 0]}


def test_several_layers_and_families_come_side_by_side_with_the_numbers_of_each_alone(perceptron):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    both = Microscope(perceptron, ["1", perceptron[3]]).fit(
        x, FIRST, features=["gradient", "cluster"]
    )
    assert both.members == ("1, gradient", "1, cluster", "3, gradient", "3, cluster")
    alone = Microscope(perceptron, "3").fit(x, FIRST, features="cluster")
    assert both.level(4).influences["first · 3, cluster"] == alone.level(4).influences["first"]
    layers = Microscope(perceptron, ("1", "3")).fit(x, FIRST)
    assert layers.members == ("1", "3")
    twice = Microscope(perceptron, "1").fit(
        x, FIRST, features=[ActivationSpectrum(), ActivationSpectrum(quantile=0.5)]
    )
    assert twice.members == ("activation_spectrum", "activation_spectrum 2")


def test_no_layer_and_no_family_are_refused(perceptron):
    for layers in ([], ["1", "1"]):
        with pytest.raises(ParameterError, match="layer"):
            Microscope(perceptron, layers)
    with pytest.raises(ParameterError, match="features"):
        Microscope(perceptron, "1").fit(torch.ones(3, 5), FIRST, features=[])
