"""Latents of a sparse dictionary as features, and what neglecting most of them does."""

from __future__ import annotations

import copy
import gc
import weakref
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.compute.dictionary import KINDS
from rgwidgets.core.errors import CutoffError, ParameterError, ShapeError
from rgwidgets.core.flow import Flow
from rgwidgets.core.progress import listening
from rgwidgets.core.theory import Observable, Theory
from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
from rgwidgets.schemes.sparse_autoencoder import SparseAutoencoder
from rgwidgets.systems.capture import capture

pytestmark = pytest.mark.slow  # a minute in all


def scheme(kind: str = "topk", **options: object) -> SparseAutoencoder:
    chosen = {
        "latents": 24,
        "active": 3,
        "training_steps": 200,
        "batch": 64,
        "steps": 4,
        "restarts": 3,
    }
    return SparseAutoencoder(kind, **{**chosen, **options})  # type: ignore[arg-type]


@cache
def theory_of(positions: int = 0, n: int = 200, d: int = 12) -> Theory:
    """Sums of 3 of 16 directions, frequent ones first, with two observables."""
    generator = torch.Generator().manual_seed(7)
    shape = (n, positions, 16) if positions else (n, 16)
    weights = torch.rand(shape, generator=generator) * torch.linspace(1, 0.6, 16)
    codes = torch.zeros(shape).scatter(-1, weights.topk(3).indices, 1.0)
    codes = codes * (0.5 + torch.rand(shape, generator=generator))
    directions = torch.nn.functional.normalize(torch.randn(16, d, generator=generator), dim=1)
    w = torch.randn(d, generator=generator).double()

    def linear(f: dict[str, Tensor]) -> Tensor:
        return (f["activation"].double() @ w).reshape(n, -1).sum(1)

    return Theory(
        {"activation": codes @ directions + 0.5},
        (
            Observable("linear", linear, tolerance=0.5),
            Observable("square", lambda f: linear(f) ** 2),
        ),
    )


