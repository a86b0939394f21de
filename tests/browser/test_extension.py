"""The JupyterLab extension: saved flows without their kernel, and the launcher."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from .lab import Lab, lens, open_notebook, run_all, running
from .saved import FLOW, RECORD, open_without_kernel, saved_notebook, turn_to_the_end

DISPLAY = f"""
import json
from ipywidgets import IntSlider
from IPython.display import display
slider = IntSlider(description="alive")
data = slider._repr_mimebundle_()
data["{FLOW}"] = json.loads('''{json.dumps(RECORD)}''')
display(data, raw=True)
"""


LENS = """
import rgwidgets as rg
lab = rg.Lens(rg.Flow(rg.Ising(32, seed=1).theory(), rg.BlockSpin(2)))
lab
"""
#: As if more were known: what the output keeps is renewed.
RENEW = "lab._places.renew(lab._repr_mimebundle_, 'more')"


def test_a_saved_flow_is_alive_in_a_notebook_without_a_kernel(lonely: Page, lab: Lab) -> None:
    name = saved_notebook(lab, "saved.ipynb")
    open_without_kernel(lonely, lab, name)
    expect(lonely.locator(".rg-output .rg-lens")).to_contain_text("A saved flow")
    turn_to_the_end(lonely)
    assert lab.kernels.running() == []


def test_the_widget_is_shown_while_a_kernel_has_it_and_the_record_afterwards(
    page: Page, lab: Lab
) -> None:
    name = lab.write("handover.ipynb", DISPLAY)
    open_notebook(page, lab, name)
    run_all(page)
    slider = page.locator(".rg-output .widget-slider")
    expect(slider).to_be_visible()
    expect(page.locator(".rg-output .rg-lens")).to_have_count(0)

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    open_notebook(page, lab, name)  # the page is loaded anew, the kernel still runs
    expect(slider).to_be_visible()
    expect(page.locator(".rg-output .rg-lens")).to_have_count(0)

    lab.kernels.stop()
    open_notebook(page, lab, name)  # a new kernel knows nothing of the widget
    expect(page.locator(".rg-output .rg-lens")).to_contain_text("A saved flow")
    expect(slider).to_have_count(0)
    turn_to_the_end(page)


def test_the_launcher_opens_a_notebook_with_the_starter(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/lab?reset")
    card = page.locator(".jp-LauncherCard", has_text="Starter notebook")
    card.first.click()
    heading = page.locator(".jp-Notebook h1", has_text="One dial, two systems")
    expect(heading).to_be_visible()


def test_without_the_extension_the_lens_itself_still_works(lonely: Page) -> None:
    """Its widget is anywidget's; what is missing is what the extension alone adds."""
    with running(disabled=("@rgwidgets/lab",)) as bare:
        open_notebook(lonely, bare, bare.write("bare.ipynb", LENS))
        assert not lonely.evaluate(
            "() => window.jupyterapp.listPlugins().some((id) => id.startsWith('@rgwidgets/'))"
        )
        run_all(lonely)
        shown = lens(lonely)
        dial = shown.locator(".rg-dial input[type=range]")
        while dial.input_value() != "4":  # the output is drawn anew when all is computed
            dial.press("End")
        expect(shown.locator(".rg-reading")).to_contain_text("16")
        lonely.evaluate(
            """async ([code]) => {
              window.before = document.activeElement;
              const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
              await kernel.requestExecute({ code }).done;
            }""",
            [RENEW],
        )
        lonely.wait_for_function(
            """() => {
              const dial = document.activeElement;
              return dial.matches('.rg-range') && dial !== window.before && dial.value === '4';
            }"""
        )
        expect(lonely.locator(".rg-bar, .rg-status-item, #rgwidgets-book")).to_have_count(0)
