import pytest

from rgwidgets.exercises import verdict


@pytest.fixture(autouse=True)
def a_new_session(monkeypatch):
    """Hints begin at the first."""
    monkeypatch.setattr(verdict, "_given", {})
