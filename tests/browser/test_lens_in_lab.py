"""The lens as its user meets it: in a real JupyterLab, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .lab import lens, open_notebook, output, run_all, set_theme, shoot

SPINS = """
import torch; torch.set_num_threads(1)
import rgwidgets as rg
lab = rg.IsingLab(64, seed=1)
lab
"""
LARGE = SPINS.replace("64", "128")
DIGITS = """
import torch; torch.set_num_threads(1)
import rgwidgets as rg
lab = rg.DigitsLab(samples=32)
lab
"""
#: A flow of which each level takes seconds, unless it is told to stop.
SLOW = """
import time, torch, rgwidgets as rg
from rgwidgets.core import progress
spins = rg.Ising(64, seed=1).theory()
class Slow(rg.BlockSpin):
    name, summary, citation = "slow", "slow", "slow"
    def coarsen(self, theory, cutoff):
        seen.append(cutoff)
        if cutoff == 2:
            for _ in progress.track(range(600), label="a slow scale"):
                time.sleep(0.05)
        return super().coarsen(theory, cutoff)
seen = []
lab = rg.Lens(rg.Flow(spins, Slow(2)), ahead=False, views=["field"])
lab
"""
FAULTY = """
import torch, rgwidgets as rg
spins = rg.Ising(64, seed=1).theory()
bad = rg.Observable("entropy", lambda f: f["spins"].double().mean((1, 2)).log())
lab = rg.Lens(rg.Flow(rg.Theory(spins.features, (bad,), attrs=spins.attrs), rg.BlockSpin(2)))
lab
"""

PIXELS = """(el) => {
  const canvas = el.querySelector('canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 1]) % 1000003;
  return sum;
}"""


def show(page, lab, name, *cells):
    """Open a notebook with these cells, run it, return its first lens."""
    open_notebook(page, lab, lab.write(name, *cells))
    run_all(page)
    return lens(page)


def dial(shown):
    """The slider itself."""
    return shown.locator(".rg-dial input[type=range]").first


def quiet(page, shown):
    """Until everything is computed."""
    shown.locator(".rg-state[data-state=idle]").wait_for()
    page.wait_for_function(
        "(el) => el.getAttribute('aria-busy') !== 'true'", arg=shown.element_handle()
    )


def repainted(page, shown, before):
    """Until its pixels are others than before."""
    page.wait_for_function(
        f"([el, was]) => ({PIXELS})(el) !== was", arg=[shown.element_handle(), before]
    )


@pytest.fixture
def spins(page, lab):
    shown = show(page, lab, "spins.ipynb", SPINS)
    quiet(page, shown)
    return shown


def drag(page, slider, *, share):
    """Drag the dial with the mouse to a share of its length."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 6, middle)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(box["x"] + 6 + (box["width"] - 12) * share * step / 8, middle)
    page.mouse.up()


def test_dragging_the_dial_changes_the_pixels_and_the_spoken_value(page, spins):
    before, spoken = spins.evaluate(PIXELS), dial(spins).get_attribute("aria-valuetext")
    drag(page, dial(spins), share=0.5)
    repainted(page, spins, before)
    coarsest = int(dial(spins).get_attribute("max"))
    assert abs(page.evaluate("window.drawn.at(-1)") - coarsest / 2) <= 0.5
    assert dial(spins).get_attribute("aria-valuetext") != spoken


def test_keys_move_the_dial_and_the_notebook_does_not_swallow_them(page, spins):
    slider = dial(spins)
    slider.focus()
    last = int(slider.get_attribute("max"))

    def press(key: str, becomes: str) -> int:
        """Press a key, wait until the dial's place `becomes` so, and return it."""
        page.keyboard.press(key)
        test = f"(dial) => ((value) => {becomes})(Number(dial.value))"
        page.wait_for_function(test, arg=slider.element_handle())
        return int(slider.input_value())

    keys = ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home")
    for key, place in zip(keys, (1, 2, 1, last, 0), strict=True):
        press(key, f"value === {place}")
    far = press("PageUp", "value > 0")
    press("PageDown", f"value < {far}")


def test_the_spoken_value_names_average_attack_and_certificate(page, spins):
    dial(spins).press("ArrowRight")
    spoken = dial(spins).get_attribute("aria-valuetext")
    for word in ("block", "average", "attack", "certificate"):
        assert word in spoken.lower()


def test_dragging_to_and_fro_ends_where_it_began(page, spins):
    before = spins.evaluate(PIXELS)
    drag(page, dial(spins), share=0.9)
    dial(spins).press("Home")
    page.wait_for_function(
        f"([el, was]) => ({PIXELS})(el) === was", arg=[spins.element_handle(), before]
    )


def test_the_kernel_hears_where_the_dial_was_let_go(page, lab):
    shown = show(page, lab, "heard.ipynb", SPINS, "lab.wait(50); print(lab.cutoff, lab.preview)")
    quiet(page, shown)
    dial(shown).press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        """async () => {
          const panel = window.jupyterapp.shell.currentWidget;
          panel.content.activeCellIndex = 1;
          await window.jupyterapp.commands.execute('notebook:run-cell');
          return panel.content.model.cells.get(1).outputs.toJSON()
            .some((o) => (o.text ?? '').includes('4.0 4.0'));
        }""",
        polling=500,
    )


def test_the_simulation_streams_new_pictures_until_it_is_paused(page, spins):
    shown = spins
    shown.locator("[data-action=start]").click()
    first = shown.evaluate(PIXELS)
    repainted(page, shown, first)
    shown.locator("[data-action=pause]").click()
    quiet(page, shown)
    still = shown.evaluate(PIXELS)
    page.wait_for_timeout(300)  # nothing may change now: there is no state to wait for
    assert shown.evaluate(PIXELS) == still


