"""What a cell keeps of a lens: its view, and a record that is renewed when more is known."""

from __future__ import annotations

import base64
from collections.abc import Callable, Hashable
from typing import Any
from uuid import uuid4

#: What an output calls the record of a flow.
MIME = "application/vnd.rgwidgets.flow+json"

Bundle = tuple[dict[str, Any], dict[str, Any]]


def record(traits: dict[str, Any]) -> dict[str, Any]:
    """What a lens shows now, as the drawing library's `LensRecord`.

    `traits` are those of the lens; scales that are not computed yet have no numbers.
    """
    pictures = [
        {**level, "data": base64.b64encode(level["data"]).decode()} for level in traits["pyramid"]
    ]
    return {
        "spec": {**traits["setup"], "controls": [], "actions": []},
        "table": traits["table"],
        "charts": traits["charts"],
        "pyramid": pictures,
        "preview": traits["cutoff_index"],
        "cutoff": traits["cutoff_index"],
    }


class Places:
    """The outputs that show a lens. Those of a notebook that is saved must outlive its kernel."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._kept: Hashable = None

    def show(self, bundle: Bundle, state: Hashable) -> None:
        """Show the lens once more; `state` tells what of it is known."""
        from IPython import display

        page: Any = display
        data, metadata = bundle
        self._ids.append(uuid4().hex)
        self._kept = state
        page.display(data, metadata=metadata, raw=True, display_id=self._ids[-1])

    def renew(self, bundle: Callable[[], Bundle], state: Hashable) -> None:
        """Put what is known now into every output, if it is more than they have."""
        if not self._ids or state == self._kept:
            return
        from IPython import display

        page: Any = display
        self._kept = state
        data, metadata = bundle()
        for place in self._ids:
            page.update_display(data, metadata=metadata, raw=True, display_id=place)
