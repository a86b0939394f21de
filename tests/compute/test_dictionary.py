"""Sparse dictionaries: what they find in data whose dictionary is known."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from rgwidgets.compute import dictionary
from rgwidgets.compute.dictionary import KINDS, Dictionary, Recipe, largest, train
from rgwidgets.core.errors import Cancelled, ConvergenceError, ParameterError, ShapeError
from rgwidgets.core.progress import listening

pytestmark = pytest.mark.slow  # a minute in all

PARENTS, CHILDREN = 6, 3


@cache
def planted(seed: int, n: int = 2000, d: int = 64, m: int = 80) -> tuple[Tensor, Tensor]:
    """Vectors that are sums of 3 of m unit directions (d, m), and these."""
    # not the seed of the training, which would start at these very directions
    generator = torch.Generator().manual_seed(1000 + seed)
    directions = torch.nn.functional.normalize(torch.randn(d, m, generator=generator), dim=0)
    where = torch.rand(n, m, generator=generator).topk(3, dim=1).indices
    sizes = 0.5 + torch.rand(n, 3, generator=generator)
    return torch.zeros(n, m).scatter(1, where, sizes) @ directions.T, directions


@cache
def found(kind: str, seed: int) -> Dictionary:
    recipe = Recipe(kind, latents=128, active=3, training_steps=600, batch=128, seed=seed)
    return train(planted(seed)[0], recipe)


def small(kind: str = "topk", **options: object) -> Recipe:
    chosen = {"latents": 12, "active": 2, "training_steps": 40, "batch": 32, **options}
    return Recipe(kind, **chosen)  # type: ignore[arg-type]


def blob(n: int = 200, d: int = 6) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_planted_directions_are_recovered(kind: str, seed: int) -> None:
    cosines = planted(seed)[1].double().T @ found(kind, seed).decoder
    assert float((cosines.max(1).values > 0.9).double().mean()) >= 0.9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_topk_uses_exactly_k_latents_and_batchtopk_k_on_average(seed: int) -> None:
    x, _ = planted(seed)
    counts = {kind: (found(kind, seed).encode(x) > 0).sum(1).double() for kind in KINDS}
    assert counts["topk"].unique().tolist() == [3.0]
    for kind in ("batchtopk", "matryoshka"):
        assert float(counts[kind].mean()) == pytest.approx(3.0, abs=0.01)
        assert len(counts[kind].unique()) > 1
    assert found("topk", seed).threshold == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_is_encoded_the_same_whatever_its_neighbours(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, _ = planted(0)
    whole = found(kind, 0).encode(x)
    assert torch.allclose(found(kind, 0).encode(x[5:6]), whole[5:6], atol=1e-9)
    monkeypatch.setattr(dictionary, "_ROOM", 128 * 7)
    assert torch.allclose(found(kind, 0).encode(x), whole, atol=1e-9)
    columns = torch.tensor([3, 70, 1])
    assert torch.allclose(found(kind, 0).encode(x, columns), whole[:, columns], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reconstruction_beats_the_mean_by_far(kind: str) -> None:
    x, _ = planted(0)
    sae = found(kind, 0)
    left = (sae.decode(sae.encode(x)) - x).square().sum()
    assert float(left) < 0.12 * float((x - x.mean(0)).square().sum())
    assert torch.allclose(sae.decoder.norm(dim=0), torch.ones(128).double())


@cache
def hierarchy(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of orthonormal parents and children, which are never there without their parent.

    Vectors (n, d), directions (d, parents + children), and which of them are there.
    """
    generator = torch.Generator().manual_seed(1000 + seed)
    n, m = 2000, PARENTS * (1 + CHILDREN)
    directions = torch.linalg.qr(torch.randn(32, 32, generator=generator))[0][:, :m]
    parent = torch.rand(n, PARENTS, generator=generator) < 0.25
    which = torch.randint(CHILDREN, (n, PARENTS), generator=generator)
    has = parent & (torch.rand(n, PARENTS, generator=generator) < 0.7)
    child = torch.nn.functional.one_hot(which, CHILDREN).bool() & has[..., None]
    present = torch.cat([parent, child.flatten(1)], dim=1)
    sizes = (1 + 0.2 * torch.randn(n, m, generator=generator)).clamp_min(0.2)
    return (present * sizes) @ directions.T, directions.double(), present


def leakage_and_absorption(sae: Dictionary, seed: int) -> tuple[float, float]:
    """How far children's latents point along the parents, and parents' latents miss children."""
    x, directions, present = hierarchy(seed)
    fires, cosines = sae.encode(x) > 0, directions.T @ sae.decoder
    leaks, misses = [], []
    for p in range(PARENTS):
        own = int(cosines[p].argmax())
        for c in range(PARENTS + p * CHILDREN, PARENTS + (p + 1) * CHILDREN):
            leaks.append(float(cosines[p, cosines[c].argmax()].abs()))
            misses.append(1 - float(fires[present[:, c], own].double().mean()))
    return float(np.mean(leaks)), float(np.mean(misses))


