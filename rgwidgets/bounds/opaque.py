"""What is said where nothing is proved."""

from __future__ import annotations


class Opaque(Exception):
    """The computation after a layer is not one that can be bounded; the message says why."""
