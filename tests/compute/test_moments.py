"""Moments of a stream are those of all its vectors, however they come."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rgwidgets.compute import moments
from rgwidgets.compute.moments import Moments
from rgwidgets.core.errors import ParameterError, ShapeError


def noise(n: int, d: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def assert_moments(found: Moments, rows: Tensor, precision: float = 1e-12) -> None:
    centred = rows - rows.mean(0)
    exact = centred.T @ centred
    scale = float(rows.abs().max())
    assert found.count == len(rows)
    assert torch.allclose(found.mean, rows.mean(0), rtol=precision, atol=precision * scale)
    assert torch.allclose(found.scatter, exact, rtol=0, atol=precision * float(exact.trace()))
    assert torch.equal(found.scatter, found.scatter.T)
    assert torch.equal(found.covariance, found.scatter / len(rows))


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    d=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_any_division_into_chunks_gives_the_same(sizes: list[int], d: int, seed: int) -> None:
    rows = noise(sum(sizes) + 1, d, seed) + 3
    chunks = rows.split([*sizes, 1])
    assert_moments(Moments.of(chunks), rows)
    assert_moments(Moments.of(iter(chunks)), rows)
    parts = [Moments.of(chunk) for chunk in chunks if len(chunk)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    assert_moments(whole, rows)


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("d", [1, 3, 4, 5, 33])
def test_more_vectors_than_are_added_at_once(
    n: int, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "_ROOM", 1024 * d)
    rows = noise(n, d) * torch.logspace(0, -3, d)
    assert_moments(Moments.of(rows), rows)


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e7])
def test_vectors_far_from_zero_and_drifting_keep_their_covariance(shift: float) -> None:
    rows = noise(4000, 4)
    there = rows + shift * torch.linspace(1, 2, 4)
    expected = torch.cov(rows.T, correction=0)
    found = Moments.of(there.split(700)).covariance
    assert torch.allclose(found, expected, rtol=0, atol=1e-15 * max(1.0, shift) + 1e-12)
    drifting = rows + torch.linspace(0, 1e4, len(rows)).double()[:, None]
    assert_moments(Moments.of(drifting.split(700)), drifting)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_precision_is_added_in_double(dtype: torch.dtype) -> None:
    rows = noise(3000, 3).to(dtype)
    found = Moments.of(rows.split(500))
    assert found.mean.dtype == found.scatter.dtype == torch.float64
    assert_moments(found, rows.double())


def test_positions_count_as_vectors_and_the_chunks_are_left_alone() -> None:
    x = noise(30, 4).reshape(5, 6, 4).requires_grad_()
    before = x.detach().clone()
    found = Moments.of([x, x.transpose(0, 1)])
    assert found.count == 60
    assert not found.mean.requires_grad
    assert torch.equal(x.detach(), before)
    assert_moments(found, before.flatten(0, 1).repeat(2, 1))


def test_no_more_than_one_chunk_is_held() -> None:
    given: list[weakref.ref[Tensor]] = []

    def chunks() -> Iterator[Tensor]:
        for _ in range(4):
            assert not any(chunk() is not None for chunk in given)
            chunk = torch.ones(3, 2)
            given.append(weakref.ref(chunk))
            yield chunk
            del chunk

    assert Moments.of(chunks()).count == 12


@pytest.mark.parametrize(
    "chunks, error, message",
    [
        ([], ShapeError, "one vector or more"),
        ([torch.zeros(0, 3)], ShapeError, "one vector or more"),
        ([torch.ones(2, 3), torch.ones(2, 4)], ShapeError, "chunk 1.*2, 4.*3"),
        ([torch.ones(3)], ShapeError, "chunk 0"),
        ([torch.ones(3, 0)], ShapeError, "chunk 0"),
        ([torch.ones(3, 2).long()], ShapeError, "int64"),
        ([[1.0, 2.0]], ShapeError, "chunk 0"),
        ([torch.ones(1, 2), torch.tensor([[1.0, float("nan")]])], ParameterError, "chunk 1"),
        ([torch.tensor([[float("inf"), 1.0]])], ParameterError, "NaN or infinity"),
    ],
)
def test_what_has_no_moments_is_refused(chunks: list, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Moments.of(chunks)


def test_only_moments_of_one_dimension_add_up() -> None:
    with pytest.raises(ShapeError, match="dimension 2"):
        Moments.of(torch.ones(1, 2)) + Moments.of(torch.ones(1, 3))
    with pytest.raises(TypeError):
        Moments.of(torch.ones(1, 2)) + 1  # type: ignore[operator]
