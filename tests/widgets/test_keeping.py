"""What a cell keeps of a lens: shown at once, renewed when more is known, alive by itself."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
import torch
from IPython.display import display as ipython_display

import rgwidgets as rg
from rgwidgets.widgets import keeping, wire

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """What was put on the page: (what, display id, bundle)."""
    import IPython.display

    told: list[tuple[str, str, dict[str, Any]]] = []

    def note(what: str) -> Any:
        def put(data: dict[str, Any], *, raw: bool, display_id: str, **_: Any) -> None:
            assert raw
            told.append((what, display_id, data))

        return put

    monkeypatch.setattr(IPython.display, "display", note("shown"))
    monkeypatch.setattr(IPython.display, "update_display", note("renewed"))
    return told


class Slow(rg.Scheme):
    """Coarse-grains when it is allowed to."""

    def __init__(self) -> None:
        self.inner = rg.BlockSpin(2)
        self.gate = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def scale(self, theory: Any) -> Any:
        return self.inner.scale(theory)

    def coarsen(self, theory: Any, cutoff: Any) -> Any:
        self.gate.wait(20)
        return self.inner.coarsen(theory, cutoff)


def lattices() -> rg.Theory:
    return rg.Ising(16, seed=1, device="cpu").sample(4, discard=5)


def test_a_lens_is_shown_with_its_view_and_the_record_of_what_is_known(page: Any) -> None:
    lens = rg.Lens(rg.Flow(lattices(), rg.BlockSpin(2)))
    assert lens.wait()
    lens._ipython_display_()
    ((what, _, bundle),) = page
    assert what == "shown"
    assert bundle[WIDGET]["model_id"] == lens.model_id
    record = json.loads(json.dumps(bundle[keeping.MIME], allow_nan=False))
    assert record["table"] == json.loads(json.dumps(wire.table(lens.flow, lens._levels())))
    assert len(record["pyramid"]) == len(lens.flow.scale)
    assert base64.b64decode(record["pyramid"][0]["data"]) == lens.pyramid[0]["data"]
    assert record["spec"]["controls"] == record["spec"]["actions"] == []
    lens.close()


def test_every_output_is_renewed_once_when_all_is_computed(page: Any) -> None:
    scheme = Slow()
    lens = rg.Lens(rg.Flow(lattices(), scheme), views=["observables"])
    lens._ipython_display_()
    lens._ipython_display_()
    before = page[0][2][keeping.MIME]["table"]["value"]["energy"]
    assert before[-1] is None
    scheme.gate.set()
    assert lens.wait()
    _settled(page, 4)
    assert [what for what, _, _ in page] == ["shown", "shown", "renewed", "renewed"]
    assert {place for _, place, _ in page[2:]} == {place for _, place, _ in page[:2]}
    after = page[-1][2][keeping.MIME]["table"]["value"]["energy"]
    assert None not in after
    lens._fill(0)
    assert lens.wait()
    assert len(page) == 4  # nothing more is known
    lens.close()


def _settled(page: list[Any], count: int) -> None:
    done = threading.Event()
    for _ in range(200):
        if len(page) >= count:
            return
        done.wait(0.02)


def test_nothing_is_renewed_that_nobody_shows(page: Any) -> None:
    lens = rg.Lens(rg.Flow(lattices(), rg.BlockSpin(2)))
    assert lens.wait()
    assert page == []
    lens.close()


def test_display_shows_a_lens_by_the_same_door(capsys: pytest.CaptureFixture[str]) -> None:
    lens = rg.Lens(rg.Flow(rg.Theory(couplings={"K": torch.tensor(0.3)}), rg.MigdalKadanoff()))
    ipython_display(lens)  # outside a notebook: its words
    assert "Lens" in capsys.readouterr().out
    lens.close()
