"""A widget that tells what its computation does, from whichever thread."""

from __future__ import annotations

import logging
from threading import RLock
from time import monotonic
from typing import Any

import traitlets as t

from ..compute.memory import Gauge
from ..core.errors import RGError
from .mortal import Mortal

logger = logging.getLogger(__name__)
_memory = Gauge()  # of the process, whatever the number of its widgets


class StatusWidget(Mortal):
    """Its `status` says whether it computes, how far it is, what failed and how to mend it."""

    status = t.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._said = 0.0
        self._saying = RLock()  # one who watches the status may act on it
        super().__init__(status=self._quiet(), **traits)

    def _quiet(self) -> dict[str, Any]:
        """The status when nothing runs."""
        return {
            "state": "idle",
            "message": "",
            "mend": "",
            "progress": None,
            "label": "",
            "device": self._device(),
            "throughput": "",
            "memory": _memory(),
        }

    def _device(self) -> str:
        """Where it computes, in words."""
        return ""

    def _say(self, **changes: Any) -> None:
        with self._saying:  # the worker and the browser may both speak
            self.status = {**self.status, **changes, "memory": _memory()}

    def _progress(self, fraction: float | None, label: str) -> None:
        now = monotonic()
        if fraction not in (0.0, 1.0) and now - self._said < 0.1:
            return
        self._said = now
        self._say(state="running", progress=fraction, label=label or self.status.get("label", ""))

    def _fail(self, error: Exception) -> None:
        """Say in the lens what went wrong; the last good picture stays."""
        logger.warning("the computation behind a lens failed", exc_info=error)
        message, mend = (
            (error.fault, error.mend)
            if isinstance(error, RGError)
            else (f"{type(error).__name__}: {error}", "see the notebook's log, then retry")
        )
        self._say(state="error", message=message, mend=mend, progress=None)
