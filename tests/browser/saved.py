"""Notebooks with a flow that was saved and that no kernel has."""

from __future__ import annotations

import base64

import nbformat
from playwright.sync_api import Page, expect

from .lab import Lab, open_lab

FLOW = "application/vnd.rgwidgets.flow+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
VALUES = [0.5, 0.6, 0.7]
RECORD = {
    "spec": {
        "title": "A saved flow",
        "subtitle": "",
        "scale": {
            "name": "block size", "symbol": "b", "unit": "", "cutoffs": [1, 2, 4],
            "labels": ["1", "2", "4"],
        },
        "observables": [{"name": "magnetisation", "unit": "", "tolerance": 0.1}],
        "views": ["field"],
        "controls": [],
        "actions": [],
        "palette": "spins",
        "describe": "a lattice",
    },
    "table": {"cutoff": [1, 2, 4], "value": {"magnetisation": VALUES}},
    "charts": {},
    "pyramid": [
        {
            "index": index, "shape": [8, 8], "dtype": "bit",
            "data": base64.b64encode(bytes([255 >> index] * 8)).decode(),
        }
        for index in range(3)
    ],
    "preview": 0,
    "cutoff": 0,
}  # fmt: skip


def saved_notebook(lab: Lab, name: str) -> str:
    """A notebook as it comes back from disk: a view of a widget that no kernel has."""
    view = {"model_id": "0" * 32, "version_major": 2, "version_minor": 0}
    cell = nbformat.v4.new_code_cell("lens", execution_count=1)
    data = {WIDGET: view, FLOW: RECORD, "text/plain": "Lens"}
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.write(notebook, lab.root / name)
    return name


def open_without_kernel(page: Page, lab: Lab, name: str) -> None:
    """As a reader opens it who chooses no kernel; those of other tests are gone."""
    lab.kernels.stop()
    open_lab(page, lab)
    page.evaluate(
        """async (path) => {
          const kernelPreference = { shouldStart: false, autoStartDefault: false };
          const options = { path, factory: 'Notebook', kernelPreference };
          await window.jupyterapp.commands.execute('docmanager:open', options);
        }""",
        name,
    )


def turn_to_the_end(page: Page) -> None:
    dial = page.locator(".rg-output .rg-lens input[type=range]").first
    before = dial.get_attribute("aria-valuetext")
    dial.press("End")
    expect(dial).to_have_value("2")
    assert dial.get_attribute("aria-valuetext") != before