@pytest.mark.slow
def test_nested_prefixes_lower_leakage_and_absorption_in_9_of_10_seeds() -> None:
    lower = {"leakage": 0, "absorption": 0}
    for seed in range(10):
        by_kind = {}
        for kind in KINDS:
            groups = (6, 12, 24) if kind == "matryoshka" else ()
            recipe = Recipe(
                kind, latents=24, active=3, training_steps=400, batch=128, groups=groups, seed=seed
            )
            by_kind[kind] = leakage_and_absorption(train(hierarchy(seed)[0], recipe), seed)
        for i, name in enumerate(lower):
            lower[name] += by_kind["matryoshka"][i] < min(by_kind[k][i] for k in KINDS[:2])
    assert min(lower.values()) >= 9, lower


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_nothing_else_does(kind: str) -> None:
    torch.manual_seed(5)
    one = train(blob(), small(kind))
    torch.manual_seed(6)
    with torch.no_grad():
        again = train(blob(), small(kind))
    other = train(blob(), small(kind, seed=1))
    assert torch.equal(one.decoder, again.decoder)
    assert torch.equal(one.encode(blob()), again.encode(blob()))
    assert not torch.equal(one.decoder, other.decoder)


def test_no_random_state_is_touched() -> None:
    before, numbers = torch.get_rng_state(), np.random.get_state()
    train(blob(), small("matryoshka"))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(numbers[1], np.random.get_state()[1])


def test_default_precision_and_inference_mode_do_not_matter() -> None:
    plain = train(blob(), small())
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            other = train(blob().float(), small())
    finally:
        torch.set_default_dtype(torch.float32)
    assert plain.decoder.dtype == other.decoder.dtype == torch.float64
    assert not other.decoder.is_inference()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale, offset", [(1e4, 0.0), (1e-4, 3e-4), (1.0, 50.0)])
def test_units_and_origin_of_the_data_do_not_matter(kind: str, scale: float, offset: float) -> None:
    x = blob().double()
    one, other = train(x, small(kind)), train(scale * x + offset, small(kind))
    assert torch.allclose(one.decoder, other.decoder, atol=1e-3)
    expected = scale * one.decode(one.encode(x)) + offset
    moved = other.decode(other.encode(scale * x + offset))
    assert float((moved - expected).norm() / (expected - offset).norm()) < 0.02


def test_dead_latents_come_back_to_life(monkeypatch: pytest.MonkeyPatch) -> None:
    x, directions = planted(1)
    recipe = Recipe("topk", latents=80, active=3, training_steps=600, batch=128)
    start = dictionary._Weights.__init__

    def half_dead(self: object, *given: object) -> None:
        start(self, *given)  # type: ignore[arg-type]
        with torch.no_grad():
            self.shift[::2] -= 5  # type: ignore[attr-defined]

    def outcome() -> tuple[int, float]:
        sae = train(x, recipe)
        cosines = directions.double().T @ sae.decoder
        dead = int(((sae.encode(x) > 0).sum(0) == 0).sum())
        return dead, float((cosines.max(1).values > 0.9).double().mean())

    monkeypatch.setattr(dictionary._Weights, "__init__", half_dead)
    revived = outcome()
    monkeypatch.setattr(dictionary._Weights, "revive", lambda *given: None)
    buried = outcome()
    assert buried[0] >= 40
    assert revived[0] <= 8
    assert revived[1] > buried[1] + 0.4


def test_the_dead_start_anew_at_what_the_others_miss_and_nothing_else_changes() -> None:
    weights = dictionary._Weights(6, small(), torch.Generator().manual_seed(0), torch.device("cpu"))
    optimiser = torch.optim.Adam(weights.all)
    for weight in weights.all:
        weight.grad = torch.ones_like(weight)
    weights.step(optimiser)
    before = [weight.detach().clone() for weight in weights.all]
    missed = torch.zeros(5, 6)
    missed[3, 1], missed[2] = -7.0, 1e-9  # nearly all the error is of one vector
    dead = torch.arange(12) < 4
    weights.revive(dead, missed, optimiser, torch.Generator().manual_seed(0))
    for weight, old in zip(weights.all[:2], before, strict=False):
        assert torch.equal(weight[:, :4].T, -torch.eye(6)[1].expand(4, 6))
        assert torch.equal(weight[:, 4:], old[:, 4:])
        assert not bool(optimiser.state[weight]["exp_avg"][:, :4].any())
        assert bool(optimiser.state[weight]["exp_avg"][:, 4:].any())
    assert weights.shift[:4].tolist() == [0.0] * 4
    weights.revive(dead, 0 * missed, optimiser, torch.Generator())
    assert torch.equal(weights.decoder[:, 0], -torch.eye(6)[1])