@cache
def network() -> Theory:
    """The hidden layer of a small network, captured."""
    generator = torch.Generator().manual_seed(1)
    net = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    x = torch.randn(60, 8, generator=generator)
    return capture(net, x, "1", labels=net(x).argmax(1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("positions", [0, 3])
def test_kept_latents_and_their_lift_are_bias_plus_latents_times_decoder(
    kind: str, positions: int
) -> None:
    theory = theory_of(positions)
    for cutoff in (24, 7, 0):
        effective = scheme(kind).coarsen(theory, cutoff)
        latents, found = effective.features["latents"], effective.attrs["dictionary"]
        assert latents.shape == (*theory.features["activation"].shape[:-1], cutoff)
        assert latents.dtype == torch.float64
        decoder = found.decoder[:, effective.attrs["kept"]]
        expected = found.bias + latents @ decoder.T
        assert torch.allclose(effective.lift()["activation"], expected, atol=1e-12)
        assert effective.attrs["rank"] == min(cutoff, 12)
        assert set(effective.lift()) == {"activation"}


def test_all_of_topk_s_latents_are_k_a_sample() -> None:
    latents = scheme().coarsen(theory_of(), 24).features["latents"]
    assert (latents > 0).sum(1).unique().tolist() == [3]


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_dictionary_explains_far_more_than_the_mean(kind: str) -> None:
    flow = Flow(theory_of(), scheme(kind, training_steps=600))
    kept = [effective.attrs["kept_variance"] for effective in flow]
    assert kept[0] > 0.9
    assert kept[-1] <= 0.0
    x = theory_of().features["activation"].double()
    cut = flow[8].lift()["activation"]
    explained = 1 - float((x - cut).square().sum() / (x - x.mean(0)).square().sum())
    assert flow[8].attrs["kept_variance"] == pytest.approx(explained)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("positions", [0, 3])
def test_relevance_is_the_mean_squared_contribution(kind: str, positions: int) -> None:
    theory, sae = theory_of(positions), scheme(kind)
    found = sae.dictionary(theory)
    latents = found.encode(theory.features["activation"])
    expected = latents.square().flatten(0, -2).mean(0) * found.decoder.square().sum(0)
    relevance, order = sae.ranking(theory).relevance, sae.ranking(theory).order
    values = torch.tensor(relevance.values).double()
    assert relevance.names == tuple(f"latent {i}" for i in order.tolist())
    assert sorted(order.tolist()) == list(range(24))
    if kind == "matryoshka":
        for place in range(24):
            assert float(values[place]) == pytest.approx(float(expected[order[place:]].max()))
    else:
        assert torch.allclose(values, expected[order])
        squares = latents.square().reshape(200, -1, 24).mean(1)[:, order]
        assert relevance.error is not None
        assert torch.allclose(
            torch.tensor(relevance.error).double(), squares.std(0) / 200**0.5, atol=1e-9
        )


def test_a_matryoshka_keeps_its_prefixes_in_their_order() -> None:
    theory, sae = theory_of(), scheme("matryoshka", groups=[6, 12, 24])
    order = sae.ranking(theory).order.tolist()
    for prefix in (6, 12, 24):
        assert sorted(order[:prefix]) == list(range(prefix))
    found = sae.dictionary(theory)
    sizes = found.encode(theory.features["activation"]).square().mean(0)
    for first, last in ((0, 6), (6, 12), (12, 24)):
        within = sizes[order[first:last]].tolist()
        assert within == sorted(within, reverse=True)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_matryoshka_s_prefixes_reconstruct_better_than_topk_s_most_relevant(seed: int) -> None:
    theory = theory_of()
    options = {"training_steps": 400, "seed": seed}
    nested = scheme("matryoshka", groups=(6, 12, 24), **options)
    for prefix in (6, 12):
        kept = [
            s.coarsen(theory, prefix).attrs["kept_variance"] for s in (nested, scheme(**options))
        ]
        assert kept[0] > kept[1] + 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_stay_below_proved_certificates_on_a_network(kind: str, tmp_path: object) -> None:
    flow = Flow(network(), scheme(kind), cutoffs=(24, 10, 4, 0))
    for effective in flow:
        for influence in effective.bounds.values():
            assert influence.certificate.kind == "proved"
            assert 0 < influence.attack.value <= influence.certificate.value
        exact = network().samples("loss")
        shift = network().samples("loss", effective.lift()) - exact
        assert effective.bounds["loss"].average.value == pytest.approx(
            float(shift.abs().mean()), abs=1e-6
        )
    loaded = Flow.load(flow.save(f"{tmp_path}/flow.zarr"))
    assert loaded.level(4).influences["loss"].attack == flow.level(4).influences["loss"].attack


def test_what_is_neglected_is_all_that_the_cut_point_misses() -> None:
    theory = theory_of(3)
    effective = scheme().coarsen(theory, 8)
    fibre = effective.attrs["fibre"]
    assert torch.allclose(fibre.points(fibre.own), theory.features["activation"].double())
    assert torch.allclose(fibre.points(0 * fibre.own), effective.lift()["activation"])
    assert fibre.basis.shape == (12, 12)
    norms = fibre.own.norm(dim=-1)  # of all positions of a sample
    assert float((norms <= fibre.radius).double().mean()) == pytest.approx(0.99, abs=0.002)


@pytest.mark.parametrize("cutoff", [24, 5])
def test_no_draw_from_the_fibre_exceeds_the_certificate(cutoff: int) -> None:
    effective = scheme("batchtopk").coarsen(network(), cutoff)
    fibre, loss = effective.attrs["fibre"], network().observable("loss")
    z = torch.randn(400, *fibre.own.shape, generator=torch.Generator().manual_seed(2)).double()
    z *= fibre.radius / z.norm(dim=-1, keepdim=True)
    at_cut = fibre.evaluate(loss, torch.zeros_like(z[:1]))[0]
    changes = (fibre.evaluate(loss, z)[0] - at_cut).abs().amax(0)
    assert float(changes.mean()) <= effective.bounds["loss"].certificate.value


def test_a_theory_s_dictionary_is_trained_once_whatever_the_bounds_cost() -> None:
    theory = Theory(theory_of().features, theory_of().observables)
    heard: list[str] = []
    with listening(lambda fraction, label: heard.append(label)):
        scheme().coarsen(theory, 24)
        trained = heard.count("training a sparse autoencoder")
        again = scheme(quantile=0.5, restarts=1).coarsen(theory, 3)
        assert heard.count("training a sparse autoencoder") == trained == 201
    assert again.attrs["dictionary"] is scheme().dictionary(theory)
    assert scheme(seed=1).dictionary(theory) is not scheme().dictionary(theory)


def test_the_same_seed_gives_the_same_flow() -> None:
    one, other = (
        scheme().coarsen(Theory(theory_of().features, theory_of().observables), 9) for _ in range(2)
    )
    assert torch.equal(one.features["latents"], other.features["latents"])
    assert one.relevance == other.relevance
    assert one.bounds["square"] == other.bounds["square"]


def test_a_theory_that_nobody_holds_is_forgotten() -> None:
    theory = Theory(theory_of().features, theory_of().observables)
    effective = scheme(training_steps=5).coarsen(theory, 2)
    assert effective.bounds["linear"].attack
    held = weakref.ref(theory)
    del theory, effective
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("kind", KINDS)
def test_constant_features_have_nothing_to_neglect(kind: str) -> None:
    total = Observable("sum", lambda f: f["activation"].sum(-1))
    effective = scheme(kind).coarsen(Theory({"activation": torch.ones(5, 3)}, (total,)), 2)
    assert effective.attrs["kept_variance"] == 1.0
    assert effective.bounds["sum"].certificate.value == 0.0
    assert effective.observe()["sum"].value == pytest.approx(3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_latents_that_never_fire_have_no_relevance_and_go_last(kind: str) -> None:
    two = torch.tensor([[1.0, 2.0, 0.0, 1.0], [-1.0, 0.0, 1.0, 3.0]]).repeat(50, 1)
    theory, sae = Theory({"activation": two}), scheme(kind, active=1)
    latents = sae.coarsen(theory, 24).features["latents"]
    silent = (latents == 0).all(0)
    assert int(silent.sum()) >= 12
    values = torch.tensor(sae.ranking(theory).relevance.values)
    if kind == "matryoshka":
        assert bool((values.diff() <= 0).all())
    else:
        assert torch.equal(values == 0, silent)
        assert bool((silent.int().diff() >= 0).all())


def test_the_scale_runs_from_all_latents_to_none() -> None:
    assert scheme().scale(theory_of()).cutoffs == tuple(float(m) for m in range(24, -1, -1))
    many = scheme(latents=1024).scale(theory_of())
    assert 30 <= len(many) <= 41
    assert (many.cutoffs[0], many.cutoffs[-2:]) == (1024.0, (1.0, 0.0))
    assert (many.name, many.symbol, many.direction) == ("dictionary size", "m", "decreasing")


@pytest.mark.parametrize("cutoff", [-1, 25, 2.5, float("nan"), "five"])
def test_a_size_off_the_scale_is_refused_before_anything_is_trained(cutoff: object) -> None:
    theory = Theory(theory_of().features)
    heard: list[str] = []
    with (
        listening(lambda fraction, label: heard.append(label)),
        pytest.raises(CutoffError, match="dictionary size"),
    ):
        scheme().coarsen(theory, cutoff)  # type: ignore[arg-type]
    assert heard == []


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "jumprelu"},
        {"latents": 0},
        {"active": 25},
        {"training_steps": 0},
        {"rate": -1.0},
        {"groups": (3, 24)},
        {"quantile": 0.0},
        {"steps": 0},
        {"restarts": 1.5},
        {"seed": 0.5},
    ],
)
def test_bad_options_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=next(iter(options))):
        scheme(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "features", [{}, {"a": torch.randn(3)}, {"activation": torch.full((3, 2), float("nan"))}]
)
def test_a_theory_without_one_finite_vector_is_refused(features: dict[str, Tensor]) -> None:
    with pytest.raises(ShapeError):
        scheme().coarsen(Theory(features), 3)


