"""Pictures as files: asked of the page, whole or not at all."""

import base64
import threading

import pytest

import rgwidgets as rg
from rgwidgets.core.errors import ParameterError, StorageError
from rgwidgets.widgets import snapshots

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
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
    assert (tmp_path / "lens.png").read_bytes() == snapshots.signed(PNG)
    assert [p.name for p in tmp_path.iterdir()] == ["lens.png"]


@pytest.mark.parametrize("data", ["data:text/html;base64,AAAA", "nonsense", "", ADDRESS + "!"])
def test_what_is_no_png_is_refused_and_the_old_file_stays(lens, sent, tmp_path, data):
    before = snapshots.signed(PNG)
    (tmp_path / "lens.png").write_bytes(before)
    lens.save_image(tmp_path / "lens.png")
    answer(lens, sent, data)
    assert lens.status["state"] == "error"
    assert (tmp_path / "lens.png").read_bytes() == before
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


def test_a_photograph_of_somebody_else_stays(lens, sent, tmp_path):
    (tmp_path / "photo.PNG").write_bytes(PNG)
    count = len(sent)
    with pytest.raises(StorageError, match="somebody else's"):
        lens.save_image(tmp_path / "photo.PNG")
    assert len(sent) == count
    assert (tmp_path / "photo.PNG").read_bytes() == PNG


def test_an_image_says_who_made_it_and_reads_as_before(tmp_path):
    from PIL import Image

    (tmp_path / "lens.png").write_bytes(snapshots.signed(PNG))
    with Image.open(tmp_path / "lens.png") as image:
        assert image.text["Software"].startswith("rgwidgets ")
        assert image.size == (1, 1)
        image.load()


def test_an_image_is_replaced_by_a_newer_one(lens, sent, tmp_path):
    for _ in range(2):
        lens.save_image(tmp_path / "lens.png")
        answer(lens, sent)
        assert lens.status["state"] == "idle"
    assert [p.name for p in tmp_path.iterdir()] == ["lens.png"]
