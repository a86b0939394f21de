"""`rgwidgets doctor`: every fault has a name and a mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rgwidgets import __version__
from rgwidgets.cli import browser, checks, doctor, machine, main
from rgwidgets.core.errors import ParameterError

Capture = pytest.CaptureFixture[str]


def test_programs_get_the_same_checks_as_people(capsys: Capture) -> None:
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert main(["doctor"]) == code
    printed = capsys.readouterr().out
    assert told["usable"] == (code == 0)
    for check in told["checks"]:
        assert check["name"] in printed
        assert check["found"] in printed


def test_it_looks_at_everything_a_lens_needs() -> None:
    names = {check.name for check in doctor.examine()}
    assert names >= {
        "Python", "platform", "torch", "numba", "xarray", "zarr", "altair", "anywidget",
        "ipywidgets", "jupyterlab", "device", "threads", "bundle lens.js", "bundle charts.js",
        "extension @rgwidgets/lab", "Node",
    }  # fmt: skip


def test_whatever_is_not_well_says_how_to_mend_it() -> None:
    assert all(check.mend for check in doctor.examine() if check.state != "ok")
    with pytest.raises(ParameterError):
        checks.Check("torch", "fail", "not installed")


@pytest.mark.parametrize(
    ("states", "well"),
    [(("ok", "ok"), True), (("ok", "warn"), True), (("ok", "fail"), False), ((), True)],
)
def test_only_a_failure_makes_it_unusable(states: tuple[str, ...], well: bool) -> None:
    assert checks.usable([checks.Check("x", state, "y", "z") for state in states]) is well


def test_a_failure_is_seen_in_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    broken = checks.Check("bundle lens.js", "fail", "missing", "install again")
    monkeypatch.setattr(doctor, "examine", lambda: [broken])
    assert main(["doctor"]) == 1
    assert "install again" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "state"), [(None, "fail"), (0, "fail"), (40_000, "ok"), (1_000_001, "warn")]
)
def test_a_bundle_is_missing_empty_well_or_too_large(
    size: int | None, state: str, tmp_path: Path
) -> None:
    if size is not None:
        (tmp_path / "lens.js").write_bytes(b"x" * size)
    found = {check.name: check.state for check in browser.bundle_checks(tmp_path)}
    assert found == {"bundle lens.js": state, "bundle charts.js": "fail"}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({}, "fail"),
        ({"version": __version__, "state": "enabled", "path": "/x"}, "ok"),
        ({"version": __version__, "state": "disabled", "path": "/x"}, "warn"),
        ({"version": "0.0.1", "state": "enabled", "path": "/x"}, "warn"),
    ],
)
def test_the_extension_is_missing_well_disabled_or_stale(found: dict[str, str], state: str) -> None:
    assert browser.extension_check({browser.EXTENSION: found} if found else {}).state == state


@pytest.mark.parametrize(
    ("page", "disabled"),
    [
        ({}, set()),
        ({"disabledExtensions": ["a"]}, {"a"}),
        ({"disabledExtensions": {"a": True, "b": False}}, {"a"}),
        ({"disabledExtensions": '["a"]'}, {"a"}),
    ],
)
def test_every_form_in_which_jupyter_says_disabled_is_read(
    page: dict[str, object], disabled: set[str]
) -> None:
    assert browser._disabled(page) == disabled


@pytest.mark.parametrize(
    ("need", "installed", "state"),
    [
        ("torch>=2.6", "2.13.0+cpu", "ok"),
        ("torch>=2.6", "2.1.0", "fail"),
        ("torch>=2.6", None, "fail"),
        ('jupyterlab<5,>=4.6.4; extra == "lab"', "4.6.6", "ok"),
        ('jupyterlab<5,>=4.6.4; extra == "lab"', "5.0.0", "warn"),
        ('jupyterlab<5,>=4.6.4; extra == "lab"', None, "warn"),
    ],
)
def test_packages_are_held_against_what_the_wheel_asks_for(
    need: str, installed: str | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name != "rgwidgets" and installed is None:
            raise doctor.metadata.PackageNotFoundError(name)
        return "0.1.0" if name == "rgwidgets" else str(installed)

    monkeypatch.setattr(doctor.metadata, "requires", lambda _: [need])
    monkeypatch.setattr(doctor.metadata, "version", version)
    _, check = doctor.package_checks()
    assert check.state == state


def test_what_belongs_to_other_extras_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: ['dask; extra == "cluster"'])
    assert [check.name for check in doctor.package_checks()][1:] == []


def test_more_threads_than_cores_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(machine, "available_cores", lambda: 2)
    found = {check.name: check for check in machine.machine_checks()}
    assert found["threads"].state == "warn"
    assert "OMP_NUM_THREADS=2" in found["threads"].mend
