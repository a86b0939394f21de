"""The progress bar outside a lens."""

import pytest

from rgwidgets.compute.bar import progress_bar
from rgwidgets.core.errors import Cancelled
from rgwidgets.core.progress import tick, track


def test_the_bar_shows_what_is_done_and_how_much(capsys):
    with progress_bar("attacking"):
        for _ in track(range(4), label="rank"):
            pass
    shown = capsys.readouterr().err
    assert "rank" in shown
    assert "100%" in shown


def test_work_that_stops_leaves_no_listener_behind(capsys):
    with pytest.raises(Cancelled), progress_bar():
        raise Cancelled("stop")
    before = capsys.readouterr().err
    tick(0.5, "unheard")
    assert "unheard" not in before + capsys.readouterr().err
