"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured, in which unit, and the goal it is held against.

    `met` is None where there is no goal, or no way to judge it on this machine.
    """

    section: str
    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


def ratio(section: str, what: str, value: float, goal: float, *, unit: str = "×") -> Row:
    """A ratio that must be at least its goal."""
    return Row(section, what, f"{value:.2f} {unit}", f"≥ {goal:g} {unit}", value >= goal)


def at_most(section: str, what: str, value: float, goal: float, *, unit: str) -> Row:
    """A number that must not exceed its goal."""
    return Row(section, what, f"{value:.3g} {unit}", f"≤ {goal:g} {unit}", value <= goal)
