"""A real JupyterLab in a real browser, for tests and benchmarks: start, open, run, look."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from .kernels import Kernels

CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Screenshots are kept here, to be looked at; nothing compares them by pixel.
ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "screenshots"
PATIENCE = 60_000


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


class Lab:
    """A running JupyterLab on a folder of its own, with settings of its own."""

    def __init__(self, root: Path, *, app: str = "lab", disabled: Sequence[str] = ()) -> None:
        self.root, self.port, self.app = root, _free_port(), app
        self.url = f"http://127.0.0.1:{self.port}"
        homes = {
            f"JUPYTER_{k}_DIR": str(root / ".jupyter" / k.lower())
            for k in ("CONFIG", "DATA", "RUNTIME")
        }
        homes |= {
            f"JUPYTERLAB_{k}_DIR": str(root / ".jupyter" / k.lower())
            for k in ("SETTINGS", "WORKSPACES")
        }
        self.kernels = Kernels(self.url, root / ".jupyter" / "runtime")
        self._silence_news(root)
        self._disable(root, disabled)
        self.log = (root / "server.log").open("w")
        module = "jupyterlab" if app == "lab" else "notebook"
        server = "LabApp" if app == "lab" else "JupyterNotebookApp"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                module,
                "--no-browser",
                "--allow-root",
                f"--port={self.port}",
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
                "--ServerApp.disable_check_xsrf=True",
                f"--ServerApp.root_dir={root}",
                f"--{server}.expose_app_in_browser=True",
            ],
            env={**os.environ, **homes, "OMP_NUM_THREADS": "1"},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            cwd=root,
        )

    @staticmethod
    def _silence_news(root: Path) -> None:
        """JupyterLab asks once whether it may fetch news; nobody is here to answer."""
        folder = root / ".jupyter" / "settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True)
        asked = {"fetchNews": "false", "checkForUpdates": False}
        (folder / "notification.jupyterlab-settings").write_text(json.dumps(asked))

    @staticmethod
    def _disable(root: Path, extensions: Sequence[str]) -> None:
        """As `jupyter labextension disable` does."""
        folder = root / ".jupyter" / "config" / "labconfig"
        folder.mkdir(parents=True)
        off = {"disabledExtensions": dict.fromkeys(extensions, True)}
        (folder / "page_config.json").write_text(json.dumps(off))

    def wait(self, timeout: float = 60) -> None:
        """Until the server answers; raises with its log if it does not."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/api", timeout=2).read()
                return
            time.sleep(0.1)
        raise RuntimeError("JupyterLab did not start:\n" + (self.root / "server.log").read_text())

    def close(self) -> None:
        """Stop the server, hard if it must be."""
        with contextlib.suppress(OSError):
            self.kernels.stop()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook with these code cells into the folder; return its name."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
        )
        nbformat.write(notebook, self.root / name)
        return name


@contextlib.contextmanager
def running(app: str = "lab", *, disabled: Sequence[str] = ()) -> Iterator[Lab]:
    """A server that is gone when the block ends, whatever happens in it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        lab = Lab(Path(folder), app=app, disabled=disabled)
        try:
            lab.wait()
            yield lab
        finally:
            lab.close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, never one that Playwright would download."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, ignore_default_args=["--enable-automation"]
        )
        try:
            yield browser
        finally:
            browser.close()


def open_lab(page: Page, lab: Lab, place: str = "?reset") -> None:
    """Open JupyterLab, with the workspace as it was if `place` is empty, and wait for it."""
    page.goto(f"{lab.url}/lab{place}")
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.evaluate("async () => { await window.jupyterapp.restored; }")


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook, on a clean kernel if it has none, and wait until that is idle."""
    lab.kernels.lend(name)
    page.set_default_timeout(PATIENCE)
    open_lab(page, lab, f"/tree/{name}?reset")
    page.wait_for_function(_IDLE)


_IDLE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const session = panel?.sessionContext;
  return session?.isReady && session.session?.kernel?.status === 'idle';
}"""


def run_all(page: Page) -> None:
    """Run every cell, without waiting for the end."""
    page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")


def kept_in_workspace(page: Page, what: str) -> AbstractContextManager[object]:
    """What the block does ends with `what` in the workspace on disk, where a reload finds it."""
    return page.expect_response(
        lambda answer: (
            "/api/workspaces" in answer.url
            and answer.request.method == "PUT"
            and what in (answer.request.post_data or "")
        )
    )


def set_theme(page: Page, theme: str) -> None:
    """'light', 'dark' or 'dark high contrast'; JupyterLab throws if the next one comes too soon."""
    name = f"JupyterLab {theme.title()}"
    page.evaluate(
        "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
    )
    page.wait_for_function(
        "(light) => document.body.dataset.jpThemeLight === light",
        arg="true" if theme == "light" else "false",
    )
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def output(page: Page, cell: int) -> str:
    """The text that a cell has printed."""
    return str(
        page.evaluate(
            """(i) => {
          const cell = window.jupyterapp.shell.currentWidget.content.model.cells.get(i);
          return cell.outputs.toJSON().map(o => o.text ?? o.data?.['text/plain'] ?? '').join('');
        }""",
            cell,
        )
    )


def lens(page: Page, index: int = 0) -> Locator:
    """A lens on the page, once its dial is there."""
    found = page.locator(".rg-lens").nth(index)
    found.locator("input[type=range]").first.wait_for(state="attached")
    return found


def shoot(page: Page, name: str, target: Locator | None = None) -> Path:
    """Keep a screenshot of the page or of a part of it."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    path = ARTEFACTS / f"{name}.png"
    (target or page).screenshot(path=path)
    return path
