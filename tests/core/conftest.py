"""A small theory and scheme with known answers, and levels made at random."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rgwidgets.core import (
    Bound,
    EffectiveTheory,
    Estimate,
    Flow,
    Influence,
    Level,
    Observable,
    Relevance,
    Scale,
    Scheme,
    Theory,
    record,
)
from rgwidgets.core.errors import RecordError


class Truncation(Scheme):
    """Keeps the first k of eight features and remembers what it was asked for."""

    name = "truncation"
    citation = "a test"

    def __init__(self, attacks: dict[int, float] | None = None, *, proved: bool = True) -> None:
        self.asked: list[float] = []
        self.measured: list[tuple[float, str]] = []
        self.attacks = attacks or {}
        self.proved = proved

    def scale(self, theory: Theory) -> Scale:
        return Scale("rank", "k", "features", (8, 4, 2, 1), "decreasing")

    def coarsen(self, theory: Theory, cutoff: float) -> EffectiveTheory:
        self.asked.append(cutoff)
        kept = int(cutoff)
        x = theory.features["x"].clone()
        x[:, kept:] = 0
        return EffectiveTheory(
            {"x": x},
            theory.observables,
            attrs=theory.attrs,
            name=theory.name,
            cutoff=cutoff,
            relevance=Relevance(tuple("abcdefgh"), tuple(x.var(0).tolist()), quantity="variance"),
            parent=theory,
            influence=lambda o: self.influence(o, kept),
            raised=lambda features: features,
        )

    def influence(self, observable: Observable, kept: int) -> Influence:
        self.measured.append((kept, observable.name))
        attack = self.attacks.get(kept, float(8 - kept))
        proved = Bound(attack + 0.5, "proved", "test")
        return Influence(
            Bound(attack / 10, "measured", "test", 0.01),
            Bound(attack / 5, "measured", "test", 0.02),
            Bound(attack, "measured", "test", 0.1),
            proved if self.proved else Bound.none("no theorem"),
        )


def _theory(*, samples: int = 16, tolerance: float | None = 5.0) -> Theory:
    x = torch.randn(samples, 8, generator=torch.Generator().manual_seed(0))
    return Theory(
        {"x": x},
        (
            Observable("total", lambda f: f["x"].sum(1), "J", tolerance),
            Observable("first", lambda f: f["x"][:, 0].abs(), "K"),
        ),
        name="eight numbers",
        attrs={"picture": "x", "palette": "diverging"},
    )


@pytest.fixture
def theory() -> Theory:
    """Sixteen samples of eight numbers, two observables, one with a tolerance."""
    return _theory()


@pytest.fixture
def scheme() -> Truncation:
    """A scheme on it, with attack 8 - k and certificate half a unit above."""
    return Truncation()


@pytest.fixture
def make_scheme() -> Callable[..., Truncation]:
    """The same with chosen attacks."""
    return Truncation


@pytest.fixture
def flow(theory: Theory, scheme: Truncation) -> Flow:
    """Nothing computed yet."""
    return Flow(theory, scheme)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path]:
    """A small flow's dataset and the folder that holds it; neither may be changed."""
    data = Flow(_theory(), Truncation()).to_xarray()
    return data, record.save(data, tmp_path_factory.mktemp("saved") / "r.zarr")


@pytest.fixture
def data(saved: tuple[xr.Dataset, Path]) -> xr.Dataset:
    """The dataset of a small flow."""
    return saved[0].copy(deep=True)


@pytest.fixture
def folder(saved: tuple[xr.Dataset, Path], tmp_path: Path) -> Path:
    """The same, saved as a folder."""
    return Path(shutil.copytree(saved[1], tmp_path / "r.zarr"))


@pytest.fixture
def zipped(folder: Path, tmp_path: Path) -> Path:
    """The same, as a zip file beside the folder."""
    path = tmp_path / "r.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.fixture
def refused() -> Callable[[Path], RecordError]:
    """Loads a path that must be refused by a `RecordError` that helps, and returns the error."""

    def load(path: Path) -> RecordError:
        with pytest.raises(RecordError) as caught:
            Flow.load(path)
        error = caught.value
        assert error.given
        assert error.allowed
        assert error.mend
        return error

    return load


NUMBERS = st.floats(-1e6, 1e6)
SIZES = st.floats(0, 1e6)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=0, max_size=8)


@st.composite
def _bounds(draw: st.DrawFn, kind: str, least: float = 0.0) -> Bound:
    if draw(st.booleans()) and draw(st.booleans()):
        return Bound.none(draw(WORDS))
    infinite = st.just(float("inf")) if kind == "proved" else st.nothing()
    value = draw(SIZES | infinite) + least
    return Bound(value, kind, draw(WORDS), draw(st.none() | SIZES))


@st.composite
def _influences(draw: st.DrawFn) -> Influence:
    attack = draw(_bounds("measured"))
    least = attack.value if attack else 0.0
    return Influence(
        draw(_bounds("measured")), draw(_bounds("measured")), attack, draw(_bounds("proved", least))
    )


def _fields(draw: st.DrawFn) -> np.ndarray | None:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return draw(
        st.none()
        | arrays.arrays(np.int8, shape, elements=st.sampled_from([-1, 1]))
        | arrays.arrays(np.float32, shape, elements=st.floats(-100, 100, width=32))
    )


@st.composite
def _tables(
    draw: st.DrawFn,
) -> tuple[list[Level], Scale, dict[str, float | None], dict[str, str]]:
    names = draw(st.lists(WORDS, max_size=3, unique=True))
    features = draw(st.lists(WORDS, max_size=3, unique=True))
    couplings = draw(st.lists(WORDS, max_size=2, unique=True))
    rises = draw(st.booleans())
    cutoffs = sorted(draw(st.sets(NUMBERS, min_size=1, max_size=3)), reverse=not rises)
    samples = draw(st.integers(1, 10**9))
    with_errors = draw(st.booleans())
    levels = []
    for cutoff in cutoffs:
        known = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
        levels.append(
            Level(
                cutoff,
                {
                    n: Estimate(
                        draw(NUMBERS), draw(SIZES | st.just(float("nan"))), draw(SIZES), samples
                    )
                    for n in known
                },
                {n: draw(_influences()) for n in known},
                Relevance(
                    tuple(features),
                    tuple(draw(NUMBERS) for _ in features),
                    error=tuple(draw(SIZES) for _ in features) if with_errors else None,
                    quantity="variance",
                    unit="seconds",
                )
                if features
                else None,
                {n: draw(NUMBERS) for n in couplings} or None,
                _fields(draw),
            )
        )
    scale = Scale(
        draw(WORDS),
        draw(WORDS),
        draw(WORDS | st.just("days since 2000-01-01")),
        tuple(cutoffs),
        "increasing" if rises else "decreasing",
    )
    return (
        levels,
        scale,
        {n: draw(st.none() | SIZES) for n in names},
        {n: draw(WORDS) for n in names},
    )


@pytest.fixture(scope="session")
def tables() -> st.SearchStrategy[
    tuple[Sequence[Level], Scale, dict[str, float | None], dict[str, str]]
]:
    """Strategy for the arguments of `dataset.from_levels`."""
    return _tables()