def test_principal_components_can_be_cut_further_in_the_first_theory_s_features() -> None:
    parent = ActivationSpectrum().coarsen(network(), 6)
    effective = scheme().coarsen(parent, 10)
    fibre = effective.attrs["fibre"]
    assert fibre.feature == "activation"
    assert fibre.basis.shape == (12, 6)
    assert torch.allclose(fibre.points(fibre.own), parent.lift()["activation"], atol=1e-9)
    assert effective.bounds["loss"].certificate.kind == "proved"
    # latents that are cut again are proved through the decoder and the network behind it
    after = ActivationSpectrum().coarsen(effective, 2).bounds["loss"]
    assert after.certificate.kind == "proved"
    assert 0 < after.attack.value <= after.certificate.value


def test_other_features_are_handed_on() -> None:
    theory = Theory({**theory_of().features, "image": torch.zeros(200, 2, dtype=torch.uint8)})
    effective = scheme(training_steps=5).coarsen(theory, 3)
    assert set(effective.features) == {"latents", "image"}
    assert set(effective.lift()) == {"activation", "image"}


@pytest.mark.parametrize("kind", KINDS)
def test_other_orders_of_the_same_dictionary_can_be_compared(kind: str) -> None:
    theory, sae = theory_of(), scheme(kind)
    orders = sae.alternatives(theory)
    whole = sae.coarsen(theory, 24).lift()["activation"]
    ranked = sae.coarsen(theory, 24).attrs["kept"]
    for name, other in orders.items():
        effective = other.coarsen(theory, 24)
        assert torch.allclose(effective.lift()["activation"], whole, atol=1e-9), name
        kept = effective.attrs["kept"]
        assert effective.relevance is not None
        assert effective.relevance.names == tuple(f"latent {i}" for i in kept.tolist())
        if name == "reversed":
            assert torch.equal(kept, ranked.flip(0))
    flow = Flow(theory, sae)
    assert flow.diagnose(4, {"linear": 0.01}).fault not in ("none", "unknown")


