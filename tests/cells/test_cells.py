"""The cells that JupyterLab offers to insert: all there, up to date, and each shows a lens."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from time import monotonic, sleep

import pytest

from rgwidgets.cells import __main__ as command
from rgwidgets.cells import catalogue, cells, every, recipes, text, unknown
from rgwidgets.core.catalogue import Entry, entries
from rgwidgets.widgets.lens import Lens

pytestmark = pytest.mark.slow

KEPT = Path(__file__).parents[2] / "labextension" / "src" / "insert" / "catalogue.json"
REGENERATE = f"run: python -m rgwidgets.cells {KEPT.relative_to(KEPT.parents[3])}"
#: what is there in a second or two
QUICK = {"Couplings", "DeepLinear", "UltrametricTree"}


def shows_a_lens(code: str) -> Lens:
    """What a notebook would display of a cell: the value of its last line."""
    *body, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    space: dict[str, object] = {}
    exec(compile(ast.Module(body, []), "<cell>", "exec"), space)
    shown = eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)
    assert isinstance(shown, Lens)
    return shown


def case(name: str, code: str):
    quick = name.split()[0] in QUICK and "SparseAutoencoder" not in name
    slow = [] if quick else [pytest.mark.slow]
    return pytest.param(code, id=name, marks=slow)


@pytest.mark.parametrize("code", [case(*cell) for cell in every(catalogue())])
def test_each_cell_runs_and_its_lens_computes(code: str) -> None:
    lens = shows_a_lens(code)
    try:
        end = monotonic() + 120
        while all(level is None for level in lens._levels()) and monotonic() < end:
            assert lens.status["state"] != "error", lens.status["message"]
            sleep(0.05)
        assert any(level is not None for level in lens._levels())
        assert lens.status["state"] != "error", lens.status["message"]
    finally:
        lens.close()
        assert lens._runner.wait(120)  # no thread is left to end with the process


def test_what_is_kept_for_the_extension_is_what_the_code_makes() -> None:
    assert KEPT.read_text(encoding="utf-8") == text(), REGENERATE


def test_the_entries_of_the_catalogue_all_have_a_cell_or_a_reason() -> None:
    assert unknown() == []
    made = catalogue()
    shown = {card["name"] for kind in ("labs", "systems", "toys") for card in made[kind]}
    reached = {s for kind in ("systems", "toys") for c in made[kind] for s in c["cells"]}
    for entry in entries():
        has_cell = entry.qualname in shown | reached
        assert has_cell != (entry.qualname in recipes.WITHOUT), entry.qualname
    assert all(card["cells"] for kind in ("systems", "toys") for card in made[kind])
    named = {*recipes.SYSTEMS, *recipes.SCHEMES, *recipes.LABS, *recipes.WITHOUT}
    assert named == {entry.qualname for entry in entries()}, "a recipe of nothing"


def test_a_new_system_is_not_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    new = Entry("system", "sand", "grains", "nobody", "rgwidgets.systems.sand", "Sand")
    monkeypatch.setattr(
        cells, "entries", lambda kind=None: (*entries(kind), *([new] if kind != "lab" else []))
    )
    assert set(unknown()) == {"Sand"}
    assert command.main([str(tmp_path / "catalogue.json")]) == 1
    assert not list(tmp_path.iterdir())


def test_the_command_writes_once_and_checks(tmp_path: Path) -> None:
    place = tmp_path / "catalogue.json"
    assert command.main(["--check", str(place)]) == 1
    assert command.main([str(place)]) == 0
    assert command.main(["--check", str(place)]) == 0
    assert json.loads(place.read_text("utf-8")) == catalogue()
    place.write_text("{}", "utf-8")
    assert command.main(["--check", str(place)]) == 1


def test_a_cell_ends_as_a_lens_spells_itself() -> None:
    [code] = [code for name, code in every(catalogue()) if name == "Couplings Decimation"]
    lens = shows_a_lens(code)
    assert lens.spec().startswith(code.splitlines()[-1].removesuffix(")"))
    lens.close()
    assert lens._runner.wait(120)
