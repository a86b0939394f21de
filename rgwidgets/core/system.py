"""What is coarse-grained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from .theory import Theory


class System(ABC):
    """A source of theories: a lattice at a temperature, a network on data.

    Attributes
    ----------
    name, summary, citation
        What it is called, in one line what it is, and where it comes from.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    citation: ClassVar[str]

    @abstractmethod
    def theory(self) -> Theory:
        """The theory of the system as it stands now."""