def test_a_gradient_along_the_decoder_s_columns_moves_nothing() -> None:
    weights = dictionary._Weights(6, small(), torch.Generator().manual_seed(0), torch.device("cpu"))
    assert torch.equal(weights.encoder, weights.decoder)
    before = weights.decoder.detach().clone()
    optimiser = torch.optim.SGD(weights.all, lr=0.5)
    for along, across in ((1.0, 0.0), (1.0, 1.0)):
        sideways = before.roll(1, 0) - (before.roll(1, 0) * before).sum(0) * before
        weights.decoder.grad = along * before + across * sideways
        weights.step(optimiser)
        expected = torch.nn.functional.normalize(before - 0.5 * across * sideways, dim=0)
        assert torch.allclose(weights.decoder, expected, atol=1e-6)


def test_weights_that_explode_are_an_error_and_not_a_dictionary() -> None:
    with pytest.raises(ConvergenceError, match="lower the rate"):
        train(blob(), small(rate=1e30))


def test_each_prefix_of_a_matryoshka_reconstructs_better_than_its_predecessor() -> None:
    x, _ = planted(0)
    sae = found("matryoshka", 0)
    latents = sae.encode(x)
    left = [
        float((sae.decode(latents[:, :m], torch.arange(m)) - x).square().mean())
        for m in (0, *sae.recipe.prefixes)
    ]
    assert left == sorted(left, reverse=True)
    assert sae.recipe.prefixes == (8, 16, 32, 64, 128)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_vectors_are_their_own_bias(kind: str) -> None:
    x = torch.full((50, 4), 0.1)
    sae = train(x, small(kind))
    assert torch.allclose(sae.decode(sae.encode(x)), x.double(), atol=1e-12)
    assert float(sae.encode(x).abs().max()) < 1e-12


def test_one_vector_and_more_latents_than_vectors_are_enough() -> None:
    for kind in KINDS:
        sae = train(blob(1), small(kind))
        assert bool(sae.decode(sae.encode(blob(1))).isfinite().all())


def test_the_largest_of_a_row_and_of_a_batch() -> None:
    x = blob(20, 8).relu()
    rows, batch = largest(x, 2), largest(x, 2, together=True)
    assert torch.equal(rows.max(1).values, x.max(1).values)
    assert int((rows > 0).sum(1).max()) == 2
    assert int((batch > 0).sum()) == 40
    assert float(batch[batch > 0].min()) >= float(x[batch == 0].max())


def test_progress_is_reported_and_training_can_be_stopped() -> None:
    heard: list[float | None] = []

    def listener(fraction: float | None, label: str) -> None:
        heard.append(fraction)
        if len(heard) > 10:
            raise Cancelled

    with pytest.raises(Cancelled), listening(listener):
        train(blob(), small())
    assert heard == sorted(heard)  # type: ignore[type-var]


@pytest.mark.parametrize(
    "options, named",
    [
        ({"kind": "topK"}, "did you mean 'topk'"),
        ({"kind": 3}, "kind"),
        ({"latents": 0}, "latents"),
        ({"latents": 2.0}, "latents"),
        ({"active": 0}, "active"),
        ({"active": 13}, "at most all of the 12 latents"),
        ({"training_steps": 0}, "training_steps"),
        ({"training_steps": True}, "training_steps"),
        ({"batch": 0}, "batch"),
        ({"seed": -1}, "seed"),
        ({"rate": 0.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"groups": (4, 12)}, "matryoshka"),
        ({"kind": "matryoshka", "groups": (4, 4, 12)}, "groups"),
        ({"kind": "matryoshka", "groups": (0, 12)}, "groups"),
        ({"kind": "matryoshka", "groups": (4, 11)}, "groups"),
        ({"kind": "matryoshka", "groups": (4.0, 12)}, "groups"),
    ],
)
def test_bad_recipes_are_refused_at_once(options: dict[str, object], named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        dataclasses.replace(small(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(0, 4),
        torch.zeros(4, 0),
        torch.zeros(4),
        torch.ones(4, 4, dtype=torch.int64),
        torch.full((4, 4), float("nan")),
        torch.tensor([[1.0, float("inf")]]),
    ],
)
def test_what_is_no_finite_matrix_is_refused(x: Tensor) -> None:
    with pytest.raises(ShapeError, match="finite floating-point vectors"):
        train(x, small())