def test_the_observables_own_order_is_that_of_their_first_order_changes() -> None:
    found = scheme().dictionary(theory_of())
    w = found.decoder[:, int(scheme().ranking(theory_of()).order[9])]
    slope = {"one": 1.0, "other": -0.2}
    observables = tuple(
        Observable(name, lambda f, s=s: s * (f["activation"].double() @ w), tolerance=0.1)
        for name, s in slope.items()
    )
    theory = Theory(theory_of().features, observables)
    own = scheme().alternatives(theory)["own"].coarsen(theory, 24)
    effects = (found.encode(theory.features["activation"]) * (found.decoder.T @ w)).square()
    expected = effects.mean(0) * (1.0**2 + 0.2**2) / 0.1**2
    assert own.relevance is not None
    assert torch.allclose(
        torch.tensor(own.relevance.values).double(), expected.sort(descending=True).values
    )
    assert int(own.attrs["kept"][0]) == int(expected.argmax())


@pytest.mark.parametrize("kind", KINDS)
def test_the_projection_keeps_the_span_of_the_first_latents(kind: str) -> None:
    theory, sae = theory_of(), scheme(kind)
    projection = sae.projection()
    assert projection.scale(theory).name == "rank"
    first = sae.coarsen(theory, 5).attrs
    effective = projection.coarsen(theory, 5)
    decoder = first["dictionary"].decoder[:, first["kept"]]
    assert float((effective.attrs["fibre"].basis.T @ decoder).abs().max()) < 1e-8
    assert effective.attrs["kept_variance"] > first["kept_variance"]
    everything = projection.coarsen(theory, 12)
    assert everything.bounds["square"].certificate.value == 0.0
    assert (
        effective.attrs["kept_variance"]
        <= (ActivationSpectrum().coarsen(theory, 5).attrs["kept_variance"])
    )


def test_a_scheme_can_be_copied_and_compared() -> None:
    assert copy.deepcopy(scheme()) == scheme()
    assert hash(scheme("matryoshka", groups=[8, 24])) == hash(scheme("matryoshka", groups=(8, 24)))
    assert scheme() != scheme(active=2)
    assert not scheme().composes
