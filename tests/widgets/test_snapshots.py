"""Pictures as files: asked of the page, whole or not at all."""

import base64
import threading

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import ParameterError, StorageError
from rgwidgets.widgets import snapshots

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
ADDRESS = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.fixture
def lens(flow, sent):
    lens = rg.Lens(flow)
    assert lens.wait(20)
    yield lens
    lens.close()


def answer(lens, sent, data=ADDRESS):
    lens._handle_custom_msg({"kind": "image", "id": sent[-1][0]["id"], "data": data}, [])


def test_the_file_holds_what_the_page_drew(lens, sent, tmp_path):
    lens.save_image(tmp_path / "lens.png")
    answer(lens, sent)
    assert (tmp_path / "lens.png").read_bytes() == PNG
    assert [p.name for p in tmp_path.iterdir()] == ["lens.png"]


@pytest.mark.parametrize("data", ["data:text/html;base64,AAAA", "nonsense", "", ADDRESS + "!"])
def test_what_is_no_png_is_refused_and_the_old_file_stays(lens, sent, tmp_path, data):
    (tmp_path / "lens.png").write_bytes(b"before")
    lens.save_image(tmp_path / "lens.png")
    answer(lens, sent, data)
    assert lens.status["state"] == "error"
    assert (tmp_path / "lens.png").read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["lens.png"]


def test_another_kind_of_file_is_refused_at_once(lens):
    with pytest.raises(ParameterError, match=r"\.png"):
        lens.save_image("lens.svg")


def test_a_picture_that_nobody_asked_for_is_ignored(lens, tmp_path):
    lens._handle_custom_msg({"kind": "image", "id": 7, "data": ADDRESS}, [])
    assert lens.status["state"] == "idle"


@pytest.mark.slow
def test_a_page_that_does_not_answer_is_told_in_the_lens(monkeypatch):
    monkeypatch.setattr(snapshots, "SILENCE", 0.01)
    faults = []
    asked = snapshots.Snapshots(lambda message: None, faults.append)
    asked.ask("lens.png")
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    assert "no page answered" in str(faults[0])


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="nothing was changed"):
        snapshots.write_png(tmp_path / "nowhere" / "lens.png", ADDRESS)
