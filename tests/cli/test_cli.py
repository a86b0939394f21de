"""The command line as a user and as a program meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import NoReturn

import pytest

from rgwidgets import __version__, cli
from rgwidgets.core.errors import Cancelled, ParameterError

Capture = pytest.CaptureFixture[str]


def refused(arguments: list[str], capsys: Capture) -> str:
    """Run what must be refused with 2 and nothing on stdout; return what it said."""
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("command", [[], *([name] for name in cli.COMMANDS)])
def test_every_command_explains_itself(command: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: rgwidgets" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"rgwidgets {__version__}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lsit", "list"),
        ("docter", "doctor"),
        ("exprot", "export"),
        ("benhc", "bench"),
        ("labs", "lab"),
    ],
)
def test_a_mistyped_command_is_told_the_nearest(typed: str, meant: str, capsys: Capture) -> None:
    said = refused([typed], capsys)
    assert repr(typed) in said
    assert f"did you mean {meant}?" in said


def test_a_command_like_no_other_is_told_what_there_is(capsys: Capture) -> None:
    said = refused(["zzzzzz"], capsys)
    assert all(name in said for name in cli.COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["list", "--jsno"], "--json"),
        (["doctor", "--josn"], "--json"),
        (["lab", "--prot=9000"], "--port"),
        (["bench", "--secnds", "1"], "--seconds"),
    ],
)
def test_a_mistyped_option_is_told_the_nearest(
    arguments: list[str], meant: str, capsys: Capture
) -> None:
    assert f"did you mean {meant}?" in refused(arguments, capsys)


@pytest.mark.parametrize("command", ["list", "doctor", "bench"])
def test_only_lab_passes_words_on(command: str, capsys: Capture) -> None:
    assert "nothing is passed on" in refused([command, "--", "--ip=0.0.0.0"], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--kind", "sytem"],
        ["lab", "--port", "99999"],
        ["lab", "--port", "many"],
        ["bench", "--seconds", "-1"],
        ["bench", "--seconds", "nan"],
        ["export", "no-such-record", "--to", "page.html"],
        ["export", "no-such-record", "--to", "page.pdf"],
        ["export"],
    ],
    ids=" ".join,
)
def test_bad_input_gets_a_message_and_2_never_a_traceback(
    arguments: list[str], capsys: Capture
) -> None:
    assert refused(arguments, capsys).startswith("rgwidgets")


def test_an_error_of_the_package_keeps_its_mend(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> NoReturn:
        raise ParameterError("temperature", given=-1, allowed="> 0", mend="pass 2.269")

    monkeypatch.setattr(cli.catalogue, "run", fail)
    said = refused(["list"], capsys)
    assert said == "rgwidgets list: temperature: got -1; allowed: > 0. Mend: pass 2.269.\n"


@pytest.mark.parametrize("reason", [KeyboardInterrupt, Cancelled])
def test_a_stopped_command_says_so_and_returns_130(
    reason: type[BaseException], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> NoReturn:
        raise reason

    monkeypatch.setattr(cli.catalogue, "run", stop)
    assert cli.main(["list"]) == 130
    assert capsys.readouterr().err == "rgwidgets list: stopped.\n"


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "rgwidgets.cli", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        complaint = running.stderr.read().decode()
        assert running.wait(timeout=120) == 0
    assert "BrokenPipe" not in complaint


@pytest.mark.parametrize("kind", [None, "system", "scheme", "toy", "lab"])
def test_the_list_for_programs_and_for_people_names_the_same(
    kind: str | None, capsys: Capture
) -> None:
    chosen = ["--kind", kind] if kind else []
    assert cli.main(["list", *chosen, "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert cli.main(["list", *chosen]) == 0
    table = capsys.readouterr().out
    assert entries
    for entry in entries:
        assert set(entry) >= {"kind", "name", "summary", "citation", "module"}
        assert kind is None or entry["kind"] == kind
        assert entry["name"] in table
        assert entry["summary"] in table


def started(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    # as the script does, once Python itself has started
    code = "import os, sys; os.write(1, b'.'); from rgwidgets.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.5, 1.0, 2.0])
def test_an_interrupt_at_any_moment_ends_a_command_in_words(seconds: float) -> None:
    with started("list") as running:
        assert running.stdout is not None
        assert running.stdout.read(1) == b"."
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    assert b"Traceback" not in said
    assert b"Exception" not in said
    assert running.returncode in (0, 130)
    assert running.returncode == 0 or said.endswith(b": stopped.\n")


def test_an_interrupt_is_heard_before_anything_heavy_is_loaded() -> None:
    code = "import sys, rgwidgets.cli, rgwidgets.cli.terminal; print({'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("command", ["list", "list --json", "doctor", "lab --help", "--help", "x±"])
def test_every_terminal_is_told_in_letters_that_it_has(command: str, encoding: str) -> None:
    terminal = {"PYTHONIOENCODING": encoding, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}
    with started(*command.split(), **terminal) as running:
        out, said = running.communicate(timeout=120)
    assert "Traceback" not in said.decode(encoding)
    assert running.returncode in (0, 1, 2)
    if command == "list --json":
        entries = json.loads(out.decode(encoding)[1:])
        names = [entry["summary"] + entry["citation"] for entry in entries]
        assert any(not name.isascii() for name in names)
