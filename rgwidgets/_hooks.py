"""What the package lends to its core, which may import nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.flow import FlowTable

#: Makes what a record carries to be shown without Python; None leaves records without it.
page: Callable[[FlowTable], bytes] | None = None
