"""The microscope from the command line: a page on the disk, its headline on the screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rgwidgets.cli import main
from rgwidgets.cli import microscope as command
from rgwidgets.core.flow import Flow
from rgwidgets.microscope.specimens import SPECIMENS

Capture = pytest.CaptureFixture[str]


def test_the_models_are_the_specimens() -> None:
    assert set(command.MODELS) == set(SPECIMENS)


@pytest.mark.slow
def test_it_ends_with_the_report_written_and_its_headline_printed(
    tmp_path: Path, capsys: Capture
) -> None:
    page, record = tmp_path / "out.html", tmp_path / "flow.zarr"
    arguments = ["--report", str(page), "--record", str(record), "--quick"]
    assert main(["microscope", "--model", "digits", *arguments]) == 0
    title, headline, written = capsys.readouterr().out.splitlines()
    assert title.startswith("digits · hidden1")
    assert "in the mean" in headline
    assert "Under attack one input" in headline
    assert written == f"Written: {page} ({page.stat().st_size:,} bytes)"
    assert headline.split("moves")[0] in page.read_text(encoding="utf-8")
    back = Flow.load(record)
    assert set(back.tolerances) == {"loss", "accuracy", "logit 3 − 8"}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["minilm", "characters"])
def test_a_real_model_gives_a_program_average_and_attack_and_no_false_promise(
    model: str, tmp_path: Path, capsys: Capture
) -> None:
    page = tmp_path / "out.html"
    code = main(["microscope", "--model", model, "--report", str(page), "--quick", "--json"])
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    ((name, bounds),) = told["bounds"].items()
    assert bounds["average"]["value"] < bounds["attack"]["mean"] <= bounds["attack"]["largest"]
    assert bounds["attack"]["of"].startswith("the largest of 8 inputs, every tail")
    assert bounds["certificate"]["kind"] == "none"
    assert any(line.startswith(f"{name}: no certificate, because") for line in told["caveats"])
    assert page.stat().st_size > 500_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "digts"],
        [],
        ["--model", "digits", "--report", "page.pdf"],
        ["--model", "digits", "--report", "."],
    ],
    ids=" ".join,
)
def test_bad_input_is_refused_before_anything_is_trained(
    arguments: list[str], capsys: Capture
) -> None:
    try:
        code = main(["microscope", *arguments])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("rgwidgets microscope")


@pytest.mark.parametrize("option", ["--report", "--record"])
def test_what_somebody_else_wrote_is_refused_before_anything_is_trained(
    option: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    work = tmp_path / "work.html"
    work.write_text("years of work")
    assert main(["microscope", "--model", "digits", option, str(work)]) == 2
    assert "somebody else's" in capsys.readouterr().err
    assert work.read_text() == "years of work"
    assert list(tmp_path.iterdir()) == [work]
