"""A cut of what nobody reads is never called harmless."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rgwidgets.core.errors import BudgetError, LayerError
from rgwidgets.microscope import Microscope
from rgwidgets.systems.capture import capture

LABELS = torch.tensor([0, 1, 2, 0, 1])


class Unread(nn.Module):
    """Gives a tensor that nobody reads, or only where `read`."""

    def __init__(self, read: bool, detached: bool = False) -> None:
        super().__init__()
        self.inner, self.read, self.detached = nn.Linear(6, 3), read, detached

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x)
        h = h.detach() if self.detached else h
        return x[:, :3] + h * 0.5 if self.read else x[:, :3] + 0 * x[:, 3:]


class Last(nn.Module):
    def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
        return given[1][-1]


def test_an_output_that_nobody_reads_is_refused() -> None:
    x = torch.randn(5, 6)
    for detached in (False, True):
        capture(Unread(True, detached), x, "inner", labels=LABELS)
    with pytest.raises(LayerError, match=r"'inner'.*does not read"):
        capture(Unread(False), x, "inner", labels=LABELS)
    states = nn.GRU(6, 4, batch_first=True)
    whole = nn.Sequential(OrderedDict(gru=states, last=Last()))
    with pytest.raises(LayerError, match=r"'gru'.*does not read.*first"):
        capture(whole, torch.randn(5, 7, 6), "gru", lambda z: z[:, 0])


class Two(nn.Module):
    """Gives what it has computed on the way, beside what does not come from it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.other = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"logits": self.other(x), "hidden_states": (x, self.inner(x))}


def test_nothing_is_said_of_an_observable_that_does_not_read_it_where_others_do() -> None:
    x = torch.randn(20, 6)
    specs = {
        "read": lambda out: out["hidden_states"][1][:, 0],
        "place": lambda out: out["hidden_states"][1].argmax(-1),
        "unread": lambda out: out["logits"][:, 0],
    }
    view = Microscope(Two(), "inner").fit(x, specs, dict.fromkeys(specs, 0.5))
    assert view.theory.attrs["unread"] == {"unread"}
    for rank in (0, 2):
        bounds = view[rank].bounds
        assert bounds["read"].certificate
        assert bounds["place"].average
        assert not bounds["unread"].average
        assert "does not hang on the layer" in bounds["unread"].certificate.how
    assert view.diagnose(2, {"unread": 0.5}).fault == "unknown"
    with pytest.raises(BudgetError):
        Microscope(Two(), "inner").fit(x, {"o": specs["unread"]}, {"o": 0.5}).cutoff(by="attack")


class Zero(nn.Module):
    """Reads what it was given and, its head being zero, makes nothing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(6, 3), nn.Linear(3, 3)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.inner(x)))


def test_what_is_read_to_no_effect_is_read() -> None:
    theory = capture(Zero(), torch.randn(5, 6), "inner", labels=LABELS)
    assert not theory.attrs["unread"]
