"""A lens as one file: no kernel, no server, no network, and the dial still turns."""

from __future__ import annotations

import pytest

import rgwidgets as rg
from rgwidgets.widgets.export import to_html

from .lab import lens, open_notebook, run_all

SAVES = """
import torch; torch.set_num_threads(1)
import rgwidgets as rg
lab = rg.Lens(rg.Flow(rg.Ising(64, seed=1).theory(), rg.BlockSpin(2)))
lab
"""


@pytest.fixture
def exported(page, tmp_path):
    """A saved flow, exported, opened from the disk with the network refused."""
    flow = rg.Flow(rg.Ising(64, seed=1, device="cpu").theory(), rg.BlockSpin(2))
    record = flow.save(tmp_path / "flow.zip")
    target = tmp_path / "lens.html"
    target.write_text(to_html(rg.Flow.load(record)))
    asked = []

    def refuse(route):
        if route.request.url.startswith(("file:", "blob:", "data:")):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    page.route("**/*", refuse)
    page.goto(target.as_uri())
    yield lens(page)
    assert asked == []


def test_the_dial_turns_and_the_pixels_follow(page, exported):
    slider = exported.locator(".rg-dial input[type=range]")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("window.drawn.at(-1)") == 3
    assert slider.input_value() == "3"


def test_the_charts_are_drawn_and_all_four_bounds_are_there(page, exported):
    exported.locator(".rg-tab", has_text="Bounds").click()
    exported.locator(".rg-vega canvas:visible").first.wait_for()
    words = exported.inner_text()
    for name in ("Average", "Resample", "Attack", "Certificate", "proved", "measured"):
        assert name in words


def test_nothing_that_needs_a_kernel_is_offered(exported):
    assert exported.locator("[data-action]").count() == 0
    assert "Saved" in exported.inner_text()


def test_a_picture_of_the_live_lens_lands_on_the_disk(page, lab):
    open_notebook(page, lab, lab.write("saves.ipynb", SAVES, "lab.save_image('shown.png')"))
    run_all(page)
    shown = lens(page)
    shown.locator(".rg-state[data-state=idle]").wait_for()
    page.evaluate(
        """async () => {
          window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
          await window.jupyterapp.commands.execute('notebook:run-cell');
        }"""
    )
    for _ in range(200):
        if (lab.root / "shown.png").exists():
            break
        page.wait_for_timeout(50)
    assert (lab.root / "shown.png").read_bytes().startswith(b"\x89PNG")
