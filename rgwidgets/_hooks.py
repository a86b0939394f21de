"""What the package lends to its core, which may import nothing of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .core.flow import FlowTable

#: Makes what a record carries to be shown without Python; None leaves records without it.
page: Callable[[FlowTable], bytes] | None = None
