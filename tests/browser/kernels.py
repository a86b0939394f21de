"""The kernels of a test's server: one clean and warm kernel, lent to a notebook after another."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

#: Importing what a lens needs takes longer than most tests; what a test leaves goes at once.
CLEAN = """
from ipywidgets import Widget
Widget.close_all()
get_ipython().reset(new_session=True)
"""


class Kernels:
    """Those of the server at `url`, whose runtime files lie in `runtime`."""

    def __init__(self, url: str, runtime: Path) -> None:
        self.url, self.runtime = url, runtime
        self._warm = ""

    def _ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def _list(self, path: str) -> list[Any]:
        """What runs; a server that just starts a kernel cannot tell of it for a moment."""
        end = time.monotonic() + 30
        while True:
            try:
                return list(self._ask(path))
            except urllib.error.HTTPError as refusal:
                if refusal.code != 500 or time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def running(self) -> list[str]:
        """Their ids."""
        return [kernel["id"] for kernel in self._list("kernels")]

    def stop(self) -> None:
        """Shut every kernel down, as a culler or a crash would."""
        for kernel in self.running():
            self._ask(f"kernels/{kernel}", "DELETE")

    def lend(self, notebook: str) -> None:
        """Give a notebook that has no kernel the warm one, clean, or a new one to keep warm."""
        sessions = self._list("sessions")
        if any(session["path"] == notebook for session in sessions):
            return
        place = {"path": notebook, "name": notebook, "type": "notebook"}
        warm = [session for session in sessions if session["kernel"]["id"] == self._warm]
        if warm and self._clean():
            self._ask(f"sessions/{warm[0]['id']}", "PATCH", place)
        else:
            session = self._ask("sessions", "POST", {**place, "kernel": {"name": "python3"}})
            self._warm = session["kernel"]["id"]

    def tidy(self) -> None:
        """Leave nothing that computes, and only the warm kernel."""
        for kernel in self.running():
            if kernel != self._warm or not self._clean():
                self._ask(f"kernels/{kernel}", "DELETE")

    def _clean(self) -> bool:
        """False if it does not answer: a cell of the last test may still run."""
        client = BlockingKernelClient(
            connection_file=str(self.runtime / f"kernel-{self._warm}.json")
        )
        client.load_connection_file()
        client.start_channels()
        try:
            reply = client.execute(CLEAN, store_history=False, reply=True, timeout=10)
            return bool(reply["content"]["status"] == "ok")
        except TimeoutError:
            return False
        finally:
            client.stop_channels()