def test_turning_the_temperature_while_it_streams_changes_the_physics(page, spins):
    box = spins.locator("[data-control=temperature] input[type=number]")
    spins.locator("[data-action=start]").click()
    box.fill("1.2")
    box.press("Enter")
    page.wait_for_function(
        """(el) => {
          const canvas = el.querySelector('canvas');
          const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let light = 0;
          for (let i = 0; i < d.length; i += 4) light += d[i] > 128;
          const share = light / (d.length / 4);
          return share < 0.02 || share > 0.98;
        }""",
        arg=spins.element_handle(),
    )
    spins.locator("[data-action=pause]").click()
    quiet(page, spins)


def test_a_temperature_out_of_range_is_refused_beside_its_box(page, spins):
    box = spins.locator("[data-control=temperature] input[type=number]")
    box.fill("-1")
    box.press("Enter")
    expect(spins.locator("[data-control=temperature] .rg-fault")).to_contain_text("from")
    expect(box).to_have_attribute("aria-invalid", "true")


def test_a_newer_request_overtakes_a_slow_computation(page, lab):
    shown = show(page, lab, "slow.ipynb", SLOW)
    page.wait_for_function("window.drawn.at(-1) === 0")
    dial(shown).focus()
    page.keyboard.press("ArrowRight")  # the slow scale: half a minute
    shown.locator(".rg-progress").wait_for()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("window.drawn.at(-1) === 2", timeout=10_000)


def test_a_fault_is_told_inside_the_lens_and_the_dial_lives(page, lab):
    shown = show(page, lab, "faulty.ipynb", FAULTY)
    panel = shown.locator(".rg-panel[role=alert]")
    panel.wait_for(state="visible")
    assert "entropy" in panel.inner_text()
    assert panel.locator("button").count() >= 1
    before = shown.evaluate(PIXELS)
    drag(page, dial(shown), share=0.6)
    repainted(page, shown, before)


def test_a_kernel_that_dies_leaves_the_scales_that_are_here(page, lab):
    shown = show(page, lab, "dies.ipynb", SPINS)
    quiet(page, shown)
    before = shown.evaluate(PIXELS)
    slider = dial(shown)
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 6, box["y"] + box["height"] / 2)
    page.mouse.down()
    lab.kernels.stop()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    repainted(page, shown, before)


@pytest.mark.parametrize("system", ["spins", "digits"])
def test_both_systems_in_both_themes_fit_their_page(page, lab, system):
    shown = show(page, lab, f"{system}.ipynb", {"spins": LARGE, "digits": DIGITS}[system])
    page.evaluate("() => window.jupyterapp.shell.collapseLeft?.()")
    quiet(page, shown)
    dial(shown).focus()
    for _ in range(steps := {"spins": 2, "digits": 48}[system]):
        page.keyboard.press("ArrowRight")
    expect(dial(shown)).to_have_value(str(steps))
    shown.locator(".rg-tab", has_text="Bounds").click()
    for theme, width in (("dark", 1280), ("dark", 400), ("light", 400), ("light", 1280)):
        page.set_viewport_size({"width": width, "height": 1400})
        set_theme(page, theme)
        shown.locator(".rg-vega canvas:visible").first.wait_for()
        page.wait_for_function(
            "(el) => el.scrollWidth <= el.clientWidth + 1", arg=shown.element_handle()
        )
        luminance = shown.evaluate(
            """(el) => { const [r, g, b] = getComputedStyle(el).color.match(/[\\d.]+/g).map(Number);
                         return 0.2126 * r + 0.7152 * g + 0.0722 * b; }"""
        )
        assert luminance > 128 if theme == "dark" else luminance < 128
        shoot(page, f"lab-{system}-{theme}-{width}")
        shoot(page, f"lens-{system}-{theme}-{width}", shown)


def test_the_kernel_still_answers_another_cell_while_the_lens_streams(page, lab):
    shown = show(page, lab, "answers.ipynb", SPINS, "print('answered')")
    quiet(page, shown)
    shown.locator("[data-action=start]").click()
    page.evaluate(
        """async () => {
          const panel = window.jupyterapp.shell.currentWidget;
          panel.content.activeCellIndex = 1;
          panel.content.model.cells.get(1).outputs.clear();
          await window.jupyterapp.commands.execute('notebook:run-cell');
        }"""
    )
    assert "answered" in output(page, 1)
    shown.locator("[data-action=pause]").click()


def test_the_cutoff_can_be_dragged_in_the_spectrum(page, lab):
    shown = show(page, lab, "spectrum.ipynb", DIGITS.replace("samples=32", "samples=16"))
    quiet(page, shown)
    shown.locator(".rg-tab", has_text="Spectrum").click()
    chart = shown.locator(".rg-vega.rg-draggable canvas:visible").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    middle = box["y"] + box["height"] * 0.4
    page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=8)
    # The chart follows the hand a moment later, by a frame of its own.
    during = page.wait_for_function(
        """(dial) => new Promise((tell) => {
          const look = (before) => setTimeout(() => {
            const now = Number(dial.value);
            now === before && now > 20 && now < 45 ? tell(now) : look(now);
          }, 200);
          look(0);
        })""",
        arg=dial(shown).element_handle(),
    ).json_value()
    page.mouse.up()
    page.wait_for_timeout(300)  # nothing may change now, either
    assert int(dial(shown).input_value()) == during
    assert "rank" in dial(shown).get_attribute("aria-valuetext")
