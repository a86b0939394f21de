"""Overlaps are 1 for the same features, chance for unrelated ones, and blind to the basis."""

import pytest
import torch

from rgwidgets.core.errors import ShapeError
from rgwidgets.microscope.stability import overlap


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("rank", [1, 3, 10])
def test_features_mixed_and_moved_are_the_same_features(rank):
    x = noise(200, rank)
    assert overlap(x, x @ noise(rank, rank, seed=1) + 7) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("shared", [0, 1, 2, 4])
def test_the_overlap_is_the_shared_fraction(shared):
    x = torch.linalg.qr(noise(500, 9) - noise(500, 9).mean(0))[0]
    x = torch.linalg.qr(x - x.mean(0))[0]
    first, second = x[:, :4], torch.cat([x[:, :shared], x[:, 4 : 8 - shared]], dim=1)
    assert overlap(first, second) == pytest.approx(shared / 4, abs=1e-9)
    assert overlap(second, first) == pytest.approx(shared / 4, abs=1e-9)


def test_unrelated_features_overlap_by_chance_only():
    found = torch.tensor(
        [overlap(noise(400, 5, seed=s), noise(400, 5, seed=999 - s)) for s in range(40)]
    )
    assert float(found.mean()) == pytest.approx(5 / 399, rel=0.15)


def test_what_does_not_vary_has_no_overlap():
    assert overlap(torch.ones(9, 2), noise(9, 2)) == 0
    assert overlap(torch.ones(9, 2), torch.ones(9, 2)) == 0


def test_other_samples_are_refused():
    with pytest.raises(ShapeError):
        overlap(noise(5, 2), noise(6, 2))
    with pytest.raises(ShapeError):
        overlap(noise(5, 2, 2), noise(5, 2, 2))
