"""What the JupyterLab extension adds: to the start, to the download, to a dial on six lenses."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser

import rgwidgets

from ..browser.lab import Lab, chromium, open_notebook, run_all, running
from ..browser.linked import DIALS, FLOW, TURN, bar
from .row import Row, at_most

STARTS = 12
TURNS = 40
NOTE_RESTORED = """
  const look = () => window.jupyterapp
    ? window.jupyterapp.restored.then(() => (window.restoredAt = performance.now()))
    : setTimeout(look, 1);
  look();
"""


def start(browser: Browser, lab: Lab) -> float:
    """Milliseconds from the address to JupyterLab as it was left, with nothing cached."""
    page = browser.new_page()
    page.add_init_script(NOTE_RESTORED)
    page.goto(f"{lab.url}/lab?reset")
    found = page.wait_for_function("window.restoredAt", timeout=60_000).json_value()
    page.close()
    return float(found)


def starts() -> Iterator[Row]:
    """With the extension and without, in turns."""
    with running() as ours, running(disabled=("@rgwidgets/lab",)) as bare, chromium() as browser:
        labs = {"with": ours, "without": bare}
        times: dict[str, list[float]] = {name: [] for name in labs}
        for turn in range(STARTS + 1):
            for name, lab in labs.items():
                time = start(browser, lab)
                if turn > 0:  # the first fills the disk's cache
                    times[name].append(time)
    median = {name: statistics.median(each) for name, each in times.items()}
    # The standard error of a median is 1.25 times that of a mean, for a normal distribution.
    error = sum((1.25 * statistics.stdev(each)) ** 2 / len(each) for each in times.values()) ** 0.5
    yield Row("extension", "JupyterLab's start without it", f"{median['without']:.0f} ms")
    yield at_most(
        "extension",
        f"added to it (± {error:.0f} ms)",
        median["with"] - median["without"],
        150,
        unit="ms",
    )


def sizes() -> Iterator[Row]:
    """Of the files that JupyterLab may load, before compression, by what is in them."""
    static = Path(rgwidgets.__file__).parent / "labextension" / "static"
    kinds = {"lens": 0, "charts": 0, "chapter": 0, "": 0}
    for file in static.glob("*.js"):
        kind = next(kind for kind in kinds if file.name.startswith(kind))
        kinds[kind] += file.stat().st_size
    yield at_most("extension", "its own code", kinds[""] / 1e3, 300, unit="kB")
    yield Row(
        "extension", "chapters, each fetched when it is opened", f"{kinds['chapter'] / 1e3:.0f} kB"
    )
    drawing = (kinds["lens"] + kinds["charts"]) / 1e3
    yield Row("extension", "the lens and its charts", f"{drawing:.0f} kB")


def linked() -> Iterator[Row]:
    """From the bar's dial to the last pixels of six lattices of 256²."""
    with running() as lab, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        cells = [FLOW, "\n".join(f"display(lens({seed}, 256))" for seed in range(6))]
        open_notebook(page, lab, lab.write("six.ipynb", *cells))
        run_all(page)
        page.wait_for_function("(css) => document.querySelectorAll(css).length === 6", arg=DIALS)
        bar(page)
        page.wait_for_timeout(3000)
        times = sorted(float(page.evaluate(TURN, 6)) for _ in range(TURNS))
    what = "a linked dial, to the sixth lens's pixels"
    yield at_most("extension", f"{what}, median", statistics.median(times), 32, unit="ms")
    yield at_most("extension", f"{what}, 95 %", times[int(0.95 * TURNS)], 32, unit="ms")


def rows() -> Iterator[Row]:
    """Everything that the extension costs."""
    yield from starts()
    yield from sizes()
    yield from linked()
