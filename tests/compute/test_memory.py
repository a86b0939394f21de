"""Memory in use: told where it is known, silent where it is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from rgwidgets.compute import memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells it")
def test_what_this_process_takes_is_seen() -> None:
    before = memory.resident()
    assert before is not None
    held = torch.ones(32_000_000)  # 128 MB, every page of it written to
    after = memory.resident()
    assert after is not None
    assert 100e6 < after - before < 200e6
    assert held.sum() > 0


@pytest.mark.parametrize("content", [None, "", "12", "a b"])
def test_a_system_that_does_not_tell_leaves_the_word_empty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    place = tmp_path / "statm"
    if content is not None:
        place.write_text(content)
    monkeypatch.setattr(memory, "_STATM", place)
    assert memory.resident() is None
    assert memory.Gauge()() == ""


def test_a_device_is_counted_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "statm"
    place.write_text(f"9 {412_000_000 // os.sysconf('SC_PAGE_SIZE')} 1")
    monkeypatch.setattr(memory, "_STATM", place)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda index: 10**9 * (index + 1))
    assert memory.Gauge()() == "412 MB + 3.0 GB GPU"


def test_it_is_looked_up_a_few_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(memory, "resident", lambda: looks.append(1) or 10**6)
    gauge = memory.Gauge(interval=60)
    assert {gauge() for _ in range(1000)} == {"1 MB"}
    assert len(looks) == 1
    eager = memory.Gauge(interval=0)
    assert [eager(), eager()] == ["1 MB", "1 MB"]
    assert len(looks) == 3
