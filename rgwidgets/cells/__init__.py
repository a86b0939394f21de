"""Cells of code that show a lens, for whoever offers them: JupyterLab's "New lens"."""

from .cells import catalogue, every, text, unknown

__all__ = ["catalogue", "every", "text", "unknown"]
