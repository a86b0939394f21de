"""From the key press on a dial to the draw call, in one JupyterLab, beside named peers."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from playwright.sync_api import Locator, Page

from ..browser.lab import chromium, open_notebook, run_all, running
from .row import Row, at_most, ratio

MOVES = 40

#: Every peer shows the same pyramid of the same 1024² lattice.
COMMON = """
import io, numpy as np, torch, ipywidgets, rgwidgets as rg
from IPython.display import display
torch.set_num_threads(1)
system = rg.Ising(1024, seed=1)
flow = rg.Flow(system.theory(), rg.BlockSpin(2))
levels = [flow[c].features["spins"][0].numpy() for c in flow.scale.cutoffs]
"""
LENS = """
lens = rg.Lens(flow, views=["field"])
lens.wait()
lens
"""
LIVE = """
class Forgetful(rg.Flow):
    "Coarse-grains again at every look."
    def __getitem__(self, cutoff):
        return rg.BlockSpin(2).coarsen(self.theory, cutoff)
class Renewed(rg.Lens):
    "Says of every picture that it is a new configuration, so that the browser keeps none."
    def _paint(self, index):
        self._shown += 1
        self._pictured = self._shown
        super()._paint(index)
theory = system.theory()
bare = rg.Theory(features=theory.features, attrs=theory.attrs)  # pictures alone, no bounds
live = Renewed(Forgetful(bare, rg.BlockSpin(2)), views=["field"], ahead=False)
get_ipython().kernel.comm_manager.register_target(
    "echo", lambda comm, message: comm.send({}, buffers=[bytes(2**17)])
)
live
"""
INTERACT = """
%matplotlib inline
import matplotlib.pyplot as plt
def show(k):
    plt.imshow(levels[k]); plt.show()
ipywidgets.interact(show, k=ipywidgets.IntSlider(0, 0, len(levels) - 1));
"""
IPYMPL = """
%matplotlib widget
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
image = axes.imshow(levels[0], extent=(0, 1024, 0, 1024))
slider = ipywidgets.IntSlider(0, 0, len(levels) - 1)
def move(change):
    image.set_data(levels[change["new"]]); figure.canvas.draw_idle()
slider.observe(move, "value")
display(slider)
plt.show()
"""
PILLOW = """
from PIL import Image as Picture
def png(k):
    stream = io.BytesIO()
    Picture.fromarray(((levels[k] > 0) * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
picture = ipywidgets.Image(value=png(0), format="png", width=512)
slider = ipywidgets.IntSlider(0, 0, len(levels) - 1)
slider.observe(lambda change: setattr(picture, "value", png(change["new"])), "value")
display(ipywidgets.VBox([slider, picture]))
"""

#: Notes the time of every key press, draw call on a canvas and decoded image on the page.
RECORDER = """() => {
  window.__keys = []; window.__draws = [];
  document.addEventListener('keydown', () => window.__keys.push(performance.now()), true);
  document.addEventListener('load', (event) => {
    if (event.target instanceof HTMLImageElement) window.__draws.push(performance.now());
  }, true);
  for (const name of ['putImageData', 'drawImage']) {
    const draw = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
      const done = draw.apply(this, given);
      window.__draws.push(performance.now());
      return done;
    };
  }
}"""

#: The first draw after the latest key press, once 0.3 s have passed without another; the last one
#: where what is on the screen first is the old picture, and the new one must be computed.
SETTLED = """(which) => {
  const key = window.__keys.at(-1), draws = window.__draws.filter((at) => at >= key);
  return draws.length > 0 && performance.now() - draws.at(-1) > 300 ? draws.at(which) - key : null;
}"""


#: What the notebook itself takes to fetch as many bytes from a kernel that computes nothing.
ROUND_TRIPS = """async (count) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const times = [];
  for (let i = 0; i < count; i++) {
    const comm = kernel.createComm('echo');
    const begin = performance.now();
    const answered = new Promise((resolve) => (comm.onMsg = resolve));
    comm.open();
    await answered;
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return times;
}"""


def latencies(page: Page, dial: Locator, *, which: int = 0) -> list[float]:
    """Milliseconds from key to draw call for `MOVES` moves to and fro near the fine end."""
    dial.scroll_into_view_if_needed()
    dial.focus()
    times = []
    for move in range(MOVES):
        page.keyboard.press("ArrowRight" if move % 2 == 0 else "ArrowLeft")
        settled = page.wait_for_function(SETTLED, arg=which, timeout=20_000)
        times.append(float(settled.json_value()))
    return times


def measure() -> dict[str, list[float]]:
    """Latencies of each contestant, one after the other in one JupyterLab."""
    cells = {
        "lens, cached": LENS,
        "lens, live block spin": LIVE,
        "ipympl set_data": IPYMPL,
        "PIL PNG in ipywidgets.Image": PILLOW,
        "interact + imshow": INTERACT,
    }
    found = {}
    with running() as lab, chromium() as browser:
        for name, cell in cells.items():
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.add_init_script(f"({RECORDER})()")
            notebook = lab.write("dial.ipynb", COMMON, cell)
            open_notebook(page, lab, notebook)
            run_all(page)
            dial = page.locator(_DIALS[name.startswith("lens")]).first
            dial.wait_for(state="attached")
            _quiet(page)
            found[name] = latencies(page, dial, which=-1 if "live" in name else 0)
            if "live" in name:
                found["an empty answer of 131 kB"] = page.evaluate(ROUND_TRIPS, MOVES)
            page.close()
            lab.kernels.stop()
    return found


_DIALS = {True: ".rg-lens .rg-dial input[type=range]", False: ".noUi-handle"}


def _quiet(page: Page) -> None:
    """Until nothing has been drawn for a second and the kernel is idle."""
    page.wait_for_function(
        """() => window.__draws.length > 0 && performance.now() - window.__draws.at(-1) > 1000
           && window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'
        """
    )


def rows() -> Iterator[Row]:
    """Median and 95th percentile of each, and the ratios."""
    found = measure()
    medians = {}
    for name, times in found.items():
        medians[name] = statistics.median(times)
        high = statistics.quantiles(times, n=20)[-1]
        yield Row("dial, 1024²", name, f"{medians[name]:.1f} / {high:.1f} ms")
    cached, live = medians["lens, cached"], medians["lens, live block spin"]
    interact, pillow = medians["interact + imshow"], medians["PIL PNG in ipywidgets.Image"]
    yield at_most("dial, 1024²", "cached scale", cached, 2, unit="ms")
    yield ratio("dial, 1024²", "interact / cached", interact / cached, 40)
    yield ratio("dial, 1024²", "PIL / cached", pillow / cached, 10)
    yield at_most("dial, 1024²", "live block spin", live, 20, unit="ms")
    yield ratio("dial, 1024²", "interact / live", interact / live, 5)
